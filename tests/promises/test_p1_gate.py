"""P1: `main` moves only to a state on which the blocking checks ran and passed, by a revert, or by an override."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import headgate
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.errors import StorageError, UsageError
from headgate.events import Event, Planned
from headgate.faults import Point, arm
from headgate.lakehouse import Lakehouse
from headgate.run.result import RunStatus
from headgate.types import Name

DUPLICATE = "id,customer,day,amount\n1,10,2026-01-07,99.00\n"


def head(lake: Lakehouse) -> str:
    return next(ref.commit_id for ref in lake.refs("branch") if ref.name == "main")


def test_a_failing_blocking_test_leaves_main_where_it_was(shop: Path) -> None:
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        before = head(lake)
        (shop / "data/orders-2.csv").write_text(DUPLICATE)

        result = lake.run()

        assert result.status is RunStatus.REFUSED
        assert result.exit_code == 3
        assert head(lake) == before
        assert result.branch is not None
        failed = [check for check in result.checks if check.status.value == "failed"]
        assert [check.name for check in failed] == ["unique_stg_orders_order_id"]
        assert failed[0].failures == 1
        assert failed[0].sample == ((1, 2),)  # order 1 stands there twice
        assert lake.query("select count(*) from silver.stg_orders where order_id = 1", result.branch).rows() == [(2,)]
        assert lake.query("select count(*) from silver.stg_orders where order_id = 1").rows() == [(1,)]


def test_a_repaired_file_is_merged(shop: Path) -> None:
    with headgate.open(shop) as lake:
        lake.run()
        (shop / "data/orders-2.csv").write_text(DUPLICATE)
        assert lake.run().status is RunStatus.REFUSED
        (shop / "data/orders-2.csv").write_text(DUPLICATE.replace("\n1,", "\n5,"))

        assert lake.run().status is RunStatus.MERGED

        assert lake.query("select list(order_id order by order_id) from gold.mart_spending, silver.stg_orders").rows()
        assert lake.query("from headgate.loads").arrow().num_rows == 3


def test_a_refused_branch_cannot_be_merged_by_hand(shop: Path) -> None:
    with headgate.open(shop) as lake:
        branch = refused_for_a_test(shop, lake)
        before = head(lake)

        result = lake.merge(branch)

        assert result.status is RunStatus.REFUSED
        assert head(lake) == before


def add_a_table(lake: Lakehouse, branch: str) -> None:
    """Give a branch a commit of its own."""
    with Session(lake.project.engine, lake.lake.storage) as session:
        workspace = Workspace(lake.lake.catalog, branch, session)
        workspace.append(Name.of("scratch", "notes"), "SELECT 1 AS id")
        workspace.commit("notes")


def refused_for_a_test(shop: Path, lake: Lakehouse) -> str:
    """The branch of a run that was refused for an order that came twice, after one that was merged."""
    lake.run()
    (shop / "data/orders-2.csv").write_text(DUPLICATE)
    branch = lake.run().branch
    assert branch is not None
    return branch


def refused_for_a_file(shop: Path, lake: Lakehouse) -> str:
    """The branch of a run of which one file broke its contract and another did not."""
    (shop / "data/orders-2.csv").write_text("id;customer\n5;10\n")
    (shop / "data/orders-3.csv").write_text(DUPLICATE.replace("\n1,", "\n6,"))
    result = lake.run()
    assert result.status is RunStatus.REFUSED
    assert result.branch is not None
    return result.branch


def test_a_file_that_broke_its_contract_blocks_by_way_of_another_branch_too(shop: Path) -> None:
    with headgate.open(shop) as lake:
        lake.run()
        lake.create_branch("dev")
        add_a_table(lake, "dev")
        assert lake.merge(refused_for_a_file(shop, lake), into="dev").status is RunStatus.MERGED

        result = lake.merge("dev")

        assert result.status is RunStatus.REFUSED
        assert [check.name for check in result.checks if check.blocks] == ["contract:orders:data/orders-2.csv"]


def test_a_file_that_main_passed_over_does_not_block_a_branch_that_has_main_merged_in(shop: Path) -> None:
    with headgate.open(shop) as lake:
        lake.run()
        assert lake.merge(refused_for_a_file(shop, lake), override="it comes later").status is RunStatus.MERGED
        (shop / "data/orders-2.csv").unlink()
        lake.create_branch("dev")
        add_a_table(lake, "dev")
        (shop / "data/customers.csv").write_text("id,name\n12,Lin\n")
        assert lake.run().status is RunStatus.MERGED
        assert lake.merge("main", into="dev").status is RunStatus.MERGED

        assert lake.merge("dev").status is RunStatus.MERGED


def test_what_is_written_to_the_branch_of_a_run_after_its_checks_is_not_published(shop: Path) -> None:
    def meddle(point: Point) -> None:
        if point is Point.PUBLISH_DUE:
            arm(None)
            with headgate.open(shop) as other:
                (branch,) = (ref.name for ref in other.refs("branch") if ref.name.startswith("run/"))
                add_a_table(other, branch)

    with headgate.open(shop) as lake:
        before = head(lake)
        arm(meddle)
        try:
            result = lake.run()
        finally:
            arm(None)
        assert result.status is RunStatus.CONFLICT
        assert "wrote to" in str(result.error)
        assert head(lake) == before
        assert lake.run().status is RunStatus.MERGED


def test_an_override_is_offered_only_where_there_is_something_to_merge(shop: Path) -> None:
    with headgate.open(shop) as lake:
        lake.run()
        (shop / "data/orders-2.csv").write_text("id;customer\n5;10\n")
        error = lake.run().error
        assert error is not None
        assert (error.data["changes"], "--override" in str(error.hint)) == (0, False)
        (shop / "data/orders-2.csv").write_text(DUPLICATE)
        error = lake.run().error
        assert error is not None
        assert error.data["changes"] != 0
        assert "--override" in str(error.hint)


def test_a_plan_says_which_contract_has_changed(shop: Path) -> None:
    with headgate.open(shop) as lake:
        lake.run()
        assert lake.plan().notes == ()
        with (shop / "ingestion/orders.yml").open("a", encoding="utf-8") as contract:
            contract.write("missing_columns: fill\n")
        (note,) = lake.plan().notes
        assert "The contract of orders has changed" in note
        assert "--select orders+ --full-refresh" in note
        assert "headgate quarantine replay bronze.orders" in note


def test_an_override_that_ended_before_it_was_recorded_can_be_given_again(shop: Path) -> None:
    def end(point: Point) -> None:
        if point is Point.PUBLISHED:
            raise StorageError("The state database does not answer")

    with headgate.open(shop) as lake:
        branch = refused_for_a_test(shop, lake)
        arm(end)
        try:
            assert lake.merge(branch, override="ticket 42").status is RunStatus.MERGED
        finally:
            arm(None)
        assert lake.run().status is RunStatus.REFUSED

        assert lake.merge(branch, override="ticket 42").status is RunStatus.UNCHANGED
        assert lake.run().status is RunStatus.UNCHANGED


def test_an_override_settles_no_check_that_it_was_not_about(shop: Path) -> None:
    with headgate.open(shop) as lake:
        branch = refused_for_a_test(shop, lake)
        lake.merge(branch, override="ticket 42")
        lake.create_branch("same")
        (shop / "tests").mkdir(exist_ok=True)
        (shop / "tests/nobody_spends_much.sql").write_text("select * from {{ ref('mart_spending') }} where spent > 90")

        assert lake.merge("same", override="ticket 42").status is RunStatus.UNCHANGED

        assert lake.run().status is RunStatus.REFUSED


def test_an_override_needs_a_reason_and_leaves_it_in_the_log(shop: Path) -> None:
    with headgate.open(shop) as lake:
        branch = refused_for_a_test(shop, lake)
        with pytest.raises(UsageError, match="reason"):
            lake.merge(branch, override="  ")

        result = lake.merge(branch, override="the till sent order 1 twice")

        assert result.status is RunStatus.MERGED
        commit = lake.log(limit=1)[0]
        assert "the till sent order 1 twice" in commit.message
        assert commit.properties["override"] == "the till sent order 1 twice"
        assert commit.properties["overridden"] == "unique_stg_orders_order_id"
        assert lake.query("select count(*) from silver.stg_orders where order_id = 1").rows() == [(2,)]
        assert not [table.name for table in lake.tables() if table.name.startswith("checks.")]
        # What was let pass is settled until the table changes; then it has to pass, or be let pass, again.
        assert lake.run().status is RunStatus.UNCHANGED
        (shop / "data/orders-3.csv").write_text("id,customer,day,amount\n9,10,2026-01-10,1.00\n")
        assert lake.run().status is RunStatus.REFUSED


def test_an_override_names_every_check_that_fails_and_runs_those_that_were_skipped(shop: Path) -> None:
    (shop / "tests").mkdir(exist_ok=True)
    (shop / "tests/nobody_spends_much.sql").write_text("select * from {{ ref('mart_spending') }} where spent > 90")
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        (shop / "data/orders-2.csv").write_text(DUPLICATE)
        refused = lake.run()
        assert {check.name: check.status.value for check in refused.checks}["nobody_spends_much"] == "skipped"
        assert refused.branch is not None

        result = lake.merge(refused.branch, override="the till sent order 1 twice")

        assert result.status is RunStatus.MERGED
        assert not [check.name for check in result.checks if check.status.value == "skipped"]
        overridden = lake.log(limit=1)[0].properties["overridden"].split(", ")
        assert overridden == ["nobody_spends_much", "unique_stg_orders_order_id"]
        assert lake.run().status is RunStatus.UNCHANGED


def test_an_override_runs_checks_that_come_after_one_that_fails(shop: Path) -> None:
    """A unit test, which no data change, and tests of what is made of the table that fails its own."""
    units = """
unit_tests:
  - name: sums
    model: mart_spending
    given:
      - {input: ref('stg_customers'), rows: [{customer_id: 1, name: Ada}]}
      - {input: ref('stg_orders'), rows: [{order_id: 1, customer_id: 1, amount: 2}]}
    expect: {rows: [{customer_id: 1, spent: 3}]}
"""
    (shop / "models/marts/units.yml").write_text(units)
    (shop / "data/orders-2.csv").write_text(DUPLICATE)
    with headgate.open(shop) as lake:
        refused = lake.run()
        assert refused.branch is not None

        result = lake.merge(refused.branch, override="the till sent order 1 twice")

        assert {check.name: check.status.value for check in result.checks}["mart_spending.sums"] == "failed"
        assert "mart_spending.sums" in lake.log(limit=1)[0].properties["overridden"].split(", ")
        assert lake.run().status is RunStatus.UNCHANGED


def test_too_many_bad_rows_refuse_the_run_also_by_hand(shop: Path) -> None:
    (shop / "data/orders-1.csv").write_text("id,customer,day,amount\n1,10,never,1\n2,10,never,1\n3,10,2026-01-01,1\n")
    with headgate.open(shop) as lake:
        result = lake.run()
        assert result.status is RunStatus.REFUSED
        assert result.branch is not None

        assert lake.merge(result.branch).status is RunStatus.REFUSED


def test_a_check_of_severity_warn_reports_and_lets_pass(shop: Path) -> None:
    tests = shop / "models/staging/staging.yml"
    tests.write_text(tests.read_text().replace("[unique, not_null]", "[{unique: {config: {severity: warn}}}]"))
    (shop / "data/orders-2.csv").write_text(DUPLICATE)
    with headgate.open(shop) as lake:
        result = lake.run()

        assert result.status is RunStatus.MERGED
        assert [(check.severity.value, check.status.value) for check in result.checks if check.failures] == [
            ("warn", "failed")
        ]


def test_a_new_check_that_main_fails_is_told_though_nothing_else_changed(shop: Path) -> None:
    with headgate.open(shop) as lake:
        lake.run()
        (shop / "tests").mkdir()
        (shop / "tests/no_small_orders.sql").write_text("select * from {{ ref('stg_orders') }} where amount < 10")

        result = lake.run()

        assert result.status is RunStatus.REFUSED
        assert [check.name for check in result.checks if check.blocks] == ["no_small_orders"]


def test_two_runs_that_are_right_alone_and_wrong_together(shop: Path) -> None:
    """At most three orders: each run alone brings the third; while one is at it, the other merges."""
    (shop / "tests").mkdir()
    (shop / "tests/at_most_three_orders.sql").write_text(
        "select count(*) as orders from {{ ref('stg_orders') }} having count(*) > 3"
    )
    (shop / "ingestion/more.yml").write_text(
        (shop / "ingestion/orders.yml").read_text().replace("data/orders*.csv", "data/more*.csv")
    )
    (shop / "data/more-1.csv").write_text("id,customer,day,amount\n")
    with headgate.open(shop) as lake, headgate.open(shop) as other:
        assert lake.run().status is RunStatus.MERGED
        (shop / "data/orders-2.csv").write_text("id,customer,day,amount\n7,10,2026-01-07,1.00\n")
        (shop / "data/more-2.csv").write_text("id,customer,day,amount\n8,10,2026-01-08,1.00\n")
        inner = _once(lambda: other.run(select=["more"]).status)

        result = lake.run(select=["orders+"], emit=inner)

        assert inner.result is RunStatus.MERGED
        assert result.status is RunStatus.REFUSED
        assert [check.name for check in result.checks if check.blocks] == ["at_most_three_orders"]


class _once:  # noqa: N801 - reads as a function
    """A consumer of events that does something between the loads and the models."""

    def __init__(self, work: Callable[[], RunStatus]) -> None:
        self._work = work
        self.result: RunStatus | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Planned) and self.result is None:
            self.result = RunStatus.RUNNING
            self.result = self._work()


def test_a_unit_test_waits_for_its_model_and_is_not_skipped_for_good(shop: Path) -> None:
    """A run that builds only the other models passes; the run that builds the model carries the unit test out."""
    (shop / "models/marts/unit.yml").write_text(
        "unit_tests:\n"
        "  - name: spending_adds_up\n"
        "    model: mart_spending\n"
        "    given:\n"
        "      - {input: ref('stg_customers'), rows: [{customer_id: 1, name: Ada}]}\n"
        "      - {input: ref('stg_orders'), rows: [{order_id: 5, customer_id: 1, amount: 2.5}]}\n"
        "    expect: {rows: [{customer_id: 1, orders: 2}]}\n"  # there is one order
    )
    with headgate.open(shop) as lake:
        assert lake.run(select="orders").status is RunStatus.MERGED
        result = lake.run()

        assert result.status is RunStatus.REFUSED
        assert [check.name for check in result.checks if check.blocks] == ["mart_spending.spending_adds_up"]
