"""Manifests and manifest lists: the Avro files of a snapshot, read and written by PyIceberg's codecs of records.

PyIceberg works out a codec for each file, which takes longer than the records of a small one, and writes every entry
of a manifest as a block of its own. Here a codec is worked out once for a schema.
"""

from __future__ import annotations

import functools
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from typing import Any

from pyiceberg.avro.decoder import new_decoder
from pyiceberg.avro.encoder import BinaryEncoder
from pyiceberg.avro.file import MAGIC, META_SCHEMA, SYNC_SIZE, AvroFileHeader
from pyiceberg.avro.reader import Reader
from pyiceberg.avro.resolver import construct_reader, construct_writer, resolve_reader, resolve_writer
from pyiceberg.avro.writer import Writer
from pyiceberg.io import FileIO
from pyiceberg.manifest import (
    DEFAULT_READ_VERSION,
    MANIFEST_ENTRY_SCHEMAS,
    MANIFEST_LIST_FILE_SCHEMAS,
    UNASSIGNED_SEQ,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    PartitionFieldSummary,
    construct_partition_summaries,
    data_file_with_partition,
    manifest_entry_schema_with_data_file,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record, TableVersion
from pyiceberg.utils.schema_conversion import AvroSchemaConversion

_SCHEMA, _CODEC = "avro.schema", "avro.codec"
# The window of deflate without a header, as Avro has it.
_RAW = -zlib.MAX_WBITS
_BLOCK = 1000
# A table has few schemas and specs, a lake that is read at once perhaps hundreds of tables.
_LAYOUTS = 256

_LIST_TYPES: dict[int, type[Record]] = {-1: ManifestFile, 508: PartitionFieldSummary}
_LIST_ENUMS: dict[int, type[Enum]] = {517: ManifestContent}
_ENTRY_TYPES: dict[int, type[Record]] = {-1: ManifestEntry, 2: DataFile}
_ENTRY_ENUMS: dict[int, type[Enum]] = {0: ManifestEntryStatus, 101: FileFormat, 134: DataFileContent}


def read_list(io: FileIO, location: str) -> list[ManifestFile]:
    """The manifests that a manifest list names.

    PyIceberg's own reader keeps them by path, whatever another list has said of the same manifest.
    """
    return list(_records(_content(io, location), _list_reader))


def read_entries(io: FileIO, manifest: ManifestFile) -> list[ManifestEntry]:
    """The entries of a manifest whose files are there, with what they inherit from the list.

    See the Iceberg specification, "Sequence Number Inheritance"; in manifests of format version 1 the number is 0.
    """
    found = []
    for entry in _records(_content(io, manifest.manifest_path), _entry_reader):
        if entry.status == ManifestEntryStatus.DELETED:
            continue
        if entry.snapshot_id is None and manifest.added_snapshot_id is not None:
            entry.snapshot_id = manifest.added_snapshot_id
        inherits = manifest.sequence_number == 0 or entry.status == ManifestEntryStatus.ADDED
        if entry.sequence_number is None and inherits:
            entry.sequence_number = manifest.sequence_number
        if entry.file_sequence_number is None and inherits:
            entry.file_sequence_number = manifest.sequence_number
        entry.data_file.spec_id = manifest.partition_spec_id
        found.append(entry)
    return found


def write_manifest(
    io: FileIO,
    location: str,
    entries: Sequence[ManifestEntry],
    *,
    format_version: TableVersion,
    schema: Schema,
    spec: PartitionSpec,
    snapshot_id: int,
) -> ManifestFile:
    """Write a manifest of data files, or one of delete files.

    Args:
        io: Where to.
        location: Of the manifest.
        entries: All of data files or all of delete files. Those that are not added have a sequence number.
        format_version: Of the table.
        schema: Of the table, with every column that the spec names.
        spec: The partition spec of all the files.
        snapshot_id: The snapshot that it is written for, whose list gives it its sequence number.
    """
    data = all(entry.data_file.content == DataFileContent.DATA for entry in entries)
    content = ManifestContent.DATA if data else ManifestContent.DELETES
    layout = _entry_layout(format_version, schema.model_dump_json(), spec.model_dump_json(), content)
    written = _write(io, location, layout, {}, entries)
    counts = {status: [0, 0] for status in ManifestEntryStatus}
    for entry in entries:
        counts[entry.status][0] += 1
        counts[entry.status][1] += entry.data_file.record_count
    live = (entry for entry in entries if entry.status != ManifestEntryStatus.DELETED)
    numbers = [entry.sequence_number for entry in live if entry.sequence_number is not None]
    return ManifestFile.from_args(
        manifest_path=location,
        manifest_length=written,
        partition_spec_id=spec.spec_id,
        content=content,
        sequence_number=UNASSIGNED_SEQ,
        min_sequence_number=min(numbers, default=UNASSIGNED_SEQ),
        added_snapshot_id=snapshot_id,
        added_files_count=counts[ManifestEntryStatus.ADDED][0],
        existing_files_count=counts[ManifestEntryStatus.EXISTING][0],
        deleted_files_count=counts[ManifestEntryStatus.DELETED][0],
        added_rows_count=counts[ManifestEntryStatus.ADDED][1],
        existing_rows_count=counts[ManifestEntryStatus.EXISTING][1],
        deleted_rows_count=counts[ManifestEntryStatus.DELETED][1],
        partitions=construct_partition_summaries(spec, schema, [entry.data_file.partition for entry in entries]),
        key_metadata=None,
    )


def write_list(
    io: FileIO,
    location: str,
    manifests: Sequence[ManifestFile],
    *,
    format_version: TableVersion,
    snapshot_id: int,
    parent_id: int | None,
    sequence_number: int,
) -> None:
    """Write a snapshot's manifest list; manifests that were written for it get the snapshot's sequence number."""
    properties = {
        "snapshot-id": str(snapshot_id),
        "parent-snapshot-id": "null" if parent_id is None else str(parent_id),
        "format-version": str(format_version),
    }
    if format_version > 1:
        properties["sequence-number"] = str(sequence_number)
    layout = _list_layout(format_version)
    numbered = [_numbered(manifest, sequence_number) for manifest in manifests]
    _write(io, location, layout, properties, numbered)


def _numbered(manifest: ManifestFile, sequence_number: int) -> ManifestFile:
    if UNASSIGNED_SEQ not in (manifest.sequence_number, manifest.min_sequence_number):
        return manifest
    # `copy` gives a record that shares its values with the first.
    numbered = ManifestFile(*(manifest[position] for position in range(len(manifest))))
    if numbered.sequence_number == UNASSIGNED_SEQ:
        numbered.sequence_number = sequence_number
    if numbered.min_sequence_number == UNASSIGNED_SEQ:
        numbered.min_sequence_number = sequence_number
    return numbered


@dataclass(frozen=True)
class _Layout:
    """How a kind of file is written."""

    writer: Writer
    properties: Mapping[str, str]


@functools.lru_cache(_LAYOUTS)
def _entry_layout(format_version: TableVersion, schema: str, spec: str, content: ManifestContent) -> _Layout:
    columns, partitions = Schema.model_validate_json(schema), PartitionSpec.model_validate_json(spec)

    def record(version: TableVersion) -> Schema:
        kind = data_file_with_partition(partitions.partition_type(columns), version)
        return manifest_entry_schema_with_data_file(version, kind)

    properties = {
        "schema": schema,
        "partition-spec": json.dumps(json.loads(spec)["fields"]),
        "partition-spec-id": str(partitions.spec_id),
        "format-version": str(format_version),
    }
    if format_version > 1:
        properties["content"] = content.name.lower()
    return _layout(record(format_version), record(DEFAULT_READ_VERSION), "manifest_entry", properties)


@functools.cache
def _list_layout(format_version: TableVersion) -> _Layout:
    schemas = MANIFEST_LIST_FILE_SCHEMAS
    return _layout(schemas[format_version], schemas[DEFAULT_READ_VERSION], "manifest_file", {})


def _layout(file: Schema, record: Schema, name: str, properties: Mapping[str, str]) -> _Layout:
    avro = json.dumps(AvroSchemaConversion().iceberg_to_avro(file, schema_name=name))
    return _Layout(resolve_writer(record, file), {**properties, _SCHEMA: avro, _CODEC: "deflate"})


def _write(io: FileIO, location: str, layout: _Layout, properties: Mapping[str, str], records: Sequence[Record]) -> int:
    """Write an Avro file (specification 1.11, "Object Container Files"); gives its length."""
    content, sync = BytesIO(), os.urandom(SYNC_SIZE)
    file = _Encoder(content)
    _HEADER_WRITER.write(file, AvroFileHeader(MAGIC, {**layout.properties, **properties}, sync))
    for start in range(0, len(records), _BLOCK):
        part = records[start : start + _BLOCK]
        block = BytesIO()
        encoder = _Encoder(block)
        for record in part:
            layout.writer.write(encoder, record)
        file.write_int(len(part))
        file.write_bytes(zlib.compress(block.getvalue(), wbits=_RAW))
        file.write(sync)
    with io.new_output(location).create(overwrite=True) as stream:
        stream.write(content.getvalue())
    return content.tell()


class _Encoder(BinaryEncoder):
    """Writes a number with one call, not one for each of its bytes."""

    def write_int(self, integer: int) -> None:
        rest = (integer << 1) ^ (integer >> 63)
        encoded = bytearray()
        while rest > 0x7F:
            encoded.append(rest & 0x7F | 0x80)
            rest >>= 7
        encoded.append(rest)
        self.write(bytes(encoded))


def _content(io: FileIO, location: str) -> bytes:
    with io.new_input(location).open() as stream:
        return stream.read()


def _records(content: bytes, reader_of: Callable[[str], Reader]) -> Iterator[Any]:
    """The records of an Avro file, in whatever codec that PyIceberg knows."""
    decoder = new_decoder(content)
    header = _HEADER_READER.read(decoder)
    reader, codec = reader_of(header.meta[_SCHEMA]), header.compression_codec()
    while True:
        try:
            count = decoder.read_int()
        except EOFError:
            return
        block = decoder.read_bytes()
        records = new_decoder(codec.decompress(block) if codec is not None else block)
        for _ in range(count):
            yield reader.read(records)
        if decoder.read(SYNC_SIZE) != header.sync:
            raise ValueError("a block does not end where it should")


@functools.lru_cache(_LAYOUTS)
def _entry_reader(avro: str) -> Reader:
    return _reader(avro, MANIFEST_ENTRY_SCHEMAS[DEFAULT_READ_VERSION], _ENTRY_TYPES, _ENTRY_ENUMS)


@functools.lru_cache(_LAYOUTS)
def _list_reader(avro: str) -> Reader:
    return _reader(avro, MANIFEST_LIST_FILE_SCHEMAS[DEFAULT_READ_VERSION], _LIST_TYPES, _LIST_ENUMS)


def _reader(avro: str, record: Schema, types: Mapping[int, Any], enums: Mapping[int, Any]) -> Reader:
    return resolve_reader(AvroSchemaConversion().avro_to_iceberg(json.loads(avro)), record, dict(types), dict(enums))


_HEADER_READER = construct_reader(META_SCHEMA, {-1: AvroFileHeader})
_HEADER_WRITER = construct_writer(META_SCHEMA)
