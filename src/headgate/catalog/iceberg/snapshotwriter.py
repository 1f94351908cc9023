"""Writing the manifests of one new snapshot."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Sequence

from pyiceberg.io import FileIO
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata

from headgate.catalog.iceberg.contents import entries_of
from headgate.catalog.iceberg.manifests import write_manifest

# So many manifests of like size are joined into one: readers open every manifest of a snapshot. Like with like, so that
# an entry is written again only a few times, as in a log-structured merge tree.
_ALIKE = 8
# A manifest with as many files is joined with no others any more.
_LARGE_MANIFEST_FILES = 1000


class SnapshotWriter:
    """Writes the manifests of one new snapshot."""

    def __init__(
        self,
        metadata: TableMetadata,
        io: FileIO,
        folder: str,
        commit: uuid.UUID | None = None,
        snapshot_id: int | None = None,
    ) -> None:
        self.metadata = metadata
        self.io = io
        self.folder = folder
        self.snapshot_id = metadata.new_snapshot_id() if snapshot_id is None else snapshot_id
        self.commit = commit or uuid.uuid4()
        self.written = 0

    def manifest(self, spec_id: int, entries: Sequence[ManifestEntry]) -> ManifestFile:
        location = f"{self.folder}/{self.commit}-m{self.written}.avro"
        self.written += 1
        spec = self.metadata.specs()[spec_id]
        return write_manifest(
            self.io,
            location,
            entries,
            format_version=self.metadata.format_version,
            schema=schema_for(self.metadata, spec),
            spec=spec,
            snapshot_id=self.snapshot_id,
        )

    def added(self, files: Sequence[DataFile]) -> list[ManifestFile]:
        alike: dict[tuple[int, bool], list[ManifestEntry]] = {}
        for file in files:
            entry = ManifestEntry.from_args(
                status=ManifestEntryStatus.ADDED, snapshot_id=self.snapshot_id, data_file=file
            )
            alike.setdefault((file.spec_id, file.content == DataFileContent.DATA), []).append(entry)
        return [self.manifest(spec_id, entries) for (spec_id, _), entries in alike.items()]

    def without(
        self, manifest: ManifestFile, removed: Callable[[DataFile], bool]
    ) -> tuple[list[ManifestFile], list[DataFile]]:
        """The manifest again but for the removed files, and what was removed from it."""
        entries = entries_of(self.io, manifest)
        gone = [entry.data_file for entry in entries if removed(entry.data_file)]
        if not gone:
            return [manifest], []
        rewritten = [
            with_status(entry, ManifestEntryStatus.DELETED, self.snapshot_id)
            if removed(entry.data_file)
            else with_status(entry, ManifestEntryStatus.EXISTING, entry.snapshot_id)
            for entry in entries
        ]
        return [self.manifest(manifest.partition_spec_id, rewritten)], gone

    def numbered(self, manifest: ManifestFile) -> ManifestFile:
        """The manifest; one that was written for format version 1 again, with the sequence numbers written out.

        Such a manifest has none, and DuckDB 1.5.5 does not take their place for 0 where it has to.
        """
        if manifest.sequence_number:
            return manifest
        entries = entries_of(self.io, manifest)
        existing = [with_status(entry, ManifestEntryStatus.EXISTING, entry.snapshot_id) for entry in entries]
        return self.manifest(manifest.partition_spec_id, existing) if existing else manifest

    def merged(self, manifests: Sequence[ManifestFile]) -> list[ManifestFile]:
        """The manifests with small ones of like size joined, once there are many of them."""
        levels: dict[tuple[int, ManifestContent, int], list[ManifestFile]] = {}
        for manifest in manifests:
            files = (manifest.added_files_count or 0) + (manifest.existing_files_count or 0)
            if files < _LARGE_MANIFEST_FILES:
                level = int(math.log(max(files, 1), _ALIKE))
                levels.setdefault((manifest.partition_spec_id, manifest.content, level), []).append(manifest)
        joined: list[ManifestFile] = []
        gone: set[str] = set()
        for (spec_id, _, _), alike in levels.items():
            if len(alike) >= _ALIKE:
                entries = [
                    with_status(entry, ManifestEntryStatus.EXISTING, entry.snapshot_id)
                    for manifest in alike
                    for entry in entries_of(self.io, manifest)
                ]
                joined.append(self.manifest(spec_id, entries))
                gone.update(manifest.manifest_path for manifest in alike)
        return joined + [manifest for manifest in manifests if manifest.manifest_path not in gone]


def with_status(entry: ManifestEntry, status: ManifestEntryStatus, snapshot_id: int | None) -> ManifestEntry:
    """The entry again, with what has become of its file in the snapshot that is being made."""
    return ManifestEntry.from_args(
        status=status,
        snapshot_id=snapshot_id,
        sequence_number=entry.sequence_number,
        file_sequence_number=entry.file_sequence_number,
        data_file=entry.data_file,
    )


def schema_for(metadata: TableMetadata, spec: PartitionSpec) -> Schema:
    """The current schema, with columns that files of a spec are partitioned by and that were dropped since.

    Without them PyIceberg could not tell the types of the partition values, and would write nulls in their place.
    """
    schema = metadata.schema()
    current = set(schema.field_ids)
    dropped = []
    for source in dict.fromkeys(field.source_id for field in spec.fields):
        if source not in current:
            known = (old.find_field(source) for old in reversed(metadata.schemas) if source in old.field_ids)
            dropped += [field.model_copy(update={"name": f"_dropped_{source}"}) for field in known][:1]
    return Schema(*schema.fields, *dropped, schema_id=schema.schema_id) if dropped else schema
