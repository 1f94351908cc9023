"""Random rows with planted, booked defects: the tools of `generate.py`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


class Dice:
    """Random choices built on `random()` alone."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def below(self, limit: int) -> int:
        return int(self._random() * limit)

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def one(self, values: Sequence[Any]) -> Any:
        return values[self.below(len(values))]

    def weighted(self, weights: dict[Any, int]) -> Any:
        left = self.below(sum(weights.values()))
        for value, weight in weights.items():
            left -= weight
            if left < 0:
                return value
        raise AssertionError("weights are positive")


@dataclass
class Table:
    """The rows of one raw file, and the book of what was done to them."""

    source: str
    file: str
    rows: list[Row]
    dice: Dice
    defects: list[dict[str, Any]] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)

    def _sound_row(self, usable: Callable[[Row], bool]) -> Row:
        while True:
            row: Row = self.dice.one(self.rows)
            if id(row) not in self.touched and usable(row):
                self.touched.add(id(row))
                return row

    def book(self, kind: str, count: int, effect: str, rule: str | None, column: str | None, answer: str) -> None:
        self.defects.append(
            {"kind": kind, "rows": count, "effect": effect, "rule": rule, "column": column, "answer": answer}
        )

    def refuse(self, kind: str, count: int, rule: str, column: str, change: Callable[[Row], Any]) -> None:
        """Spoil rows so that the contract's `rule` on `column` quarantines them."""
        for _ in range(count):
            change(self._sound_row(lambda row: True))
        self.book(kind, count, "quarantined", rule, column, f"contract rule '{rule}' on {column}")

    def spoil(
        self,
        kind: str,
        count: int,
        answer: str,
        change: Callable[[Row], Any],
        usable: Callable[[Row], bool] = lambda row: True,
    ) -> None:
        """Spoil rows in a way that the contract lets through and that `answer` repairs or flags."""
        for _ in range(count):
            change(self._sound_row(usable))
        self.book(kind, count, "repaired", None, None, answer)

    def repeat(self, kind: str, count: int, older: Callable[[Row], Any] | None = None) -> None:
        """Add a second copy of sound rows; with `older` the copy comes first and differs."""
        for _ in range(count):
            row = self._sound_row(lambda row: True)
            twin = json.loads(json.dumps(row))
            place = self.rows.index(row)
            if older:
                older(twin)
                self.rows.insert(self.dice.between(0, place), twin)
            else:
                self.rows.insert(self.dice.between(place + 1, len(self.rows)), twin)
            self.touched.add(id(twin))
        self.book(kind, count, "duplicate", None, None, "load: merge, the last row of a key wins")

    def summary(self) -> dict[str, Any]:
        lost = {
            effect: sum(defect["rows"] for defect in self.defects if defect["effect"] == effect)
            for effect in ("quarantined", "duplicate")
        }
        return {
            "source": self.source,
            "rows": len(self.rows),
            "loaded": len(self.rows) - lost["quarantined"] - lost["duplicate"],
            "quarantined": lost["quarantined"],
            "duplicates": lost["duplicate"],
            "defects": self.defects,
        }


def setter(column: str, value: Any) -> Callable[[Row], None]:
    """A change that puts `value` into a column."""
    return lambda row: row.__setitem__(column, value)


def mapper(column: str, function: Callable[[Any], Any]) -> Callable[[Row], None]:
    """A change that replaces a column's value by what `function` makes of it."""
    return lambda row: row.__setitem__(column, function(row[column]))
