"""The direct load: a file that is sound goes into its data file in one statement, at the speed of a plain `COPY`.

Whatever is not sound stops the statement, by an error of DuckDB's reader or by a guard, and the file takes the staged
way. What hardly ever happens, and the bounds of the columns tell, has no guard that every value would pay for: it is
looked for in the statistics of the file that was written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyiceberg.conversions import from_bytes
from pyiceberg.types import PrimitiveType

from headgate.engines.writer import Written
from headgate.ingest.columntypes import FLOATS, MOMENTS, VARCHAR, ColumnType, is_value
from headgate.ingest.contract import Source
from headgate.ingest.csvfile import ends_long, first_records, group_rows, read_csv
from headgate.ingest.fields import Field
from headgate.ingest.moments import PATTERNS, unusual
from headgate.ingest.nested import repeats_key
from headgate.ingest.rows import Raw, Rows
from headgate.ingest.rules import (
    DAYS,
    LARGEST_EXACT,
    fraction,
    inexact,
    named,
    null_texts,
    typed_directly,
    violations,
)
from headgate.ingest.staging import native_type, same_type
from headgate.types import ColumnStats

_SAMPLE = 100
_EXACT_DIGITS = 15


@dataclass(frozen=True)
class Direct:
    """A direct load.

    Attributes:
        sql: The query that gives the table's columns in the file's order, or fails on the first row that is not sound.
        by_double: Columns of whole numbers that were read as DOUBLE, and are exact within its bounds.
        endless: Columns of days and moments that may be infinite.
        filled: Columns in which the reader let no row without a value pass.
        group_rows: Rows of a row group with which the reader's batches can be written as they come, if any will do.
    """

    sql: str
    by_double: tuple[str, ...] = ()
    endless: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    group_rows: int | None = None

    def holds(self, written: Written) -> bool:
        """Whether the statistics of the files that the query became say that these columns are sound."""
        fields = {field.name.lower(): field for field in written.version.schema.fields}
        for file in written.files:
            if any(file.columns[fields[name.lower()].field_id].nulls for name in self.filled):
                return False
            for name in (*self.by_double, *self.endless):
                field = fields[name.lower()]
                stats = file.columns.get(field.field_id, ColumnStats())
                if stats.nulls == file.rows:
                    continue
                # A moment without end has no bound; nor has a year above 9999, which costs a second look at the file.
                if stats.lower is None or stats.upper is None:
                    return False
                assert isinstance(field.field_type, PrimitiveType), "only single values are read directly"
                bounds: list[Any] = [from_bytes(field.field_type, bound) for bound in (stats.lower, stats.upper)]
                # 2^53 itself is what DOUBLE makes of the next number as well.
                if name in self.by_double and not -LARGEST_EXACT < bounds[0] <= bounds[1] < LARGEST_EXACT:
                    return False
        return True


def direct_load(rows: Rows, fields: tuple[Field, ...], source: Source, *, nul: bool = True) -> Direct | None:
    """How to load a file that is sound, if it is.

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


def _csv(rows: Rows, fields: tuple[Field, ...], source: Source, nul: bool) -> Direct | None:
    assert rows.csv is not None
    file, dialect = rows.csv
    options = source.contract.options
    # A blank line is a row of no value to DuckDB where there is one column, and no row anywhere else.
    if dialect.comment or len(dialect.columns) < 2 or rows.refused or ends_long(file):
        return None
    types = {f"__c{position}": "VARCHAR" for position in range(len(dialect.columns))}
    sample = first_records(file, dialect, _SAMPLE)
    long = _long_columns(sample)
    items: list[str] = []
    guards: list[str] = []
    by_double: list[str] = []
    # Columns in which the reader itself stops at no value, as it cannot for text: a guard would cost more.
    filled: dict[str, str] = {}
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
                guards.append(fraction(raw))
                by_double.append(field.name)
        elif kind.base in MOMENTS:
            if _any_unlike(sample, field.position, PATTERNS[kind.base], _nulls(source)):
                return None
            # The reader itself passes over what follows a day, and makes NULL of a time with a zone that is none.
            guards.append(unusual(raw, kind))
            raw = value = f"CAST({raw} AS {kind.sql})"
        else:
            types[raw] = kind.sql
            # Of numbers that are too large the reader makes it, too: their texts tell which are.
            guards += [f"isinf({raw})"] if kind.base in FLOATS else []
        # The raw value is NULL, and compares, as the integer made of it does, without making it twice.
        stops = types[f"__c{field.position}"] != "VARCHAR" or kind.base in MOMENTS
        stops = stops and field.column is not None and field.column.required
        if stops:
            filled[f"__c{field.position}"] = field.name
        guards += _guards(raw, kind, field, source, nul, required=not stops)
        items.append(named(value, field.name))
    if all((field.type or VARCHAR).base == "VARCHAR" for field in fields):
        guards += [condition for _, condition, _ in rows.broken]
    relation = read_csv(file.path, dialect, types, nulls=_nulls(source), filled=tuple(filled))
    return Direct(
        _guarded(items, relation, guards),
        tuple(by_double),
        _endless(fields),
        tuple(filled.values()),
        group_rows(file),
    )


def _nulls(source: Source) -> tuple[str, ...]:
    return null_texts(None, source.contract.options, empty_is_null=True)


def _parquet(rows: Rows, fields: tuple[Field, ...], source: Source) -> Direct | None:
    items: list[str] = []
    guards: list[str] = []
    for field in fields:
        kind = field.type or VARCHAR
        if field.position is None:
            items.append(named(f"CAST(NULL AS {kind.sql})", field.name))
            continue
        nulls = null_texts(field.column, source.contract.options, empty_is_null=rows.empty_is_null)
        if any(is_value(text, kind) for text in nulls) or not same_type(rows.types[field.position], field.type):
            return None
        value = rows.value(field.position)
        guards += _guards(value, kind, field, source, True) if field.type else []
        repeated = repeats_key(value, native_type(rows, field.position))
        guards += [repeated] if repeated else []
        items.append(named(value, field.name))
    return Direct(_guarded(items, rows.relation, guards), endless=_endless(fields))


def _endless(fields: tuple[Field, ...]) -> tuple[str, ...]:
    return tuple(field.name for field in fields if field.type and field.type.base in DAYS)


def _guards(
    value: str, kind: ColumnType, field: Field, source: Source, nul: bool, *, required: bool = True
) -> list[str]:
    """Conditions under which a typed value breaks its contract, but for those that statistics tell."""
    found = violations(None, value, kind, field.column, source.contract.options, nul=nul, endless=False)
    return [violation.condition for violation in found if required or violation.rule != "required"]


def _long_columns(records: Sequence[Sequence[str]]) -> set[int]:
    """Columns in which the first records have values too long to be read as DOUBLE without loss."""
    return {position for record in records for position, value in enumerate(record) if len(value) > _EXACT_DIGITS}


def _any_unlike(records: Sequence[Sequence[str]], position: int, pattern: str, nulls: Sequence[str]) -> bool:
    """Whether a column of the first records has a value that a pattern does not match."""
    texts = (record[position] for record in records if position < len(record))
    return any(text not in nulls and not re.match(pattern, text) for text in texts)


def _guarded(items: list[str], relation: str, guards: list[str]) -> str:
    """The rows, or an error at the first for which a guard is true; guards cost least all in one condition."""
    query = f"SELECT {', '.join(items)} FROM {relation}"
    return f"{query} WHERE CASE WHEN {' OR '.join(guards)} THEN error('') ELSE true END" if guards else query
