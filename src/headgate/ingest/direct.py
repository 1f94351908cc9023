"""The direct load: a file that is sound goes into its data file in one statement, at the speed of a plain `COPY`.

Whatever is not sound stops the statement, by an error of DuckDB's reader or by a guard, and the file takes the staged
way.
"""

from __future__ import annotations

from headgate.ingest.columntypes import INTEGERS, VARCHAR, ColumnType
from headgate.ingest.contract import Source
from headgate.ingest.csvfile import read_csv
from headgate.ingest.fields import Field
from headgate.ingest.rows import Raw, Rows
from headgate.ingest.rules import inexact, named, null_texts, typed_directly, violations
from headgate.ingest.staging import same_type


def direct_sql(rows: Rows, fields: tuple[Field, ...], source: Source) -> str | None:
    """A query that gives the table's columns in the file's order, or fails on the first row that is not sound.

    Returns:
        None where this way is not open: for formats and types that DuckDB's readers do not type as contracts do, and
        for tables whose rows are sorted or merged.
    """
    contract = source.contract
    if contract.load == "merge" or contract.computed or contract.partition_by or contract.sort_by:
        return None
    if rows.raw is Raw.TEXT:
        return _csv(rows, fields, source)
    return _parquet(rows, fields, source) if rows.raw is Raw.TYPED else None


def _csv(rows: Rows, fields: tuple[Field, ...], source: Source) -> str | None:
    assert rows.csv is not None
    file, dialect = rows.csv
    options = source.contract.options
    # A blank line is a row of no value to DuckDB where there is one column, and no row anywhere else.
    if dialect.comment or len(dialect.columns) < 2 or rows.refused:
        return None
    types = {f"__c{position}": "VARCHAR" for position in range(len(dialect.columns))}
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
        if kind.base in INTEGERS:
            value = f"CAST({raw} AS {kind.sql})"
            guards.append(inexact(raw, value))
        else:
            types[raw] = kind.sql
        guards += _guards(value, kind, field, source)
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
        guards += _guards(value, kind, field, source) if field.type else []
        items.append(named(value, field.name))
    return _guarded(items, rows.relation, guards)


def _guards(value: str, kind: ColumnType, field: Field, source: Source) -> list[str]:
    """Conditions under which a typed value breaks its contract."""
    return [violation.condition for violation in violations(None, value, kind, field.column, source.contract.options)]


def _guarded(items: list[str], relation: str, guards: list[str]) -> str:
    """The rows, or an error at the first for which a guard is true; guards cost least all in one condition."""
    query = f"SELECT {', '.join(items)} FROM {relation}"
    return f"{query} WHERE CASE WHEN {' OR '.join(guards)} THEN error('') ELSE true END" if guards else query
