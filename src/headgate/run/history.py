"""The runs of a project: who is at work, what became of the others, and which of them died.

A run holds an operating-system lock on `runs/<run id>.lock` for as long as its process lives, so the next run on the
same machine knows a killed one for what it is, without waiting. A run on another machine counts as dead when it has
not been heard of for a quarter of an hour.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import RowMapping, insert, select, update

from headgate import database
from headgate.database import Database
from headgate.run.result import RunRecord, RunResult, RunStatus
from headgate.types import CheckResult

HEARTBEAT = timedelta(seconds=60)
SILENCE = timedelta(minutes=15)


def new_run_id() -> str:
    """A name that sorts by time of start: `20261120T213045-3fa9c2`."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


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
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self._db.write() as connection:
                connection.execute(
                    insert(database.runs).values(
                        run_id=run_id,
                        status=RunStatus.RUNNING.value,
                        branch=branch,
                        base_commit=base,
                        started=now,
                        heartbeat=now,
                        pid=os.getpid(),
                        host=socket.gethostname(),
                        selection=selection,
                    )
                )
            beat = threading.Thread(target=self._beat, args=(run_id, stop), daemon=True)
            beat.start()
            try:
                yield
            finally:
                stop.set()
                beat.join()
                path.unlink(missing_ok=True)

    def finish(self, result: RunResult, fingerprint: str | None) -> None:
        """Record what became of a run, its checks included.

        Args:
            result: The run's outcome.
            fingerprint: Identity of what it was run on, when the run settled it.
        """
        summary = result.to_dict()
        summary.pop("checks")
        error = summary.pop("error")
        with self._db.write() as connection:
            connection.execute(
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
            if result.checks:
                connection.execute(insert(database.checks), [_check_row(result.run_id, c) for c in result.checks])

    def settled(self, fingerprint: str) -> str | None:
        """The commit that a run on exactly these inputs left `main` at, or None."""
        runs = database.runs
        with self._db.read() as connection:
            row = connection.execute(
                select(runs.c.commit_id)
                .where(
                    runs.c.fingerprint == fingerprint,
                    runs.c.status.in_([RunStatus.MERGED.value, RunStatus.UNCHANGED.value]),
                )
                .order_by(runs.c.started.desc(), runs.c.run_id.desc())
                .limit(1)
            ).first()
        return str(row.commit_id) if row else None

    def dead(self) -> list[RunRecord]:
        """Runs that are recorded as running and whose process is gone."""
        runs = database.runs
        with self._db.read() as connection:
            rows = connection.execute(select(runs).where(runs.c.status == RunStatus.RUNNING.value)).mappings().all()
        now = datetime.now(UTC)
        found = []
        for row in rows:
            here = row["host"] == socket.gethostname()
            gone = not self._is_locked(row["run_id"]) if here else now - row["heartbeat"] > SILENCE
            if gone:
                found.append(_record(row))
        return found

    def bury(self, run_id: str) -> None:
        """Record that a dead run was cleaned up after."""
        runs = database.runs
        with self._db.write() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.run_id == run_id, runs.c.status == RunStatus.RUNNING.value)
                .values(status=RunStatus.INTERRUPTED.value, finished=datetime.now(UTC))
            )
        self._lock_path(run_id).unlink(missing_ok=True)

    def runs(self, limit: int | None = None) -> list[RunRecord]:
        """The runs, newest first."""
        runs = database.runs
        with self._db.read() as connection:
            query = select(runs).order_by(runs.c.started.desc(), runs.c.run_id.desc())
            return [_record(row) for row in connection.execute(query.limit(limit) if limit else query).mappings()]

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

    def _is_locked(self, run_id: str) -> bool:
        try:
            with self._lock_path(run_id).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def _beat(self, run_id: str, stop: threading.Event) -> None:
        runs = database.runs
        while not stop.wait(HEARTBEAT.total_seconds()):
            with self._db.write() as connection:
                connection.execute(update(runs).where(runs.c.run_id == run_id).values(heartbeat=datetime.now(UTC)))


def _check_row(run_id: str, check: CheckResult) -> dict[str, object]:
    return {
        "run_id": run_id,
        "name": check.name,
        "kind": check.kind,
        "severity": check.severity.value,
        "status": check.status.value,
        "failures": check.failures,
        "table_name": check.table,
        "message": check.message,
        "columns": _json(check.columns),
        "sample": _json(check.sample),
        "evidence": check.evidence,
        "seconds": check.seconds,
        "checked_at": datetime.now(UTC),
    }


def _record(fields: RowMapping) -> RunRecord:
    return RunRecord(
        run_id=fields["run_id"],
        status=RunStatus(fields["status"]),
        branch=fields["branch"],
        base=fields["base_commit"],
        commit=fields["commit_id"],
        started=fields["started"],
        finished=fields["finished"],
        summary=json.loads(fields["summary"]) if fields["summary"] else {},
        error=json.loads(fields["error"]) if fields["error"] else None,
    )


def _json(value: object) -> str | None:
    """The value as JSON text; dates and decimals become text."""
    return None if value is None else json.dumps(value, default=str)
