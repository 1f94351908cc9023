"""Joining two changes of one table: what lets concurrent appends land without conflict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyiceberg.manifest import DataFile
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.snapshots import Operation, Snapshot

from headgate.catalog.iceberg.added import AddedManifests
from headgate.catalog.iceberg.contents import ENGINE, HEADGATE, engine_of, live_entries, live_manifests
from headgate.catalog.iceberg.datafiles import to_data_file
from headgate.catalog.iceberg.layout import same_partitioning
from headgate.catalog.iceberg.table import FORMAT_VERSION, TableVersion
from headgate.catalog.model import Rejoin
from headgate.catalog.storage import Storage
from headgate.errors import FileMissing
from headgate.types import Content, Kind, Name, WrittenFile

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
    joined = _join_tables(base, theirs, ours)
    if joined is None:
        return None
    added = _appends(base, ours)
    if added is None or _appends(base, theirs) is None:
        return None
    files = added.files()
    if not files:
        return joined
    return _with_files(joined, ours, files, {ENGINE: added.engine})


def append_onto(
    base: TableVersion | None,
    theirs: TableVersion,
    ours: TableVersion,
    files: Sequence[WrittenFile],
    summary: Mapping[str, str] | None = None,
    prepared: AddedManifests | None = None,
) -> TableVersion | None:
    """As `join_appends`, of files that no version of the table holds yet: nothing of `ours` need have been stored.

    Args:
        base: What `ours` was made from.
        theirs: What is on the branch now.
        ours: The table as the files were written for it.
        files: Those files.
        summary: Further entries of the snapshot's summary.
        prepared: What `added.prepare` gave for the files.
    """
    joined = _join_tables(base, theirs, ours)
    if joined is None or _appends(base, theirs) is None:
        return None
    added = [to_data_file(file, ours.spec.spec_id) for file in files]
    return _with_files(joined, ours, added, summary, prepared) if added else joined


def _join_tables(base: TableVersion | None, theirs: TableVersion, ours: TableVersion) -> TableVersion | None:
    """`theirs` as it has to be to take what was written for `ours`; None if it cannot be."""
    if max(ours.metadata.format_version, theirs.metadata.format_version) > FORMAT_VERSION:
        return None
    if base is not None:
        return _join_layout(base, theirs, ours) if base.table_id == theirs.table_id == ours.table_id else None
    if ours.schema != theirs.schema or not same_partitioning(ours.spec, theirs.spec):
        return None
    # By it the columns of files without field ids are told.
    if ours.properties.get(_NAME_MAPPING) != theirs.properties.get(_NAME_MAPPING):
        return None
    return theirs


def _with_files(
    joined: TableVersion,
    ours: TableVersion,
    files: Sequence[DataFile],
    summary: Mapping[str, str] | None,
    prepared: AddedManifests | None = None,
) -> TableVersion | None:
    """The joined table with data files that were written for specs of `ours`; None if it does not have one of them."""
    for file in files:
        written_for = ours.metadata.specs()[file.spec_id]
        match = [spec.spec_id for spec in joined.metadata.partition_specs if same_partitioning(spec, written_for)]
        if not match:
            return None
        file.spec_id = match[0]
    return joined.with_snapshot(files, frozenset(), Operation.APPEND, summary, prepared=prepared)


@dataclass(frozen=True)
class _Appends:
    """What appends did to a table since it was `base`.

    Attributes:
        engine: Who made the snapshots: headgate, or another engine that took part.
    """

    base: TableVersion | None
    version: TableVersion
    snapshots: frozenset[int]
    engine: str = HEADGATE

    def files(self) -> list[DataFile]:
        """The data files that they added."""
        if not self.snapshots:
            return []
        if self.engine != HEADGATE:
            known = _paths(self.base)
            return [file for file in self.version.data_files() if file.file_path not in known]
        # Of a snapshot that headgate made the manifests tell; the rest of a large table need not be read.
        io = self.version.io
        manifests = live_manifests(io, self.version.snapshot)
        written = [manifest for manifest in manifests if manifest.added_snapshot_id in self.snapshots]
        return [entry.data_file for entry in live_entries(io, written) if entry.snapshot_id in self.snapshots]


def _appends(base: TableVersion | None, version: TableVersion) -> _Appends | None:
    """What was appended since `base`; None if anything but appends happened since then."""
    since = base.snapshot.snapshot_id if base is not None and base.snapshot is not None else None
    snapshots: set[int] = set()
    engines: set[str] = set()
    for snapshot in _line(version):
        if snapshot is None:
            return None
        if snapshot.snapshot_id == since:
            break
        if snapshot.summary is None or snapshot.summary.operation is not Operation.APPEND:
            return None
        snapshots.add(snapshot.snapshot_id)
        engines.add(engine_of(snapshot))
    else:
        if since is not None:
            return None
    if not _same_refs(base, version):
        return None
    others = sorted(engines - {HEADGATE})
    if not others:
        return _Appends(base, version, frozenset(snapshots))
    # Another writer may call a snapshot an append that did more.
    deletes = {file.file_path for file in base.delete_files()} if base is not None else set()
    if {file.file_path for file in version.delete_files()} != deletes:
        return None
    if _paths(base) - _paths(version):
        return None
    return _Appends(base, version, frozenset(snapshots), others[0])


def _paths(version: TableVersion | None) -> set[str]:
    return {file.file_path for file in version.data_files()} if version is not None else set()


def _line(version: TableVersion) -> Iterator[Snapshot | None]:
    """The snapshots that led to a version, newest first; None, at the end, where one is not to be found any more.

    A table's metadata has its latest snapshots only. Where they end, an older metadata file of its log goes on.
    """
    held = version
    known = _by_id(held)
    current = version.metadata.current_snapshot_id
    while current is not None:
        while current not in known:
            older = _older(held)
            if older is None:
                yield None
                return
            held, known = older, _by_id(older)
        yield known[current]
        current = known[current].parent_snapshot_id


def _by_id(version: TableVersion) -> dict[int, Snapshot]:
    return {snapshot.snapshot_id: snapshot for snapshot in version.metadata.snapshots}


def _older(version: TableVersion) -> TableVersion | None:
    """The oldest version of a table that its metadata names the file of; None if there is none, or not any more."""
    for entry in version.metadata.metadata_log:
        # Another writer's log may name any file of this machine.
        if entry.metadata_file.rpartition("/")[0] == (version.base_location or "").rpartition("/")[0]:
            try:
                return TableVersion.load(entry.metadata_file, version.storage)
            except FileMissing:
                return None
    return None


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
