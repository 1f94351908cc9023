"""Metadata files of tables and views as the JSON that they are, read with the standard library alone.

Planning and queries ask this of many tables and must not pay for importing PyIceberg.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

from headgate.catalog.storage import Storage
from headgate.errors import DataError, StorageError

Json = dict[str, Any]

NEWEST = 3
"""The latest format version of tables that can be read."""

_GZIP = b"\x1f\x8b"


def read_metadata(location: str, storage: Storage) -> Json:
    """The content of a metadata file, which other writers may have compressed.

    Raises:
        StorageError: The file cannot be read, or is none.
    """
    content = storage.read(location)
    try:
        metadata = json.loads(decompressed(content))
    except ValueError as error:
        raise StorageError(
            f"'{location}' is not a metadata file: {error}.",
            place=location,
            hint="`headgate doctor` tells what else is wrong; a backup of the warehouse has the file as it was.",
        ) from error
    if not isinstance(metadata, dict):
        raise StorageError(
            f"'{location}' is not a metadata file.",
            place=location,
            hint="`headgate doctor` tells what else is wrong; a backup of the warehouse has the file as it was.",
        )
    return metadata


def decompressed(content: bytes) -> bytes:
    """The text of a metadata file, compressed or not.

    Raises:
        ValueError: It is cut off or damaged.
    """
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(str(error)) from error


def check_version(metadata: Json, location: str) -> None:
    """Make sure that a table is of a format version that headgate knows.

    Raises:
        DataError: It is of a later one.
    """
    version = metadata.get("format-version")
    if isinstance(version, int) and version > NEWEST:
        raise DataError(
            f"'{location}' has Iceberg format version {version}; headgate reads versions up to {NEWEST}.",
            place=location,
            hint="Read it with the engine that wrote it.",
        )


def schemas(metadata: Json) -> list[Json]:
    """Every schema that a table has had; format version 1 may only have the current one."""
    return list(metadata.get("schemas") or [metadata["schema"]])


def current_schema(metadata: Json) -> Json:
    """The schema of a table, or of the current version of a view."""
    found = schemas(metadata)
    current = metadata.get("current-schema-id", found[-1].get("schema-id"))
    return next((schema for schema in found if schema.get("schema-id") == current), found[-1])


def current_snapshot(metadata: Json) -> Json | None:
    """A table's current snapshot."""
    current = metadata.get("current-snapshot-id")
    return next((each for each in metadata.get("snapshots") or () if each["snapshot-id"] == current), None)


def fields_of(kind: Json) -> Iterator[Json]:
    """The fields of a struct or schema, with the fields of those that are structs themselves."""
    for field in kind["fields"]:
        yield field
        if isinstance(field["type"], dict) and field["type"].get("type") == "struct":
            yield from fields_of(field["type"])
