"""Which separators the numbers of a CSV file have, as 1234.5, 1234,5 or 1.234,5: a file has one answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from headgate.engines.duckdb import Session
from headgate.ingest.contract import Options
from headgate.ingest.guessing import NULL_WORDS
from headgate.types import literal, quote

_GROUPS = "[1-9][0-9]{0,2}([.][0-9]{3})+"
_TESTS = {
    "present": "true",
    "code": "regexp_matches(t, '^[-+]?0[0-9]')",
    "whole": "regexp_matches(t, '^[-+]?[0-9]+$')",
    "point": "regexp_matches(t, '^[-+]?[0-9]*[.][0-9]*$')",
    "group": f"regexp_matches(t, '^[-+]?{_GROUPS}$')",
    "pointed_group": "regexp_matches(t, '^[-+]?[1-9][0-9]{0,2}[.][0-9]{3}$')",
    "comma": f"regexp_matches(t, '^[-+]?([0-9]+|{_GROUPS}),[0-9]+$')",
    "grouped_comma": f"regexp_matches(t, '^[-+]?{_GROUPS},[0-9]+$')",
    "vague_comma": "regexp_matches(t, '^[-+]?[1-9][0-9]{0,2},[0-9]{3}$')",
}


@dataclass(frozen=True)
class Separators:
    """How numbers are written.

    Attributes:
        options: What a contract says about it: `decimal` and `thousands`, where they are not the defaults.
        held: Columns that these would read wrong, which stay text.
        doubts: What could as well be otherwise.
    """

    options: dict[str, str] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    doubts: tuple[str, ...] = ()

    def of(self, column: str) -> Options:
        """The options that a column's numbers are read with."""
        return Options() if column in self.held else Options.model_validate(self.options)


@dataclass(frozen=True)
class _Column:
    """A column, and how many of its values look like what."""

    name: str
    hits: dict[str, int]

    @property
    def comma(self) -> bool:
        """Whether all are numbers, some with a decimal comma."""
        numbers = self.hits["whole"] + self.hits["group"] + self.hits["comma"]
        return self.hits["comma"] > 0 and numbers == self.hits["present"] and not self.hits["code"]

    @property
    def certain(self) -> bool:
        """Whether a comma is one before decimals: there are not three digits after it, or more than three before."""
        return self.comma and self.hits["comma"] > self.hits["vague_comma"]

    @property
    def grouped(self) -> bool:
        """Whether points stand between thousands, if commas stand before decimals."""
        return self.hits["group"] + self.hits["grouped_comma"] > 0

    @property
    def point(self) -> bool:
        """Whether all are numbers, some with a decimal point."""
        return self.hits["point"] > 0 and self.hits["whole"] + self.hits["point"] == self.hits["present"]


def separators(
    session: Session, parts: Iterable[tuple[Sequence[str], str]], delimiter: str | None = None
) -> Separators:
    """Find out the separators of a file's numbers.

    `1,234` alone tells nothing: it decides for no comma, and a column of such values is a number only beside another
    column whose decimals are certain.

    Args:
        session: Runs the queries.
        parts: Columns, some at a time, with a relation that has their texts.
        delimiter: What stands between the columns: a semicolon is where commas may stand before decimals.
    """
    columns = [_looked_at(session, name, relation) for names, relation in parts for name in names]
    pointed = [column for column in columns if column.point]
    decided = any(column.hits["point"] > column.hits["pointed_group"] for column in pointed)
    if not any(column.certain for column in columns):
        if decided or delimiter != ";":
            return Separators()
        vague = (
            f"'{column.name}' has a point before three digits in each value; it is read as one before decimals. If"
            ' it stands between thousands, say `decimal: ","` and `thousands: "."`.'
            for column in pointed
        )
        return Separators(doubts=tuple(vague))
    grouped = any(column.certain and column.grouped for column in columns) and not decided
    doubts = [
        f"'{column.name}' is read with decimals after the comma, as in another column; three digits after each could"
        " as well be thousands."
        for column in columns
        if column.comma and not column.certain and (grouped or not column.grouped)
    ]
    doubts += [
        f"'{column.name}' has a point before three digits; it is read as a separator of "
        f"{'thousands' if grouped else 'decimals'}, in a file whose decimals have a comma elsewhere."
        for column in pointed
        if column.hits["point"] == column.hits["pointed_group"]
    ]
    return Separators(
        {"decimal": ",", "thousands": "."} if grouped else {"decimal": ","},
        frozenset(column.name for column in columns if column.comma and column.grouped and not grouped),
        tuple(doubts),
    )


def _looked_at(session: Session, name: str, relation: str) -> _Column:
    missing = ", ".join(map(literal, ("", *NULL_WORDS)))
    items = ", ".join(f"count(*) FILTER ({test})" for test in _TESTS.values())
    texts = f"(SELECT trim({quote(name)}) AS t FROM {relation})"
    counts = session.rows(f"SELECT {items} FROM {texts} WHERE t NOT IN ({missing})")[0]
    return _Column(name, dict(zip(_TESTS, counts, strict=True)))
