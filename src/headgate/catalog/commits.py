"""Commits in the state database: what names them, how they are written and read, and how they descend."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, Table, bindparam, func, select

from headgate import database
from headgate.catalog.model import Commit, Operation, RefKind
from headgate.catalog.tree import Entry
from headgate.database import Database, to_micros
from headgate.errors import CorruptHistory
from headgate.types import Content, Kind, Name

# SQLite binds at most 32,766 values in one statement, older builds 999.
_BATCH = 500
# Ancestors are read this many generations at a time: few at first, as branches mostly part shortly before.
_FIRST_WINDOW, _LARGEST_WINDOW = 16, 1024

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Header:
    """What has to be known of a commit to read its state and to follow its descent."""

    id: str
    root: str
    generation: int


@dataclass(frozen=True)
class Parting:
    """Where some refs point, with the kind of each, and the parents of commits near there."""

    heads: dict[str, tuple[RefKind, Header]]
    parents: dict[str, list[Header]]


def to_entry(content: Content) -> Entry:
    """Content as the tree and the commit's hash hold it."""
    return (content.kind.value, content.content_id, content.metadata_location)


def from_entry(entry: Entry) -> Content:
    """The content that `to_entry` made an entry of."""
    kind, content_id, location = entry
    return Content(Kind(kind), content_id, location)


def commit_id(
    parents: Sequence[str],
    root: str,
    operations: Sequence[Operation],
    author: str,
    message: str,
    time: datetime,
    properties: Mapping[str, str],
) -> str:
    """The hash that names a commit: SHA-256 of its content as JSON without a choice in it."""
    content = {
        "parents": list(parents),
        "root": root,
        "operations": [
            [op.name.key, op.before and to_entry(op.before), op.after and to_entry(op.after)] for op in operations
        ],
        "author": author,
        "message": message,
        "time": to_micros(time),
        "properties": dict(properties),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def make_commit(
    parents: Sequence[Header],
    root: str,
    operations: Iterable[Operation],
    *,
    author: str,
    message: str,
    time: datetime,
    properties: Mapping[str, str],
) -> Commit:
    """A commit that is not written yet, its operations in the order of their keys."""
    author, message = storable(author), storable(message)
    properties = {storable(key): storable(value) for key, value in properties.items()}
    ordered = tuple(sorted(operations, key=lambda op: op.name.key))
    ids = tuple(parent.id for parent in parents)
    return Commit(
        id=commit_id(ids, root, ordered, author, message, time, properties),
        parents=ids,
        root=root,
        operations=ordered,
        author=author,
        message=message,
        time=time,
        properties=properties,
        generation=1 + max((parent.generation for parent in parents), default=-1),
    )


def storable(text: str) -> str:
    """Text with what a database cannot hold written out: undecodable bytes of a file's name, U+0000."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


class CommitStore:
    """Writes and reads commits."""

    def __init__(self, db: Database) -> None:
        self._db = db
        # Putting a statement into words takes longer than carrying it out.
        self._new_commit, self._new_parents, self._new_operations = map(
            db.insert_new, (database.commits, database.commit_parents, database.operations)
        )

    def write(self, connection: Connection, commit: Commit) -> None:
        """Add a commit; its nodes and parents are there already."""
        row = {
            "id": commit.id,
            "root": commit.root,
            "author": commit.author,
            "message": commit.message,
            "time": commit.time,
            "properties": commit.properties,
            "generation": commit.generation,
        }
        connection.execute(self._new_commit, row)
        if commit.parents:
            rows: list[dict[str, object]] = [
                {"commit_id": commit.id, "position": position, "parent_id": parent}
                for position, parent in enumerate(commit.parents)
            ]
            connection.execute(self._new_parents, rows)
        if commit.operations:
            rows = [operation_row(commit.id, position, op) for position, op in enumerate(commit.operations)]
            connection.execute(self._new_operations, rows)

    def header(self, commit_id: str) -> Header:
        """The header of a commit that a ref, a parent or a person named; CorruptHistory when it is missing."""
        header = self.find(commit_id)
        if header is None:
            raise self._missing(commit_id)
        return header

    def _missing(self, commit_id: str) -> CorruptHistory:
        return CorruptHistory(
            f"The commit {commit_id} is missing from the catalog",
            place=self._db.place,
            hint="headgate doctor lists everything that does not add up; restore the state database from a copy",
        )

    def find(self, commit_id: str) -> Header | None:
        """The header of a commit, or None."""
        return _first_header(self._db.fetch(_HEADER, {"commit": commit_id}))

    def headers(self, ids: Collection[str]) -> dict[str, Header]:
        """The headers of those commits that are there."""
        wanted = list(ids)
        found: dict[str, Header] = {}
        for start in range(0, len(wanted), _BATCH):
            query = _HEADERS.where(database.commits.c.id.in_(wanted[start : start + _BATCH]))
            found.update((row.id, Header(row.id, row.root, row.generation)) for row in self._db.fetch(query))
        return found

    def starting_with(self, prefix: str) -> list[str]:
        """Up to two ids that start with these digits."""
        ids = database.commits.c.id
        return [row.id for row in self._db.fetch(select(ids).where(ids >= prefix, ids < prefix + "g").limit(2))]

    def head(self, ref: str, kind: RefKind | None = None) -> Header | None:
        """The header of the commit that a ref (of a kind) points at, or None without such a ref."""
        kinds = [each.value for each in RefKind] if kind is None else [kind.value]
        return _first_header(self._db.fetch(_HEAD, {"ref": ref, "kinds": kinds}))

    def load(self, commit_id: str) -> Commit:
        """One commit in full."""
        found = self.load_many([commit_id])
        if not found:
            self.header(commit_id)
        return found[commit_id]

    def load_many(self, ids: Sequence[str]) -> dict[str, Commit]:
        """Those of the commits that are there, in full."""
        commits: dict[str, Commit] = {}
        for start in range(0, len(ids), _BATCH):
            wanted = ids[start : start + _BATCH]
            # A commit lands whole and stays as it is: what is found of it here has its parents and operations.
            rows = self._db.fetch(select(database.commits).where(database.commits.c.id.in_(wanted)))
            found = [row.id for row in rows]
            parents = self._grouped(database.commit_parents, found, lambda row: str(row.parent_id))
            operations = self._grouped(database.operations, found, read_operation)
            for row in rows:
                commits[row.id] = Commit(
                    id=row.id,
                    parents=tuple(parents.get(row.id, ())),
                    root=row.root,
                    operations=tuple(operations.get(row.id, ())),
                    author=row.author,
                    message=row.message,
                    time=row.time,
                    properties=row.properties,
                    generation=row.generation,
                )
        return commits

    def ancestors(self, starts: Sequence[str], *, down_to: int, first_parent: bool = False) -> dict[str, list[Header]]:
        """The parents of some commits, and of those of their ancestors that have at least generation `down_to`."""
        commits, links = database.commits, database.commit_parents
        walk = select(commits.c.id).where(commits.c.id.in_(starts)).cte("walk", recursive=True)
        step = (
            select(links.c.parent_id)
            .join(walk, links.c.commit_id == walk.c.id)
            .join(commits, commits.c.id == links.c.parent_id)
            .where(commits.c.generation >= down_to)
        )
        if first_parent:
            step = step.where(links.c.position == 0)
        walk = walk.union(step)
        query = (
            select(walk.c.id.label("child"), links.c.parent_id, commits.c.root, commits.c.generation)
            .outerjoin(links, links.c.commit_id == walk.c.id)
            .outerjoin(commits, commits.c.id == links.c.parent_id)
            .order_by(walk.c.id, links.c.position)
        )
        found: dict[str, list[Header]] = {}
        for row in self._db.fetch(query):
            parents = found.setdefault(row.child, [])
            if row.parent_id is not None and row.root is None:
                raise self._missing(row.parent_id)
            if row.parent_id is not None:
                parents.append(Header(row.parent_id, row.root, row.generation))
        return found

    def parting(self, names: Collection[str]) -> Parting:
        """Where some refs point, and the parents of those commits and of their latest ancestors, in one question."""
        found = Parting({}, {})
        for row in self._db.fetch(_parting_query(), {"names": list(names)}):
            if row.name is not None:
                found.heads[row.name] = (RefKind(row.kind), Header(row.id, row.root, row.generation))
            parents = found.parents.setdefault(row.id, [])
            if row.parent_id is None:
                continue
            if row.parent_root is None:
                raise self._missing(row.parent_id)
            header = Header(row.parent_id, row.parent_root, row.parent_generation)
            if header not in parents:
                parents.append(header)
        return found

    def _grouped(
        self, table: Table, commit_ids: Sequence[str], read: Callable[[Row[Any]], _Value]
    ) -> dict[str, list[_Value]]:
        """What the rows of some commits say, by commit and in order."""
        groups: dict[str, list[_Value]] = {}
        query = select(table).where(table.c.commit_id.in_(commit_ids)).order_by(table.c.commit_id, table.c.position)
        for row in self._db.fetch(query):
            groups.setdefault(row.commit_id, []).append(read(row))
        return groups


class Descent:
    """Parents of commits, read in windows of generations and kept for one question."""

    def __init__(
        self, store: CommitStore, first_parent: bool = False, known: Mapping[str, list[Header]] | None = None
    ) -> None:
        self._store = store
        self._first_parent = first_parent
        self._known: dict[str, list[Header]] = dict(known or {})
        self._window = _FIRST_WINDOW

    def parents(self, commit: Header, others: Iterable[str] = ()) -> list[Header]:
        """The parents of a commit, the first one first, or that one alone.

        Args:
            commit: The commit.
            others: Commits of lower generations that will be asked for next, to be read along with it.
        """
        if commit.id not in self._known:
            starts = [commit.id, *itertools.islice((name for name in others if name not in self._known), _BATCH)]
            floor = commit.generation - self._window
            self._known.update(self._store.ancestors(starts, down_to=floor, first_parent=self._first_parent))
            self._window = min(2 * self._window, _LARGEST_WINDOW)
        return self._known[commit.id][: 1 if self._first_parent else None]


_HEADERS = select(database.commits.c.id, database.commits.c.root, database.commits.c.generation)
_HEADER = _HEADERS.where(database.commits.c.id == bindparam("commit"))
_HEAD = _HEADERS.join(database.refs, database.refs.c.commit_id == database.commits.c.id).where(
    database.refs.c.name == bindparam("ref"), database.refs.c.kind.in_(bindparam("kinds", expanding=True))
)

_COLUMNS = ("kind", "id", "location")


@functools.cache
def _parting_query() -> Select[Any]:
    """The question of `CommitStore.parting`, which takes longer to put into words than to answer."""
    commits, links, refs = database.commits, database.commit_parents, database.refs
    asked = refs.c.name.in_(bindparam("names", expanding=True))
    starts = select(commits.c.id, commits.c.generation)
    starts_here = starts.join(refs, refs.c.commit_id == commits.c.id).where(asked).cte("starts")
    floor = select(func.max(starts_here.c.generation) - _FIRST_WINDOW).scalar_subquery()
    walk = select(starts_here.c.id).cte("walk", recursive=True)
    step = select(links.c.parent_id).join(walk, links.c.commit_id == walk.c.id)
    step = step.join(commits, commits.c.id == links.c.parent_id).where(commits.c.generation >= floor)
    walk = walk.union(step)
    child, parent = commits.alias("child"), commits.alias("parent")
    return (
        select(child.c.id, child.c.root, child.c.generation, refs.c.name, refs.c.kind, links.c.parent_id)
        .add_columns(parent.c.root.label("parent_root"), parent.c.generation.label("parent_generation"))
        .select_from(walk)
        .join(child, child.c.id == walk.c.id)
        .outerjoin(links, links.c.commit_id == walk.c.id)
        .outerjoin(parent, parent.c.id == links.c.parent_id)
        .outerjoin(refs, (refs.c.commit_id == walk.c.id) & asked)
        .order_by(child.c.id, links.c.position)
    )


def _first_header(rows: Sequence[Row[Any]]) -> Header | None:
    return Header(rows[0].id, rows[0].root, rows[0].generation) if rows else None


def read_operation(row: Row[Any]) -> Operation:
    """The operation in a row of the table `operations`."""
    before = (row.before_kind, row.before_id, row.before_location)
    after = (row.after_kind, row.after_id, row.after_location)
    return Operation(
        Name.from_key(row.key),
        before=None if before[0] is None else from_entry(before),
        after=None if after[0] is None else from_entry(after),
    )


def operation_row(commit_id: str, position: int, operation: Operation) -> dict[str, object]:
    """The row of an operation in the table `operations`."""
    row: dict[str, object] = {"commit_id": commit_id, "position": position, "key": operation.name.key}
    for side, content in (("before", operation.before), ("after", operation.after)):
        entry = (None, None, None) if content is None else to_entry(content)
        row.update((f"{side}_{column}", value) for column, value in zip(_COLUMNS, entry, strict=True))
    return row
