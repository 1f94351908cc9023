"""Manifests of data files that are appended, made before a writer lines up to commit and whoever else is faster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyiceberg.manifest import DataFile, ManifestFile
from pyiceberg.table.metadata import TableMetadata

from headgate.catalog.iceberg.datafiles import to_data_file
from headgate.catalog.iceberg.snapshotwriter import SnapshotWriter, schema_for
from headgate.catalog.iceberg.storage import KeptFile, StorageIO
from headgate.catalog.storage import Storage
from headgate.types import WrittenFile


@dataclass(frozen=True)
class AddedManifests:
    """The manifests of data files that are to be appended, made before it is known to what version of the table.

    What is added has its sequence number from the list that names the manifest (Iceberg specification, "Sequence Number
    Inheritance"): so the manifests do for every version whose files are described alike, by a snapshot of one id.

    Attributes:
        snapshot_id: That of the snapshot, wherever it lands.
        made_for: What they are made for.
        manifests: For a list that is to be written.
        kept: Their content, by location.
    """

    snapshot_id: int
    made_for: tuple[object, ...]
    manifests: tuple[ManifestFile, ...]
    kept: Mapping[str, KeptFile]

    def fit(self, metadata: TableMetadata, added: Sequence[DataFile]) -> bool:
        """Whether they do for a version of the table."""
        taken = any(snapshot.snapshot_id == self.snapshot_id for snapshot in metadata.snapshots)
        return not taken and self.made_for == _described(metadata, added)


def prepare(metadata: TableMetadata, storage: Storage, files: Sequence[WrittenFile]) -> AddedManifests:
    """Make the manifests of data files that were written for a version of a table; nothing of them is stored."""
    io = StorageIO(storage)
    added = [to_data_file(file, metadata.default_spec_id) for file in files]
    writer = SnapshotWriter(metadata, io, f"{metadata.location}/metadata", storage.new_id())
    made_for = _described(metadata, added)
    return AddedManifests(writer.snapshot_id, made_for, tuple(writer.added(added)), io.kept)


def _described(metadata: TableMetadata, added: Sequence[DataFile]) -> tuple[object, ...]:
    """What the manifests of some files depend on."""
    specs = metadata.specs()
    used = dict.fromkeys(file.spec_id for file in added)
    described = [(specs[each], schema_for(metadata, specs[each]).model_dump_json()) for each in used]
    files = tuple((file.file_path, file.spec_id) for file in added)
    return metadata.location, metadata.format_version, files, described
