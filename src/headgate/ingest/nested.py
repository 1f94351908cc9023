"""Nested values that are no JSON: lists, structs and maps of Parquet under another type, and such as texts of CSV.

DuckDB's own cast rounds what is inside, takes `infinity` for a moment, and leaves out fields that it has no place for.
So what may lose something is taken as text before, and each such text is held to the rules of texts.
"""

from __future__ import annotations

from headgate.ingest.columntypes import NUMBERS, VARCHAR, ColumnType
from headgate.ingest.rules import every, text_fits, without_exponent
from headgate.types import literal


def unfit(value: str, native: ColumnType | None, kind: ColumnType, *, extra_allowed: bool) -> str:
    """Where a value does not fit a nested type.

    Args:
        value: Expression of the value.
        native: Its type; None for texts, and where it is not known to contracts.
        kind: The type.
        extra_allowed: Whether a struct may have fields that the type does not have; they are left out.
    """
    parts = _parts(native, kind)
    # In a list of one, for DuckDB would cast it anew for every look at it.
    # `TRY`, for a text of a map that has one key twice is an error to TRY_CAST.
    return f"NOT {every(f'[TRY(TRY_CAST({value} AS {parts.sql}))]', 'e', _fits('e', parts, kind, extra_allowed, 0))}"


def repeats_key(value: str, kind: ColumnType | None) -> str | None:
    """Where a map in a typed value has one key twice, which DuckDB writes and then cannot read; None without maps."""
    distinct = _distinct(value, kind, 0) if kind is not None else "true"
    return None if distinct == "true" else f"NOT ({distinct})"


def _distinct(value: str, kind: ColumnType, depth: int) -> str:
    """Whether all maps in a value have distinct keys, as a boolean that is never NULL."""
    item, tests = f"m{depth}", []
    if kind.base == "STRUCT":
        tests = [_distinct(f"struct_extract({value}, {literal(name)})", inner, depth) for name, inner in kind.fields]
    elif kind.base == "LIST":
        tests = [every(value, item, _distinct(item, kind.items[0], depth + 1))]
    elif kind.base == "MAP":
        keys = f"map_keys({value})"
        tests = [f"coalesce(len(list_distinct({keys})) = len({keys}), true)"]
        for holder, inner in zip((keys, f"map_values({value})"), kind.items, strict=True):
            tests.append(every(holder, item, _distinct(item, inner, depth + 1)))
    return " AND ".join(test for test in tests if test != "true") or "true"


def _parts(native: ColumnType | None, kind: ColumnType) -> ColumnType:
    """The native type, or where that is not nested the other one, with texts for what may lose something."""
    if not kind.nested:
        return native if native is not None and _exact(native, kind) else VARCHAR
    if native is None or native.base != kind.base:
        fields = tuple((name, _parts(None, inner)) for name, inner in kind.fields)
        return ColumnType(kind.base, fields=fields, items=tuple(_parts(None, inner) for inner in kind.items))
    wanted = _by_name(kind)
    return ColumnType(
        kind.base,
        fields=tuple((name, _parts(inner, wanted.get(name.lower(), VARCHAR))) for name, inner in native.fields),
        items=tuple(_parts(inner, item) for inner, item in zip(native.items, kind.items, strict=True)),
    )


def _exact(native: ColumnType, kind: ColumnType) -> bool:
    """Whether a cast changes no value by more than the type's digits, or fails."""
    numbers = native.base in NUMBERS and kind.base in NUMBERS
    return native == kind or (numbers and (native.whole or not kind.whole))


def _by_name(kind: ColumnType) -> dict[str, ColumnType]:
    return {name.lower(): inner for name, inner in kind.fields}


def _fits(value: str, parts: ColumnType, kind: ColumnType, extra_allowed: bool, depth: int) -> str:
    """Whether a value of the type `_parts` is NULL or fits, as a boolean that is never NULL."""
    if not kind.nested:
        loose = parts == VARCHAR and kind.base not in ("VARCHAR", "JSON")
        if not loose:
            return "true"
        # The value is made by a cast of the whole, which rounds some decimals with an exponent wrong.
        exact = f"TRY_CAST({without_exponent(value)} AS {kind.sql}) = TRY_CAST({value} AS {kind.sql})"
        fits = text_fits(value, kind) + (f" AND {exact}" if kind.base == "DECIMAL" else "")
        return f"({value} IS NULL OR coalesce({fits}, false))"
    if kind.base == "STRUCT":
        wanted = _by_name(kind)
        if not extra_allowed and not _by_name(parts).keys() <= wanted.keys():
            return f"{value} IS NULL"
        tests = [
            _fits(f"struct_extract({value}, {literal(name)})", inner, wanted[name.lower()], extra_allowed, depth)
            for name, inner in parts.fields
            if name.lower() in wanted
        ]
    else:
        item = f"e{depth}"
        holders = [value] if kind.base == "LIST" else [f"map_keys({value})", f"map_values({value})"]
        tests = [
            every(holder, item, _fits(item, part, inner, extra_allowed, depth + 1))
            for holder, part, inner in zip(holders, parts.items, kind.items, strict=True)
        ]
    return " AND ".join(test for test in tests if test != "true") or "true"
