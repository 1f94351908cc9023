"""Tables that headgate loads, changed by another engine: rows that no file accounts for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from headgate.catalog.iceberg import OutsideChange, TableVersion, outside_changes
from headgate.catalog.interface import State
from headgate.catalog.storage import Storage
from headgate.errors import counted
from headgate.types import CheckResult, CheckStatus, Content, Kind, Name, Severity

_COLUMNS = ("engine", "operation", "snapshot_id", "added", "removed")


def check_outside(before: State, after: State, tables: Iterable[Name], storage: Storage) -> Iterator[CheckResult]:
    """A failed check for every table whose rows were changed past the ledger.

    Args:
        before: The state that is known to add up.
        after: The state to check.
        tables: Those that headgate loads and keeps the books of.
        storage: Where their metadata is.
    """
    for name in tables:
        started = time.perf_counter()
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        changes = _changes(old, new, storage)
        if changes:
            yield CheckResult(
                name=f"accounting:{name}",
                kind="accounting",
                severity=Severity.ERROR,
                status=CheckStatus.FAILED,
                failures=len(changes),
                table=str(name),
                message=f"{name} was changed past the ledger: {'; '.join(map(_told, changes))}. Let headgate load the"
                " rows, or merge with an override that says why they are right.",
                columns=_COLUMNS,
                sample=tuple(tuple(getattr(change, column) for column in _COLUMNS) for change in changes[:10]),
                seconds=time.perf_counter() - started,
            )


def _changes(old: Content | None, new: Content | None, storage: Storage) -> list[OutsideChange]:
    if new is None or new.kind is not Kind.TABLE:
        return [OutsideChange("another engine", "drop")]
    base = TableVersion.load(old.metadata_location, storage) if old is not None and old.kind is Kind.TABLE else None
    return outside_changes(base, TableVersion.load(new.metadata_location, storage))


def _told(change: OutsideChange) -> str:
    numbers = [sign + counted(count, "row") for sign, count in (("+", change.added), ("-", change.removed)) if count]
    return f"{change.operation} by {change.engine}" + (f" ({', '.join(numbers)})" if numbers else "")
