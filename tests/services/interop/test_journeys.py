"""Every engine reads what every other wrote, on `main` and on a branch whose name has a slash."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from tests.services.interop.journeys import BRANCHES, Rows, Taken, first_rows

from services.engines import Engine, SqlEngine

pytestmark = pytest.mark.services

WRITERS = ("pyiceberg", "duckdb", "trino", "spark-copy-on-write", "spark-merge-on-read")
READERS = ("pyiceberg", "duckdb", "trino", "spark", "headgate")
Journey = Callable[[str, str], Taken]
Engines = Callable[[str], Engine]


def ordered(rows: Rows) -> list[str]:
    """Rows as text, in the order of their keys, columns in the order of their names."""
    return [json.dumps(row, sort_keys=True, ensure_ascii=False) for row in sorted(rows, key=lambda row: int(row["id"]))]


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("writer", WRITERS)
def test_rows_are_those_that_were_written(
    writer: str, reader: str, branch: str, journey: Journey, engine_named: Engines
) -> None:
    taken = journey(writer, branch)
    assert ordered(engine_named(reader).read(taken.table, branch)) == ordered(taken.rows)


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("reader", [reader for reader in READERS if reader != "headgate"])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_table_is_read_as_it_was(
    writer: str, reader: str, branch: str, journey: Journey, engine_named: Engines
) -> None:
    taken = journey(writer, branch)
    assert ordered(engine_named(reader).read(taken.table, branch, taken.first)) == ordered(first_rows(branch))


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("reader", [reader for reader in READERS if reader != "pyiceberg"])
@pytest.mark.parametrize("writer", WRITERS)
def test_counts_and_sums_agree(writer: str, reader: str, branch: str, journey: Journey, engine_named: Engines) -> None:
    """Aggregates may be answered from metadata, where rows that were deleted beside the data still count."""
    taken = journey(writer, branch)
    table, rows = taken.table, taken.rows
    found: SqlEngine = engine_named(reader)  # type: ignore[assignment]  # every reader but PyIceberg takes SQL
    (counted,) = found.execute("SELECT count(*), count(remark), min(id), max(id) FROM {table}", branch, table)
    (summed,) = found.execute("SELECT sum(amount), count(*) FROM {table} WHERE day >= DATE '2026-01-01'", branch, table)
    keys = [row["id"] for row in rows]
    assert counted == [len(rows), sum(row["remark"] is not None for row in rows), min(keys), max(keys)]
    dated: list[Any] = [row for row in rows if row["day"] is not None and row["day"] >= "2026-01-01"]
    assert summed == [str(sum(Decimal(row["amount"]) for row in dated)), len(dated)]
