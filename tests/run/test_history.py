from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row

from headgate.database import Database
from headgate.run.history import RunHistory
from headgate.run.result import RunResult, RunStatus, new_run_id
from headgate.types import CheckResult, CheckStatus, Severity


@pytest.fixture
def history(tmp_path: Path) -> Iterator[RunHistory]:
    db = Database.open(f"sqlite:///{tmp_path}/state.db")
    yield RunHistory(db, tmp_path / "runs")
    db.close()


def result(run_id: str, status: RunStatus, commit: str = "c1", *checks: CheckResult) -> RunResult:
    return RunResult(run_id, status, None, commit, 1.5, checks=checks)


# Begins a run and ends without finishing it, as a killed process does.
DIE = """
import os, pathlib, sys
from headgate.database import Database
from headgate.run.history import RunHistory
folder = pathlib.Path(sys.argv[1])
with RunHistory(Database.open(f"sqlite:///{folder}/state.db"), folder / "runs").running("r1", "run/r1", "base", ""):
    os._exit(9)
"""


def test_a_run_is_known_from_its_start_to_its_end(history: RunHistory) -> None:
    with history.running("r1", "run/r1", "base", "orders+"):
        assert [(run.run_id, run.status) for run in history.runs()] == [("r1", RunStatus.RUNNING)]
        history.finish(result("r1", RunStatus.MERGED), "print")

    assert [(run.run_id, run.status, run.commit) for run in history.runs()] == [("r1", RunStatus.MERGED, "c1")]


@pytest.mark.parametrize(("status", "commit"), [(RunStatus.MERGED, "c1"), (RunStatus.UNCHANGED, "c1")])
def test_a_fingerprint_is_settled_by_a_run_that_left_main_there(
    history: RunHistory, status: RunStatus, commit: str
) -> None:
    assert history.settled("print") is None
    with history.running("r1", "run/r1", "base", ""):
        history.finish(result("r1", status), "print")

    assert history.settled("print") == commit
    assert history.settled("another") is None


def test_a_refused_run_settles_nothing_and_its_checks_are_kept(history: RunHistory) -> None:
    failed = CheckResult("unique", "dbt", Severity.ERROR, CheckStatus.FAILED, 2, columns=("id",), sample=((7,),))
    with history.running("r1", "run/r1", "base", ""):
        history.finish(result("r1", RunStatus.REFUSED, "c1", failed), None)

    assert history.settled("print") is None
    (row,) = history.checks("r1")
    assert (row["name"], row["status"], row["failures"], row["sample"]) == ("unique", "failed", 2, [[7]])


def test_a_run_that_lives_is_not_dead_and_one_whose_process_ended_is(history: RunHistory, tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", DIE, str(tmp_path)], check=False).returncode == 9
    with history.running("r2", "run/r2", "base", ""):
        assert [run.run_id for run in history.dead()] == ["r1"]

        history.bury("r1")

        assert history.dead() == []
        assert {run.run_id: run.status for run in history.runs()} == {
            "r1": RunStatus.INTERRUPTED,
            "r2": RunStatus.RUNNING,
        }


def test_a_run_that_ends_while_its_lock_is_looked_at_did_not_die(
    history: RunHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_dead = RunHistory._is_dead

    def end_first(other: RunHistory, row: Row[Any]) -> bool:
        history.finish(result("r1", RunStatus.REFUSED), None)
        return is_dead(other, row)

    monkeypatch.setattr(RunHistory, "_is_dead", end_first)
    with history.running("r1", "run/r1", "base", ""):
        assert history.dead() == []


def test_names_of_runs_sort_by_time_and_differ() -> None:
    names = [new_run_id() for _ in range(100)]

    assert len(set(names)) == 100
    assert [name[:15] for name in names] == sorted(name[:15] for name in names)


# Ends with its lock made and nothing recorded; or with its end recorded and its lock there.
DIE_AROUND = """
import os, pathlib, sys
from headgate import faults
from headgate.database import Database
from headgate.run.history import RunHistory
from headgate.run.result import RunResult, RunStatus
faults.arm(lambda point: os._exit(9) if point.value == sys.argv[2] else None)
folder = pathlib.Path(sys.argv[1])
history = RunHistory(Database.open(f"sqlite:///{folder}/state.db"), folder / "runs")
with history.running("r1", "run/r1", "base", ""):
    history.finish(RunResult("r1", RunStatus.MERGED, None, "c1", 1.5), None)
"""


@pytest.mark.parametrize("point", ["run locked", "run ended"])
def test_locks_of_the_dead_are_swept_and_those_of_the_living_stay(
    history: RunHistory, tmp_path: Path, point: str
) -> None:
    assert subprocess.run([sys.executable, "-c", DIE_AROUND, str(tmp_path), point], check=False).returncode == 9
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["r1.lock"]
    with history.running("r2", "run/r2", "base", ""):
        assert history.dead() == []

        history.sweep()

        assert [path.name for path in (tmp_path / "runs").iterdir()] == ["r2.lock"]
