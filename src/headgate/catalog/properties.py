"""What a table or view says about itself, read from its metadata file with the standard library alone.

Planning asks this of many tables and must not pay for importing PyIceberg.
"""

from __future__ import annotations

import json
from typing import Any

from headgate.catalog.storage import Storage
from headgate.errors import StorageError


def table_properties(metadata_location: str, storage: Storage) -> dict[str, str]:
    """The properties of a table or view.

    Raises:
        StorageError: The file cannot be read.
    """
    return dict(_metadata(metadata_location, storage).get("properties", {}))


def table_columns(metadata_location: str, storage: Storage) -> tuple[str, ...]:
    """The names of a table's columns, in order.

    Raises:
        StorageError: The file cannot be read.
    """
    metadata = _metadata(metadata_location, storage)
    current = metadata["current-schema-id"]
    return next(
        tuple(str(field["name"]) for field in schema["fields"])
        for schema in metadata["schemas"]
        if schema["schema-id"] == current
    )


def table_rows(metadata_location: str, storage: Storage) -> int | None:
    """The number of rows of a table as its current snapshot counts them; None for a view."""
    metadata = _metadata(metadata_location, storage)
    if "table-uuid" not in metadata:
        return None
    current = metadata.get("current-snapshot-id", -1)
    for snapshot in metadata.get("snapshots", []):
        if snapshot["snapshot-id"] == current:
            return int(snapshot.get("summary", {}).get("total-records", 0))
    return 0


def _metadata(location: str, storage: Storage) -> dict[str, Any]:
    try:
        metadata: dict[str, Any] = json.loads(storage.read(location))
    except ValueError as error:
        raise StorageError(f"'{location}' is not a metadata file: {error}.", place=location) from error
    return metadata
