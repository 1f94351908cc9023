"""Who made the snapshots that lead from one version of a table to another."""

from __future__ import annotations

from dataclasses import dataclass

from pyiceberg.table.snapshots import Snapshot

from headgate.catalog.iceberg.contents import engine_of, is_ours, summary_of
from headgate.catalog.iceberg.table import TableVersion


@dataclass(frozen=True)
class OutsideChange:
    """What another engine did to a table's rows; a step back to an older snapshot has no numbers."""

    engine: str
    operation: str
    snapshot_id: int | None = None
    added: int | None = None
    removed: int | None = None


def outside_changes(before: TableVersion | None, after: TableVersion) -> list[OutsideChange]:
    """The changes of rows since `before` that headgate did not make, oldest first.

    Args:
        before: An earlier version of the table; None for none.
        after: The version to account for.
    """
    if before is not None and before.table_id != after.table_id:
        return [OutsideChange("another engine", "drop and create")]
    known = {snapshot.snapshot_id for snapshot in before.metadata.snapshots} if before is not None else set()
    chain = _ancestors(after)
    found = [_change(snapshot) for snapshot in chain if snapshot.snapshot_id not in known and not is_ours(snapshot)]
    current = before.metadata.current_snapshot_id if before is not None else None
    kept = {snapshot.snapshot_id for snapshot in after.metadata.snapshots}
    if current in kept and current not in {snapshot.snapshot_id for snapshot in chain}:
        found.append(OutsideChange("another engine", "rollback", after.metadata.current_snapshot_id))
    return found


def _ancestors(version: TableVersion) -> list[Snapshot]:
    """The current snapshot and those it was made from, as far as the table still has them; oldest first."""
    snapshots = {snapshot.snapshot_id: snapshot for snapshot in version.metadata.snapshots}
    found: list[Snapshot] = []
    snapshot = version.snapshot
    while snapshot is not None:
        found.append(snapshot)
        parent = snapshot.parent_snapshot_id
        snapshot = snapshots.get(parent) if parent is not None else None
    return found[::-1]


def _change(snapshot: Snapshot) -> OutsideChange:
    summary = summary_of(snapshot)
    removed = [summary[name] for name in ("deleted-records", "added-position-deletes") if name in summary]
    return OutsideChange(
        engine_of(snapshot),
        snapshot.summary.operation.value if snapshot.summary else "change",
        snapshot.snapshot_id,
        int(summary["added-records"]) if "added-records" in summary else None,
        sum(map(int, removed)) if removed else None,
    )
