from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import headgate
from headgate import faults
from headgate.catalog import Ref
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.errors import StorageError
from headgate.faults import Point
from headgate.lakehouse import Lakehouse
from headgate.run.history import RunHistory
from headgate.run.leftovers import take_away
from headgate.run.result import RunStatus
from headgate.types import Name

# A run that is killed after it has come to `main` and before that is recorded; or between the two.
DIE = """
import os, sys
import headgate
from headgate.catalog.embedded import EmbeddedCatalog
from headgate.run.history import RunHistory
if sys.argv[2] == "finish":
    RunHistory.finish = lambda *_: os._exit(9)
else:
    EmbeddedCatalog.delete_ref = lambda *_: os._exit(9)
with headgate.open(sys.argv[1]) as lake:
    lake.run()
"""


def spending(lake: Lakehouse) -> list[tuple[object, ...]]:
    return lake.query("select order_id, amount::varchar from bronze.orders order by all").rows()


@pytest.mark.parametrize("where", ["finish", "delete_ref"])
def test_files_of_a_run_that_was_killed_once_it_was_on_main_stay(shop: Path, where: str) -> None:
    done = subprocess.run([sys.executable, "-c", DIE, str(shop), where], capture_output=True, check=False)
    assert done.returncode == 9, done.stderr

    with headgate.open(shop) as lake:
        head = lake.log()[0].id
        again = lake.run()

        assert again.status is RunStatus.UNCHANGED
        assert spending(lake) == [(1, "12.50"), (2, "7.25")]
        assert [(run.status, run.commit) for run in lake.runs()][-1] == (RunStatus.MERGED, head)
        assert [ref.name for ref in lake.refs()] == ["main"]
        assert {finding.status for finding in lake.doctor() if finding.name in ("tables", "history")} == {"ok"}


def test_a_run_that_meets_an_error_once_it_is_on_main_has_merged(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with headgate.open(shop) as lake:
        catalog = lake.lake.catalog
        publish = type(catalog).publish

        def publish_and_lose(self: object, *arguments: object, **options: object) -> None:
            publish(self, *arguments, **options)  # type: ignore[arg-type]  # passed on as they came
            raise StorageError("The state database does not answer")

        monkeypatch.setattr(type(catalog), "publish", publish_and_lose)
        result = lake.run()

        assert result.status is RunStatus.MERGED
        assert result.commit == lake.log()[0].id
        assert spending(lake) == [(1, "12.50"), (2, "7.25")]


def test_a_branch_that_was_taken_away_cannot_be_published(shop: Path) -> None:
    with headgate.open(shop) as lake:
        catalog = lake.lake.catalog
        head = catalog.ref("main").commit_id
        lake.create_branch("work")
        commit = catalog.resolve("work")
        assert commit.id == head
        catalog.delete_ref("work")
        with pytest.raises(headgate.errors.RefNotFound):
            catalog.publish("work", "main", message="late", author="ada")


def test_what_a_run_left_is_taken_away_while_other_runs_end(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with headgate.open(shop) as lake:
        catalog = lake.lake.catalog
        base = catalog.ref("main").commit_id
        for branch in ("run/mine", "run/other"):
            lake.create_branch(branch)
        with Session(lake.project.engine, lake.lake.storage) as session:
            workspace = Workspace(catalog, "run/mine", session, run_id="mine")
            workspace.append(Name.of("bronze", "orders"), "SELECT 1 AS id")
            workspace.commit("orders")
        (written,) = (shop / ".headgate").rglob("mine-*.parquet")
        listed = type(catalog).refs

        def list_and_lose_one(self: object) -> list[Ref]:
            found = listed(self)  # type: ignore[arg-type]  # passed on as it came
            catalog.delete_ref("run/other")
            return found

        monkeypatch.setattr(type(catalog), "refs", list_and_lose_one)
        assert take_away(lake.lake, "mine", "run/mine", base) is None
        assert not written.exists()


def test_a_run_that_is_under_way_is_left_alone(shop: Path) -> None:
    with headgate.open(shop) as lake:
        history: RunHistory = lake.lake.history
        with history.running("r1", "run/r1", lake.log()[0].id, ""):
            assert lake.run().status is RunStatus.MERGED
            assert [run.status for run in lake.runs() if run.run_id == "r1"] == [RunStatus.RUNNING]


def test_what_somebody_made_a_branch_of_outlives_the_run(shop: Path) -> None:
    keep = DIE.replace(
        "RunHistory.finish = lambda *_: os._exit(9)",
        """def keep(self, name, *rest, **options):
        self.create_branch("kept", self.refs()[-1].name)
        os._exit(9)
    EmbeddedCatalog.publish = keep""",
    )
    done = subprocess.run([sys.executable, "-c", keep, str(shop), "finish"], capture_output=True, check=False)
    assert done.returncode == 9, done.stderr

    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        assert sorted(ref.name for ref in lake.refs()) == ["kept", "main"]
        assert lake.query("select count(*) from bronze.orders", ref="kept").rows() == [(2,)]


class Killed(BaseException):
    """What a process does not come back from."""


def arm(monkeypatch: pytest.MonkeyPatch, acts: dict[Point, Callable[[], object]]) -> None:
    """Have things done when a run comes by points, at each one once."""
    monkeypatch.setattr(faults, "_armed", lambda point: acts.pop(point, lambda: None)())


def die() -> None:
    raise Killed


def dead_run(lake: Lakehouse, run_id: str) -> tuple[str, Path]:
    """What a run leaves that dies before it publishes: the commit of `main` that it began at, and a data file."""
    catalog = lake.lake.catalog
    base = catalog.ref("main").commit_id
    lake.create_branch(f"run/{run_id}")
    with Session(lake.project.engine, lake.lake.storage.of_run(run_id)) as session:
        workspace = Workspace(catalog, f"run/{run_id}", session, run_id=run_id)
        workspace.append(Name.of("bronze", "orders"), "SELECT 1 AS id")
        workspace.commit("orders", {"run_id": run_id})
    (written,) = (lake.project.root / ".headgate").rglob(f"{run_id}-*.parquet")
    return base, written


@pytest.mark.parametrize("merged", [False, True])
def test_a_clean_up_that_dies_half_way_leaves_what_somebody_keeps(
    shop: Path, monkeypatch: pytest.MonkeyPatch, merged: bool
) -> None:
    with headgate.open(shop) as lake:
        catalog = lake.lake.catalog
        base, written = dead_run(lake, "mine")
        lake.create_branch("kept", "run/mine")
        if merged:
            # main is many commits further, and newer than what the run made.
            lake.run()
            lake.create_branch("other")
            catalog.merge("kept", "other", message="merge", author="ada", rejoin=lambda *_: _[2])
            catalog.delete_ref("kept")
        arm(monkeypatch, {Point.BRANCH_DELETED: die})
        with pytest.raises(Killed):
            take_away(lake.lake, "mine", "run/mine", base)

        assert take_away(lake.lake, "mine", "run/mine", base) is None
        assert written.exists()
        catalog.delete_ref("other" if merged else "kept")
        assert take_away(lake.lake, "mine", "run/mine", base) is None
        assert not written.exists()


def test_a_run_that_gives_up_leaves_what_somebody_keeps_of_its_first_attempt(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with headgate.open(shop) as lake, headgate.open(shop) as other:

        def overtake() -> None:
            (branch,) = (ref.name for ref in other.refs() if ref.name.startswith("run/"))
            other.create_branch("kept", branch)
            assert other.run().status is RunStatus.MERGED
            (shop / "data/orders-2.csv").write_text("id,customer,day,amount\n4,10,2026-01-07,1.00\n")
            arm(monkeypatch, {Point.LEDGER_WRITTEN: fail})

        def fail() -> None:
            raise StorageError("The disk is full")

        arm(monkeypatch, {Point.STATE_COMMITTED: overtake})
        assert lake.run().status is RunStatus.FAILED
        assert lake.query("select count(*) from bronze.orders", ref="kept").rows() == [(2,)]


def test_what_a_run_commits_to_catch_up_is_told_to_be_its_own(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with headgate.open(shop) as lake, headgate.open(shop) as other:

        def overtake() -> None:
            with Session(other.project.engine, other.lake.storage) as session:
                workspace = Workspace(other.lake.catalog, "main", session)
                workspace.append(Name.of("bronze", "others"), "SELECT 1 AS id")
                workspace.commit("others")

        def look() -> None:
            other.create_tag("before", next(ref.name for ref in other.refs() if ref.name.startswith("run/")))

        arm(monkeypatch, {Point.STATE_COMMITTED: overtake, Point.PUBLISH_DUE: look})
        run_id = lake.run().run_id
        found = {commit.message: commit.properties for commit in lake.lake.catalog.log("before", first_parent=False)}

        assert "merge main" in found
        assert {name for name, told in found.items() if told.get("run_id") != run_id} == {"others", "The empty lake"}


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        (Point.STATE_COMMITTED, "Start it."),
        (Point.PUBLISH_DUE, "main may have the run's commit: headgate log tells"),
        (Point.PUBLISHED, "main has the run's commit {}, and the next run records that. Start it."),
    ],
)
def test_a_state_database_that_dies_about_the_publication(
    shop: Path, monkeypatch: pytest.MonkeyPatch, lost: Point, told: str
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StorageError("The state database does not answer.", hint="Start it.")

    with headgate.open(shop) as lake, monkeypatch.context() as patch:

        def lose() -> None:
            patch.setattr(type(lake.lake.catalog), "publish", away)
            patch.setattr(type(lake.lake.catalog), "delete_ref", away)
            patch.setattr(type(lake.lake.catalog), "diff", away)

        arm(patch, {lost: lose})
        with pytest.raises(StorageError, match="does not answer") as caught:
            lake.run()
        assert (caught.value.hint or "").startswith(told.format(lake.log()[0].id[:10]))
    # The run's process lives on here; for others to know that it is over, it has to be gone.
    with headgate.open(shop) as lake:
        assert lake.run().status is (RunStatus.UNCHANGED if lost is Point.PUBLISHED else RunStatus.MERGED)
        assert len(lake.log()) == 2
        assert [run.status for run in lake.runs()][-1] is (
            RunStatus.MERGED if lost is Point.PUBLISHED else RunStatus.INTERRUPTED
        )


@pytest.mark.parametrize("point", [Point.LEDGER_WRITTEN, Point.STATE_COMMITTED])
def test_a_run_that_another_took_for_dead_says_so(shop: Path, monkeypatch: pytest.MonkeyPatch, point: Point) -> None:
    with headgate.open(shop) as lake, headgate.open(shop) as other:

        def bury() -> None:
            (run,) = other.runs()
            take_away(other.lake, run.run_id, run.branch or "", run.base or "")
            other.lake.history.bury(run.run_id)

        arm(monkeypatch, {point: bury})
        result = lake.run()

        assert result.status is RunStatus.FAILED
        assert result.error is not None
        assert result.error.message.startswith("Another run took this one for dead")
        assert lake.run().status is RunStatus.MERGED
        assert spending(lake) == [(1, "12.50"), (2, "7.25")]
