"""Projects with their catalog on Postgres: the tables of the laptop, several machines, and a server that fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

import headgate
from headgate import database
from headgate.database import Database
from headgate.errors import StorageError
from headgate.events import Event, Loaded
from headgate.lakehouse import Lakehouse
from headgate.run import history as module
from headgate.run.history import RunHistory
from headgate.run.result import RunStatus
from services import running

pytestmark = pytest.mark.services

MOBILITY = Path(__file__).parents[2] / "examples" / "mobility"
# What says when a run was, and what a run calls itself.
OF_THE_RUN = {"_loaded_at", "refused_at", "run_id", "started", "finished"}


def machine(project: Path, folder: Path, url: str, warehouse: Path | None = None) -> Path:
    """A copy of a project whose catalog is at a URL, as another machine has it."""
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".headgate", "target", "__pycache__"))
    settings = yaml.safe_load((folder / "headgate.yml").read_text())
    settings |= {"catalog": url, **({"storage": str(warehouse)} if warehouse else {})}
    (folder / "headgate.yml").write_text(yaml.safe_dump(settings))
    return folder


def contents(lake: Lakehouse) -> dict[str, Counter[tuple[Any, ...]]]:
    """The rows of every table and view, without what differs from run to run."""
    found = {}
    for table in lake.tables():
        result = lake.query(f"from {table.name}")
        kept = [place for place, column in enumerate(result.columns) if column.name not in OF_THE_RUN]
        found[table.name] = Counter(tuple(str(row[place]) for place in kept) for row in result.rows())
    return found


def start(root: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "headgate", "--project", str(root), "run", "--json", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_mobility_project_gives_the_tables_that_it_gives_on_a_laptop(postgres_url: str, tmp_path: Path) -> None:
    laptop = machine(MOBILITY, tmp_path / "laptop", "sqlite:///.headgate/state.db")
    there = machine(MOBILITY, tmp_path / "there", postgres_url)
    with headgate.open(laptop) as lake:
        assert lake.run().status is RunStatus.MERGED
        expected = contents(lake)
    with headgate.open(there) as lake:
        first = lake.run()
        assert first.status is RunStatus.MERGED
        found = contents(lake)
        assert [name for name in expected if found.get(name) != expected[name]] == []
        assert found.keys() == expected.keys()
        # 10 bronze, 28 models, 7 of refused rows and the ledger.
        assert len(found) == 46
        again = lake.run()
        assert (again.status, again.commit) == (RunStatus.UNCHANGED, first.commit)
        assert {finding.status for finding in lake.doctor() if finding.name != "disk"} == {"ok"}
    assert not (there / ".headgate" / "state.db").exists()


def test_runs_of_two_machines_at_once_both_land(shop: Path, postgres_url: str, tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse"
    one, two = (machine(shop, tmp_path / name, postgres_url, warehouse) for name in ("one", "two"))
    with headgate.open(one) as lake:
        assert lake.run().status is RunStatus.MERGED
    (one / "data/orders-2.csv").write_text("id,customer,day,amount\n4,11,2026-01-09,5.00\n")
    (two / "data/customers.csv").write_text("id,name\n10,Ada\n11,Grace\n12,Edsger\n")

    runs = [start(one, "--select", "orders+"), start(two, "--select", "customers+")]
    outputs = [process.communicate() for process in runs]

    assert [process.returncode for process in runs] == [0, 0], outputs
    with headgate.open(two) as lake:
        assert lake.query("select count(*), sum(amount)::varchar from bronze.orders").rows() == [(3, "24.75")]
        assert lake.query("select string_agg(name, ',' order by name) from bronze.customers").rows() == [
            ("Ada,Edsger,Grace",)
        ]
        assert [ref.name for ref in lake.refs()] == ["main"]


@pytest.fixture
def own_server(tmp_path: Path, postgres_server: running.Postgres) -> Iterator[running.Postgres]:
    """A server that may be killed."""
    with running.postgres(tmp_path / "server") as server:
        yield server


def test_a_server_that_is_killed_leaves_main_as_it_was(
    shop: Path, own_server: running.Postgres, tmp_path: Path
) -> None:
    folder = machine(shop, tmp_path / "lake", own_server.create_database("lake"))

    def kill(event: Event) -> None:
        if isinstance(event, Loaded):
            own_server.kill()

    with headgate.open(folder) as lake:
        with pytest.raises(StorageError, match="state database does not answer") as caught:
            lake.run(emit=kill)
        assert "Start the server" in str(caught.value.hint)
        assert own_server.password not in str(caught.value)
        own_server.start()
        assert [commit.message for commit in lake.log()] == ["The empty lake"]
    with headgate.open(folder) as lake:
        result = lake.run()
        assert result.status is RunStatus.MERGED
        assert lake.query("select count(*) from bronze.orders").rows() == [(2,)]
        assert [ref.name for ref in lake.refs()] == ["main"]
        assert [run.status for run in lake.runs()] == [RunStatus.MERGED, RunStatus.INTERRUPTED]
        # Nothing is left of the run that was cut off.
        files = [path.name for path in (folder / ".headgate" / "warehouse").rglob("*.parquet")]
        assert [name for name in files if not name.startswith(result.run_id)] == []
        assert {finding.status for finding in lake.doctor() if finding.name not in ("disk",)} == {"ok"}


def test_a_server_that_restarts_does_not_end_a_run(shop: Path, own_server: running.Postgres, tmp_path: Path) -> None:
    folder = machine(shop, tmp_path / "lake", own_server.create_database("lake"))
    restarts = []

    def restart(event: Event) -> None:
        if isinstance(event, Loaded):
            own_server.restart()
            restarts.append(event)

    with headgate.open(folder) as lake:
        assert lake.run(emit=restart).status is RunStatus.MERGED
        assert len(restarts) == 2
        assert lake.query("select count(*) from bronze.orders").rows() == [(2,)]


class TestRunsOfSeveralMachines:
    @pytest.fixture
    def db(self, postgres_url: str) -> Iterator[Database]:
        opened = Database.open(postgres_url)
        yield opened
        opened.close()

    @pytest.fixture
    def histories(self, db: Database, tmp_path: Path) -> tuple[RunHistory, RunHistory]:
        return RunHistory(db, tmp_path / "one"), RunHistory(db, tmp_path / "two")

    def test_a_run_of_another_folder_of_this_machine_is_not_dead(
        self, histories: tuple[RunHistory, RunHistory]
    ) -> None:
        with histories[0].running("r1", "run/r1", "base", ""):
            assert [history.dead() for history in histories] == [[], []]

    @pytest.mark.parametrize(("minutes", "dead"), [(0, []), (14, []), (16, ["r1"])])
    def test_a_run_of_another_machine_is_dead_when_it_was_long_silent(
        self, db: Database, histories: tuple[RunHistory, RunHistory], minutes: int, dead: list[str]
    ) -> None:
        runs = database.runs
        with histories[0].running("r1", "run/r1", "base", ""):
            db.execute(runs.update().values(host="elsewhere", heartbeat=db.after(-timedelta(minutes=minutes))))
            assert [run.run_id for run in histories[0].dead()] == dead
            assert [run.run_id for run in histories[1].dead()] == dead

    def test_a_heart_goes_on_beating_after_the_server_was_away(
        self,
        postgres_server: running.Postgres,
        db: Database,
        histories: tuple[RunHistory, RunHistory],
        monkeypatch: pytest.MonkeyPatch,
        wait_until: Callable[[Callable[[], bool]], None],
    ) -> None:
        monkeypatch.setattr(module, "HEARTBEAT", timedelta(seconds=0.05))

        def heard() -> object:
            return db.fetch(select(database.runs.c.heartbeat))[0].heartbeat

        with histories[0].running("r1", "run/r1", "base", ""):
            first = heard()
            wait_until(lambda: heard() != first)
            name = db.place.rpartition("/")[2]
            postgres_server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            second = heard()
            wait_until(lambda: heard() != second)


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    def wait(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    return wait
