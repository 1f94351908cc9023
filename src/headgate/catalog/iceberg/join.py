"""Joining two changes of one table: what lets concurrent appends land without conflict."""

from __future__ import annotations

from pyiceberg.manifest import DataFile
from pyiceberg.table.snapshots import Operation

from headgate.catalog.iceberg.layout import same_partitioning
from headgate.catalog.iceberg.table import TableVersion
from headgate.catalog.model import Rejoin
from headgate.catalog.storage import Storage
from headgate.types import Content, Kind, Name


def join_appends(base: TableVersion | None, theirs: TableVersion, ours: TableVersion) -> TableVersion | None:
    """Add to `theirs` the data files that `ours` appended; None if either did more than append since `base`.

    Without a base both created the table; they are joined if their schemas and partitions are equal, and the table that
    was there first keeps its identity.

    Args:
        base: What both sides started from.
        theirs: What is on the branch now.
        ours: What is to be committed to it.

    Returns:
        The joined version, not stored yet.
    """
    if base is None:
        if ours.schema != theirs.schema or not same_partitioning(ours.spec, theirs.spec):
            return None
        joined = theirs
    else:
        if not base.table_id == theirs.table_id == ours.table_id:
            return None
        joined_layout = _join_layout(base, theirs, ours)
        if joined_layout is None:
            return None
        joined = joined_layout
    added = _appended(base, ours)
    if added is None or _appended(base, theirs) is None:
        return None
    if not added:
        return joined
    specs = {spec.spec_id: spec for spec in joined.metadata.partition_specs}
    for file in added:
        written_for = ours.metadata.specs()[file.spec_id]
        match = [spec_id for spec_id, spec in specs.items() if same_partitioning(spec, written_for)]
        if not match:
            return None
        file.spec_id = match[0]
    return joined.with_snapshot(added, frozenset(), Operation.APPEND)


def _appended(base: TableVersion | None, version: TableVersion) -> list[DataFile] | None:
    """The data files that were added since `base`; None if a snapshot since then was not an append."""
    since = base.snapshot.snapshot_id if base is not None and base.snapshot is not None else None
    snapshots = {snapshot.snapshot_id: snapshot for snapshot in version.metadata.snapshots}
    current = version.metadata.current_snapshot_id
    ids: set[int] = set()
    while current is not None and current != since:
        snapshot = snapshots.get(current)
        if snapshot is None or snapshot.summary is None or snapshot.summary.operation is not Operation.APPEND:
            return None
        ids.add(current)
        current = snapshot.parent_snapshot_id
    if current != since:
        return None
    if not ids:
        return []
    known = {file.path for file in base.files()} if base is not None else set()
    return [file for file in version.data_files() if file.file_path not in known]


def _join_layout(base: TableVersion, theirs: TableVersion, ours: TableVersion) -> TableVersion | None:
    """`theirs` with the schema and properties that `ours` changed; None if both changed the schema or the layout."""
    joined = theirs
    if ours.schema != base.schema and ours.schema != theirs.schema:
        if theirs.schema != base.schema:
            return None
        joined = joined.with_schema(ours.schema)
    if not same_partitioning(ours.spec, base.spec) and not same_partitioning(ours.spec, theirs.spec):
        return None
    before, now = base.properties, theirs.properties
    changes: dict[str, str | None] = {}
    for name in before.keys() | ours.properties.keys():
        value = ours.properties.get(name)
        if value == before.get(name) or value == now.get(name):
            continue
        if now.get(name) != before.get(name):
            return None
        changes[name] = value
    return joined.with_properties(changes)


def rejoiner(storage: Storage) -> Rejoin:
    """`join_appends` for the catalog: it gives the joined content of a name that both sides changed, or None."""

    def rejoin(name: Name, base: Content | None, theirs: Content, ours: Content) -> Content | None:
        contents = [content for content in (base, theirs, ours) if content is not None]
        if any(content.kind is not Kind.TABLE for content in contents):
            return None
        joined = join_appends(
            TableVersion.load(base.metadata_location, storage) if base is not None else None,
            TableVersion.load(theirs.metadata_location, storage),
            TableVersion.load(ours.metadata_location, storage),
        )
        return Content(Kind.TABLE, joined.table_id, joined.store().metadata_location) if joined is not None else None

    return rejoin
