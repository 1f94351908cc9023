"""The staged load: every value meets the contract on its own, and what is wrong with a row stands beside it.

A file is first copied to one Parquet file in its own order, typed, with violations and the raw record of rows that
have any. The position in that file is the row's number in the source; splitting sound from refused rows is then a
query.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from headgate.ingest.columntypes import VARCHAR, ColumnType, known_type, parse_type
from headgate.ingest.contract import Source
from headgate.ingest.digits import exact_rows, nested_value
from headgate.ingest.fields import Field
from headgate.ingest.jsonfile import no_objects
from headgate.ingest.nested import repeats_key, unfit
from headgate.ingest.rows import Raw, Rows
from headgate.ingest.rules import (
    Violation,
    computed_sql,
    json_columns,
    nested_violation,
    null_texts,
    pointer,
    struct_sql,
    text_sql,
    value_sql,
    violations,
)
from headgate.types import literal, quote

VIOLATIONS, RECORD = "__violations", "__record"
VIOLATION_TYPE = 'STRUCT("rule" VARCHAR, "column" VARCHAR, "value" VARCHAR, "reason" VARCHAR)[]'


_SHORT = 1 << 16


@dataclass(frozen=True)
class _Value:
    """SQL for one field: its raw text (None for typed values), its typed value, and what can be wrong.

    `twin` is a nested value from JSON with its numbers as strings, where they are not what DuckDB reads; else NULL.
    """

    field: Field
    text: str | None
    value: str
    shown: str
    twin: str | None = None


def stage_sql(
    rows: Rows, fields: tuple[Field, ...], source: Source, *, keep_records: bool, carried: Sequence[str] = ()
) -> str:
    """A query that gives, for each row of the relation in its order, typed columns, violations and raw record.

    Args:
        rows: The file's rows.
        fields: The columns of the table.
        source: The contract.
        keep_records: Whether every row keeps its raw record, or only those with violations.
        carried: Further columns of the relation to keep.
    """
    contract = source.contract
    kinds = {
        field.position: field.type
        for field in fields
        if field.position is not None and field.type is not None and rows.is_json(field.position)
    }
    rows, doubled = exact_rows(rows, kinds) if rows.raw is Raw.JSON else (rows, set())
    values = [_value(rows, field, source, position, doubled) for position, field in enumerate(fields)]
    texts = [f"{value.text} AS __t{position}" for position, value in enumerate(values) if value.text is not None]
    inner = f"SELECT *{''.join(', ' + text for text in texts)} FROM {rows.relation}"
    typed = ", ".join(f"{value.value} AS {quote(value.field.name)}" for value in values)
    typed = f"SELECT *{', ' + typed if typed else ''} FROM ({inner})"
    computed = ", ".join(
        f"{computed_sql(column.expression, parse_type(column.type))} AS {quote(name)}"
        for name, column in contract.computed.items()
    )
    if computed:
        typed = f"SELECT *, {computed} FROM ({typed})"
    checks = _checks(rows, values, source)
    bad = " OR ".join(f"coalesce({condition}, false)" for condition, _ in checks) or "false"
    listed = (
        f"list_filter([{', '.join(struct for _, struct in checks)}], lambda v: v IS NOT NULL)" if checks else "NULL"
    )
    for rule, condition, reason in reversed(rows.broken):
        bad = f"coalesce({condition}, false) OR {bad}"
        alone = f"[{{'rule': {literal(rule)}, 'column': NULL, 'value': NULL, 'reason': {literal(reason)}}}]"
        listed = f"CASE WHEN coalesce({condition}, false) THEN {alone} ELSE {listed} END"
    names = ", ".join(
        [quote(field.name) for field in fields] + [quote(name) for name in (*contract.computed, *carried)]
    )
    record = rows.record if keep_records else f"CASE WHEN __bad THEN {rows.record} END"
    return (
        f"SELECT {names}, CAST(CASE WHEN __bad THEN {listed} END AS {VIOLATION_TYPE}) AS {VIOLATIONS}, "
        f"CAST({record} AS VARCHAR) AS {RECORD} FROM (SELECT *, {bad} AS __bad FROM ({typed}))"
    )


def _value(rows: Rows, field: Field, source: Source, number: int, doubled: set[int]) -> _Value:
    options = source.contract.options
    if field.position is None:
        return _Value(field, None, f"CAST(NULL AS {(field.type or VARCHAR).sql})", "NULL")
    raw, kind = rows.value(field.position), field.type
    nulls = null_texts(field.column, options, empty_is_null=rows.empty_is_null)
    if rows.raw is Raw.TYPED and same_type(rows.types[field.position], kind):
        text = f"CAST({raw} AS VARCHAR)"
        value = f"CASE WHEN {text_sql(text, nulls)} IS NOT NULL THEN {raw} END" if nulls else raw
        return _Value(field, None, value, text)
    assert kind is not None, "only typed values keep the file's type"
    if kind.nested and rows.is_json(field.position):
        twin = f"__s{field.position}" if field.position in doubled else None
        value = nested_value(raw, twin, kind)
        return _Value(field, None, value, f"CAST({raw} AS VARCHAR)", twin)
    if kind.nested:
        # TRY_CAST makes NULL of a part that does not fit, and keeps the rest.
        whole = f"TRY(CAST({text_sql(raw, nulls if rows.raw is Raw.TEXT else ())} AS {kind.sql}))"
        return _Value(field, text_sql(f"CAST({raw} AS VARCHAR)", nulls), whole, f"__t{number}")
    if kind.base == "JSON" and rows.is_json(field.position):
        return _Value(field, None, f"CASE WHEN json_type({raw}) <> 'NULL' THEN {raw} END", f"CAST({raw} AS VARCHAR)")
    formats = field.column.format if field.column else ()
    return _Value(
        field,
        text_sql(rows.text(field.position), nulls),
        value_sql(f"__t{number}", kind, formats, options),
        f"__t{number}",
    )


def same_type(native: str, kind: ColumnType | None) -> bool:
    """Whether values already are what they have to become; types that are not known to contracts are."""
    return kind is None or known_type(native) == kind


def native_type(rows: Rows, position: int) -> ColumnType | None:
    """The file's own type of a column; None where it has none, or one that is not known to contracts."""
    return known_type(rows.types[position]) if rows.types else None


def _checks(rows: Rows, values: list[_Value], source: Source) -> list[tuple[str, str]]:
    """Condition and struct of every violation that a row can have on its own."""
    contract = source.contract
    found: list[tuple[str, str]] = []
    for number, value in enumerate(values):
        field = value.field
        name = field.source or field.name
        found += [
            (violation.condition, struct_sql(violation, name, value.shown))
            for violation in _violations_of(rows, value, f"__t{number}", source)
        ]
    keys = set(contract.key) if contract.load == "merge" else set()
    for value in values:
        name = value.field.name
        if name in keys and not (value.field.column and value.field.column.required):
            missing = Violation("required", f"{quote(name)} IS NULL", literal("is part of the key and has no value"))
            found.append((missing.condition, struct_sql(missing, value.field.source or name, "NULL")))
    for name, column in contract.computed.items():
        if column.required or name in keys:
            missing = Violation("required", f"{quote(name)} IS NULL", literal("could not be computed"))
            found.append((missing.condition, struct_sql(missing, name, "NULL")))
    return found


def _violations_of(rows: Rows, value: _Value, text: str, source: Source) -> list[Violation]:
    field, options = value.field, source.contract.options
    if field.position is None:
        return []
    typed = quote(field.name)
    kind = field.type or native_type(rows, field.position)
    repeated = repeats_key(typed, kind)
    twice = [Violation("type", repeated, literal("has a key twice"))] if repeated else []
    if field.type is None or kind is None:
        return twice
    extra = source.contract.new_columns == "ignore"
    if kind.nested and rows.is_json(field.position):
        json = rows.value(field.position)
        wrong = nested_violation(json, kind, extra_allowed=extra)
        if value.twin is not None:
            closely = nested_violation(value.twin, kind, extra_allowed=extra)
            wrong = f"CASE WHEN {value.twin} IS NOT NULL THEN {closely} ELSE {wrong} END"
        lost = f"{json} IS NOT NULL AND json_type({json}) <> 'NULL' AND {typed} IS NULL"
        misfit = Violation("type", f"({wrong}) OR ({lost})", literal(f"does not fit {kind}"))
        return [misfit, *twice, *violations(None, typed, kind, field.column, options)]
    found = violations(text if value.text is not None else None, typed, kind, field.column, options)
    if kind.nested and value.text is not None:
        native = native_type(rows, field.position)
        wrong = unfit(rows.value(field.position), native, kind, extra_allowed=extra)
        found[0] = replace(found[0], condition=f"({found[0].condition}) OR ({text} IS NOT NULL AND {wrong})")
    return [*found, *twice]


def staged_rows(staged: Path, refused: Path | None, *, sound: bool) -> str:
    """The rows of a staged file with `_source_row`, leaving out those that only hold a place.

    Args:
        staged: The staged file.
        refused: The list of records that the reader could not read.
        sound: Whether to give the rows without violations, or those with.
    """
    sql = (
        "SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS _source_row"
        f" FROM read_parquet({literal(str(staged))}, file_row_number = true)"
        f" WHERE {VIOLATIONS} IS {'NULL' if sound else 'NOT NULL'}"
    )
    if refused is not None:
        sql += f" AND file_row_number + 1 NOT IN (SELECT row FROM {refused_list(refused)})"
    return sql


def refused_list(path: Path) -> str:
    """The list that a reader made of records it could not read, as a relation."""
    types = "{row: 'BIGINT', line: 'BIGINT', rule: 'VARCHAR', reason: 'VARCHAR', raw: 'VARCHAR'}"
    with path.open("rb") as file:
        longest = max(map(len, file), default=0)
    # DuckDB allocates twice this for every thread, whatever the file has.
    options = f"format = 'newline_delimited', columns = {types}, maximum_object_size = {max(longest, _SHORT) + 1}"
    return f"read_json({literal(str(path))}, {options})"


def recorded_rows(
    records: str, columns: tuple[str, ...], raw: Raw, unnested: Sequence[str] = (), texts: Collection[str] = ()
) -> Rows:
    """Raw records `__raw` (JSON objects) of a relation as the rows that a reader would have given.

    Args:
        records: The relation.
        columns: All keys of the records.
        raw: What the reader's values are.
        unnested: Paths of the contract's `unnest`. A key of that name beside its columns has what has no columns.
        texts: Columns of JSON that the file had as texts.
    """
    lost = [path for path in unnested if path in columns and any(name.startswith(f"{path}.") for name in columns)]
    broken = no_objects("__raw", [(path, f"json_extract(__raw, {literal(pointer(path))})") for path in lost])
    columns = tuple(name for name in columns if name not in lost)
    keys = tuple(("__raw", name) for name in columns)
    found = json_columns(records, keys)
    if raw is Raw.TEXT and columns:
        return Rows(_as_texts(found, range(len(columns))), columns, raw, record="__raw", empty_is_null=True)
    places = frozenset(number for number, name in enumerate(columns) if name in texts)
    return Rows(
        _as_texts(found, sorted(places)) if places else found,
        columns,
        raw,
        record="__raw",
        keys=keys,
        texts=places,
        broken=broken,
        empty_is_null=raw is Raw.TEXT,
    )


def _as_texts(relation: str, positions: Sequence[int]) -> str:
    """What `json_columns` gives, with texts for the values of some columns."""
    return f"(SELECT * REPLACE ({', '.join(f'__x{i} AS __c{i}' for i in positions)}) FROM {relation})"
