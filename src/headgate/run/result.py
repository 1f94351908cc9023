"""What a run, a plan and a merge come to."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from headgate.errors import Cancelled, HeadgateError
from headgate.types import CheckResult, LoadResult, ModelResult


class RunStatus(enum.StrEnum):
    """How a run ended, or that it has not."""

    RUNNING = "running"
    MERGED = "merged"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    FAILED = "failed"
    CONFLICT = "conflict"
    INTERRUPTED = "interrupted"
    """Its process ended before the run did; `main` is as it was, and the next run cleaned up."""


EXIT_CODES = {
    RunStatus.MERGED: 0,
    RunStatus.UNCHANGED: 0,
    RunStatus.FAILED: 1,
    RunStatus.REFUSED: 3,
    RunStatus.CONFLICT: 4,
    RunStatus.INTERRUPTED: 130,
}


def new_run_id() -> str:
    """A name that sorts by time of start: `20261120T213045-3fa9c2`."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class Repair:
    """What became of a table's refused rows when they were read again, or given up.

    Attributes:
        tried: Rows that were read again.
        passed: Those of them that were loaded, or that the table held already.
        discarded: Rows that were given up.
        left: Rows that are refused still.
    """

    tried: int = 0
    passed: int = 0
    discarded: int = 0
    left: int = 0


@dataclass(frozen=True)
class RunResult:
    """The outcome of a run or of a merge by hand.

    Attributes:
        run_id: Sortable by time of start.
        branch: The run's branch; kept when the run was refused, None when it is gone.
        commit: The commit that `main` points at afterwards.
        seconds: Wall time.
        error: What stopped the run; None when it merged or had nothing to do.
        repair: What became of refused rows, where the change was to them.
        notes: What a person should know besides.
    """

    run_id: str
    status: RunStatus
    branch: str | None
    commit: str
    seconds: float
    loads: tuple[LoadResult, ...] = ()
    models: tuple[ModelResult, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    error: HeadgateError | None = None
    repair: Repair | None = None
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        return self.error.exit_code if isinstance(self.error, Cancelled) else EXIT_CODES[self.status]

    def to_dict(self) -> dict[str, object]:
        """The run as the one JSON document of `headgate run --json`."""
        return {
            "run_id": self.run_id,
            "status": self.status.value,
            "branch": self.branch,
            "commit": self.commit,
            "seconds": round(self.seconds, 3),
            "loads": [
                {
                    "source": load.source,
                    "file": load.file,
                    "read": load.read,
                    "loaded": load.loaded,
                    "quarantined": load.quarantined,
                    "duplicates": load.duplicates,
                }
                for load in self.loads
            ],
            "models": [
                {
                    "name": model.name,
                    "status": model.status.value,
                    "rows": model.rows,
                    "seconds": round(model.seconds, 3),
                    **({"message": model.message} if model.message else {}),
                }
                for model in self.models
            ],
            "checks": [check_document(check) for check in self.checks],
            **({"repair": asdict(self.repair)} if self.repair else {}),
            "notes": list(self.notes),
            "error": self.error.to_dict() if self.error else None,
        }


def check_document(check: CheckResult) -> dict[str, object]:
    """A check as JSON; the evidence is there only when something failed."""
    document: dict[str, object] = {
        "name": check.name,
        "severity": check.severity.value,
        "status": check.status.value,
        "failures": check.failures,
    }
    if check.message:
        document["message"] = check.message
    if check.sample:
        document["evidence"] = check.evidence
        document["rows"] = [dict(zip(check.columns, row, strict=True)) for row in check.sample]
    return document


@dataclass(frozen=True)
class PlannedStep:
    """One thing that a run would do, and why."""

    name: str
    action: str
    reason: str
    file: str | None = None


@dataclass(frozen=True)
class Plan:
    """What `headgate run` would do now."""

    base: str
    loads: tuple[PlannedStep, ...]
    models: tuple[PlannedStep, ...]
    checks: tuple[PlannedStep, ...]
    skipped: int
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.loads or self.models or self.checks)

    def to_dict(self) -> dict[str, object]:
        return {
            "base": self.base,
            "loads": [
                {"source": step.name, "file": step.file, "action": step.action, "reason": step.reason}
                for step in self.loads
            ],
            "models": [{"name": step.name, "action": step.action, "reason": step.reason} for step in self.models],
            "checks": [{"name": step.name, "action": step.action, "reason": step.reason} for step in self.checks],
            "skipped": self.skipped,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class RunRecord:
    """A run as the state database remembers it."""

    run_id: str
    status: RunStatus
    branch: str
    base: str
    commit: str | None
    started: datetime
    finished: datetime | None
    summary: dict[str, object]
    error: dict[str, object] | None = None

    def to_dict(self) -> dict[str, object]:
        return {
            **asdict(self),
            "status": self.status.value,
            "started": self.started.isoformat(),
            "finished": self.finished.isoformat() if self.finished else None,
        }


def last_refused(runs: Iterable[RunRecord], branches: Iterable[str]) -> str | None:
    """The branch of the latest refused run that still has one: it was neither merged nor deleted since."""
    kept = set(branches)
    return next((run.branch for run in runs if run.status is RunStatus.REFUSED and run.branch in kept), None)
