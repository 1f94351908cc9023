"""Iceberg views: SQL text as content of the catalog.

The format is that of the Iceberg view specification, version 1; the standard library is enough for it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headgate.catalog.storage import Storage
from headgate.errors import CorruptHistory

_DIALECT = "duckdb"


@dataclass(frozen=True)
class View:
    """A view as its metadata file holds it.

    Attributes:
        sql: The query.
        default_namespace: Where names without a schema are looked for.
        columns: Names and Iceberg types, in order.
        properties: Among them `comment`.
        view_id: UUID, which stays when the view is changed.
    """

    sql: str
    default_namespace: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    view_id: str = ""


def write_view(
    location: str,
    sql: str,
    columns: Sequence[tuple[str, str]],
    storage: Storage,
    *,
    default_namespace: Sequence[str] = (),
    properties: Mapping[str, str] | None = None,
    view_id: str | None = None,
) -> str:
    """Write the metadata file of a view.

    Args:
        location: URI of the view's folder.
        sql: The query, in DuckDB's dialect.
        columns: Names and Iceberg types, in order.
        storage: Where the view's files are.
        default_namespace: Where names without a schema are looked for.
        properties: Further facts, such as `comment`.
        view_id: UUID of the view that this is a new version of.

    Returns:
        URI of the file, which is complete and synced.

    Raises:
        StorageError: The file cannot be written.
    """
    now = int(time.time() * 1000)
    identity = view_id or str(uuid.uuid4())
    metadata: dict[str, Any] = {
        "view-uuid": identity,
        "format-version": 1,
        "location": location,
        "schemas": [
            {
                "schema-id": 0,
                "type": "struct",
                "fields": [
                    {"id": number, "name": name, "type": kind, "required": False}
                    for number, (name, kind) in enumerate(columns, start=1)
                ],
            }
        ],
        "current-version-id": 1,
        "versions": [
            {
                "version-id": 1,
                "timestamp-ms": now,
                "schema-id": 0,
                "summary": {"engine-name": "headgate"},
                "default-namespace": list(default_namespace),
                "representations": [{"type": "sql", "sql": sql, "dialect": _DIALECT}],
            }
        ],
        "version-log": [{"timestamp-ms": now, "version-id": 1}],
        "properties": dict(properties or {}),
    }
    path = f"{location}/metadata/{uuid.uuid4()}.metadata.json"
    storage.write(path, json.dumps(metadata, ensure_ascii=False).encode())
    return path


def read_view(metadata_location: str, storage: Storage) -> View:
    """Read a view from its metadata file.

    Raises:
        StorageError: The file cannot be read.
        CorruptHistory: It is not the metadata of a view, or has no SQL that DuckDB understands.
    """
    try:
        metadata = json.loads(storage.read(metadata_location))
        version = next(each for each in metadata["versions"] if each["version-id"] == metadata["current-version-id"])
        schema = next(each for each in metadata["schemas"] if each["schema-id"] == version["schema-id"])
        sql = next(each["sql"] for each in version["representations"] if each["dialect"] == _DIALECT)
    except (KeyError, StopIteration, ValueError) as error:
        raise CorruptHistory(f"'{metadata_location}' is not the metadata of a view for {_DIALECT}.") from error
    columns = tuple((each["name"], str(each["type"])) for each in schema["fields"])
    return View(sql, tuple(version["default-namespace"]), columns, metadata["properties"], metadata["view-uuid"])
