"""Days and times as text: DuckDB's own reading of them, held to the whole of the text.

DuckDB reads a day or a time from the beginning of a text and passes over what follows: `2024-01-01/07` is the first of
January to it, `01:30 PM` the middle of the night, and a timestamp loses its offset from UTC.
"""

from __future__ import annotations

from headgate.ingest.columntypes import TIMES, TIMESTAMPS, ColumnType
from headgate.types import literal

_ENDLESS = r"-?(?i:infinity)"
_DAY = r"-?\d+([-/\\ ]\d{1,2}){2}( \(BC\))?"
_CLOCK = r"([01]?\d|2[0-3]):[0-5]?\d(:[0-5]?\d(\.\d*)?)?"
# Of offsets, the one that says nothing.
_UTC = r"([zZ]|\s*(?i:utc)|[-+]00(:?00)?)?"
_MIDNIGHT = rf"([T ]0?0:00(:00(\.0*)?)?{_UTC})?"
_MOMENT = rf"{_DAY}([T ]({_CLOCK}|24:00(:00(\.0*)?)?){_UTC})?"
PATTERNS = {
    "DATE": rf"^\s*({_DAY}{_MIDNIGHT}|{_ENDLESS})\s*$",
    **dict.fromkeys(TIMES, rf"^\s*{_CLOCK}{_UTC}\s*$"),
    **dict.fromkeys(TIMESTAMPS, rf"^\s*{_MOMENT}\s*$"),
    "TIMESTAMP": rf"^\s*({_MOMENT}|{_ENDLESS})\s*$",
    # Its zones are DuckDB's matter, which takes no text that goes on after them. It knows words, such as `epoch`.
    "TIMESTAMPTZ": rf"^\s*(-?\d|{_ENDLESS})",
}
"""What a text of each type is, as regular expressions of Python and RE2 alike."""

# Bytes of a text as nearly every file has it; one of as many that is none is hardly to be thought of, but for times of
# a day: `01:30 PM` has eight, too.
_USUAL = {"DATE": 10, **dict.fromkeys(TIMESTAMPS, 19)}
# DuckDB writes 24:00 as a time of a day, too, and words for moments that it cannot make timestamps of.
_WRITTEN_BACK = ("DATE", "TIMESTAMP", "TIMESTAMP_NS")
_OFFSET = r"\d:\d\d(:\d\d(\.\d*)?)?\s*[-+]\d\d"
_NO_OFFSET = r":\d\d(\.\d+)?\s*[-+](1[6-9]|[2-9]\d)"
_WORD = r"^\s*[-+]?[a-zA-Z]"


def read_moment(text: str, kind: ColumnType) -> str:
    """The day or time that a text is; NULL where it is none, or goes on after it."""
    matches = f"regexp_matches({text}, {literal(PATTERNS[kind.base])})"
    if kind.base == "TIMESTAMPTZ":
        # DuckDB raises an error of the whole statement for a time with a zone that is beyond its range.
        return f"TRY(CAST(CASE WHEN {matches} THEN {text} END AS {kind.sql}))"
    value = f"TRY_CAST({text} AS {kind.sql})"
    if kind.base in _WRITTEN_BACK:
        # Most texts are written as DuckDB writes them, which takes a quarter of the time to find out.
        matches = f"(CAST({value} AS VARCHAR) = {text} OR {matches})"
    return f"CASE WHEN {matches} THEN {value} END"


def unusual(text: str, kind: ColumnType) -> str:
    """Where a text may be none of the type, or of another one, though DuckDB reads it as such.

    Only a text of another length than nearly all have is looked at closely.
    """
    if kind.base == "TIMESTAMPTZ":
        return f"regexp_matches({text}, {literal(f'{_WORD}|{_NO_OFFSET}')})"
    odd = f"NOT regexp_matches({text}, {literal(PATTERNS[kind.base])})"
    return f"strlen({text}) <> {_USUAL[kind.base]} AND {odd}" if kind.base in _USUAL else odd


def beyond_zones(text: str) -> str:
    """Where a time has an offset from UTC of 16 hours or more, which no place has; DuckDB reads up to 99."""
    return f"regexp_matches({text}, {literal(_NO_OFFSET)})"


def why_not(text: str, kind: ColumnType) -> str:
    """What is wrong with a text that is none of a type, as a text expression."""
    none = literal(f"is no {kind}")
    if kind.base not in TIMESTAMPS:
        return none
    offset = literal(f"has an offset from UTC, which a {kind} does not keep: a timestamptz does")
    return f"CASE WHEN regexp_matches({text}, {literal(_OFFSET)}) THEN {offset} ELSE {none} END"
