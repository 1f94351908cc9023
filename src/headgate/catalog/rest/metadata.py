"""Table metadata as JSON: the canonical form that updates work on, a new table's, and the form that is stored."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from headgate.catalog.rest.fields import Json, int_of, items_of, long_of, object_of, text_map, text_of, without_nulls
from headgate.catalog.rest.layout import (
    FIRST_PARTITION_ID,
    UNPARTITIONED,
    UNSORTED,
    bound_spec,
    last_partition_id,
    read_order,
    read_spec,
)
from headgate.catalog.rest.problems import BadRequest
from headgate.catalog.rest.schemas import highest_id, read_schema

NEWEST = 3
DEFAULT_VERSION = 2
MAIN = "main"
"""Iceberg's own branch of a table, which says what its current snapshot is."""

# A field of the metadata rather than a property, wherever a client puts it among the properties.
FORMAT_VERSION = "format-version"
# What Java's client shows among the properties of a table and never means to set.
_RESERVED = {
    FORMAT_VERSION,
    *("uuid", "snapshot-count", "current-snapshot-summary", "current-snapshot-id", "current-snapshot-timestamp-ms"),
    *("current-schema", "default-partition-spec", "default-sort-order"),
}
_DEFAULTS = {"write.parquet.compression-codec": "zstd"}
_LISTS = ("snapshots", "snapshot-log", "metadata-log", "statistics", "partition-statistics")
_LOG_LENGTH = "write.metadata.previous-versions-max"
_LOGGED = 100


def now_ms() -> int:
    """The time as metadata has it."""
    return int(time.time() * 1000)


def blank(version: int) -> Json:
    """The metadata of a table that has nothing yet, for the updates of a create transaction."""
    check_version(version)
    return {
        "format-version": version,
        "table-uuid": str(uuid.uuid4()),
        "location": "",
        "last-sequence-number": 0,
        "last-updated-ms": 0,
        "last-column-id": 0,
        "schemas": [],
        "current-schema-id": 0,
        "partition-specs": [],
        "default-spec-id": 0,
        "last-partition-id": FIRST_PARTITION_ID - 1,
        "sort-orders": [],
        "default-sort-order-id": 0,
        "properties": {},
        "refs": {},
        **{name: [] for name in _LISTS},
        **({"next-row-id": 0} if version >= 3 else {}),
    }


def check_version(version: int) -> None:
    """Refuse a format version that does not exist.

    Raises:
        BadRequest: It is not 1, 2 or 3.
    """
    if not 1 <= version <= NEWEST:
        raise BadRequest(f"Unsupported format version: v{version} (supported: v{NEWEST})")


def requested_version(properties: Mapping[str, str]) -> int | None:
    """The format version that is asked for among the properties, or None."""
    asked = properties.get(FORMAT_VERSION)
    if asked is None:
        return None
    if not asked.isascii() or not asked.isdigit() or len(asked) > 2:
        raise BadRequest(f"Cannot read the property '{FORMAT_VERSION}': '{asked:.20}' is not a number")
    check_version(int(asked))
    return int(asked)


def kept_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """The properties without those that are something else."""
    return {name: value for name, value in properties.items() if name not in _RESERVED}


def new_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """The properties of a new table."""
    return _DEFAULTS | kept_properties(properties)


def canonical(document: Json) -> Json:
    """A metadata file's content in the form that updates work on: no nulls, lists where version 1 had one value.

    Raises:
        BadRequest: It is not the metadata of a table.
    """
    document = without_nulls(document)
    version = int_of(document, "format-version")
    check_version(version)
    metadata = {key: value for key, value in document.items() if key not in ("schema", "partition-spec")}
    metadata["location"] = text_of(document, "location").rstrip("/")
    metadata["table-uuid"] = text_of(document, "table-uuid") if version > 1 or "table-uuid" in document else ""
    metadata["last-updated-ms"] = long_of(document, "last-updated-ms")
    metadata["last-column-id"] = int_of(document, "last-column-id")
    metadata["last-sequence-number"] = long_of(document, "last-sequence-number") if version > 1 else 0
    metadata["properties"] = text_map(document, "properties", missing_is_empty=True)
    for name in _LISTS:
        metadata[name] = items_of(document, name, missing_is_empty=True)
    _read_schemas(metadata, document)
    _read_layout(metadata, document, version)
    _read_snapshots(metadata, document)
    if version >= 3:
        metadata["next-row-id"] = long_of(document, "next-row-id")
    return metadata


def stored_form(metadata: Json) -> Json:
    """The metadata as its file holds it: version 1 repeats the current schema and spec for older readers."""
    if metadata["format-version"] > 1:
        return metadata
    return {**metadata, "schema": current_schema(metadata), "partition-spec": default_spec(metadata)["fields"]}


def current_schema(metadata: Json) -> Json:
    """The current schema."""
    return by_id(metadata["schemas"], "schema-id", metadata["current-schema-id"])


def default_spec(metadata: Json) -> Json:
    """The default partition spec."""
    return by_id(metadata["partition-specs"], "spec-id", metadata["default-spec-id"])


def by_id(items: list[Json], key: str, number: int) -> Json:
    """The item with an id.

    Raises:
        BadRequest: There is none.
    """
    for item in items:
        if item[key] == number:
            return item
    raise BadRequest(f"There is no {key.removesuffix('-id').replace('-', ' ')} with the id {number}")


def logged(metadata: Json, base: Json, base_location: str) -> Json:
    """The metadata with the file it was made from in its log, whose length a property of the table bounds."""
    asked = metadata["properties"].get(_LOG_LENGTH, "")
    length = max(1, int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 9 else _LOGGED
    entry = {"metadata-file": base_location, "timestamp-ms": base["last-updated-ms"]}
    return {**metadata, "metadata-log": [*metadata["metadata-log"], entry][-length:]}


def _read_schemas(metadata: Json, document: Json) -> None:
    if "schemas" in document:
        metadata["schemas"] = [read_schema(_object(schema, "schemas")) for schema in items_of(document, "schemas")]
        metadata["current-schema-id"] = int_of(document, "current-schema-id")
    else:
        schema = read_schema(object_of(document, "schema"))
        metadata["schemas"], metadata["current-schema-id"] = [schema], schema["schema-id"]
    current_schema(metadata)
    highest = max(highest_id(schema) for schema in metadata["schemas"])
    metadata["last-column-id"] = max(metadata["last-column-id"], highest)


def _read_layout(metadata: Json, document: Json, version: int) -> None:
    if "partition-specs" in document:
        specs = [read_spec(_object(spec, "partition-specs")) for spec in items_of(document, "partition-specs")]
        metadata["default-spec-id"] = int_of(document, "default-spec-id")
    else:
        specs = [read_spec({"spec-id": 0, "fields": items_of(document, "partition-spec", missing_is_empty=True)})]
        metadata["default-spec-id"] = 0
    bound: list[Json] = []
    for spec in specs or [UNPARTITIONED]:
        bound.append(bound_spec(spec, bound, max(map(last_partition_id, bound), default=999), 2))
    metadata["partition-specs"] = bound
    default_spec(metadata)
    highest = max(last_partition_id(spec) for spec in bound)
    given = int_of(document, "last-partition-id") if "last-partition-id" in document else highest
    metadata["last-partition-id"] = max(given, highest)
    orders = [
        read_order(_object(order, "sort-orders")) for order in items_of(document, "sort-orders", missing_is_empty=True)
    ]
    metadata["sort-orders"] = orders or [UNSORTED]
    default = int_of(document, "default-sort-order-id") if orders else 0
    metadata["default-sort-order-id"] = default
    by_id(metadata["sort-orders"], "order-id", default)


def _read_snapshots(metadata: Json, document: Json) -> None:
    for snapshot in metadata["snapshots"]:
        long_of(_object(snapshot, "snapshots"), "snapshot-id")
    for entry in metadata["snapshot-log"]:
        long_of(_object(entry, "snapshot-log"), "snapshot-id")
        long_of(entry, "timestamp-ms")
    for entry in metadata["metadata-log"]:
        text_of(_object(entry, "metadata-log"), "metadata-file")
    for name in ("statistics", "partition-statistics"):
        for file in metadata[name]:
            long_of(_object(file, name), "snapshot-id")
    known = {snapshot["snapshot-id"] for snapshot in metadata["snapshots"]}
    current = long_of(document, "current-snapshot-id") if "current-snapshot-id" in document else -1
    metadata.pop("current-snapshot-id", None)
    refs = object_of(document, "refs") if "refs" in document else {}
    if current in known:
        metadata["current-snapshot-id"] = current
        refs = {MAIN: {"snapshot-id": current, "type": "branch"}, **refs}
    for name, ref in refs.items():
        if long_of(_object(ref, f"refs: {name}"), "snapshot-id") not in known:
            raise BadRequest(f"Snapshot for reference {name} does not exist in the existing snapshots list")
        text_of(ref, "type")
    metadata["refs"] = refs


def _object(value: Any, what: str) -> Json:
    if not isinstance(value, dict):
        raise BadRequest(f"Cannot read the metadata: an item of '{what}' is not an object")
    return value
