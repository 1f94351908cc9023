"""What was another for a while, as a run looked at it, is looked at again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import headgate
from headgate import faults, lakehouse
from headgate.faults import Point
from headgate.lakehouse import Lakehouse
from headgate.run import settled
from headgate.run.result import RunStatus

Act = Callable[[], object]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[Point, Act]], None]:
    """Has things done when a run comes by points, at each one once."""

    def plan(acts: dict[Point, Act]) -> None:
        monkeypatch.setattr(faults, "_armed", lambda point: acts.pop(point, lambda: None)())

    # The fixture's files are as young as the test.
    monkeypatch.setattr(settled, "_SETTLED_NS", 0)
    return plan


def orders(lake: Lakehouse) -> list[tuple[object, ...]]:
    return lake.query("select order_id from bronze.orders order by all").rows()


@pytest.mark.parametrize("back", [Point.LEDGER_WRITTEN, Point.PUBLISHED, None])
def test_a_file_that_was_gone_as_a_run_looked(
    shop: Path, at: Callable[[dict[Point, Act]], None], back: Point | None
) -> None:
    file, aside = shop / "data/orders-2.csv", shop / "aside.csv"
    file.write_text("id,customer,day,amount\n4,10,2026-01-07,1.00\n")
    with headgate.open(shop) as lake:
        acts: dict[Point, Act] = {Point.BRANCH_CREATED: lambda: file.rename(aside)}
        at(acts if back is None else {**acts, back: lambda: aside.rename(file)})
        assert lake.run().status is RunStatus.MERGED
        assert orders(lake) == [(1,), (2,)]
        if back is None:
            aside.rename(file)

        assert lakehouse.settled(shop, None, None) is None
        assert lake.run().status is RunStatus.MERGED
        assert orders(lake) == [(1,), (2,), (4,)]


@pytest.mark.parametrize("back", [Point.STATE_COMMITTED, None])
def test_a_model_that_was_another_as_a_run_read_it(
    shop: Path, at: Callable[[dict[Point, Act]], None], back: Point | None
) -> None:
    model = shop / "models/marts/mart_spending.sql"
    text = model.read_text()
    other = text.replace("as spent", "+ 1000 as spent")
    with headgate.open(shop) as lake:
        acts: dict[Point, Act] = {Point.RUN_LOCKED: lambda: model.write_text(other)}
        at(acts if back is None else {**acts, back: lambda: model.write_text(text)})
        assert lake.run().status is RunStatus.MERGED
        model.write_text(text)

        assert lake.run().status is RunStatus.MERGED
        assert lake.query("select spent::varchar from gold.mart_spending order by all").rows() == [
            ("12.50",),
            ("7.25",),
        ]
        assert lake.run().status is RunStatus.UNCHANGED


def test_a_contract_that_changed_while_files_were_hashed(shop: Path, at: Callable[[dict[Point, Act]], None]) -> None:
    shutil.rmtree(shop / "models")
    contract = shop / "ingestion/orders.yml"
    other = contract.read_text().replace("table: orders", "table: sales")
    with headgate.open(shop) as lake:
        at({Point.SOURCE_HASHED: lambda: contract.write_text(other)})
        assert lake.run().status is RunStatus.MERGED
        assert lake.run().status is RunStatus.MERGED
        assert lake.query("select order_id from bronze.sales order by all").rows() == [(1,), (2,)]


def test_what_stays_as_it_was_is_settled_by_the_first_run(shop: Path) -> None:
    with headgate.open(shop) as lake:
        first, second = lake.run(), lake.run()

        assert (first.status, second.status) == (RunStatus.MERGED, RunStatus.UNCHANGED)
        # A run that looked would be recorded.
        assert [run.run_id for run in lake.runs()] == [first.run_id]
