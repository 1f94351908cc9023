"""The runs of a project: who is at work, what became of the others, and which of them died.

A run holds an operating-system lock on `runs/<run id>.lock` for as long as its process lives, so the next run in the
same folder knows a killed one for what it is, without waiting. A run on another machine, or in another folder that
shares the state database, counts as dead when it has not been heard of for a quarter of an hour, by the database's
clock.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select, update

from headgate import database
from headgate.catalog.commits import storable
from headgate.database import Database
from headgate.errors import HeadgateError
from headgate.faults import Point, reached
from headgate.run.result import RunRecord, RunResult, RunStatus
from headgate.types import CheckResult

HEARTBEAT = timedelta(seconds=60)
SILENCE = timedelta(minutes=15)


class RunHistory:
    """The `runs` and `checks` of the state database."""

    def __init__(self, db: Database, folder: Path) -> None:
        self._db = db
        self._folder = folder

    @contextmanager
    def running(self, run_id: str, branch: str, base: str, selection: str) -> Iterator[None]:
        """Record the run as running, and hold its lock and its heartbeat, while the body lasts."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._lock_path(run_id)
        now = datetime.now(UTC)
        stop = threading.Event()
        with _locked(path):
            reached(Point.RUN_LOCKED)
            self._db.execute(
                self._db.insert_new(database.runs).values(
                    run_id=run_id,
                    status=RunStatus.RUNNING.value,
                    branch=branch,
                    base_commit=base,
                    started=now,
                    heartbeat=self._db.now(),
                    pid=os.getpid(),
                    host=socket.gethostname(),
                    selection=storable(selection),
                )
            )
            reached(Point.RUN_RECORDED)
            beat = threading.Thread(target=self._beat, args=(run_id, stop), daemon=True)
            beat.start()
            try:
                yield
            finally:
                # The lock's file goes when the end is recorded: without it, nobody could tell that the run is over.
                stop.set()
                beat.join()

    def finish(self, result: RunResult, fingerprint: str | None) -> None:
        """Record what became of a run, its checks included.

        Args:
            result: The run's outcome.
            fingerprint: Identity of what it was run on, when the run settled it.
        """
        summary = result.to_dict()
        summary.pop("checks")
        error = summary.pop("error")
        finished = (
            update(database.runs)
            .where(database.runs.c.run_id == result.run_id)
            .values(
                status=result.status.value,
                commit_id=result.commit,
                finished=datetime.now(UTC),
                fingerprint=fingerprint,
                summary=_json(summary),
                error=_json(error),
            )
        )
        rows = [_check_row(result.run_id, check) for check in result.checks]

        def work(connection: Connection, again: bool) -> None:
            connection.execute(finished)
            if rows:
                connection.execute(self._db.insert_new(database.checks), rows)

        self._db.transact(work)
        reached(Point.RUN_ENDED)
        self._lock_path(result.run_id).unlink(missing_ok=True)
        reached(Point.RUN_OVER)

    def settled(self, fingerprint: str) -> str | None:
        """The commit that a run on exactly these inputs left `main` at, or None."""
        runs = database.runs
        rows = self._db.fetch(
            select(runs.c.commit_id)
            .where(
                runs.c.fingerprint == fingerprint,
                runs.c.status.in_([RunStatus.MERGED.value, RunStatus.UNCHANGED.value]),
            )
            .order_by(runs.c.started.desc(), runs.c.run_id.desc())
            .limit(1)
        )
        return str(rows[0].commit_id) if rows else None

    def dead(self) -> list[RunRecord]:
        """Runs that are recorded as running and whose process is gone."""
        gone = {row.run_id for row in self._running() if self._is_dead(row)}
        # A run that ends between the two looks lets go of its lock as a dead one does, but is on record before.
        return [_record(row) for row in self._running() if row.run_id in gone] if gone else []

    def _running(self) -> Sequence[Row[Any]]:
        runs = database.runs
        silent = (runs.c.heartbeat < self._db.after(-SILENCE)).label("silent")
        return self._db.fetch(select(runs, silent).where(runs.c.status == RunStatus.RUNNING.value))

    def _is_dead(self, row: Row[Any]) -> bool:
        if row.host == socket.gethostname():
            locked = self._is_locked(row.run_id)
            if locked is not None:
                return not locked
            # Nobody else's folder can be meant where the database is a file of this machine.
            if self._db.on_this_machine:
                return True
        return bool(row.silent)

    def bury(self, run_id: str, commit: str | None = None) -> None:
        """Record that a dead run was cleaned up after.

        Args:
            run_id: The run.
            commit: The commit that had brought it to `main` before it died, if it came to that.
        """
        runs = database.runs
        status = RunStatus.MERGED if commit else RunStatus.INTERRUPTED
        self._db.execute(
            update(runs)
            .where(runs.c.run_id == run_id, runs.c.status == RunStatus.RUNNING.value)
            .values(status=status.value, commit_id=commit, finished=datetime.now(UTC))
        )
        reached(Point.BURIED)
        self._lock_path(run_id).unlink(missing_ok=True)

    def is_buried(self, run_id: str) -> bool:
        """Whether another process has taken a run for dead that did not come to `main`, and cleaned up after it."""
        runs = database.runs
        rows = self._db.fetch(select(runs.c.status).where(runs.c.run_id == run_id))
        return [row.status for row in rows] == [RunStatus.INTERRUPTED.value]

    def sweep(self) -> None:
        """Remove the lock files of runs that are over, or died before they were recorded or just after their end."""
        runs = database.runs
        rows = self._db.fetch(select(runs.c.run_id).where(runs.c.status == RunStatus.RUNNING.value))
        running = {row.run_id for row in rows}
        for path in self._folder.glob("*.lock"):
            if path.stem in running:
                continue
            with suppress(FileNotFoundError, BlockingIOError), path.open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()

    def runs(self, limit: int | None = None) -> list[RunRecord]:
        """The runs, newest first."""
        runs = database.runs
        query = select(runs).order_by(runs.c.started.desc(), runs.c.run_id.desc())
        return [_record(row) for row in self._db.fetch(query.limit(limit) if limit else query)]

    def checks(self, run_id: str | None = None, limit: int | None = None) -> list[dict[str, object]]:
        """Outcomes of checks, of one run or of all, the newest run first."""
        checks = database.checks
        query = select(checks).order_by(checks.c.checked_at.desc(), checks.c.name)
        if run_id:
            query = query.where(checks.c.run_id == run_id)
        with self._db.read() as connection:
            rows = connection.execute(query.limit(limit) if limit else query).mappings().all()
        return [
            {**row, "columns": json.loads(row["columns"] or "[]"), "sample": json.loads(row["sample"] or "[]")}
            for row in rows
        ]

    def _lock_path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.lock"

    def _is_locked(self, run_id: str) -> bool | None:
        """Whether the run's process lives; None for one that has no lock in this folder."""
        try:
            with self._lock_path(run_id).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            return True
        return False

    def _beat(self, run_id: str, stop: threading.Event) -> None:
        runs = database.runs
        while not stop.wait(HEARTBEAT.total_seconds()):
            try:
                self._db.execute(update(runs).where(runs.c.run_id == run_id).values(heartbeat=self._db.now()))
            except HeadgateError:
                # The database may be back for the next beat; a run that goes on is not to be taken for dead for it.
                continue


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Make a lock file and hold it."""
    while True:
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Whoever sweeps may have taken the file away before it was locked.
            if path.exists() and path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                yield
                return


def _check_row(run_id: str, check: CheckResult) -> dict[str, object]:
    return {
        "run_id": run_id,
        "name": check.name,
        "kind": check.kind,
        "severity": check.severity.value,
        "status": check.status.value,
        "failures": check.failures,
        "table_name": check.table,
        "message": None if check.message is None else storable(check.message),
        "columns": _json(check.columns),
        "sample": _json(check.sample),
        "evidence": check.evidence,
        "seconds": check.seconds,
        "checked_at": datetime.now(UTC),
    }


def _record(row: Row[Any]) -> RunRecord:
    return RunRecord(
        run_id=row.run_id,
        status=RunStatus(row.status),
        branch=row.branch,
        base=row.base_commit,
        commit=row.commit_id,
        started=row.started,
        finished=row.finished,
        summary=json.loads(row.summary) if row.summary else {},
        error=json.loads(row.error) if row.error else None,
    )


def _json(value: object) -> str | None:
    """The value as JSON text; dates and decimals become text."""
    return None if value is None else json.dumps(value, default=str)
