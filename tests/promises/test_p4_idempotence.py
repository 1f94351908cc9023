"""P4: the same input twice changes nothing; a crash at any point and a second run give what one clean run gives."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import headgate
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.lakehouse import Lakehouse
from headgate.run.result import RunStatus
from headgate.types import Name

TABLES = {
    "bronze.orders": "order_id, customer_id, order_date, amount, _source_file, _source_row",
    "bronze.customers": "customer_id, name, _source_file, _source_row",
    "silver.stg_orders": "*",
    "gold.mart_spending": "*",
    "headgate.loads": "source, file, sha256, read, loaded, quarantined, duplicates",
    "quarantine.orders": 'file, "row", "column", "value", raw',
}


def rows(lake: Lakehouse) -> dict[str, list[tuple[object, ...]]]:
    """Every table but for its audit columns."""
    return {name: lake.query(f"select {columns} from {name} order by all").rows() for name, columns in TABLES.items()}


def test_a_second_run_changes_nothing(shop: Path) -> None:
    with headgate.open(shop) as lake:
        first = lake.run()
        second = lake.run()

        assert first.status is RunStatus.MERGED
        assert second.status is RunStatus.UNCHANGED
        assert second.commit == first.commit
        assert [ref.name for ref in lake.refs()] == ["main"]


def test_a_touched_file_and_a_copy_under_another_name_change_nothing(shop: Path) -> None:
    with headgate.open(shop) as lake:
        lake.run()
        before = rows(lake)
        os.utime(shop / "data/orders-1.csv", (1, 1))
        shutil.copy(shop / "data/orders-1.csv", shop / "data/orders-copy.csv")

        assert lake.run().status is RunStatus.UNCHANGED
        assert rows(lake) == before


def test_only_what_depends_on_a_change_is_built(shop: Path) -> None:
    with headgate.open(shop) as lake:
        lake.run()
        (shop / "data/customers.csv").write_text("id,name\n10,Ada\n11,Grace\n12,Edsger\n")

        result = lake.run()

        assert sorted(model.name for model in result.models) == ["gold.mart_spending", "silver.stg_customers"]
        # A file that changed replaces what it was: its old rows go, and all three are loaded.
        assert [(load.file, load.read, load.loaded) for load in result.loads] == [("data/customers.csv", 3, 3)]


# At every point, in chains, and in every other scenario: tests/torture/test_kills.py.
@pytest.mark.parametrize("delay", [0.8, 2.0])
def test_a_killed_run_and_another_give_what_a_clean_run_gives(shop: Path, tmp_path: Path, delay: float) -> None:
    clean = tmp_path / "clean"
    shutil.copytree(shop, clean)
    with headgate.open(clean) as lake:
        lake.run()
        expected = rows(lake)
    process = subprocess.Popen(
        [sys.executable, "-m", "headgate", "--project", str(shop), "run"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()

    with headgate.open(shop) as lake:
        result = lake.run()

        assert result.status in (RunStatus.MERGED, RunStatus.UNCHANGED)
        assert rows(lake) == expected
        assert [ref.name for ref in lake.refs()] == ["main"]
        assert not [run for run in lake.runs() if run.status is RunStatus.RUNNING]


def test_rows_that_are_replayed_give_what_loading_everything_again_gives(shop: Path) -> None:
    """The one of two rows of a key that arrived later stands in the table, whenever the earlier one was let in."""
    contract = shop / "ingestion/customers.yml"
    strict = contract.read_text().replace("customers.csv", "customers*.csv")
    contract.write_text(strict.replace("type: varchar}", "type: varchar, pattern: '[A-Z].*'}"))
    (shop / "data/customers.csv").write_text("id,name\n10,ada\n11,Grace\n12,edsger\n")
    with headgate.open(shop) as lake:
        lake.run()
        (shop / "data/customers-2.csv").write_text("id,name\n10,Ada\n")
        lake.run()
        contract.write_text(strict)

        replayed = lake.quarantine_replay("customers")

        assert [(load.loaded, load.quarantined, load.duplicates) for load in replayed.loads] == [(1, -2, 1)]
        names = "select customer_id, name, _source_file, _source_row from bronze.customers order by all"
        expected = [
            (10, "Ada", "data/customers-2.csv", 1),
            (11, "Grace", "data/customers.csv", 2),
            (12, "edsger", "data/customers.csv", 3),
        ]
        assert lake.query(names).rows() == expected
        lake.run(select=["customers"], full_refresh=True)
        assert lake.query(names).rows() == expected


def test_a_branch_can_be_merged_as_often_as_it_grows_and_brings_each_row_once(shop: Path) -> None:
    with headgate.open(shop) as lake, Session(lake.project.engine, lake.lake.storage) as session:
        assert lake.run().status is RunStatus.MERGED
        notes = Name.of("notes", "taken")
        first = Workspace(lake.lake.catalog, "main", session)
        first.append(notes, "SELECT 1 AS n")
        first.commit("start")
        lake.create_branch("work")
        for n in (2, 3):
            other = Workspace(lake.lake.catalog, "work", session)
            other.append(notes, f"SELECT {n} AS n")
            other.commit(f"note {n}")
            aside = Workspace(lake.lake.catalog, "main", session)
            aside.append(notes, f"SELECT {n * 10} AS n")
            aside.commit(f"note {n * 10}")
            assert lake.merge("work").status is RunStatus.MERGED
            assert lake.merge("work").status is RunStatus.UNCHANGED
        found = lake.query("select n from notes.taken order by n").rows()
        assert found == [(1,), (2,), (3,), (20,), (30,)]
