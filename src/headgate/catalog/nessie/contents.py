"""What a name stands for, here and in Nessie.

Nessie gives every new table, view and namespace an id of its own, and takes none; a table that a run creates on its
branch and publishes gets another one on `main`. The content id of headgate stays the same over all of that, so it is
kept beside: every commit of headgate carries its operations with their content ids as a property, and the state
database remembers which id of Nessie stands for which. An id that no commit of headgate explains, of a table that
another client made, stands for itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import select

from headgate import database
from headgate.catalog import namespaces
from headgate.catalog.metadata import decompressed
from headgate.catalog.nessie import model
from headgate.catalog.nessie.client import NessieClient
from headgate.catalog.nessie.names import key_of, name_of
from headgate.catalog.nessie.record import read_operations
from headgate.catalog.storage import Storage
from headgate.database import Database
from headgate.errors import StorageError
from headgate.types import Content, Kind, Name

IMPLIED = "headgate.implied"
"""Property of a namespace in Nessie that nobody asked for and that is only there for what stands in it."""

_BATCH = 500
_READERS = 8


class ContentIds:
    """Which of Nessie's ids stands for which content id."""

    def __init__(self, db: Database, client: NessieClient) -> None:
        self._db = db
        self._client = client
        self._known: dict[str, str] = {}

    def remember(self, pairs: Mapping[str, str]) -> None:
        """Keep content ids by Nessie's; what one stands for never changes."""
        new = {nessie: own for nessie, own in pairs.items() if self._known.get(nessie) != own}
        if not new:
            return
        rows = [{"nessie_id": nessie, "content_id": own} for nessie, own in new.items()]
        with self._db.write() as connection:
            connection.execute(self._db.insert_new(database.content_ids), rows)
        self._known.update(new)

    def of(self, contents: Iterable[model.Content], at: str) -> dict[str, str]:
        """The content ids of tables and views by Nessie's.

        Args:
            contents: As Nessie holds them.
            at: A commit in whose history they were made.
        """
        wanted = {content.id for content in contents if isinstance(content, model.Table | model.View) and content.id}
        missing = wanted - self._known.keys()
        if missing:
            self._known.update(self._stored(sorted(missing)))
            missing -= self._known.keys()
        if missing:
            found = self._searched(missing, at)
            self.remember({nessie: found.get(nessie, nessie) for nessie in missing})
        return {nessie: self._known[nessie] for nessie in wanted}

    def _stored(self, wanted: Sequence[str]) -> dict[str, str]:
        table = database.content_ids
        found: dict[str, str] = {}
        with self._db.read() as connection:
            for start in range(0, len(wanted), _BATCH):
                query = select(table).where(table.c.nessie_id.in_(wanted[start : start + _BATCH]))
                found.update((row.nessie_id, row.content_id) for row in connection.execute(query))
        return found

    def _searched(self, wanted: set[str], at: str) -> dict[str, str]:
        """What the commits of headgate say, the newest first, as far back as it takes; merged histories come after."""
        left, found = set(wanted), dict[str, str]()
        starts, seen = [at], set[str]()
        while starts and left:
            for entry in self._client.history(f"@{starts.pop()}", operations=True):
                if entry.commit_meta.hash in seen:
                    break
                seen.add(entry.commit_meta.hash)
                starts.extend(entry.commit_meta.parent_commit_hashes[1:])
                for nessie, own in _explained(entry):
                    found.setdefault(nessie, own)
                    left.discard(nessie)
                if not left:
                    break
        return found


def _explained(entry: model.LogEntry) -> Iterator[tuple[str, str]]:
    """Nessie's ids of what a commit of headgate put, with the content ids that it recorded."""
    recorded = read_operations(entry.commit_meta.all_properties)
    if recorded is None:
        return
    own = {key_of(operation.name): operation.after.content_id for operation in recorded if operation.after}
    for operation in entry.operations or ():
        nessie = operation.content.id if operation.content is not None else None
        if nessie is not None and operation.key in own:
            yield nessie, own[operation.key]


def to_content(content: model.Content | None, ids: Mapping[str, str]) -> Content | None:
    """What a state holds for content of Nessie; None for what headgate does not read or nobody asked for."""
    if isinstance(content, model.Namespace):
        implied = IMPLIED in content.properties
        return None if implied else namespaces.to_content(content.properties)
    if isinstance(content, model.Table | model.View):
        kind = Kind.TABLE if isinstance(content, model.Table) else Kind.VIEW
        own = ids.get(content.id or "", content.id or "")
        return Content(kind, own, content.metadata_location)
    return None


def name_of_content(key: model.Key, content: model.Content) -> Name:
    """The name of what stands at a key."""
    return name_of(key, namespace=isinstance(content, model.Namespace))


def implied(key: model.Key, nessie_id: str | None = None) -> model.Namespace:
    """A namespace that is only there for what stands in it."""
    return model.Namespace(id=nessie_id, elements=key.elements, properties={IMPLIED: "true"})


def to_nessie(
    name: Name, content: Content, nessie_id: str | None, metadata: Mapping[str, Any]
) -> model.Table | model.View | model.Namespace:
    """Content as Nessie is to hold it.

    Args:
        name: Where it stands.
        content: What stands there.
        nessie_id: The id that it has there already.
        metadata: Its Iceberg metadata; empty when it cannot be read.
    """
    if content.kind is Kind.NAMESPACE:
        properties = namespaces.properties_of(content)
        return model.Namespace(id=nessie_id, elements=name.namespace, properties=properties)
    location = content.metadata_location
    if content.kind is Kind.VIEW:
        version = metadata.get("current-version-id", 1)
        current = _first(metadata.get("versions", ()), "version-id", version)
        sql = _first(current.get("representations", ()), "type", "sql")
        return model.View(
            id=nessie_id,
            metadata_location=location,
            version_id=version,
            schema_id=current.get("schema-id", 0),
            sql_text=sql.get("sql") or "-",
            dialect=sql.get("dialect"),
        )
    snapshot = metadata.get("current-snapshot-id")
    return model.Table(
        id=nessie_id,
        metadata_location=location,
        # -1 is Nessie's "whatever the metadata says is current".
        snapshot_id=-1 if snapshot is None else snapshot,
        schema_id=metadata.get("current-schema-id", 0),
        spec_id=metadata.get("default-spec-id", 0),
        sort_order_id=metadata.get("default-sort-order-id", 0),
    )


def _first(items: Iterable[Mapping[str, Any]], key: str, value: object) -> Mapping[str, Any]:
    return next((item for item in items if item.get(key) == value), {})


def read_metadata(locations: Sequence[str], storage: Storage | None) -> dict[str, Mapping[str, Any]]:
    """The Iceberg metadata files of new versions; without those that cannot be read.

    Nessie's own ids of a snapshot or a schema inform other clients and decide nothing here, so a file that
    cannot be read is no reason to refuse a commit.
    """
    if storage is None or not locations:
        return {}

    def read(location: str) -> Mapping[str, Any]:
        try:
            found = json.loads(decompressed(storage.read(location)))
        except (StorageError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    if len(locations) == 1 or storage.is_local:
        return {location: read(location) for location in locations}
    with ThreadPoolExecutor(_READERS) as pool:
        return dict(zip(locations, pool.map(read, locations), strict=True))
