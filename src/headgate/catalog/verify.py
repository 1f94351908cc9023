"""Whether the stored history adds up: every hash, every step from state to state, every movement of a ref.

A commit's id covers its parents' ids, so what is below a ref cannot be changed without changing the ref. Whoever
can write to the database can also write a whole other history: to detect that, keep a commit id elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Table, select

from headgate import database
from headgate.catalog.commits import CommitStore, Header, commit_id, from_entry
from headgate.catalog.interface import MAIN
from headgate.catalog.model import Commit, Operation, Problem, RefKind
from headgate.catalog.nodes import NodeStore
from headgate.catalog.tree import EMPTY, Entry, Tree, digest
from headgate.database import Database
from headgate.errors import CorruptHistory
from headgate.types import Content, Name

_BATCH = 500


def find_problems(db: Database) -> Iterator[Problem]:
    """Each row of the catalog that does not add up; reads everything, in batches."""
    yield from _nodes(db)
    yield from _commits(db)
    yield from _strays(db, database.operations)
    yield from _strays(db, database.commit_parents)
    yield from _refs(db)
    yield from _reflog(db)


def _nodes(db: Database) -> Iterator[Problem]:
    nodes, last = database.nodes, ""
    while True:
        with db.read() as connection:
            query = select(nodes).where(nodes.c.hash > last).order_by(nodes.c.hash).limit(_BATCH)
            rows = connection.execute(query).all()
        if not rows:
            return
        for row in rows:
            if digest(row.body) != row.hash:
                yield Problem(nodes.name, row.hash, "what it holds does not have the hash that names it")
        last = rows[-1].hash


def _commits(db: Database) -> Iterator[Problem]:
    store = CommitStore(db)
    # Nodes that another catalog object has in memory would hide what happened to the stored ones.
    tree = Tree(NodeStore(db).load)
    commits, done = database.commits, (-1, "")
    while True:
        with db.read() as connection:
            after = (commits.c.generation > done[0]) | ((commits.c.generation == done[0]) & (commits.c.id > done[1]))
            query = select(commits.c.id, commits.c.generation).where(after)
            rows = connection.execute(query.order_by(commits.c.generation, commits.c.id).limit(_BATCH)).all()
        if not rows:
            return
        loaded = _readable(store, [row.id for row in rows])
        parents = store.headers({parent for commit in loaded.values() for parent in commit.parents})
        for row in rows:
            if row.id in loaded:
                yield from _Examination(loaded[row.id], parents, tree).problems()
            else:
                yield Problem(commits.name, row.id, "it cannot be read: a value in it or its operations has no meaning")
        done = (rows[-1].generation, rows[-1].id)


def _readable(store: CommitStore, ids: Sequence[str]) -> Mapping[str, Commit]:
    """The commits without those that hold a value that cannot be."""
    try:
        return store.load_many(ids)
    except (ValueError, TypeError):
        if len(ids) == 1:
            return {}
    return {name: commit for one in ids for name, commit in _readable(store, [one]).items()}


@dataclass(frozen=True)
class _Examination:
    """One commit against its parents and the trees."""

    commit: Commit
    parents: Mapping[str, Header]
    tree: Tree

    def problems(self) -> Iterator[Problem]:
        """What is wrong with it and its operations."""
        commit = self.commit
        lost = [parent for parent in commit.parents if parent not in self.parents]
        for parent in lost:
            yield Problem(database.commits.name, parent, f"it is missing, and commit {commit.id} descends from it")
        if lost:
            return
        generation = 1 + max((self.parents[parent].generation for parent in commit.parents), default=-1)
        if commit.generation != generation:
            message = f"its generation is {commit.generation} where its parents make it {generation}"
            yield Problem(database.commits.name, commit.id, message)
        try:
            operations = self._operations()
        except CorruptHistory as error:
            operations = commit.operations
            yield Problem(database.commits.name, commit.id, f"its tree cannot be read: {error.message}")
        yield from self._wrong(operations)
        if commit.id != self._id(operations):
            message = "its author, message, time, properties, parents or tree is not what its id says"
            yield Problem(database.commits.name, commit.id, message)

    def _operations(self) -> tuple[Operation, ...]:
        """The operations that the commit has to have: what differs between its parent's tree and its own."""
        commit = self.commit
        start = self.parents[commit.parents[0]].root if commit.parents else EMPTY
        changes = sorted(self.tree.diff(start, commit.root), key=lambda change: change[0])
        return tuple(Operation(Name.from_key(key), _content(old), _content(new)) for key, old, new in changes)

    def _wrong(self, operations: tuple[Operation, ...]) -> Iterator[Problem]:
        recorded = {operation.name: operation for operation in self.commit.operations}
        actual = {operation.name: operation for operation in operations}
        for name in sorted(recorded.keys() | actual.keys()):
            if recorded.get(name) != actual.get(name):
                row = f"{self.commit.id} {name}"
                message = "it is not what differs between the commit's tree and its parent's"
                yield Problem(database.operations.name, row, message)

    def _id(self, operations: tuple[Operation, ...]) -> str:
        commit = self.commit
        return commit_id(
            commit.parents, commit.root, operations, commit.author, commit.message, commit.time, commit.properties
        )


def _strays(db: Database, table: Table) -> Iterator[Problem]:
    """Rows that belong to a commit which is not there."""
    commits = database.commits
    known = select(commits.c.id).where(commits.c.id == table.c.commit_id).exists()
    with db.read() as connection:
        rows = connection.execute(select(table.c.commit_id, table.c.position).where(~known)).all()
    for row in rows:
        yield Problem(table.name, f"{row.commit_id} {row.position}", "the commit it belongs to is missing")


def _refs(db: Database) -> Iterator[Problem]:
    refs = database.refs
    with db.read() as connection:
        rows = connection.execute(select(refs).order_by(refs.c.name)).all()
    commits = CommitStore(db).headers({row.commit_id for row in rows})
    for row in rows:
        if row.commit_id not in commits:
            yield Problem(refs.name, row.name, f"it points at commit {row.commit_id}, which is missing")
        if row.kind not in list(RefKind):
            yield Problem(refs.name, row.name, f"it is a '{row.kind}', neither branch nor tag")
    if MAIN not in [row.name for row in rows]:
        yield Problem(refs.name, MAIN, "it is missing")


def _reflog(db: Database) -> Iterator[Problem]:
    refs, log = database.refs, database.reflog
    with db.read() as connection:
        held = {row.name: row.commit_id for row in connection.execute(select(refs.c.name, refs.c.commit_id))}
        rows = connection.execute(select(log).order_by(log.c.id)).all()
    last: dict[str, str | None] = {}
    for row in rows:
        if row.before_id != last.get(row.ref):
            message = f"'{row.ref}' moves here from {row.before_id}, where the log had it at {last.get(row.ref)}"
            yield Problem(log.name, str(row.id), message)
        last[row.ref] = row.after_id
    for name in sorted(held.keys() | last.keys()):
        if held.get(name) != last.get(name):
            message = f"it points at {held.get(name)}, where the reflog has it at {last.get(name)}"
            yield Problem(refs.name, name, message)


def _content(entry: Entry | None) -> Content | None:
    return None if entry is None else from_entry(entry)
