"""Reading the mobility example's raw files in plain Python: csv, json, gzip, datetime and Decimal only."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parents[2] / "examples" / "mobility"
Row = dict[str, Any]


class Refused(Exception):
    """A raw row breaks a rule on a column."""

    def __init__(self, rule: str, column: str) -> None:
        super().__init__(rule, column)
        self.reason = (rule, column)


@dataclass
class Book:
    """What has to become of one raw file's rows."""

    read: int = 0
    loaded: int = 0
    duplicates: int = 0
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def quarantined(self) -> int:
        return sum(self.refused.values())


@dataclass
class Source:
    """One source's books per file, and the rows that remain, by key."""

    books: dict[str, Book]
    rows: dict[Any, Row]


def rounded(value: Decimal | float, places: int) -> Decimal:
    """Half away from zero, as SQL rounds."""
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def text_of(path: Path) -> str:
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")


def raw_rows(path: Path, inside: str | None = None) -> list[Row]:
    text = text_of(path)
    if ".csv" in path.name:
        return list(csv.DictReader(io.StringIO(text, newline="")))
    document = json.loads(text, parse_float=Decimal)
    return list(document[inside]) if inside else list(document)


def load(pattern: str, key: Callable[[Row], Any], parse: Callable[[Row], Row], inside: str | None = None) -> Source:
    """Load files in the order of their names; the last row of a key wins, what is held in full is a duplicate."""
    held: dict[Any, Row] = {}
    books: dict[str, Book] = {}
    for path in sorted(EXAMPLE.glob(pattern)):
        book = books[str(path.relative_to(EXAMPLE))] = Book()
        fresh: dict[Any, Row] = {}
        for raw in raw_rows(path, inside):
            book.read += 1
            try:
                row = parse(raw)
            except Refused as refused:
                book.refused[refused.reason] += 1
                continue
            if key(row) in fresh:
                book.duplicates += 1
            fresh[key(row)] = row | {"file": path.name}
        for identity, row in fresh.items():
            if identity in held and {**held[identity], "file": ""} == {**row, "file": ""}:
                book.duplicates += 1
            else:
                held[identity] = row
                book.loaded += 1
    return Source(books, held)


def whole(value: Any, column: str) -> int:
    if value in (None, ""):
        raise Refused("required", column)
    try:
        return int(value)
    except ValueError:
        raise Refused("type", column) from None


def day(text: str, column: str) -> date:
    for form in ("%Y-%m-%d", "%m/%d/%Y"):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise Refused("format", column)


def number(text: str) -> Decimal:
    found = re.match(r"\s*(-?\d+(?:\.\d+)?)", text)
    if found is None:
        raise ValueError(text)
    return Decimal(found[1])


@cache
def rates() -> dict[tuple[str, date], Decimal]:
    """Units of a country's currency for a dollar, by country and first day of the month."""
    found = raw_rows(EXAMPLE / "data/exchange_rates/monthly.csv.gz")
    return {(row["Country"], date.fromisoformat(row["Date"])): Decimal(row["Exchange rate"]) for row in found}
