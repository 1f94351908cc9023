"""Numbers of JSON as they are written.

DuckDB reads each number of JSON that has a point or an exponent as DOUBLE, which keeps 15 digits of any number and 17
of some, and forgets how it was written: `1.10` becomes `1.1`. Decimals, texts and `json` keep what the file says. So
where a value may have lost something, its record is read once more, with each number made a string. Two looks tell
which rows that concerns: one at the value as DuckDB gives it, which is short, and only then one at the record.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from headgate.ingest.columntypes import VARCHAR, ColumnType
from headgate.ingest.rows import Rows
from headgate.ingest.rules import pointer
from headgate.types import literal

# Strings are passed over, and with them numbers inside; the end of the text stands for a last number, so that whatever
# is not a number is passed over as a whole and no match begins within a string.
_NUMBER = r'((?:"(?:[^"\\]|\\.)*"|[^"0-9-]|-[^0-9"])*)(-?[0-9][0-9.eE+-]*|$)'
_MARK = r"\u0001"
_WHOLE = "'$'"
_AT_END = len(f'"{_MARK}"')
# Numbers of 16 digits, with exponents, with zeros at the end and with many behind the point; also what looks like it.
_NOT_AS_READ = r"[0-9.]{17}|[0-9][eE]|[.][0-9]+0([^0-9]|$)|[.]0000"
# What a number with a point or an exponent, or an object or list that may have one, begins with.
_FRACTION = r"^(-?[0-9]+[.eE]|[\[{].*[0-9][.eE])"
_EXPONENT = r'[:\[,]"?-?[0-9.]+[eE]'
# A DOUBLE is exact for so many digits, and one less leaves room for what is rounded.
_SAFE_DIGITS = 14


def unlike(record: str) -> str:
    """Whether a record (a JSON text) has a number that is written in another way than DuckDB gives it."""
    return f"regexp_matches({record}, {literal(_NOT_AS_READ)}) AND NOT contains({record}, {literal(_MARK)})"


def marked(record: str) -> str:
    """The record with each number as a string that begins with a mark; of records without that mark only."""
    replaced = rf'\1"\{_MARK}\2"'
    # A number that ends the text would leave no end to match.
    return f"left(regexp_replace({record} || ' ', {literal(_NUMBER)}, {literal(replaced)}, 'gs'), -{_AT_END})"


def text_of(text: str) -> str:
    """The text of a value of a marked record: of a number its own digits."""
    return f"CASE WHEN left({text}, 1) IN ('{{', '[') THEN {as_numbers(text)} ELSE ltrim({text}, chr(1)) END"


def as_numbers(json: str) -> str:
    """The text of a value of a marked record with its numbers as they were written."""
    mark = literal(rf'"\{_MARK}([^"]*)"')
    return rf"regexp_replace(CAST({json} AS VARCHAR), {mark}, '\1', 'g')"


def as_strings(json: str) -> str:
    """A value of a marked record with its numbers as strings."""
    mark = literal(f'"{_MARK}')
    return f"CAST(replace(CAST({json} AS VARCHAR), {mark}, '\"') AS JSON)"


def may_have_lost(value: str, kind: ColumnType) -> str | None:
    """Where a value, given as text, may differ from what the file says of it by as much as its type can tell.

    Returns:
        None where it cannot; and for types with `json` inside, which takes numbers as DuckDB reads them.
    """
    leaves = list(_leaves(kind))
    if kind.base in ("VARCHAR", "BLOB"):
        return f"regexp_matches({value}, {literal(_FRACTION)})"
    if any(leaf.base == "JSON" for leaf in leaves) and kind.nested:
        return None
    if any(leaf.base in ("VARCHAR", "BLOB", "JSON") for leaf in leaves):
        return f"regexp_matches({value}, '[0-9][.eE]')"
    scales = [0 if leaf.whole else leaf.arguments[1] for leaf in leaves if leaf.whole or leaf.base == "DECIMAL"]
    if not scales:
        return None
    if kind.whole:
        return f"contains({value}, '.') OR contains({value}, 'e')"
    # A number is safe if it is short in front of the point, and nothing behind it is rounded.
    long = f"[0-9]{{{max(_SAFE_DIGITS + 1 - max(scales), 1)}}}[.]"
    rounded = f"[.][0-9]{{{min(scales) + 1}}}" if min(scales) else "[.]"
    return f"regexp_matches({value}, '{long}|{rounded}|[0-9][eE]')"


def nested_value(json: str, twin: str | None, kind: ColumnType) -> str:
    r"""A value of a nested type from JSON.

    DuckDB's own cast makes a decimal of a DOUBLE and not of its digits, no whole number of a string `1.0`, no boolean
    of a string `1`, and of the string `\xAB` four bytes: all that is no text goes by its text. Decimals with an
    exponent do not, see `without_exponent`; a DOUBLE is close to them.

    Args:
        json: The value.
        twin: The same with its numbers as strings, where `json` has lost something, else NULL; None if it cannot lose.
        kind: The type.
    """
    bases = {leaf.base for leaf in _leaves(kind)} - {"VARCHAR", "JSON"}
    decimals = bases & {"DECIMAL", "HUGEINT"}
    value = _by_texts(json, kind, bases - decimals)
    if decimals:
        value = f"CASE WHEN {_exponents(json)} THEN {value} ELSE {_by_texts(json, kind, bases)} END"
    if twin is None:
        return value
    usable = f"{twin} IS NOT NULL" + (f" AND NOT {_exponents(twin)}" if decimals else "")
    return f"CASE WHEN {usable} THEN {_by_texts(twin, kind, bases)} ELSE {value} END"


def _exponents(json: str) -> str:
    return f"regexp_matches(CAST({json} AS VARCHAR), {literal(_EXPONENT)})"


def _by_texts(json: str, kind: ColumnType, bases: Collection[str]) -> str:
    """A value from JSON, for which what becomes of some types is taken as text first."""
    texts = f"TRY_CAST({json} AS {_texts(kind, bases).sql})"
    if "MAP(" in kind.sql:
        # A key that does not fit is an error to one cast, and NULL to the other, which no file can have for a key.
        return f"TRY(CAST({texts} AS {kind.sql}))"
    return f"TRY_CAST({texts} AS {kind.sql})" if bases else texts


def _texts(kind: ColumnType, bases: Collection[str]) -> ColumnType:
    if not kind.nested:
        return VARCHAR if kind.base in bases else kind
    return ColumnType(
        kind.base,
        fields=tuple((name, _texts(inner, bases)) for name, inner in kind.fields),
        items=tuple(_texts(item, bases) for item in kind.items),
    )


def _leaves(kind: ColumnType) -> Iterator[ColumnType]:
    """The types of the values that a type has inside."""
    inner = [*(part for _, part in kind.fields), *kind.items]
    if not inner:
        yield kind
    for part in inner:
        yield from _leaves(part)


def exact_rows(rows: Rows, kinds: dict[int, ColumnType]) -> tuple[Rows, set[int]]:
    """Rows of JSON whose values are what the file says of them.

    Args:
        rows: The rows.
        kinds: The types that columns become, by their position.

    Returns:
        The rows, and the nested columns for which they have a further column `__s0`, ...: the value with its numbers as
        strings where it may have lost something, else NULL.
    """
    lost = {
        position: condition
        for position, kind in kinds.items()
        if (condition := may_have_lost(_seen(rows, position, kind), kind)) is not None
    }
    if not rows.keys or not lost:
        return rows, set()
    holders = list(dict.fromkeys(rows.keys[position][0] for position in lost))
    twins = dict(rows.marked)
    found = [f"coalesce({condition}, false) AS __l{position}" for position, condition in lost.items()]
    records = []
    for number, holder in enumerate(holders):
        here = " OR ".join(f"__l{position}" for position in lost if rows.keys[position][0] == holder)
        whether, value = (f"{twins[holder]} IS NOT NULL", twins[holder]) if holder in twins else _again(holder)
        records.append(f"CASE WHEN {here} THEN CASE WHEN {whether} THEN {value} END END AS __again{number}")
    replaced, added = [], []
    for position in lost:
        holder, key = rows.keys[position]
        again = f"__again{holders.index(holder)}"
        value = again if key is None else f"json_extract({again}, {literal(pointer(key))})"
        where = f"WHEN __l{position} AND {again} IS NOT NULL"
        if kinds[position].base == "JSON" or kinds[position].nested:
            column = rows.value(position)
            replaced.append(f"CASE {where} THEN CAST({as_numbers(value)} AS JSON) ELSE {column} END AS {column}")
        else:
            column = rows.text(position)
            replaced.append(f"CASE {where} THEN {text_of(f'({value} ->> {_WHOLE})')} ELSE {column} END AS {column}")
        if kinds[position].nested:
            added.append(f", CASE {where} THEN {as_strings(value)} END AS __s{position}")
    relation = f"(SELECT *, {', '.join(found)} FROM {rows.relation})"
    relation = f"(SELECT *, {', '.join(records)} FROM {relation})"
    relation = f"(SELECT * REPLACE ({', '.join(replaced)}){''.join(added)} FROM {relation})"
    return replace(rows, relation=relation), {position for position in lost if kinds[position].nested}


def _again(holder: str) -> tuple[str, str]:
    return unlike(holder), f"TRY_CAST({marked(holder)} AS JSON)"


def _seen(rows: Rows, position: int, kind: ColumnType) -> str:
    """The text that tells whether a value may have lost something."""
    whole = kind.nested or kind.base == "JSON"
    return f"CAST({rows.value(position)} AS VARCHAR)" if whole else rows.text(position)
