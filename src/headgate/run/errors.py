"""What a run says of whatever stopped it, and of `main`, when the lake cannot be asked any more."""

from __future__ import annotations

from typing import cast

from headgate.errors import Cancelled, Conflict, HeadgateError, Refused, StaleRef, StorageError
from headgate.ingest.ledger import LEDGER
from headgate.run.result import RunStatus


def parted(conflict: Conflict, source: str) -> Conflict:
    """A conflict of a merge, which the catalog tells of the branch that the merge is tried on, and of a commit."""
    clashing = cast("list[str]", conflict.data["tables"])
    # The ledger clashes wherever another table does.
    tables = [table for table in clashing if table != str(LEDGER)] or clashing
    return Conflict(
        f"'{source}' and main both changed {', '.join(tables)} since they parted, and the changes cannot be joined.",
        hint=f"See both sides with headgate diff main {source}; then make the change again on main as it is now",
        data=conflict.data,
    )


def tell_of_main(error: HeadgateError, known: str) -> None:
    """Say first in an error, after which the lake cannot be asked what became of a run, what is known of `main`."""
    if known:
        # Whoever stops a run is told that main is as it was.
        further = "" if isinstance(error, Cancelled) else error.hint or ""
        error.hint = f"{known} {further}".strip()


def taken_for_dead(error: HeadgateError) -> StorageError:
    """What an error means that a run met because another one had taken its branch and files away."""
    return StorageError(
        "Another run took this one for dead, as nothing had been heard of it for long, and cleaned up after it.",
        hint="main is as it was; run again. Where that recurs, see that this machine stays awake, and reaches the state"
        " database.",
        data={"met": error.message},
    )


def arrived(commit: str) -> str:
    """What is known of `main` once it has the run's commit."""
    return f"main has the run's commit {commit[:10]}, and the next run records that."


def written_to(branch: str) -> StaleRef:
    """A run's branch that is not what was checked any more."""
    return StaleRef(
        f"Somebody else wrote to '{branch}' after it had been checked, so that it cannot be published.",
        hint="main is as it was; run again, and leave the branches of runs to them until they have ended.",
        data={"ref": branch},
    )


def status_of(error: HeadgateError) -> RunStatus:
    """How a run ends that an error stopped."""
    if isinstance(error, Refused):
        return RunStatus.REFUSED
    return RunStatus.CONFLICT if isinstance(error, Conflict) else RunStatus.FAILED
