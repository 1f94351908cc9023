"""Columns that must not be null, which tables of other engines may have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyiceberg.types import NestedField, StructType

from headgate.catalog.iceberg import TableVersion
from headgate.engines.duckdb import Session
from headgate.errors import DataError
from headgate.types import WrittenFile, quote, read_written


def check_required(session: Session, version: TableVersion, files: Sequence[WrittenFile]) -> None:
    """Look for nulls where the table's schema allows none, in files that were just written and that no table has yet.

    Raises:
        DataError: There is one; the files are gone.
    """
    broken = _broken(session, version, files)
    if broken is not None:
        session.storage.delete(file.path for file in files)
        raise DataError(
            f"Column '{broken}' of the table at {version.location} must not be null, and new rows have nulls in it.",
            hint="Fill it in the data, or make the column optional with the engine that made the table.",
            data={"column": broken},
        )


def _broken(session: Session, version: TableVersion, files: Sequence[WrittenFile]) -> str | None:
    """A required column with a null in it."""
    for field in version.schema.fields:
        for file in files if field.required else ():
            stats = file.columns.get(field.field_id)
            if stats is not None and stats.nulls:
                return field.name
    nested = list(_nested(version.schema.fields))
    if not nested or not files:
        return None
    counts = ", ".join(f"count_if({condition})" for _, condition in nested)
    (found,) = session.rows(f"SELECT {counts} FROM {read_written(files)}")
    return next((name for (name, _), count in zip(nested, found, strict=True) if count), None)


def _nested(fields: Sequence[NestedField], path: str = "", there: str = "true") -> Iterator[tuple[str, str]]:
    """Names of required structs and of required fields inside structs, each with a condition that finds its nulls."""
    for field in fields:
        column = f"{path}.{quote(field.name)}" if path else quote(field.name)
        struct = isinstance(field.field_type, StructType)
        if field.required and (path or struct):
            yield column.replace('"', ""), f"{there} AND {column} IS NULL"
        if isinstance(field.field_type, StructType):
            yield from _nested(field.field_type.fields, column, f"{column} IS NOT NULL")
