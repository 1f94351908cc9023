"""Joining two changes of one table: what lets concurrent appends land without conflict."""

from __future__ import annotations

from dataclasses import dataclass

from pyiceberg.manifest import DataFile
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.snapshots import Operation

from headgate.catalog.iceberg.contents import ENGINE, HEADGATE, engine_of
from headgate.catalog.iceberg.layout import same_partitioning
from headgate.catalog.iceberg.table import FORMAT_VERSION, TableVersion
from headgate.catalog.model import Rejoin
from headgate.catalog.storage import Storage
from headgate.types import Content, Kind, Name

_NAME_MAPPING = "schema.name-mapping.default"


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
    if max(ours.metadata.format_version, theirs.metadata.format_version) > FORMAT_VERSION:
        return None
    if base is None:
        if ours.schema != theirs.schema or not same_partitioning(ours.spec, theirs.spec):
            return None
        # By it the columns of files without field ids are told.
        if ours.properties.get(_NAME_MAPPING) != theirs.properties.get(_NAME_MAPPING):
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
    if not added.files:
        return joined
    specs = {spec.spec_id: spec for spec in joined.metadata.partition_specs}
    for file in added.files:
        written_for = ours.metadata.specs()[file.spec_id]
        match = [spec_id for spec_id, spec in specs.items() if same_partitioning(spec, written_for)]
        if not match:
            return None
        file.spec_id = match[0]
    return joined.with_snapshot(added.files, frozenset(), Operation.APPEND, {ENGINE: added.engine})


@dataclass(frozen=True)
class _Added:
    """Data files that one side added, and who made the snapshots: headgate, or another engine that took part."""

    files: list[DataFile]
    engine: str = HEADGATE


def _appended(base: TableVersion | None, version: TableVersion) -> _Added | None:
    """The data files that were added since `base`; None if anything but appends happened since then."""
    since = base.snapshot.snapshot_id if base is not None and base.snapshot is not None else None
    snapshots = {snapshot.snapshot_id: snapshot for snapshot in version.metadata.snapshots}
    current = version.metadata.current_snapshot_id
    engines: set[str] = set()
    while current is not None and current != since:
        snapshot = snapshots.get(current)
        if snapshot is None or snapshot.summary is None or snapshot.summary.operation is not Operation.APPEND:
            return None
        engines.add(engine_of(snapshot))
        current = snapshot.parent_snapshot_id
    if current != since or not _same_refs(base, version):
        return None
    if not engines:
        return _Added([])
    # Another writer may call a snapshot an append that did more.
    known = {file.path for file in base.files()} if base is not None else set()
    deletes = {file.file_path for file in base.delete_files()} if base is not None else set()
    files = version.data_files()
    if {file.file_path for file in version.delete_files()} != deletes or known - {file.file_path for file in files}:
        return None
    others = sorted(engines - {HEADGATE})
    return _Added([file for file in files if file.file_path not in known], others[0] if others else HEADGATE)


def _same_refs(base: TableVersion | None, version: TableVersion) -> bool:
    """Whether the table's own branches and tags are as they were; they name snapshots that a join does not keep."""

    def named(of: TableVersion | None) -> dict[str, int]:
        refs = of.metadata.refs if of is not None else {}
        return {name: ref.snapshot_id for name, ref in refs.items() if name != MAIN_BRANCH}

    return named(base) == named(version)


def _join_layout(base: TableVersion, theirs: TableVersion, ours: TableVersion) -> TableVersion | None:
    """`theirs` with the schema and properties that `ours` changed; None if both changed the schema or the layout."""
    joined = theirs
    before_ids, ids = base.metadata.last_column_id, (ours.metadata.last_column_id, theirs.metadata.last_column_id)
    if min(ids) > before_ids and ours.schema != theirs.schema:
        # Both gave out the same field ids, for different columns.
        return None
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
