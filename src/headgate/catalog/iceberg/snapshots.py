"""Snapshots: from data files that are added and removed to manifests, a manifest list and updates of the metadata.

Follows the Iceberg specification, "Snapshots" and "Manifests" (format version 2). PyIceberg's own producers are bound
to a transaction on a catalog that owns the table, and look at every entry of every manifest on each overwrite;
here a change is a value, and only the manifests that hold a removed file are rewritten.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence

from pyiceberg.io import FileIO
from pyiceberg.manifest import (
    UNASSIGNED_SEQ,
    DataFile,
    DataFileContent,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRef, SnapshotRefType
from pyiceberg.table.snapshots import Operation, Snapshot, SnapshotLogEntry, Summary

from headgate.catalog.iceberg.added import AddedManifests
from headgate.catalog.iceberg.contents import (
    DATA_FILES,
    DELETE_FILES,
    ENGINE,
    EQUALITIES,
    HEADGATE,
    POSITIONS,
    RECORDS,
    SIZE,
    TOTALS,
    count,
    entries_of,
    live_entries,
    live_manifests,
    totals_of,
)
from headgate.catalog.iceberg.datafiles import only_data_file
from headgate.catalog.iceberg.manifests import write_list
from headgate.catalog.iceberg.snapshotwriter import SnapshotWriter, with_status
from headgate.errors import CorruptHistory

# Older snapshots leave the table's metadata; the catalog's commits name the metadata that still has them.
_SNAPSHOTS_KEPT = 50


def produce_snapshot(
    metadata: TableMetadata,
    io: FileIO,
    *,
    added: Sequence[DataFile] = (),
    prepared: AddedManifests | None = None,
    removed: Collection[str] | None = frozenset(),
    operation: Operation,
    properties: Mapping[str, str] | None = None,
    folder: str | None = None,
    commit: uuid.UUID | None = None,
) -> TableMetadata:
    """Write the manifests of a new current snapshot.

    Delete files stay, and the data files that stay keep their sequence numbers, so that the deletes apply to the same
    rows as before. Delete files that can apply to nothing any more are left out.

    Args:
        metadata: The table as it is.
        io: Where the table's metadata files are.
        added: Data files and delete files that the snapshot adds, each with its `spec_id`.
        prepared: Their manifests, if those have been made before and fit; `io` has them.
        removed: Paths of data files that it removes; None removes all.
        operation: What readers of incremental changes are told.
        properties: Further entries of the snapshot's summary.
        folder: Where the manifests go; the table's own `metadata` folder by default.
        commit: What the manifests are named by; random by default.

    Returns:
        The table's metadata with the snapshot.

    Raises:
        CorruptHistory: A file that is to be removed is not in the current snapshot.
    """
    folder = folder or f"{metadata.location}/metadata"
    writer = SnapshotWriter(metadata, io, folder, commit, prepared.snapshot_id if prepared is not None else None)
    parent = metadata.current_snapshot()
    current = live_manifests(io, parent)
    data = [writer.numbered(each) for each in current if each.content == ManifestContent.DATA]
    deletes = [manifest for manifest in current if manifest.content == ManifestContent.DELETES]
    new = list(prepared.manifests) if prepared is not None else writer.added(added)
    gone: list[DataFile] = []
    if removed is None:
        gone = [entry.data_file for entry in live_entries(io, data)]
        gone += [entry.data_file for entry in live_entries(io, deletes, ManifestContent.DELETES)]
        manifests = new
    elif removed:
        data, gone = _without(writer, data, lambda file: file.file_path in removed)
        _check_all_found(removed, gone)
        new_data = [manifest for manifest in new if manifest.content == ManifestContent.DATA]
        idle = _idle(io, deletes, _oldest([*data, *new_data], metadata.next_sequence_number()))
        gone += [entry.data_file for entry in live_entries(io, idle, ManifestContent.DELETES)]
        needed = [manifest for manifest in deletes if manifest not in idle]
        needed, needless = _without(writer, needed, lambda file: only_data_file(file) in removed)
        gone += needless
        manifests = new + data + needed
    else:
        manifests = writer.merged(data) + new + writer.merged(deletes)
    summary = _summary(operation, added, gone, totals_of(io, parent), properties or {})
    return _make_current(writer, manifests, summary)


def _without(
    writer: SnapshotWriter, manifests: Sequence[ManifestFile], removed: Callable[[DataFile], bool]
) -> tuple[list[ManifestFile], list[DataFile]]:
    """The manifests again but for the removed files, and what was removed from them."""
    parts = [writer.without(manifest, removed) for manifest in manifests]
    return [manifest for rest, _ in parts for manifest in rest], [file for _, gone in parts for file in gone]


def _check_all_found(removed: Collection[str], gone: Sequence[DataFile]) -> None:
    missing = sorted(set(removed) - {file.file_path for file in gone})
    if missing:
        raise CorruptHistory(
            f"Data file '{missing[0]}' is to be removed but is not in the table.",
            hint="`headgate doctor` tells what else is wrong; a backup of the warehouse has the file as it was.",
        )


def _oldest(manifests: Sequence[ManifestFile], following: int) -> int:
    """The lowest sequence number of the data files that some manifests hold."""
    held = [manifest for manifest in manifests if manifest.has_added_files() or manifest.has_existing_files()]
    numbers = (manifest.min_sequence_number for manifest in held)
    return min((following if number == UNASSIGNED_SEQ else number for number in numbers), default=following)


def _idle(io: FileIO, deletes: Sequence[ManifestFile], oldest: int) -> list[ManifestFile]:
    """The delete manifests whose files apply to no data file, all of which are younger than that.

    A position delete applies to data files up to its own sequence number, an equality delete to older ones
    (Iceberg specification, "Scan planning").
    """

    def applies(entry: ManifestEntry) -> bool:
        number = entry.sequence_number or 0
        return number > oldest or (number == oldest and entry.data_file.content == DataFileContent.POSITION_DELETES)

    return [
        manifest for manifest in deletes if not any(map(applies, live_entries(io, [manifest], ManifestContent.DELETES)))
    ]


def produce_subset(metadata: TableMetadata, io: FileIO, paths: Collection[str], folder: str) -> TableMetadata:
    """Write the manifests of a snapshot that holds only some of the current data files; gives the table's metadata.

    Files keep their sequence numbers, so that delete files of other writers apply to them as before.
    """
    writer = SnapshotWriter(metadata, io, folder)
    parent = metadata.current_snapshot()
    manifests: list[ManifestFile] = []
    for manifest in live_manifests(io, parent):
        if manifest.content == ManifestContent.DELETES:
            manifests.append(manifest)
            continue
        entries = [
            with_status(entry, ManifestEntryStatus.EXISTING, entry.snapshot_id)
            for entry in entries_of(io, manifest)
            if entry.data_file.file_path in paths
        ]
        if entries:
            manifests.append(writer.manifest(manifest.partition_spec_id, entries))
    return _make_current(writer, manifests, Summary(Operation.OVERWRITE))


def _make_current(writer: SnapshotWriter, manifests: list[ManifestFile], summary: Summary) -> TableMetadata:
    """The metadata with a further snapshot, which is the current one.

    It is what `update_table_metadata` makes of the updates that add a snapshot, point `main` at it and remove old
    snapshots; but that copies the whole metadata in depth, which takes longer than all else that an append does. And it
    takes the parents of those that stay for lost, by which a join follows the history into older metadata files.
    """
    metadata = writer.metadata
    snapshot = _write_list(writer, manifests, metadata.current_snapshot(), summary)
    before = metadata.refs.get(MAIN_BRANCH)
    # How long the table's snapshots are to stay, which other engines set.
    limits = {name: value for name, value in (before.model_dump() if before else {}).items() if name.startswith("m")}
    ref = SnapshotRef.model_validate({"type": SnapshotRefType.BRANCH, "snapshot-id": snapshot.snapshot_id} | limits)
    # The table's own branches and tags, which other engines make, need theirs.
    named = {ref.snapshot_id for ref in metadata.refs.values()}
    old = {snapshot.snapshot_id for snapshot in metadata.snapshots[: -_SNAPSHOTS_KEPT + 1]} - named
    logged = SnapshotLogEntry.model_validate(
        {"snapshot-id": snapshot.snapshot_id, "timestamp-ms": snapshot.timestamp_ms}
    )
    return metadata.model_copy(
        update={
            "last_updated_ms": snapshot.timestamp_ms,
            "last_sequence_number": snapshot.sequence_number,
            "current_snapshot_id": snapshot.snapshot_id,
            "snapshots": [*(each for each in metadata.snapshots if each.snapshot_id not in old), snapshot],
            "snapshot_log": [*(each for each in metadata.snapshot_log if each.snapshot_id not in old), logged],
            "refs": {**metadata.refs, MAIN_BRANCH: ref},
            "statistics": [each for each in metadata.statistics if each.snapshot_id not in old],
            "partition_statistics": [each for each in metadata.partition_statistics if each.snapshot_id not in old],
        }
    )


def _write_list(
    writer: SnapshotWriter, manifests: list[ManifestFile], parent: Snapshot | None, summary: Summary
) -> Snapshot:
    metadata = writer.metadata
    location = f"{writer.folder}/snap-{writer.snapshot_id}-0-{writer.commit}.avro"
    sequence_number = metadata.next_sequence_number()
    parent_id = parent.snapshot_id if parent else None
    write_list(
        writer.io,
        location,
        manifests,
        format_version=metadata.format_version,
        snapshot_id=writer.snapshot_id,
        parent_id=parent_id,
        sequence_number=sequence_number,
    )
    return Snapshot.model_validate(
        {
            "snapshot-id": writer.snapshot_id,
            "parent-snapshot-id": parent_id,
            "sequence-number": sequence_number,
            "timestamp-ms": max(int(time.time() * 1000), metadata.last_updated_ms),
            "manifest-list": location,
            "summary": summary,
            "schema-id": metadata.current_schema_id,
        }
    )


def _summary(
    operation: Operation,
    added: Sequence[DataFile],
    removed: Sequence[DataFile],
    before: Mapping[str, int],
    properties: Mapping[str, str],
) -> Summary:
    plus, minus = count(added), count(removed)
    shown = {
        "added-data-files": plus[DATA_FILES],
        "deleted-data-files": minus[DATA_FILES],
        "added-delete-files": plus[DELETE_FILES],
        "added-position-deletes": plus[POSITIONS],
        "added-records": plus[RECORDS],
        "deleted-records": minus[RECORDS],
        "added-files-size": plus[SIZE],
        "removed-files-size": minus[SIZE],
        "removed-delete-files": minus[DELETE_FILES],
        "removed-position-deletes": minus[POSITIONS],
        "removed-equality-deletes": minus[EQUALITIES],
    }
    entries = {name: str(number) for name, number in shown.items() if number}
    # Another writer's totals may be too low.
    totals = {name: str(max(before[name] + plus[name] - minus[name], 0)) for name in TOTALS}
    return Summary(operation, **{ENGINE: HEADGATE, **entries, **totals, **properties})
