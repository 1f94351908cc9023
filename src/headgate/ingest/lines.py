"""From the number of a row to its line in the file, for the few rows of which a person wants to know."""

from __future__ import annotations

from pathlib import Path

from headgate.engines.duckdb import Session
from headgate.ingest.plain import CHUNK, PlainFile
from headgate.ingest.repair import repair
from headgate.ingest.rows import Rows
from headgate.types import literal


def line_map(session: Session, rows: Rows, read: int, scratch: Path) -> tuple[Path | None, int | None]:
    """How far the line of each row is ahead of its number.

    Args:
        session: Where they can be selected.
        rows: The file's rows.
        read: How many there are.
        scratch: Folder for the answer.

    Returns:
        JSON lines `{row, line}`, each of which holds from its row on; or one number that holds for all; or neither,
        where rows are not lines or that is not known.
    """
    if rows.lines is not None:
        return rows.lines, None
    if rows.csv is not None:
        file, dialect = rows.csv
        if _lines(file) - dialect.skip == read:
            return None, dialect.before
        return repair(file, dialect, scratch).lines, None
    if rows.lines_of is None:
        return None, None
    records = records_of(session, rows, scratch)
    if _lines(rows.lines_of) != records_read(session, records, read):
        return None, None
    if records is None:
        return None, 0
    target = scratch / "lines.ndjson"
    session.execute(f"COPY (SELECT row, record - row AS line FROM {records}) TO {literal(str(target))} (FORMAT json)")
    return target, None


def records_of(session: Session, rows: Rows, scratch: Path) -> str | None:
    """The relation of `Rows.records`, kept in the folder: to ask for it takes another reading of the file."""
    if rows.records is None:
        return None
    kept = scratch / "records.parquet"
    if not kept.exists():
        session.execute(f"COPY ({rows.records}) TO {literal(str(kept))} (FORMAT parquet)")
    return f"read_parquet({literal(str(kept))})"


def records_read(session: Session, records: str | None, read: int) -> int:
    """How many of the file's records so many rows are made of; `records` is of `records_of`."""
    return read if records is None else int(session.value(f"SELECT max(record) FROM {records}") or 0)


def _lines(file: PlainFile) -> int:
    count, last = 0, b""
    with file.path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            count += chunk.count(b"\n")
            last = chunk[-1:]
    return count + (last not in (b"\n", b""))
