"""The nodes of trees in the state database."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping

from sqlalchemy import Connection, bindparam, select

from headgate import database
from headgate.catalog.tree import Edit, Node, decode
from headgate.database import Database
from headgate.errors import CorruptHistory

# About 20 MB of decoded nodes: the upper levels of a large lake and the leaves in use.
_CACHED = 1024
# SQLite binds at most 32,766 values in one statement, older builds 999.
_BATCH = 500


_NODES = select(database.nodes).where(database.nodes.c.hash.in_(bindparam("hashes", expanding=True)))


class NodeStore:
    """Reads nodes, the recently used ones from memory: a node never changes under its hash."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._new = db.insert_new(database.nodes)
        self._cache: OrderedDict[str, Node] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, hashes: Collection[str]) -> Mapping[str, Node]:
        """The nodes of these hashes.

        Raises:
            CorruptHistory: One is missing.
        """
        found: dict[str, Node] = {}
        with self._lock:
            for name in hashes:
                node = self._cache.get(name)
                if node is not None:
                    found[name] = node
                    self._cache.move_to_end(name)
        missing = [name for name in hashes if name not in found]
        if missing:
            fetched = self._fetch(missing)
            self._remember(fetched)
            found.update(fetched)
        return found

    def write(self, connection: Connection, edit: Edit) -> None:
        """Add an edit's nodes, within the transaction that adds the commit which names them."""
        if edit.nodes:
            # In one order for all: two writers of the same nodes would wait for each other on Postgres.
            rows = [{"hash": name, "body": body} for name, (_, body) in sorted(edit.nodes.items())]
            connection.execute(self._new, rows)

    def remember(self, edit: Edit) -> None:
        """Keep an edit's nodes at hand once they are written."""
        self._remember({name: node for name, (node, _) in edit.nodes.items()})

    def _remember(self, nodes: Mapping[str, Node]) -> None:
        # A walk over the whole lake would push out what is used all the time, and be of no use later.
        if len(nodes) > _CACHED // 4:
            return
        with self._lock:
            self._cache.update(nodes)
            while len(self._cache) > _CACHED:
                self._cache.popitem(last=False)

    def _fetch(self, hashes: list[str]) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for start in range(0, len(hashes), _BATCH):
            wanted = hashes[start : start + _BATCH]
            rows = self._db.fetch(_NODES, {"hashes": wanted})
            found.update((row.hash, self._decoded(row.hash, row.body)) for row in rows)
        lost = [name for name in hashes if name not in found]
        if lost:
            raise self._corrupt(f"The tree node {lost[0]} is missing from the catalog")
        return found

    def _decoded(self, name: str, body: str) -> Node:
        try:
            return decode(body)
        except (ValueError, TypeError, KeyError) as error:
            raise self._corrupt(f"The tree node {name} in the catalog cannot be read") from error

    def _corrupt(self, message: str) -> CorruptHistory:
        return CorruptHistory(
            message,
            place=self._db.place,
            hint="headgate doctor lists everything that does not add up; restore the state database from a copy",
        )
