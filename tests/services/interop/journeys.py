"""The life of a table: what happens to it, what its rows are then, and how each engine is told.

Rows are in the form of `services.values`. What they are after each step is worked out here, on lists of dicts, by no
engine at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
Rows = list[Row]

BRANCHES = ("main", "team/feature-1")

COLUMNS = {
    "id": "long",
    "amount": "decimal",
    "ratio": "double",
    "day": "date",
    "at": "timestamp",
    "seen": "timestamptz",
    "note": "string",
    "small": "int",
    "tags": "list",
    "place": "struct",
    "prices": "map",
    "flag": "boolean",
    "raw": "binary",
}
# After the last step: `note` is `remark`, `flag` is gone, `extra` came.
LATE_COLUMNS = {
    **{("remark" if name == "note" else name): kind for name, kind in COLUMNS.items() if name != "flag"},
    "extra": "long",
}


def row(*values: Any) -> Row:
    return dict(zip(COLUMNS, values, strict=True))


def first_rows(branch: str) -> Rows:
    """Usual values, extremes, empty and missing ones; row 1 says on which branch it is."""
    tags, place, prices = ["a", "b"], {"city": "Dundee", "zip": 1}, {"eur": "1.50", "usd": "1.75"}
    zoned = "2026-01-05T07:30:00.123456+00:00"
    before = ("1969-12-31", "1969-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999+00:00")
    least = "-9999999999.99"
    return [
        row(
            1,
            "12.50",
            0.1,
            "2026-01-05",
            "2026-01-05T08:30:00.123456",
            zoned,
            branch,
            1,
            tags,
            place,
            prices,
            True,
            "0102",
        ),
        row(2, least, -1.5e300, *before, "it's ü 🚗", 2147483647, [], {"city": None, "zip": -1}, {}, False, ""),
        row(3, *[None] * 12),
        row(
            4,
            "0.00",
            0.0,
            "2026-02-28",
            "2026-02-28T00:00:00",
            zoned,
            "",
            0,
            ["", None],
            place,
            {"eur": None},
            None,
            "ff",
        ),
        row(5, "5.05", 2.5, "2026-02-01", "2026-02-01T12:00:00", zoned, "five", -5, tags, None, prices, True, None),
        row(6, "6.60", 1e-9, None, "2026-03-01T00:00:00.000001", None, "six", 6, None, place, None, False, "00"),
    ]


def late_row() -> Row:
    early = row(8, "8.80", 8.8, "2027-08-08", "2027-08-08T08:08:08", None, "eight", 2**40, ["z"], None, {}, None, "08")
    return {name: value for name, value in {**renamed(early), "extra": 8}.items() if name != "flag"}


MERGED = [{"id": 3, "amount": "3.00", "note": "merged"}, {"id": 7, "amount": "7.00", "note": "new"}]


def updated(rows: Rows) -> Rows:
    return [
        {**one, "note": "updated", "amount": str(Decimal(one["amount"]) + 1)} if one["id"] == 2 else one for one in rows
    ]


def merged(rows: Rows) -> Rows:
    known = {one["id"] for one in rows}
    changed = {one["id"]: one for one in MERGED}
    kept = [{**one, **changed.get(one["id"], {})} for one in rows]
    return kept + [{**row(*[None] * 13), **one} for one in MERGED if one["id"] not in known]


def without(key: int) -> Callable[[Rows], Rows]:
    return lambda rows: [one for one in rows if one["id"] != key]


def renamed(one: Row) -> Row:
    return {("remark" if name == "note" else name): value for name, value in one.items()}


@dataclass(frozen=True)
class Step:
    """One thing that happens to a table, and the rows after it."""

    name: str
    after: Callable[[Rows], Rows]


def same(rows: Rows) -> Rows:
    return rows


STEPS = (
    Step("update", updated),
    Step("merge", merged),
    Step("delete", without(4)),
    Step("add_column", lambda rows: [{**one, "extra": None} for one in rows]),
    Step("rename_column", lambda rows: [renamed(one) for one in rows]),
    Step("widen_columns", same),
    Step("drop_column", lambda rows: [{key: one[key] for key in one if key != "flag"} for one in rows]),
    Step("evolve_partitions", same),
    Step("insert_late", lambda rows: [*rows, late_row()]),
    Step("delete_late", without(5)),
    Step("update_late", lambda rows: [{**one, "extra": 80} if one["id"] == 8 else one for one in rows]),
)


@dataclass(frozen=True)
class Taken:
    """A table whose journey is over, its first snapshot with rows, and what it holds now."""

    table: str
    first: int
    rows: Rows


def last_rows(branch: str, without: Collection[str] = ()) -> Rows:
    """What a table holds when its journey is over, but for some steps."""
    rows = first_rows(branch)
    for step in STEPS:
        if step.name not in without:
            rows = step.after(rows)
    return rows
