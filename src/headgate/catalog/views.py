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

from headgate.catalog.metadata import read_metadata
from headgate.catalog.storage import Storage
from headgate.errors import CorruptHistory, StorageError

_DIALECT = "duckdb"

ENGINE, HEADGATE = "engine-name", "headgate"
"""What a version of a view has in its summary when headgate wrote it; the REST catalog lets no client say so."""


@dataclass(frozen=True)
class View:
    """A view as its metadata file holds it.

    Attributes:
        sql: The query; in DuckDB's dialect, if it has one for that.
        dialect: Of the query.
        engine: Which program says that it wrote the query.
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
    dialect: str = _DIALECT
    engine: str = ""

    @property
    def is_readable(self) -> bool:
        """Whether DuckDB understands the query; other engines' views have others."""
        return self.dialect.lower() == _DIALECT

    @property
    def is_own(self) -> bool:
        """Whether headgate wrote it, so that it may read what the project's models may."""
        return self.engine == HEADGATE


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
                "summary": {ENGINE: HEADGATE},
                "default-namespace": list(default_namespace),
                "representations": [{"type": "sql", "sql": sql, "dialect": _DIALECT}],
            }
        ],
        "version-log": [{"timestamp-ms": now, "version-id": 1}],
        "properties": dict(properties or {}),
    }
    path = f"{location}/metadata/{storage.new_id()}.metadata.json"
    storage.write(path, json.dumps(metadata, ensure_ascii=False).encode())
    return path


def read_view(metadata_location: str, storage: Storage) -> View:
    """Read a view from its metadata file.

    Raises:
        StorageError: The file cannot be read.
        CorruptHistory: It is not the metadata of a view.
    """
    try:
        metadata = read_metadata(metadata_location, storage)
    except StorageError as error:
        if isinstance(error.__cause__, ValueError):
            raise CorruptHistory(
                f"'{metadata_location}' is not the metadata of a view.",
                place=metadata_location,
                hint="`headgate doctor` tells what else is wrong; a backup of the warehouse has the file as it was.",
            ) from error
        raise
    try:
        version = next(each for each in metadata["versions"] if each["version-id"] == metadata["current-version-id"])
        schema = next(each for each in metadata["schemas"] if each["schema-id"] == version["schema-id"])
        texts = [(str(each["dialect"]), str(each["sql"])) for each in version["representations"] if "sql" in each]
        dialect, sql = next((each for each in texts if each[0].lower() == _DIALECT), texts[0])
        columns = tuple((each["name"], str(each["type"])) for each in schema["fields"])
        engine = str((version.get("summary") or {}).get(ENGINE, ""))
        namespace, view_id = tuple(version["default-namespace"]), str(metadata["view-uuid"])
    except (KeyError, IndexError, StopIteration, TypeError, AttributeError) as error:
        raise CorruptHistory(
            f"'{metadata_location}' is not the metadata of a view.",
            place=metadata_location,
            hint="`headgate doctor` tells what else is wrong; a backup of the warehouse has the file as it was.",
        ) from error
    return View(sql, namespace, columns, metadata.get("properties") or {}, view_id, dialect, engine)
