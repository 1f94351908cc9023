"""Parquet: columns that know their types."""

from __future__ import annotations

from pathlib import Path

from headgate.engines.duckdb import Session
from headgate.errors import DataError, QueryError
from headgate.ingest.plain import path_literal
from headgate.ingest.rows import FILE, Raw, Rows
from headgate.types import literal, quote


def parquet_rows(session: Session, path: Path, name: str) -> Rows:
    """The rows of a Parquet file.

    Raises:
        DataError: It is none, or is cut off.
    """
    scan = f"read_parquet({path_literal(path)})"
    try:
        columns = session.rows(f"DESCRIBE FROM {scan}")
    except QueryError as error:
        raise DataError(
            f"The file is not a whole Parquet file: {error.message.splitlines()[0]}", place=name, hint="Fetch it again."
        ) from error
    names = tuple(str(row[0]) for row in columns)
    items = ", ".join(f"{quote(column)} AS __c{i}" for i, column in enumerate(names))
    values = ", ".join(f"{literal(column)}, __c{i}" for i, column in enumerate(names))
    return Rows(
        relation=f"(SELECT {items} FROM {scan})",
        columns=names,
        raw=Raw.TYPED,
        types=tuple(str(row[1]) for row in columns),
        record=f"json_object({values})",
        several=lambda paths: (
            f"(SELECT {items}, {FILE} FROM"
            f" read_parquet([{', '.join(path_literal(each) for each in paths)}], filename = {literal(FILE)}))"
        ),
    )
