"""Snapshots: from data files that are added and removed to manifests, a manifest list and updates of the metadata.

Follows the Iceberg specification, "Snapshots" and "Manifests" (format version 2). PyIceberg's own producers are bound
to a transaction on a catalog that owns the table, and look at every entry of every manifest on each overwrite;
here a change is a value, and only the manifests that hold a removed file are rewritten.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence

from pyiceberg.avro.codecs import AvroCompressionCodec
from pyiceberg.io import FileIO
from pyiceberg.manifest import (
    DataFile,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.update import AddSnapshotUpdate, RemoveSnapshotsUpdate, SetSnapshotRefUpdate, TableUpdate

from headgate.errors import CorruptHistory

_COMPRESSION: AvroCompressionCodec = "deflate"
# Small manifests are joined into one when there are more of them: readers open every manifest of a snapshot.
_SMALL_MANIFESTS_MAX = 24
# A manifest with as many files is not small any more, or every joining would write all entries again.
_LARGE_MANIFEST_FILES = 1000
# Older snapshots leave the table's metadata; the catalog's commits name the metadata that still has them.
_SNAPSHOTS_KEPT = 50


def live_entries(io: FileIO, manifests: Sequence[ManifestFile]) -> Iterator[ManifestEntry]:
    """The entries of all data files that a snapshot holds."""
    for manifest in manifests:
        if manifest.content == ManifestContent.DATA:
            yield from manifest.fetch_manifest_entry(io, discard_deleted=True)


class _SnapshotWriter:
    """Writes the manifests of one new snapshot."""

    def __init__(self, metadata: TableMetadata, io: FileIO, folder: str) -> None:
        self.metadata = metadata
        self.io = io
        self.folder = folder
        self.snapshot_id = metadata.new_snapshot_id()
        self.commit = uuid.uuid4()
        self.written = 0

    def manifest(self, spec_id: int, entries: Sequence[ManifestEntry]) -> ManifestFile:
        output = self.io.new_output(f"{self.folder}/{self.commit}-m{self.written}.avro")
        self.written += 1
        with write_manifest(
            self.metadata.format_version,
            self.metadata.specs()[spec_id],
            self.metadata.schema(),
            output,
            self.snapshot_id,
            _COMPRESSION,
        ) as writer:
            for entry in entries:
                writer.add_entry(entry)
        return writer.to_manifest_file()

    def added(self, files: Sequence[DataFile]) -> list[ManifestFile]:
        by_spec: dict[int, list[ManifestEntry]] = {}
        for file in files:
            entry = ManifestEntry.from_args(
                status=ManifestEntryStatus.ADDED, snapshot_id=self.snapshot_id, data_file=file
            )
            by_spec.setdefault(file.spec_id, []).append(entry)
        return [self.manifest(spec_id, entries) for spec_id, entries in by_spec.items()]

    def without(self, manifest: ManifestFile, removed: Collection[str]) -> tuple[list[ManifestFile], list[DataFile]]:
        """The manifest again but for the removed files, and what was removed from it."""
        entries = manifest.fetch_manifest_entry(self.io, discard_deleted=True)
        gone = [entry for entry in entries if entry.data_file.file_path in removed]
        if not gone:
            return [manifest], []
        rewritten = [
            _with_status(entry, ManifestEntryStatus.DELETED, self.snapshot_id)
            if entry.data_file.file_path in removed
            else _with_status(entry, ManifestEntryStatus.EXISTING, entry.snapshot_id)
            for entry in entries
        ]
        return [self.manifest(manifest.partition_spec_id, rewritten)], [entry.data_file for entry in gone]

    def merged(self, manifests: Sequence[ManifestFile]) -> list[ManifestFile]:
        """The manifests with the small ones joined, once there are many of them."""
        small = [
            manifest
            for manifest in manifests
            if manifest.content == ManifestContent.DATA
            and (manifest.added_files_count or 0) + (manifest.existing_files_count or 0) < _LARGE_MANIFEST_FILES
        ]
        if len(small) <= _SMALL_MANIFESTS_MAX:
            return list(manifests)
        by_spec: dict[int, list[ManifestEntry]] = {}
        for manifest in small:
            for entry in manifest.fetch_manifest_entry(self.io, discard_deleted=True):
                existing = _with_status(entry, ManifestEntryStatus.EXISTING, entry.snapshot_id)
                by_spec.setdefault(manifest.partition_spec_id, []).append(existing)
        joined = [self.manifest(spec_id, entries) for spec_id, entries in by_spec.items()]
        return joined + [manifest for manifest in manifests if manifest not in small]


def _with_status(entry: ManifestEntry, status: ManifestEntryStatus, snapshot_id: int | None) -> ManifestEntry:
    return ManifestEntry.from_args(
        status=status,
        snapshot_id=snapshot_id,
        sequence_number=entry.sequence_number,
        file_sequence_number=entry.file_sequence_number,
        data_file=entry.data_file,
    )


def produce_snapshot(
    metadata: TableMetadata,
    io: FileIO,
    *,
    added: Sequence[DataFile] = (),
    removed: Collection[str] | None = frozenset(),
    operation: Operation,
    properties: Mapping[str, str] | None = None,
    folder: str | None = None,
) -> tuple[TableUpdate, ...]:
    """Write the manifests of a new current snapshot.

    Args:
        metadata: The table as it is.
        io: Where the table's metadata files are.
        added: Data files that the snapshot adds, each with its `spec_id`.
        removed: Paths of data files that it removes; None removes all.
        operation: What readers of incremental changes are told.
        properties: Further entries of the snapshot's summary.
        folder: Where the manifests go; the table's own `metadata` folder by default.

    Returns:
        Updates that make the snapshot the table's current one.

    Raises:
        CorruptHistory: A file that is to be removed is not in the current snapshot.
    """
    writer = _SnapshotWriter(metadata, io, folder or f"{metadata.location}/metadata")
    parent = metadata.current_snapshot()
    previous = [] if parent is None else parent.manifests(io)
    current = [manifest for manifest in previous if manifest.has_added_files() or manifest.has_existing_files()]
    manifests = writer.added(added)
    gone: list[DataFile] = []
    if removed is None:
        gone = [entry.data_file for entry in live_entries(io, current)]
    elif removed:
        for manifest in current:
            rest, deleted = writer.without(manifest, removed)
            manifests += rest
            gone += deleted
        if len(gone) != len(removed):
            missing = sorted(set(removed) - {file.file_path for file in gone})
            raise CorruptHistory(f"Data file '{missing[0]}' is to be removed but is not in the table.")
    else:
        manifests = writer.merged(current) + manifests
    return _make_current(writer, manifests, _summary(operation, added, gone, parent, properties or {}))


def produce_subset(metadata: TableMetadata, io: FileIO, paths: Collection[str], folder: str) -> tuple[TableUpdate, ...]:
    """Write the manifests of a snapshot that holds only some of the current data files.

    Files keep their sequence numbers, so that delete files of other writers apply to them as before.
    """
    writer = _SnapshotWriter(metadata, io, folder)
    parent = metadata.current_snapshot()
    manifests: list[ManifestFile] = []
    for manifest in [] if parent is None else parent.manifests(io):
        if manifest.content == ManifestContent.DELETES:
            manifests.append(manifest)
            continue
        entries = [
            _with_status(entry, ManifestEntryStatus.EXISTING, entry.snapshot_id)
            for entry in manifest.fetch_manifest_entry(io, discard_deleted=True)
            if entry.data_file.file_path in paths
        ]
        if entries:
            manifests.append(writer.manifest(manifest.partition_spec_id, entries))
    return _make_current(writer, manifests, Summary(Operation.OVERWRITE))


def _make_current(writer: _SnapshotWriter, manifests: list[ManifestFile], summary: Summary) -> tuple[TableUpdate, ...]:
    metadata = writer.metadata
    snapshot = _write_list(writer, manifests, metadata.current_snapshot(), summary)
    updates: tuple[TableUpdate, ...] = (
        AddSnapshotUpdate(snapshot=snapshot),
        SetSnapshotRefUpdate.model_validate(
            {"ref-name": MAIN_BRANCH, "type": SnapshotRefType.BRANCH, "snapshot-id": snapshot.snapshot_id}
        ),
    )
    surplus = [old.snapshot_id for old in metadata.snapshots[: -_SNAPSHOTS_KEPT + 1]]
    return (*updates, RemoveSnapshotsUpdate.model_validate({"snapshot-ids": surplus})) if surplus else updates


def _write_list(
    writer: _SnapshotWriter, manifests: list[ManifestFile], parent: Snapshot | None, summary: Summary
) -> Snapshot:
    metadata = writer.metadata
    location = f"{writer.folder}/snap-{writer.snapshot_id}-0-{writer.commit}.avro"
    sequence_number = metadata.next_sequence_number()
    parent_id = parent.snapshot_id if parent else None
    with write_manifest_list(
        format_version=metadata.format_version,
        output_file=writer.io.new_output(location),
        snapshot_id=writer.snapshot_id,
        parent_snapshot_id=parent_id,
        sequence_number=sequence_number,
        avro_compression=_COMPRESSION,
    ) as manifest_list:
        manifest_list.add_manifests(manifests)
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
    parent: Snapshot | None,
    properties: Mapping[str, str],
) -> Summary:
    before = parent.summary.additional_properties if parent is not None and parent.summary is not None else {}
    counts: dict[str, int] = {}
    for total, one, other, measure in (
        ("total-data-files", "added-data-files", "deleted-data-files", lambda file: 1),
        ("total-records", "added-records", "deleted-records", lambda file: file.record_count),
        ("total-files-size", "added-files-size", "removed-files-size", lambda file: file.file_size_in_bytes),
    ):
        plus, minus = sum(map(measure, added)), sum(map(measure, removed))
        counts[one], counts[other] = plus, minus
        counts[total] = int(before.get(total, 0)) + plus - minus
    shown = {name: str(count) for name, count in counts.items() if count or name.startswith("total")}
    zero = {"total-delete-files": "0", "total-position-deletes": "0", "total-equality-deletes": "0"}
    return Summary(operation, **shown, **zero, **properties)
