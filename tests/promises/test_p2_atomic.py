"""P2: all tables of a run appear on `main` together, or none; a reader pinned to a commit sees one state."""

from __future__ import annotations

from pathlib import Path

import headgate
from headgate.run.result import RunStatus


def test_a_model_that_fails_keeps_the_loads_from_main_as_well(shop: Path) -> None:
    (shop / "models/marts/mart_broken.sql").write_text("select no_such_column from {{ ref('stg_orders') }}")
    with headgate.open(shop) as lake:
        result = lake.run()

        assert result.status is RunStatus.FAILED
        assert result.error is not None
        assert "no_such_column" in str(result.error)
        assert "mart_broken" in str(result.error)
        assert lake.tables() == []
        assert [ref.name for ref in lake.refs()] == ["main"]


def test_main_gets_one_commit_per_run(shop: Path) -> None:
    with headgate.open(shop) as lake:
        lake.run()

        commits = lake.log()

        assert len(commits) == 2  # the first is the empty lake
        names = {str(operation.name) for operation in commits[0].operations}
        assert {"bronze.orders", "silver.stg_orders", "gold.mart_spending", "headgate.loads"} <= names


def test_a_pinned_reader_sees_the_state_that_it_pinned(shop: Path) -> None:
    with headgate.open(shop) as lake:
        first = lake.run().commit
        (shop / "data/orders-2.csv").write_text("id,customer,day,amount\n4,11,2026-01-09,5.00\n")
        (shop / "data/customers.csv").write_text("id,name\n10,Ada L.\n11,Grace\n")
        second = lake.run().commit
        query = "select sum(orders), sum(spent), max(name) filter (customer_id = 10) from gold.mart_spending"

        assert [str(value) for value in lake.query(query, first).rows()[0]] == ["2", "19.75", "Ada"]
        assert [str(value) for value in lake.query(query, second).rows()[0]] == ["3", "24.75", "Ada L."]
        assert lake.query(query, f"main@{first}").rows() == lake.query(query, first).rows()
