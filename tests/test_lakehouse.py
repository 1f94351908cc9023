"""The facade, on one project that ran once."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

import headgate
from headgate.errors import AlreadyExists, Conflict, NotFound, RefNotFound, TableNotFound, UsageError
from headgate.events import Event, Loaded, LoadStarted, Note
from headgate.ingest import replay
from headgate.ingest.merging import Merged
from headgate.lakehouse import Lakehouse
from headgate.run.result import RunStatus


@pytest.fixture
def lake(shop: Path) -> Iterator[Lakehouse]:
    with headgate.open(shop) as opened:
        assert opened.run().status is RunStatus.MERGED
        yield opened


def test_a_plan_tells_what_a_run_would_do_and_changes_nothing(shop: Path) -> None:
    with headgate.open(shop) as lake:
        plan = lake.plan()

        assert [(step.name, step.file) for step in plan.loads] == [
            ("customers", "data/customers.csv"),
            ("orders", "data/orders-1.csv"),
        ]
        assert {step.name for step in plan.models} == {
            "silver.stg_orders",
            "silver.stg_customers",
            "gold.mart_spending",
        }
        assert lake.tables() == []
        assert lake.runs() == []

        lake.run()
        assert lake.plan().empty
        (shop / "data/customers.csv").write_text("id,name\n10,Ada\n")
        after = lake.plan()
        assert [step.name for step in after.loads] == ["customers"]
        assert {step.name for step in after.models} == {"silver.stg_customers", "gold.mart_spending"}


def test_an_answer_comes_as_arrow_pandas_polars_rows_and_json(lake: Lakehouse) -> None:
    answer = lake.query("select order_id, amount from silver.stg_orders order by order_id")

    assert answer.arrow().num_rows == 2
    assert isinstance(answer.pandas(), pd.DataFrame)
    assert isinstance(answer.polars(), pl.DataFrame)
    assert [row[0] for row in answer.rows()] == [1, 2]
    assert answer.rows(limit=1)[0][0] == 1
    assert answer.to_dict()["columns"] == [
        {"name": "order_id", "type": "BIGINT"},
        {"name": "amount", "type": "DECIMAL(10,2)"},
    ]


def test_the_lake_answers_questions_about_itself(lake: Lakehouse) -> None:
    assert lake.query("select status, count(*) from headgate.runs group by all").rows() == [("merged", 1)]
    assert lake.query("select count(*) from headgate.commits").rows() == [(2,)]
    assert lake.query("select name, kind from headgate.refs").rows() == [("main", "branch")]
    assert lake.query("select row_count from headgate.tables where table_name = 'mart_spending'").rows() == [(2,)]
    passed = "select count(*) from headgate.checks where status = 'passed' and kind = 'dbt'"
    assert lake.query(passed).rows() == [(2,)]
    both = "select count(*) from headgate.loads join headgate.runs using (run_id)"
    assert lake.query(both).rows() == [(2,)]


def test_a_table_is_shown_with_its_columns_snapshots_and_files(lake: Lakehouse) -> None:
    detail = lake.show("bronze.orders")

    assert detail.rows == 2
    assert [(column.name, column.type) for column in detail.columns][:4] == [
        ("order_id", "long"),
        ("customer_id", "long"),
        ("order_date", "date"),
        ("amount", "decimal(10, 2)"),
    ]
    assert [snapshot.rows for snapshot in detail.snapshots] == [2]
    assert sum(file.rows for file in detail.files) == 2
    with pytest.raises(TableNotFound, match="order"):
        lake.show("bronze.order")


def test_branches_and_tags_name_states(lake: Lakehouse, shop: Path) -> None:
    lake.create_tag("v1")
    lake.create_branch("experiment", "v1")
    (shop / "data/customers.csv").write_text("id,name\n10,Ada\n11,Grace\n12,Edsger\n")
    moment = datetime.now(UTC)
    lake.run()
    count = "select count(*) from silver.stg_customers"

    assert lake.query(count).rows() == [(3,)]
    assert lake.query(count, "v1").rows() == [(2,)]
    assert lake.query(count, f"main@{moment.isoformat()}").rows() == [(2,)]
    assert lake.query(count, "experiment").rows() == [(2,)]
    with pytest.raises(UsageError, match="tag"):
        lake.delete_branch("v1")
    with pytest.raises(AlreadyExists):
        lake.create_branch("v1")
    lake.delete_tag("v1")
    with pytest.raises(RefNotFound):
        lake.query(count, "v1")


def test_a_difference_tells_tables_rows_and_columns(lake: Lakehouse, shop: Path) -> None:
    before = lake.log(limit=1)[0].id
    (shop / "data/orders-2.csv").write_text("id,customer,day,amount,channel\n4,11,2026-01-09,5.00,web\n")
    lake.run()

    changes = {change["name"]: change for change in lake.diff(before, "main")["changes"]}
    assert (changes["bronze.orders"]["rows_before"], changes["bronze.orders"]["rows_after"]) == (2, 3)
    assert changes["bronze.orders"]["schema"] == ["+ channel string"]
    assert "bronze.customers" not in changes

    one = lake.diff(before, "main", "silver.stg_orders")
    assert (one["changes"][0]["rows_added"], one["changes"][0]["rows_removed"]) == (1, 0)
    assert [(row["change"], row["order_id"]) for row in one["rows"]] == [("+", 4)]
    with pytest.raises(TableNotFound):
        lake.diff(before, "main", "silver.nothing")


def test_rows_that_were_loaded_again_make_no_difference(lake: Lakehouse, shop: Path) -> None:
    before = lake.log(limit=1)[0].id
    customers = shop / "data/customers.csv"
    (shop / "data/orders-1.csv").write_text(
        "id,customer,day,amount\n2,11,2026-01-06,7.30\n1,10,2026-01-05,12.50\n3,10,not a day,3.00\n"
    )
    customers.write_text("id,name,change\n10,Ada,up\n11,Grace,down\n")
    lake.run()
    orders = lake.diff(before, "main", "bronze.orders")
    assert (orders["changes"][0]["rows_added"], orders["changes"][0]["rows_removed"]) == (1, 1)
    assert [(row["change"], row["order_id"], str(row["amount"])) for row in orders["rows"]] == [
        ("-", 2, "7.25"),
        ("+", 2, "7.30"),
    ]

    before = lake.log(limit=1)[0].id
    many = "".join(f"{number},12,2026-02-01,1.00\n" for number in range(100, 300))
    (shop / "data/orders-1.csv").write_text(f"id,customer,day,amount\n{many}1,10,2026-01-05,12.50\n")
    lake.run()
    orders = lake.diff(before, "main", "bronze.orders")
    assert (orders["changes"][0]["rows_added"], orders["changes"][0]["rows_removed"]) == (200, 1)
    assert [row["change"] for row in orders["rows"]] == ["-", *["+"] * 99]

    before = lake.log(limit=1)[0].id
    customers.write_text("id,name,change\n10,Ada,down\n11,Grace,down\n")
    lake.run()
    found = lake.diff(before, "main", "bronze.customers")
    assert found["columns"][:1] == ["_change"]
    assert [(row["_change"], row["customer_id"], row["change"]) for row in found["rows"]] == [
        ("+", 10, "down"),
        ("-", 10, "up"),
    ]


def test_a_revert_brings_an_older_state_back(lake: Lakehouse, shop: Path) -> None:
    (shop / "data/customers.csv").write_text("id,name\n10,Ada\n")
    made = lake.run().commit

    lake.revert(made, reason="the export was cut short")

    assert lake.query("select count(*) from silver.stg_customers").rows() == [(2,)]
    assert "cut short" in lake.log(limit=1)[0].message


def test_a_revert_of_what_was_changed_since_says_what_comes_first(lake: Lakehouse, shop: Path) -> None:
    first = lake.runs()[0].commit
    assert first is not None
    (shop / "data/orders-1.csv").write_text("id,customer,day,amount\n1,10,2026-01-05,13.00\n")
    lake.run()
    with pytest.raises(Conflict, match=r"bronze\.orders") as caught:
        lake.revert(first)
    assert "Revert the later commits" in (caught.value.hint or "")


def test_checks_are_those_of_a_run_that_was(lake: Lakehouse) -> None:
    (run,) = lake.runs()
    assert lake.checks(f"run/{run.run_id}") == lake.checks(run.run_id) == lake.checks() != []
    with pytest.raises(NotFound, match="no run '20260101T000000-000000'"):
        lake.checks("20260101T000000-000000")


def test_a_revert_takes_no_empty_reason(lake: Lakehouse) -> None:
    before = lake.log(limit=1)[0].id
    with pytest.raises(UsageError, match="reason"):
        lake.revert("main", reason=" ")
    assert lake.log(limit=1)[0].id == before


def test_nothing_is_built_for_rows_that_main_never_refused(lake: Lakehouse) -> None:
    before = len(lake.runs())
    with pytest.raises(NotFound, match="Nothing is in quarantine for customers on main"):
        lake.quarantine_replay("customers")
    with pytest.raises(NotFound, match="Nothing is in quarantine for customers on main"):
        lake.quarantine_discard("customers", reason="x")
    assert len(lake.runs()) == before


def test_refused_rows_are_replayed_under_a_corrected_contract(lake: Lakehouse, shop: Path) -> None:
    contract = shop / "ingestion/orders.yml"
    contract.write_text(contract.read_text().replace("type: date}", 'type: date, null_values: ["not a day"]}'))

    result = lake.quarantine_replay("orders")

    assert result.status is RunStatus.MERGED
    assert lake.query("select order_id from bronze.orders where order_date is null").rows() == [(3,)]
    assert lake.query("select order_id from silver.stg_orders order by 1").rows() == [(1,), (2,), (3,)]
    books = "select sum(read), sum(loaded), sum(quarantined), sum(duplicates) from headgate.loads"
    assert [int(value) for value in lake.query(books).rows()[0]] == [5, 5, 0, 0]
    assert lake.run().status is RunStatus.UNCHANGED


def test_a_replay_that_loses_rows_is_refused(lake: Lakehouse, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = shop / "ingestion/orders.yml"
    contract.write_text(contract.read_text().replace("type: date}", 'type: date, null_values: ["not a day"]}'))

    monkeypatch.setattr(replay, "write_rows", lambda *_: Merged(written=1, duplicates=0))

    result = lake.quarantine_replay("orders")

    assert result.status is RunStatus.REFUSED
    assert [check.name for check in result.checks if check.blocks] == ["accounting:orders"]


def test_refused_rows_are_discarded_with_a_reason(lake: Lakehouse) -> None:
    with pytest.raises(UsageError, match="reason"):
        lake.quarantine_discard("orders", reason=" ")

    assert lake.quarantine_discard("orders", reason="a test of the till").status is RunStatus.MERGED

    assert "a test of the till" in lake.log(limit=1)[0].message
    rows = lake.quarantine_show("orders")
    assert [row["status"] for row in rows] == ["discarded"]
    with pytest.raises(NotFound, match="ordrs"):
        lake.quarantine_discard("ordrs", reason="no such table")


def test_refused_rows_of_a_namesake_in_another_schema_stay(shop: Path) -> None:
    (shop / "ingestion/till.yml").write_text("table: till.orders\nfiles: data/till.csv\ncolumns: {id: integer}\n")
    (shop / "data/till.csv").write_text("id\n1\nx\n")
    with headgate.open(shop) as lake:
        lake.run()
        for change in (lake.quarantine_replay, lambda name: lake.quarantine_discard(name, reason="a test")):
            with pytest.raises(UsageError, match=r"bronze\.orders, till\.orders"):
                change("orders")
        assert lake.quarantine_discard("till.orders", reason="a test").status is RunStatus.MERGED
        status = {row["source"]: row["status"] for row in lake.quarantine_show("orders")}
    assert status == {"orders": "refused", "till": "discarded"}


def test_doctor_finds_a_lost_file(lake: Lakehouse) -> None:
    assert {finding.status for finding in lake.doctor()} <= {"ok"}
    Path(lake.show("bronze.orders").files[0].path.removeprefix("file://")).unlink()

    errors = [finding for finding in lake.doctor() if finding.status == "error"]

    assert [finding.name for finding in errors] == ["tables"]
    assert "bronze.orders" in errors[0].message


def test_doctor_finds_a_lost_file_of_a_branch(lake: Lakehouse, shop: Path) -> None:
    lake.create_branch("kept")
    (shop / "models/staging/stg_orders.sql").write_text("select 1 as order_id")
    (shop / "models/marts/mart_spending.sql").write_text("select 1 as one")
    assert lake.run().status is RunStatus.MERGED
    Path(lake.show("gold.mart_spending", ref="kept").files[0].path.removeprefix("file://")).unlink()

    (error,) = [finding for finding in lake.doctor() if finding.status == "error"]

    assert error.message.startswith("gold.mart_spending on kept: ")


def test_columns_that_came_with_a_file_are_told_of(lake: Lakehouse, shop: Path) -> None:
    def notes() -> list[str]:
        told: list[Event] = []
        result = lake.run(emit=told.append)
        assert result.status is RunStatus.MERGED
        found = [event.message for event in told if isinstance(event, Note)]
        assert result.to_dict()["notes"] == found
        return found

    otherwise = "or say `new_columns: ignore` or `fail` there."
    (shop / "data/orders-2.csv").write_text("id,customer,day,amount,Gift Note\n4,10,2026-01-07,1.00,hello\n")
    assert notes() == [f"bronze.orders has a new column: gift_note. Name it in orders.yml, {otherwise}"]
    (shop / "data/orders-3.csv").write_text("id,customer,day,amount,Gift Note\n5,10,2026-01-08,1.00,bye\n")
    (shop / "data/customers.csv").write_text("id,name,b,a\n10,Ada,1,2\n11,Grace,3,4\n")
    assert notes() == [f"bronze.customers has new columns: b, a. Name them in customers.yml, {otherwise}"]
    # Of two contracts for one table, each may name a column.
    (shop / "ingestion/returns.yml").write_text(
        "table: orders\nfiles: data/returns.csv\ncolumns:\n"
        "  id: {name: order_id, type: bigint, required: true}\n  back: date\n"
    )
    (shop / "data/returns.csv").write_text("id,back,cause\n20,2026-02-01,late\n")
    assert notes() == [f"bronze.orders has a new column: cause. Name it in orders.yml or returns.yml, {otherwise}"]


def test_a_source_whose_files_are_gone_is_told_of_and_keeps_its_rows(lake: Lakehouse, shop: Path) -> None:
    (shop / "data/orders-1.csv").rename(shop / "data/archived.csv")
    gone = (
        "The source 'orders' has no file any more: nothing matches data/orders*.csv. "
        "What was loaded into bronze.orders stays as it is."
    )
    assert lake.plan().notes == (gone,)
    told: list[Event] = []
    assert lake.run(emit=told.append).status is RunStatus.UNCHANGED
    assert [event.message for event in told if isinstance(event, Note)] == [gone]
    assert lake.query("select count(*) from bronze.orders").rows() == [(2,)]


def test_a_plan_names_the_file_whose_rows_are_to_go(lake: Lakehouse, shop: Path) -> None:
    (shop / "data/orders-2.csv").write_text("id,customer,day,amount\n4,10,2026-01-07,1.00\n")
    assert lake.run().status is RunStatus.MERGED
    shutil.copy(shop / "data/orders-2.csv", shop / "data/orders-1.csv")
    assert [(step.action, step.file) for step in lake.plan().loads] == [("remove", "data/orders-1.csv")]


@pytest.mark.parametrize(
    "sql", ["select {{ ref('nope') }}", "select * from {{ source('bronze', 'orders') }", "{% if true %} select 1"]
)
def test_a_model_that_does_not_parse_stops_a_run_while_it_loads(shop: Path, sql: str) -> None:
    (shop / "models/marts/mart_wrong.sql").write_text(sql)
    told: list[Event] = []

    def emit(event: Event) -> None:
        told.append(event)
        if isinstance(event, LoadStarted):  # the first file waits for the models
            for thread in threading.enumerate():
                if thread.name == "beside":
                    thread.join(60)

    with headgate.open(shop) as lake:
        result = lake.run(emit=emit)
        assert result.status is RunStatus.FAILED
        assert result.error is not None
        assert "models/marts/mart_wrong.sql" in str(result.error.place)
        assert not result.loads
        assert not any(isinstance(event, Loaded) for event in told)
        assert [ref.name for ref in lake.refs()] == ["main"]


def test_a_reconciliation_of_a_table_that_nothing_makes_is_told_of(shop: Path) -> None:
    (shop / "checks").mkdir(exist_ok=True)
    (shop / "checks/misspelled.yml").write_text(
        "checks:\n  - {name: kept, kind: row_count, left: bronze.orders, right: silver.stg_order}\n"
    )
    with headgate.open(shop) as lake:
        told = lake.run().notes
    assert told == ("The reconciliation kept waits: nothing makes silver.stg_order. Did you mean 'silver.stg_orders'?",)


def test_a_project_without_models_runs_without_dbt(shop: Path) -> None:
    shutil.rmtree(shop / "models")
    with headgate.open(shop) as lake:
        assert lake.run(select="orders").status is RunStatus.MERGED
        assert {table.name for table in lake.tables()} == {"bronze.orders", "headgate.loads", "quarantine.orders"}
        with pytest.raises(UsageError, match="ordes"):
            lake.run(select="ordes")


def test_a_branch_that_is_merged_into_another_needs_no_gate(lake: Lakehouse, shop: Path) -> None:
    lake.create_branch("one")
    (shop / "data/customers.csv").write_text("id,name\n10,Ada\n")
    lake.run()

    assert lake.merge("main", into="one").status is RunStatus.MERGED
    assert lake.query("select count(*) from bronze.customers", "one").rows() == [(1,)]
    assert lake.merge("main", into="one").status is RunStatus.UNCHANGED
