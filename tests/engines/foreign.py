"""Tables as other engines leave them: made with PyIceberg's own writers, and by hand where it has none."""

from __future__ import annotations

import gzip
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriterV2,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import StaticTable, Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update import (
    AddSnapshotUpdate,
    SetSnapshotRefUpdate,
    update_table_metadata,
)
from pyiceberg.typedef import Record
from pyiceberg.types import LongType, NestedField, StringType

from headgate.catalog import Catalog, Operation
from headgate.catalog.locations import path_of
from headgate.catalog.metadata import read_metadata
from headgate.catalog.storage import Storage
from headgate.types import Content, Kind, Name

Rows = list[dict[str, Any]]

SCHEMA = Schema(NestedField(1, "id", LongType(), required=False), NestedField(2, "kind", StringType(), required=False))


_STATISTICS = (
    "column_sizes",
    "value_counts",
    "null_value_counts",
    "nan_value_counts",
    "lower_bounds",
    "upper_bounds",
    "key_metadata",
    "split_offsets",
    "sort_order_id",
)


def rows(start: int, stop: int) -> Rows:
    """What the tables hold: ids, and one of three kinds."""
    return [{"id": number, "kind": f"k{number % 3}"} for number in range(start, stop)]


class Foreign:
    """Makes tables below a folder, as if another engine did.

    Args:
        folder: Where the tables go.
        prefix: How locations begin: `file://`, `file:` or nothing.
    """

    def __init__(self, folder: Path, prefix: str = "file://") -> None:
        self._catalog = InMemoryCatalog("other", warehouse=f"{prefix}{folder}")
        self._catalog.create_namespace("other")
        self._root = f"{prefix}{folder}"

    def table(
        self,
        *batches: Rows,
        schema: Schema = SCHEMA,
        spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
        version: int = 2,
        properties: Mapping[str, str] | None = None,
    ) -> Table:
        """A table to which each batch of rows was appended in a snapshot of its own."""
        name = f"t{uuid.uuid4().hex[:8]}"
        table = self._catalog.create_table(
            f"other.{name}",
            schema,
            location=f"{self._root}/{name}",
            partition_spec=spec,
            properties={"format-version": str(version), **(properties or {})},
        )
        for batch in batches:
            table.append(pa.Table.from_pylist(batch, schema=schema.as_arrow()))
        return table


class _DeleteWriter(ManifestWriterV2):
    """PyIceberg writes manifests of data files only."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def position_deletes(location: str, positions: Mapping[str, Sequence[int]], partition: tuple[object, ...] = ()) -> str:
    """Take rows away by their position in data files of one partition; gives the new metadata file."""
    pairs = [(path, position) for path, found in positions.items() for position in found]
    ids = {"file_path": 2147483546, "pos": 2147483545}
    columns = pa.table({"file_path": [path for path, _ in pairs], "pos": pa.array([p for _, p in pairs], pa.int64())})
    return _with_deletes(location, _with_ids(columns, ids), DataFileContent.POSITION_DELETES, None, partition)


def equality_deletes(location: str, values: pa.Table, ids: Mapping[str, int]) -> str:
    """Take rows away that have the same values in some columns; gives the new metadata file."""
    content = DataFileContent.EQUALITY_DELETES
    return _with_deletes(location, _with_ids(values, ids), content, list(ids.values()))


def _with_ids(table: pa.Table, ids: Mapping[str, int]) -> pa.Table:
    fields = [
        field.with_metadata({"PARQUET:field_id": str(ids[field.name])}) if field.name in ids else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _with_deletes(
    location: str,
    table: pa.Table,
    content: DataFileContent,
    equality_ids: list[int] | None,
    partition: tuple[object, ...] = (),
) -> str:
    metadata, io = _read(location)
    path = f"{metadata.location}/data/{uuid.uuid4()}-deletes.parquet"
    pq.write_table(table, path_of(path))
    file = data_file(path, table.num_rows, content=content, equality_ids=equality_ids, partition=partition)
    writing: Callable[..., ManifestWriterV2] = _DeleteWriter
    return _with_manifest(location, metadata, io, [file], writing, "delete")


def orc_file(location: str, batch: Rows) -> str:
    """Add a data file that is not Parquet; gives the new metadata file."""
    metadata, io = _read(location)
    path = f"{metadata.location}/data/{uuid.uuid4()}.orc"
    table = pa.Table.from_pylist(batch)
    orc.write_table(table, path_of(path))
    file = data_file(path, table.num_rows, form=FileFormat.ORC)
    return _with_manifest(location, metadata, io, [file], _data_writer, "append")


def _data_writer(*arguments: Any) -> Any:
    return write_manifest(2, *arguments)


def data_file(
    path: str,
    count: int,
    *,
    content: DataFileContent = DataFileContent.DATA,
    form: FileFormat = FileFormat.PARQUET,
    equality_ids: list[int] | None = None,
    partition: tuple[object, ...] = (),
) -> DataFile:
    """A file without statistics."""
    known: dict[str, Any] = {
        "content": content,
        "file_path": path,
        "file_format": form,
        "partition": Record(*partition),
        "record_count": count,
        "file_size_in_bytes": path_of(path).stat().st_size,
        "equality_ids": equality_ids,
    }
    file = DataFile.from_args(2, **dict.fromkeys(_STATISTICS), **known)
    file.spec_id = 0
    return file


def carried_over(location: str) -> str:
    """The table with its data files in a manifest of format version 1, as one that was raised to version 2 has them."""
    metadata, io = _read(location)
    snapshot = metadata.current_snapshot()
    assert snapshot is not None
    files = [entry.data_file for manifest in snapshot.manifests(io) for entry in manifest.fetch_manifest_entry(io)]

    def writing(*arguments: Any) -> Any:
        return write_manifest(1, *arguments)

    return _with_manifest(location, metadata, io, files, writing, "replace", status=ManifestEntryStatus.EXISTING)


def _with_manifest(
    location: str,
    metadata: TableMetadata,
    io: FileIO,
    files: Sequence[DataFile],
    writing: Callable[..., Any],
    operation: str,
    *,
    status: ManifestEntryStatus = ManifestEntryStatus.ADDED,
) -> str:
    """A further snapshot with one more manifest, or with this one alone; its summary tells only the operation."""
    parent = metadata.current_snapshot()
    assert parent is not None
    carried = status is ManifestEntryStatus.EXISTING
    snapshot_id, folder = metadata.new_snapshot_id(), f"{metadata.location}/metadata"
    output = io.new_output(f"{folder}/{uuid.uuid4()}-m0.avro")
    with writing(metadata.specs()[0], metadata.schema(), output, snapshot_id, "deflate") as writer:
        for file in files:
            writer.add_entry(ManifestEntry.from_args(status=status, snapshot_id=snapshot_id, data_file=file))
    written: ManifestFile = writer.to_manifest_file()
    if carried:
        written.sequence_number = written.min_sequence_number = 0
    manifests = [written] if carried else [*parent.manifests(io), written]
    number, listed = metadata.next_sequence_number(), f"{folder}/snap-{snapshot_id}.avro"
    with write_manifest_list(2, io.new_output(listed), snapshot_id, parent.snapshot_id, number, "deflate") as listing:
        listing.add_manifests(manifests)
    snapshot = Snapshot.model_validate(
        {
            "snapshot-id": snapshot_id,
            "parent-snapshot-id": parent.snapshot_id,
            "sequence-number": number,
            "timestamp-ms": max(int(time.time() * 1000), metadata.last_updated_ms),
            "manifest-list": listed,
            "summary": {"operation": operation},
            "schema-id": metadata.current_schema_id,
        }
    )
    ref = {"ref-name": "main", "type": "branch", "snapshot-id": snapshot_id}
    updated = update_table_metadata(
        metadata, (AddSnapshotUpdate(snapshot=snapshot), SetSnapshotRefUpdate.model_validate(ref))
    )
    return _store(location, json.loads(updated.model_dump_json(exclude_none=True)))


def edited(location: str, change: Callable[[dict[str, Any]], object], *, compressed: bool = False) -> str:
    """The metadata with something changed in it by hand, in a new file."""
    content = read_metadata(location, Storage("/"))
    change(content)
    return _store(location, content, compressed=compressed)


def _store(location: str, content: dict[str, Any], *, compressed: bool = False) -> str:
    path = f"{location.rpartition('/')[0]}/00099-{uuid.uuid4()}{'.gz' if compressed else ''}.metadata.json"
    text = json.dumps(content).encode()
    path_of(path).write_bytes(gzip.compress(text) if compressed else text)
    return path


def _read(location: str) -> tuple[TableMetadata, FileIO]:
    io = PyArrowFileIO()
    return FromInputFile.table_metadata(io.new_input(location)), io


def view(folder: Path, texts: dict[str, str], namespace: list[str]) -> str:
    """A view as an engine writes it through the Iceberg REST catalog, with a text per dialect."""
    texts_in_order = [{"type": "sql", "sql": sql, "dialect": dialect} for dialect, sql in texts.items()]
    version: dict[str, Any] = {
        "version-id": 1,
        "timestamp-ms": 1,
        "schema-id": 0,
        "summary": {},
        "default-namespace": namespace,
        "representations": texts_in_order,
    }
    fields = [{"id": 1, "name": "id", "type": "long", "required": False}]
    metadata = {
        "view-uuid": str(uuid.uuid4()),
        "format-version": 1,
        "location": f"file://{folder}/view",
        "current-version-id": 1,
        "versions": [version],
        "version-log": [{"version-id": 1, "timestamp-ms": 1}],
        "schemas": [{"type": "struct", "schema-id": 0, "fields": fields}],
    }
    path = folder / "view" / "metadata" / f"{uuid.uuid4()}.metadata.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(metadata), encoding="utf-8")
    return f"file://{path}"


def files_of(location: str) -> list[str]:
    """The data files of a table that PyIceberg can plan a scan of, in the order of their names."""
    return sorted(task.file.file_path for task in StaticTable.from_metadata(location).scan().plan_files())


def register(catalog: Catalog, name: Name, location: str, branch: str = "main") -> None:
    """Make a table part of a branch, as a commit through the Iceberg REST catalog does."""
    before = catalog.state(branch).get(name)
    kind = Kind.VIEW if "view-uuid" in read_metadata(location, Storage("/")) else Kind.TABLE
    metadata = read_metadata(location, Storage("/"))
    content = Content(kind, str(metadata.get("table-uuid") or metadata["view-uuid"]), location)
    catalog.commit(branch, [Operation(name, before, content)], message="from elsewhere", author="spark")
