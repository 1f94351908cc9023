"""Contracts as SQL: from a raw text to a typed value, and what is wrong with it.

Every function here makes text of SQL expressions; none runs them. A raw text is a VARCHAR expression that is NULL
where the source has no value. The same expressions serve the direct load, which stops at the first violation, and
the staged load, which collects all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.ingest.columntypes import FLOATS, MOMENTS, NUMBERS, TIMES, ColumnType
from headgate.ingest.contract import DURATION, ISO, Column, Options, Scalar
from headgate.ingest.moments import beyond_zones, read_moment, why_not
from headgate.types import literal, quote

WHOLE = r"^\s*[-+]?(\d[\d_]*(\.0*)?|\.0+)\s*$"
_SCIENTIFIC = r"^\s*([-+]?)(\d*)\.?(\d*)[eE]([-+]?\d{1,3})\s*$"
_DURATION = r"^\s*-?\d+:[0-5]?\d(:[0-5]?\d(\.\d+)?)?\s*$"
_NO_JSON = r'(?is)^(?:[^"]|"(?:[^"\\]|\\.)*")*?(?:nan|inf)'
LARGEST_EXACT = 2**53
# strptime reads `20` as the year 20 where %Y is asked for; nobody means that.
_FIRST_YEAR = 1000
DAYS = MOMENTS - TIMES
_ENDLESS = frozenset(("DATE", "TIMESTAMP", "TIMESTAMPTZ"))


@dataclass(frozen=True)
class Violation:
    """One way in which a value can break its contract, as SQL.

    Attributes:
        rule: `type`, `format`, `nul`, `required`, `accepted`, `min`, `max` or `pattern`.
        condition: True where it does; may be NULL where it does not.
        reason: Text expression for a person.
    """

    rule: str
    condition: str
    reason: str


def null_texts(column: Column | None, options: Options, *, empty_is_null: bool) -> tuple[str, ...]:
    """The texts that stand for no value in a column."""
    declared = options.null_values
    texts = declared if declared is not None else (("",) if empty_is_null else ())
    own = column.null_values if column and column.null_values is not None else ()
    return tuple(dict.fromkeys((*texts, *own)))


def text_sql(raw: str, nulls: tuple[str, ...]) -> str:
    """The raw text, or NULL where it stands for no value."""
    if not nulls:
        return raw
    return f"CASE WHEN {raw} NOT IN ({', '.join(map(literal, nulls))}) THEN {raw} END"


def value_sql(text: str, kind: ColumnType, formats: tuple[str, ...], options: Options) -> str:
    """The typed value of a raw text; NULL where it is none."""
    if kind.base == "VARCHAR":
        return text
    number = text
    if kind.base in NUMBERS:
        number = plain_number(text, options)
        if kind.base not in FLOATS:
            number = without_exponent(number)
    plain = read_moment(text, kind) if kind.base in MOMENTS else f"TRY_CAST({number} AS {kind.sql})"
    parts = []
    if DURATION in formats:
        # Colons and not thousands part a duration; its seconds may have a fraction, written as other numbers have it.
        clock = f"replace({text}, ',', '.')" if options.decimal == "," and kind.base in NUMBERS else text
        seconds = (
            f"epoch(TRY_CAST(CASE WHEN regexp_matches({clock}, {literal(_DURATION)}) THEN {clock} END AS INTERVAL))"
        )
        parts.append(f"TRY_CAST({seconds} AS {kind.sql})" if kind.base in NUMBERS else plain)
    parts += [_moment(text, group, kind) for group in _by_year(formats)]
    if ISO in formats or not parts:
        parts.append(plain)
    return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"


def plain_number(text: str, options: Options) -> str:
    """The text of a number as DuckDB writes it; NULL where its separators stand in other places."""
    if options.thousands:
        # `12.90` where a dot stands between thousands is no number, rather than 1290: groups have three digits.
        mark = re.escape(options.thousands)
        grouped = literal(
            rf"^\s*[+-]?(\d+|\d{{1,3}}({mark}\d{{3}})+)({re.escape(options.decimal)}\d*)?([eE][+-]?\d+)?\s*$"
        )
        plain = f"replace({text}, {literal(options.thousands)}, '')"
        text = f"CASE WHEN regexp_matches({text}, {grouped}) THEN {plain} END"
    if options.decimal == ",":
        text = f"replace({text}, ',', '.')"
    return text


def _by_year(formats: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The strptime formats with a year of four digits, and those without; no text matches both."""
    patterns = [text for text in formats if text not in (ISO, DURATION)]
    long = tuple(text for text in patterns if "%Y" in text or "%x" in text or "%c" in text)
    short = tuple(text for text in patterns if text not in long)
    return [group for group in (long, short) if group]


def _moment(text: str, formats: tuple[str, ...], kind: ColumnType) -> str:
    parsed = f"try_strptime({text}, [{', '.join(map(literal, formats))}])"
    if any("%Y" in pattern for pattern in formats):
        parsed = f"CASE WHEN year({parsed}) >= {_FIRST_YEAR} THEN {parsed} END"
    zoned = any("%z" in pattern or "%Z" in pattern for pattern in formats)
    if zoned and kind.base != "TIMESTAMPTZ":
        parsed = f"timezone('UTC', {parsed})"
    return f"CAST({parsed} AS {kind.sql})"


def typed_directly(column: Column | None, kind: ColumnType, options: Options) -> bool:
    """Whether DuckDB's CSV reader itself turns the raw text into what `value_sql` would."""
    if column is not None and (column.format or column.null_values or (column.pattern and kind.base != "VARCHAR")):
        return False
    if kind.base in NUMBERS and (options.decimal != "." or options.thousands):
        return False
    return not kind.nested and kind.base in NUMBERS | MOMENTS | {"VARCHAR", "BOOLEAN"}


def inexact(text: str, value: str) -> str:
    """Where a whole number was made of a text that is another number: DuckDB makes 2 of `1.5`, without a word.

    Only an integer that is written in another way than DuckDB writes it is looked at closely.
    """
    return f"CAST({value} AS VARCHAR) <> {text} AND NOT regexp_matches({without_exponent(text)}, {literal(WHOLE)})"


def without_exponent(text: str) -> str:
    """The text of a number with its point where an exponent puts it; any other text as it is.

    DuckDB makes 0.01 of `7.5e-5` in a decimal(21,2), and nothing of `1234567.5e-5` in a decimal(10,2).
    """
    parts = f"regexp_extract({text}, {literal(_SCIENTIFIC)}, ['sign', 'front', 'back', 'exponent'])"
    digits, point = "(p.front || p.back)", "(length(p.front) + TRY_CAST(p.exponent AS INTEGER))"
    moved = (
        f"CASE WHEN {digits} = '' THEN NULL"
        f" WHEN {point} <= 0 THEN p.sign || '0.' || repeat('0', -{point}) || {digits}"
        f" WHEN {point} >= length({digits}) THEN p.sign || {digits} || repeat('0', {point} - length({digits}))"
        f" ELSE p.sign || left({digits}, {point}) || '.' || substr({digits}, {point} + 1) END"
    )
    plain = f"coalesce(list_transform([{parts}], lambda p: {moved})[1], {text})"
    return f"CASE WHEN contains({text}, 'e') OR contains({text}, 'E') THEN {plain} ELSE {text} END"


def fraction(number: str) -> str:
    """The same for an integer that is read as DOUBLE, which costs the least and is exact below `LARGEST_EXACT`."""
    return f"{number} <> trunc({number})"


def violations(
    text: str | None,
    value: str,
    kind: ColumnType,
    column: Column | None,
    options: Options,
    *,
    nul: bool = True,
    endless: bool = True,
) -> list[Violation]:
    """What can be wrong with one value.

    Args:
        text: Its raw text; None where the reader yields typed values only.
        value: Its typed value.
        kind: The column's type.
        column: Its contract; None for a column that the contract does not name.
        options: The source's.
        nul: Whether a text may hold a NUL character.
        endless: Whether a day or moment may be infinite.
    """
    found: list[Violation] = []
    if text is not None and (kind.base != "VARCHAR"):
        found.append(_type_violation(text, value, kind, column, options))
    if kind.base in DAYS and endless:
        # The largest number of days or microseconds to every other reader of the table.
        found.append(Violation("type", f"isinf({value})", literal(f"is no {kind} but without end")))
    if kind.base in TIMES:
        # Other readers end the day before.
        midnight = f"{value} = CAST('24:00:00' AS {kind.sql})"
        found.append(Violation("type", midnight, literal("is no time of a day, which ends before")))
    if kind.base == "JSON":
        found.append(Violation("type", _no_json(value), literal("holds a number that JSON does not have")))
    if kind.base == "VARCHAR" and nul:
        found.append(Violation("nul", f"contains({value}, chr(0))", literal("holds a NUL character")))
    if column is None:
        return found
    shown = f"coalesce({text or f'CAST({value} AS VARCHAR)'}, '')"
    if column.required:
        missing = f"{text} IS NULL" if text is not None else f"{value} IS NULL"
        found.append(Violation("required", missing, literal("has no value")))
    if column.accepted:
        texts = ", ".join(constant(item, kind) for item in column.accepted)
        listed = ", ".join(str(item) for item in column.accepted[:8]) + (", ..." if len(column.accepted) > 8 else "")
        found.append(_about("accepted", f"{value} NOT IN ({texts})", shown, f"is not one of: {listed}"))
    if column.min is not None:
        found.append(_about("min", f"{value} < {constant(column.min, kind)}", shown, f"is below {column.min}"))
    if column.max is not None:
        found.append(_about("max", f"{value} > {constant(column.max, kind)}", shown, f"is above {column.max}"))
    if column.pattern is not None:
        matches = f"regexp_matches({text or f'CAST({value} AS VARCHAR)'}, {literal(column.pattern)})"
        found.append(_about("pattern", f"NOT {matches}", shown, f"does not match {column.pattern}"))
    return found


def _no_json(value: str) -> str:
    """Where a value that is JSON to DuckDB has `NaN` or `Infinity` outside its strings."""
    return f"regexp_matches(CAST({value} AS VARCHAR), {literal(_NO_JSON)})"


def _about(rule: str, condition: str, shown: str, what: str) -> Violation:
    after = "' " + what
    return Violation(rule, condition, f"'''' || {shown} || {literal(after)}")


def _type_violation(text: str, value: str, kind: ColumnType, column: Column | None, options: Options) -> Violation:
    condition = f"{text} IS NOT NULL AND {value} IS NULL"
    formats = column.format if column else ()
    if DURATION not in formats and kind.whole:
        number = plain_number(text, options)
        condition = f"({condition}) OR ({inexact(number, value)})"
    if kind.base in FLOATS:
        condition = f"({condition}) OR ({_too_large(text, value)})"
    if kind.base == "TIMESTAMPTZ":
        condition = f"({condition}) OR {beyond_zones(text)}"
    if formats:
        return _about("format", condition, f"coalesce({text}, '')", f"is no {kind} written as {' or '.join(formats)}")
    return Violation("type", condition, f"'''' || coalesce({text}, '') || ''' ' || {why_not(text, kind)}")


def _too_large(text: str, value: str) -> str:
    """Where a number is beyond its type, for which DuckDB takes infinity, without a word."""
    return f"isinf({value}) AND NOT contains(lower({text}), 'inf')"


def constant(value: Scalar, kind: ColumnType) -> str:
    """A value of a contract as SQL of the column's type."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"CAST({literal(text)} AS {kind.sql})"


def struct_sql(violation: Violation, column: str, value: str) -> str:
    """The violation as a struct where its condition holds, else NULL."""
    return (
        f"CASE WHEN {violation.condition} THEN {{'rule': {literal(violation.rule)}, 'column': {literal(column)}, "
        f"'value': CAST({value} AS VARCHAR), 'reason': {violation.reason}}} END"
    )


def nested_violation(json: str, kind: ColumnType, *, extra_allowed: bool) -> str:
    """Where a JSON value does not fit a nested type: DuckDB's own cast makes NULL of a part that does not.

    Args:
        json: Expression of type JSON.
        kind: The type.
        extra_allowed: Whether an object may have keys that the type does not have; they are left out.
    """
    return f"{json} IS NOT NULL AND json_type({json}) <> 'NULL' AND NOT {_fits(json, kind, extra_allowed, 0)}"


def _fits(json: str, kind: ColumnType, extra_allowed: bool, depth: int) -> str:
    """Whether a JSON value is NULL or of the type, as a boolean that is never NULL."""
    absent = f"{json} IS NULL OR json_type({json}) = 'NULL'"
    if kind.base in ("VARCHAR", "JSON"):
        return "true"
    if not kind.nested:
        text = f"({json} ->> '$')"
        return f"({absent} OR {text_fits(text, kind)})"
    if kind.base == "STRUCT":
        parts = [
            _fits(f"json_extract({json}, {literal(pointer(name))})", inner, extra_allowed, depth)
            for name, inner in kind.fields
        ]
        if not extra_allowed:
            names = ", ".join(literal(name) for name, _ in kind.fields)
            parts.append(f"list_has_all([{names}], json_keys({json}))")
        tests = " AND ".join(part for part in parts if part != "true") or "true"
        return f"({absent} OR (json_type({json}) = 'OBJECT' AND {tests}))"
    item = f"e{depth}"
    inside, shape = ("'$[*]'", "ARRAY") if kind.base == "LIST" else ("'$.*'", "OBJECT")
    key, inner = kind.items[0], _fits(item, kind.items[-1], extra_allowed, depth + 1)
    fits = [f"json_type({json}) = '{shape}'", every(f"json_extract({json}, {inside})", item, inner)]
    if kind.base == "MAP" and not key.nested and key.base != "VARCHAR":
        fits.append(every(f"json_keys({json})", item, text_fits(item, key)))
    return f"({absent} OR ({' AND '.join(test for test in fits if test != 'true')}))"


def every(values: str, name: str, test: str) -> str:
    """Whether a test holds for all values of a list, as a boolean that is never NULL.

    Args:
        values: The list.
        name: What the test calls a value.
        test: The test.
    """
    if test == "true":
        return test
    return f"coalesce(list_bool_and(list_transform({values}, lambda {name}: {test})), true)"


def text_fits(text: str, kind: ColumnType) -> str:
    """Whether a text is a value of a type that is not nested; NULL is none."""
    if kind.base in MOMENTS:
        value = read_moment(text, kind)
        return f"coalesce({f'isfinite({value})' if kind.base in _ENDLESS else f'{value} IS NOT NULL'}, false)"
    value = without_exponent(text) if kind.base in NUMBERS else text
    whole = f" AND regexp_matches({value}, {literal(WHOLE)})" if kind.whole else ""
    cast = f"TRY_CAST({value} AS {kind.sql})"
    finite = f" AND NOT ({_too_large(text, cast)})" if kind.base in FLOATS else ""
    return f"({cast} IS NOT NULL{whole}{finite})"


def pointer(key: str) -> str:
    """A key of a JSON object as a JSON Pointer (RFC 6901), which needs no care for dots and quotes."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def json_columns(relation: str, columns: Sequence[tuple[str, str | None]]) -> str:
    """A relation with two more columns for each key: `__c0`, ... its JSON value, and `__x0`, ... the text of that.

    All keys of an object are looked up at once, for DuckDB parses the object anew for every look-up.

    Args:
        relation: Has the objects.
        columns: For each column the expression of an object and the key; None as key for the whole value.
    """
    keys: dict[str, list[str]] = {}
    items: list[str] = []
    for number, (holder, key) in enumerate(columns):
        value, text = holder, f"({holder} ->> '$')"
        if key is not None:
            found = keys.setdefault(holder, [])
            found.append(literal(pointer(key)))
            place = f"{list(keys).index(holder)}[{len(found)}]"
            value, text = f"__values{place}", f"__texts{place}"
        items += [f"{value} AS __c{number}", f"{text} AS __x{number}"]
    lists = [
        f"json_extract({holder}, [{', '.join(paths)}]) AS __values{number},"
        f" json_extract_string({holder}, [{', '.join(paths)}]) AS __texts{number}"
        for number, (holder, paths) in enumerate(keys.items())
    ]
    return f"(SELECT {', '.join(['*', *items])} FROM (SELECT {', '.join(['*', *lists])} FROM {relation}))"


def computed_sql(expression: str, kind: ColumnType) -> str:
    """A computed column; NULL where its expression fails on a row."""
    return f"TRY(CAST(({expression}\n) AS {kind.sql}))"


def named(expression: str, name: str) -> str:
    """A select item."""
    return f"{expression} AS {quote(name)}"
