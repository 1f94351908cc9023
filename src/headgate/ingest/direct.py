"""The direct load: a file that is sound goes into its data file in one statement, at the speed of a plain `COPY`.

Whatever is not sound stops the statement, by an error of DuckDB's reader or by a guard, and the file takes the staged
way.
"""

from __future__ import annotations

from headgate.ingest.columntypes import VARCHAR, ColumnType
from headgate.ingest.contract import Source
from headgate.ingest.csvfile import Dialect, ends_long, first_records, read_csv
from headgate.ingest.fields import Field
from headgate.ingest.plain import PlainFile
from headgate.ingest.rows import Raw, Rows
from headgate.ingest.rules import beyond_zones, inexact, inexact_double, named, null_texts, typed_directly, violations
from headgate.ingest.staging import same_type

_SAMPLE = 100
_EXACT_DIGITS = 15


def direct_sql(rows: Rows, fields: tuple[Field, ...], source: Source, *, nul: bool = True) -> str | None:
    """A query that gives the table's columns in the file's order, or fails on the first row that is not sound.

    Args:
        rows: The file's rows.
        fields: The columns of the table.
        source: The contract.
        nul: Whether the file may hold NUL characters.

    Returns:
        None where this way is not open: for formats and types that DuckDB's readers do not type as contracts do, and
        for tables whose rows are sorted or merged.
    """
    contract = source.contract
    if contract.load == "merge" or contract.computed or contract.partition_by or contract.sort_by:
        return None
    if rows.raw is Raw.TEXT:
        return _csv(rows, fields, source, nul)
    return _parquet(rows, fields, source) if rows.raw is Raw.TYPED else None


def _csv(rows: Rows, fields: tuple[Field, ...], source: Source, nul: bool) -> str | None:
    assert rows.csv is not None
    file, dialect = rows.csv
    options = source.contract.options
    # A blank line is a row of no value to DuckDB where there is one column, and no row anywhere else.
    if dialect.comment or len(dialect.columns) < 2 or rows.refused or ends_long(file):
        return None
    types = {f"__c{position}": "VARCHAR" for position in range(len(dialect.columns))}
    long = _long_columns(file, dialect)
    items: list[str] = []
    guards: list[str] = []
    for field in fields:
        kind = field.type or VARCHAR
        if field.position is None:
            items.append(named(f"CAST(NULL AS {kind.sql})", field.name))
            continue
        if not typed_directly(field.column, kind, options):
            return None
        raw = value = f"__c{field.position}"
        if kind.whole:
            value = f"CAST({raw} AS {kind.sql})"
            if field.position in long:
                guards.append(inexact(raw, value))
            else:
                types[raw] = "DOUBLE"
                guards.append(inexact_double(raw))
        elif kind.base == "TIMESTAMPTZ":
            # The reader itself makes NULL of a time that is none.
            guards.append(beyond_zones(raw))
            raw = value = f"CAST({raw} AS {kind.sql})"
        else:
            types[raw] = kind.sql
        # The raw value is NULL, and compares, as the integer made of it does, without making it twice.
        guards += _guards(raw, kind, field, source, nul)
        items.append(named(value, field.name))
    if all((field.type or VARCHAR).base == "VARCHAR" for field in fields):
        guards += [condition for _, condition, _ in rows.broken]
    return _guarded(items, read_csv(file.path, dialect, types, nulls=_nulls(source)), guards)


def _nulls(source: Source) -> tuple[str, ...]:
    return null_texts(None, source.contract.options, empty_is_null=True)


def _parquet(rows: Rows, fields: tuple[Field, ...], source: Source) -> str | None:
    items: list[str] = []
    guards: list[str] = []
    for field in fields:
        kind = field.type or VARCHAR
        if field.position is None:
            items.append(named(f"CAST(NULL AS {kind.sql})", field.name))
            continue
        if not same_type(rows.types[field.position], field.type) or (field.column and field.column.null_values):
            return None
        value = rows.value(field.position)
        guards += _guards(value, kind, field, source, True) if field.type else []
        items.append(named(value, field.name))
    return _guarded(items, rows.relation, guards)


def _guards(value: str, kind: ColumnType, field: Field, source: Source, nul: bool) -> list[str]:
    """Conditions under which a typed value breaks its contract."""
    found = violations(None, value, kind, field.column, source.contract.options, nul=nul)
    return [violation.condition for violation in found]


def _long_columns(file: PlainFile, dialect: Dialect) -> set[int]:
    """Columns in which the first records have values too long to be read as DOUBLE without loss."""
    records = first_records(file, dialect, _SAMPLE)
    return {position for record in records for position, value in enumerate(record) if len(value) > _EXACT_DIGITS}


def _guarded(items: list[str], relation: str, guards: list[str]) -> str:
    """The rows, or an error at the first for which a guard is true; guards cost least all in one condition."""
    query = f"SELECT {', '.join(items)} FROM {relation}"
    return f"{query} WHERE CASE WHEN {' OR '.join(guards)} THEN error('') ELSE true END" if guards else query
