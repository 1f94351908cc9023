"""What type a column of texts has, told by all of its values: the narrowest type that refuses none of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from headgate.engines.duckdb import Session
from headgate.ingest.columntypes import parse_type
from headgate.ingest.contract import DURATION, ISO, Options
from headgate.ingest.moments import read_moment
from headgate.ingest.rules import WHOLE, plain_number
from headgate.types import literal

NULL_WORDS = ("NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "none", "NaN", "nan", "-", "--", "?", ".")

_DATES = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y%m%d", "%d/%m/%y", "%m/%d/%y",
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%Y-%m-%dT00:00:00", "%Y-%m-%d 00:00:00",
)  # fmt: skip  # read as a table
_TIMES = (
    "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M",
    "%Y-%m-%d %H:%M", "%Y%m%d%H%M%S",
)  # fmt: skip  # read as a table
_ZONED = (
    "%a, %d %b %Y %H:%M:%S %Z", "%Y/%m/%d %H:%M:%S%z", "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%z",
    "%d/%b/%Y:%H:%M:%S %z",
)  # fmt: skip  # read as a table
# Numbers with which nobody calculates, and of which others may begin with a zero.
_CODE = re.compile(r"(?i)(^|[_ ])(zip|postal|postcode|plz|phone|telephone|fax|iban|ean|isbn)([_ ]|$)")
# Day and month may be swapped between these.
_SWAPPED = {
    pattern: pattern.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m") for pattern in (*_DATES, *_TIMES)
}
# What is told of a text `t`, and of `x`, the text of the number that it is under the separators of the file.
_TESTS = {
    "count": "true",
    "whole": f"regexp_matches(x, {literal(WHOLE)}) AND TRY_CAST(x AS BIGINT) IS NOT NULL AND NOT contains(x, '_')",
    "code": "regexp_matches(x, '^[-+]?0[0-9]')",
    "number": "TRY_CAST(x AS DOUBLE) IS NOT NULL AND NOT regexp_matches(x, '[_xX]')",
    "plain": "regexp_matches(x, '^\\s*[-+]?[0-9]*[.]?[0-9]*\\s*$')",
    "boolean": "lower(trim(t)) IN ('true', 'false', 'yes', 'no')",
    "duration": "regexp_matches(t, '^[0-9]+:[0-5][0-9]:[0-5][0-9]$')",
    "clock": "regexp_matches(t, '^([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$')",
    "long": "TRY_CAST(split_part(t, ':', 1) AS INTEGER) > 23 OR regexp_matches(t, '^[0-9]:')",
    "date": "regexp_matches(t, '^\\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\\s*$') AND TRY_CAST(t AS DATE) IS NOT NULL",
    "moment": (
        "regexp_matches(t, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+$') AND TRY_CAST(t AS TIMESTAMP) IS NOT NULL"
    ),
    "midnight": "regexp_matches(t, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]00:00(:00([.]0+)?)?$')",
    "zoned": "regexp_matches(t, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+ ?(Z|[-+][0-9:]+)$')"
    " AND TRY_CAST(t AS TIMESTAMPTZ) IS NOT NULL",
    "uuid": "regexp_matches(t, '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')",
}
# A number that is written for people: thousands in groups, a currency, a percent sign.
_SIGN = "(?:[$€£¥%]|EUR|USD|GBP|CHF|JPY)"
_DRESSED = (
    f"regexp_matches(t, '^\\s*[-+(]?\\s*{_SIGN}?\\s*[-+]?(0|[1-9][0-9]{{0,2}}([., ''\u2019\u00a0\u202f]?[0-9]{{3}})*)"
    f"([.,][0-9]+)?\\s*{_SIGN}?\\s*[)]?\\s*$')"
)
_NEARLY = 0.9
_EXAMPLES = 3
_SEASON = 6
_EXPLAINED = 0.9


@dataclass
class Guess:
    """A column's contract, as far as its values tell.

    Attributes:
        type: DuckDB type text.
        formats: How moments are written; empty where DuckDB reads them by itself.
        null_values: Texts that stand for no value.
        required: Whether every row has a value.
        doubts: What a person should look at.
        note: What the values look like, in a few words.
    """

    type: str = "varchar"
    formats: list[str] = field(default_factory=list)
    null_values: list[str] = field(default_factory=list)
    required: bool = False
    doubts: list[str] = field(default_factory=list)
    note: str = ""


def guess(session: Session, relation: str, text: str, name: str, options: Options) -> Guess:
    """The type of a column.

    Args:
        session: Runs the queries.
        relation: SQL to select from.
        text: Expression for the column's raw text.
        name: Its name, for doubts.
        options: Say how its numbers are written.
    """
    texts = f"(SELECT t, count(*) AS n FROM (SELECT {text} AS t FROM {relation}) GROUP BY t)"
    values = f"(SELECT t, n, {plain_number('t', options)} AS x FROM {texts})"
    rows, missing, words = session.rows(
        f"SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (t IS NULL OR t = ''), 0),"
        f" list(DISTINCT t) FILTER (t IN ({', '.join(map(literal, NULL_WORDS))})) FROM {values}"
    )[0]
    words = sorted(words or [])
    found = Guess(required=rows > 0 and missing == 0)
    if missing == rows:
        found.note = "always empty"
        return found
    # Values that only say that there is none count for nothing, if the others then have a type.
    for nulls in ([], words) if words else ([],):
        present = _present(values, nulls)
        if _typed(session, present, found, name):
            found.null_values = nulls
            found.required = found.required and not nulls
            if nulls:
                found.doubts.append(f"'{name}': {', '.join(map(repr, nulls))} is taken for no value.")
            break
    else:
        _nearly(session, present, found, name)
    found.note = found.note or (f"{missing / rows:.1%} empty" if missing else "")
    return found


def _present(values: str, nulls: list[str]) -> str:
    """The different values but for those that say that there is none."""
    return f"(SELECT * FROM {values} WHERE t IS NOT NULL AND t NOT IN ({', '.join(map(literal, ['', *nulls]))}))"


def _typed(session: Session, present: str, found: Guess, name: str) -> bool:
    """Find a type other than text that takes every value; whether there is one."""
    items = ", ".join(f"count(*) FILTER ({test}) AS {quote_name(key)}" for key, test in _TESTS.items())
    digits = "max(length(regexp_extract(x, '[.]([0-9]+)', 1))), max(length(regexp_extract(x, '([0-9]+)', 1)))"
    *counts, scale, whole_digits = session.rows(f"SELECT {items}, {digits} FROM {present}")[0]
    hits = dict(zip(_TESTS, counts, strict=True))
    count = hits["count"]
    if not count:
        return False
    kind = _plain_type(hits, count, scale or 0, whole_digits or 0)
    if kind == "bigint" and _CODE.search(name):
        found.doubts = [f"'{name}' holds whole numbers only; by its name it is a code, and stays text."]
        return False
    if kind:
        found.type = kind
        if hits["duration"] == count and hits["long"]:
            found.type, found.formats = "bigint", [DURATION]
            found.note = "a duration, as seconds"
        return True
    return _formatted(session, present, count, hits, found, name)


def quote_name(key: str) -> str:
    """A key as a column's name that is no keyword."""
    return f'"{key}"'


def _plain_type(hits: dict[str, int], count: int, scale: int, digits: int) -> str | None:
    """A type that DuckDB reads by itself."""
    if hits["whole"] == count:
        # 007 is a code, and would lose its zeros.
        return None if hits["code"] else "bigint"
    if hits["number"] == count and not hits["code"]:
        exact = hits["plain"] == count and scale <= 4 and digits + scale <= 18
        return f"decimal(18,{scale})" if exact else "double"
    for key, kind in (
        ("boolean", "boolean"),
        ("uuid", "uuid"),
        ("date", "date"),
        ("clock", "time"),
        ("duration", "time"),
    ):
        if hits[key] == count:
            return kind
    if hits["midnight"] == count:
        return "date"
    if hits["moment"] == count:
        return "timestamp"
    return "timestamptz" if hits["zoned"] == count else None


def _formatted(session: Session, present: str, count: int, hits: dict[str, int], found: Guess, name: str) -> bool:
    """Dates and times in one format or several that take every value between them."""
    for kind, formats, iso in (
        ("timestamptz", _ZONED, hits["zoned"]),
        ("date", _DATES, hits["date"] + hits["midnight"]),
        ("timestamp", _TIMES, hits["moment"]),
    ):
        chosen = _cover(session, present, count, formats, iso if iso < count else 0, kind)
        if chosen is None:
            continue
        found.type, found.formats = kind, chosen
        if len(chosen) > 1:
            found.doubts.append(f"'{name}' is written in several ways: {', '.join(chosen)}.")
        _doubt_order(session, present, found, name)
        return True
    return False


def _cover(
    session: Session, present: str, count: int, formats: tuple[str, ...], iso: int, kind: str
) -> list[str] | None:
    """The fewest formats that take every value, the most frequent first; None if all together do not."""
    rest = "true"
    chosen: list[str] = []
    if iso:
        rest = f"({read_moment('t', parse_type(kind))}) IS NULL OR NOT regexp_matches(t, '^[0-9]{{4}}-')"
        chosen.append(ISO)
    for _ in range(3):
        items = ", ".join(f"count(*) FILTER ({_reads(pattern)})" for pattern in formats)
        left, *taken = session.rows(f"SELECT count(*), {items} FROM {present} WHERE {rest}")[0]
        if not left:
            return chosen or None
        best = max(taken)
        if not best:
            return None
        candidates = [pattern for pattern, hits in zip(formats, taken, strict=True) if hits == best]
        pattern = _likelier(session, present, rest, candidates)
        chosen.append(pattern)
        rest = f"({rest}) AND NOT ({_reads(pattern)})"
    left = session.value(f"SELECT count(*) FROM {present} WHERE {rest}")
    return None if left else chosen


def _reads(pattern: str) -> str:
    parsed = f"try_strptime(t, {literal(pattern)})"
    long = " AND year(" + parsed + ") >= 1000" if "%Y" in pattern else ""
    return f"({parsed} IS NOT NULL{long})"


def _likelier(session: Session, present: str, rest: str, candidates: list[str]) -> str:
    """Of formats that take the same values, the one under which these lie closest together."""
    if len(candidates) == 1:
        return candidates[0]
    spans = ", ".join(
        f"date_diff('day', min(try_strptime(t, {literal(p)})), max(try_strptime(t, {literal(p)})))" for p in candidates
    )
    found = session.rows(f"SELECT {spans} FROM {present} WHERE {rest}")[0]
    return min(zip(found, range(len(candidates)), candidates, strict=True))[2]


def _doubt_order(session: Session, present: str, found: Guess, name: str) -> None:
    """Say so if day and month could as well be the other way round, or are both ways."""
    for pattern in found.formats:
        other = _SWAPPED.get(pattern, pattern)
        if other == pattern:
            continue
        if other in found.formats:
            found.doubts.append(
                f"'{name}' has days before months and months before days: {pattern} is tried before {other}, and where"
                " both fit nobody can tell which is right."
            )
            found.formats = [ISO] * (ISO in found.formats) + [each for each in found.formats if each != ISO]
            return
        certain = session.value(f"SELECT count(*) FROM {present} WHERE {_reads(pattern)} AND NOT ({_reads(other)})")
        if not certain:
            found.doubts.append(f"'{name}' is read as {pattern}, and could as well be {other}: no day is above 12.")


def swapped(session: Session, rows: str, text: str) -> int:
    """How many ISO dates of a file look as if day and month had been swapped, as spreadsheets do with days up to 12.

    Days above 12 tell which months the file is about. A date outside them whose day names one of them was probably
    swapped; it counts if hardly any date outside has another explanation.
    """
    dates = f"(SELECT TRY_CAST({text} AS DATE) AS d FROM {rows} WHERE regexp_matches({text}, '^[0-9]{{4}}-'))"
    months = f"(SELECT DISTINCT month(d) FROM {dates} WHERE day(d) > 12)"
    covered, outside, explained = session.rows(
        f"SELECT (SELECT count(*) FROM {months}), count(*) FILTER (month(d) NOT IN {months}),"
        f" count(*) FILTER (month(d) NOT IN {months} AND day(d) IN {months}) FROM {dates}"
    )[0]
    return int(explained) if 0 < covered <= _SEASON and explained >= _EXPLAINED * outside and explained > 1 else 0


def _nearly(session: Session, present: str, found: Guess, name: str) -> None:
    """Say so if a type takes nearly every value of what stays text, or if its numbers are written for people."""
    iso, moment = f"({_TESTS['date']} OR {_TESTS['midnight']})", f"({_TESTS['moment']})"
    kinds = {
        "a number": f"({_TESTS['number']})",
        "a date": _any(iso, _DATES),
        "a time": _any(moment, _TIMES),
        "a time with a zone": _any(f"({_TESTS['zoned']})", _ZONED),
        "a time of day": f"({_TESTS['clock']})",
        "a duration": f"({_TESTS['duration']})",
        "a UUID": f"({_TESTS['uuid']})",
        "true or false": f"({_TESTS['boolean']})",
    }
    tests = ("true", *kinds.values(), _TESTS["code"], _DRESSED)
    asked = ", ".join(f"({test}) AS __{number}" for number, test in enumerate(tests))
    items = ", ".join(f"count(*) FILTER (__{n}), coalesce(sum(n) FILTER (__{n}), 0)" for n in range(len(tests)))
    counts = session.rows(f"SELECT {items} FROM (SELECT n, {asked} FROM {present})")[0]
    (values, rows), *hits, (codes, _), dressed = zip(counts[::2], counts[1::2], strict=True)
    if not values:
        return
    taken = dict(zip(kinds, hits, strict=True))
    if codes:
        # Numbers with a zero in front are codes, and these may have letters.
        del taken["a number"]
    kind = max(taken, key=lambda each: taken[each][1])
    if _NEARLY * values <= dressed[0] and dressed[1] > hits[0][1] and not _CODE.search(name):
        example = _examples(session, present, f"{_DRESSED} AND NOT {kinds['a number']}", 1)
        doubt = (
            f"'{name}' stays text, because its numbers have separators or signs, such as {example}: `decimal` and"
            " `thousands` in `options` tell of separators; take a sign away in a model."
        )
        if dressed[0] < values:
            others = _examples(session, present, f"NOT {_DRESSED}", _EXAMPLES)
            doubt += f" {rows - dressed[1]:,} of its {rows:,} values are no number: {others}."
        found.doubts.append(doubt)
    elif max(taken[kind][0] / values, taken[kind][1] / rows) >= _NEARLY and taken[kind][0] < values:
        others = _examples(session, present, f"({kinds[kind]}) IS NOT TRUE", _EXAMPLES)
        found.doubts.append(
            f"'{name}' stays text, because {rows - taken[kind][1]:,} of its {rows:,} values are not {kind}: {others}."
        )


def _examples(session: Session, present: str, condition: str, count: int) -> str:
    found = session.rows(f"SELECT t FROM {present} WHERE {condition} ORDER BY t LIMIT {count}")
    return ", ".join(repr(value) for (value,) in found)


def _any(test: str, formats: tuple[str, ...]) -> str:
    return f"({' OR '.join([test, *map(_reads, formats)])})"
