"""Whether a file has the columns that its contract names, told by its header alone."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path

from headgate.engines.duckdb import Session
from headgate.ingest.contract import Source
from headgate.ingest.fields import match
from headgate.ingest.files import InputFile
from headgate.ingest.formats import format_of
from headgate.ingest.plain import opened
from headgate.ingest.reading import open_rows
from headgate.ingest.rows import Raw

# Twice what a header may have, which is as long as a record may be.
_HEAD = 4_000_000


def check_header(session: Session, source: Source, file: InputFile, scratch: Path) -> str | None:
    """Match the header of a file with a contract; rows are not read. What looks like a slip, if nothing is wrong.

    Records of JSON have no header, and an object that is not on this machine is not fetched: neither is looked at.

    Args:
        session: Reads the columns of Parquet.
        source: The source.
        file: One of its files.
        scratch: Folder for temporary copies.

    Raises:
        ContractError: A column is missing, or new, and the contract does not tolerate that.
        DataError: The file is not what it is said to be.
    """
    format_ = source.contract.format or format_of(file.name) or format_of(file.path.name)
    if format_ in ("json", "ndjson") or not file.path.exists():
        return None
    if format_ in ("csv", "tsv"):
        # Its name tells the format, where that of an address does not.
        head = scratch / "head" / file.path.name
        head.parent.mkdir()
        with opened(file.path, file.name) as stream:
            head.write_bytes(stream.read(_HEAD))
        file = replace(file, path=head)
    rows = open_rows(session, source, file, scratch)
    fields = match(source, rows.columns, file.name, typed=rows.raw is Raw.TYPED)
    taken = {field.source for field in fields if field.column is not None}
    unnamed = [column for column in rows.columns if column not in taken]
    for name, field in zip(source.contract.columns, fields, strict=False):
        close = difflib.get_close_matches(name, unnamed, n=1) if field.position is None else []
        if close:
            return (
                f"The file {file.name} lacks the column '{name}', which is filled with no value, and has '{close[0]}',"
                " which the contract does not name."
            )
    return None
