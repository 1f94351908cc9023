"""The catalog in the state database: SQLite on one machine, Postgres for many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from sqlalchemy import Connection

from headgate.catalog import history
from headgate.catalog.commits import CommitStore, Header, from_entry, make_commit
from headgate.catalog.interface import MAIN, Changes
from headgate.catalog.landing import FastForward, Lander, Proposal
from headgate.catalog.merge import Joiner, joiners
from headgate.catalog.model import Change, Commit, Diff, MergeResult, Operation, Problem, Ref, RefKind, Rejoin
from headgate.catalog.naming import Resolver
from headgate.catalog.nodes import NodeStore
from headgate.catalog.refs import RefTable, deletable, not_made_on, stale
from headgate.catalog.state import TreeState
from headgate.catalog.tree import EMPTY, EMPTY_BODY, Edit, Entry, Leaf, Tree
from headgate.catalog.turns import Turns
from headgate.catalog.verify import find_problems
from headgate.database import Database
from headgate.errors import Conflict, RefNotFound
from headgate.types import Content, Name


def _now() -> datetime:
    return datetime.now(UTC)


class EmbeddedCatalog:
    """Implements `Catalog` on a state database; see there for what each method does.

    Args:
        db: An open state database.
        clock: Gives the time of commits, which is kept with them and looked up by `branch@<time>`.
    """

    def __init__(self, db: Database, clock: Callable[[], datetime] = _now) -> None:
        self._db = db
        self._clock = clock
        self._nodes = NodeStore(db)
        self._tree = Tree(self._nodes.load)
        self._commits = CommitStore(db)
        self._refs = RefTable(db)
        self._turns = Turns(db)
        self._resolver = Resolver(self._refs, self._commits)
        self._lander = Lander(db, self._nodes, self._commits, self._refs, self._turns, clock)
        if self._commits.head(MAIN) is None:
            self._begin()

    def ref(self, name: str) -> Ref:
        return self._refs.get(name)

    def refs(self, kind: RefKind | None = None) -> list[Ref]:
        return [ref for ref in self._refs.all() if kind is None or ref.kind is kind]

    def resolve(self, text: str) -> Commit:
        return self._commits.load(self._resolver.header(text).id)

    def state(self, at: str = MAIN) -> TreeState:
        return TreeState(self._tree, self._commits, self._resolver.header(at))

    def create_branch(self, name: str, at: str = MAIN) -> Ref:
        return self._create(name, RefKind.BRANCH, at)

    def create_tag(self, name: str, at: str = MAIN) -> Ref:
        return self._create(name, RefKind.TAG, at)

    def delete_ref(self, name: str, expected: str | None = None) -> None:
        self._refs.delete(name, expected, self._clock())

    def commit(
        self,
        branch: str,
        changes: Changes,
        *,
        message: str,
        author: str,
        properties: Mapping[str, str] | None = None,
        rejoin: Rejoin | None = None,
        expected_head: str | None = None,
    ) -> Commit:
        joiner_at = joiners(changes, rejoin)

        def propose(head: Header) -> Proposal | None:
            if expected_head is not None and head.id != expected_head:
                raise stale(branch, expected_head)
            joiner = joiner_at(TreeState(self._tree, self._commits, head))
            operations = joiner.onto(self._held(head, joiner), f"on branch '{branch}' meanwhile")
            return Proposal(operations, [head], "commit", author, message, properties or {}) if operations else None

        return self._lander.land(branch, propose)

    def advance(self, branch: str, to: str, expected: str) -> None:
        (target, ref), start = self._resolver.named(to), self._resolver.header(expected)
        if not history.is_ancestor(self._commits, start, target):
            raise Conflict(
                f"Commit {target.id[:12]} does not descend from commit {start.id[:12]}, where '{branch}' is",
                hint=f"Merge '{branch}' into the other side first",
            )

        def propose(head: Header) -> FastForward:
            if head.id != start.id:
                raise stale(branch, start.id)
            return FastForward(target, "advance", ref)

        self._lander.land(branch, propose)

    def publish(
        self,
        source: str,
        onto: str,
        *,
        message: str,
        author: str,
        properties: Mapping[str, str] | None = None,
        drop: Callable[[Name], bool] | None = None,
        expected: str | None = None,
        merged: str | None = None,
        checked: str | None = None,
    ) -> Commit:
        origin, ref = self._resolver.named(source)
        if checked is not None and origin.id != checked:
            raise stale(source, checked)
        others = [self._resolver.header(merged)] if merged is not None else []

        def propose(head: Header) -> Proposal | None:
            if expected is not None and head.id != expected:
                raise stale(onto, expected)
            bases = history.merge_bases(self._commits, head, origin)
            if head not in bases:
                raise stale(onto, bases[0].id if bases else origin.id)
            kept = [op for op in self._operations(head, origin) if drop is None or not drop(op.name)]
            if not kept:
                return None
            parents = [head, *(other for other in others if not history.is_ancestor(self._commits, other, head))]
            return Proposal(kept, parents, "publish", author, message, properties or {}, ref)

        return self._lander.land(onto, propose)

    def merge(
        self,
        source: str,
        into: str,
        *,
        message: str,
        author: str,
        properties: Mapping[str, str] | None = None,
        rejoin: Rejoin | None = None,
    ) -> MergeResult:
        parting = self._commits.parting([source, into])
        origin, ref = (
            (parting.heads[source][1], deletable(source)) if source in parting.heads else self._resolver.named(source)
        )
        kind, head = parting.heads.get(into, (None, None))
        since = f"on branch '{into}' and on '{source}' since they parted"
        joiners: dict[tuple[Header, ...], Joiner] = {}
        done: list[tuple[bool, Sequence[Operation]]] = []

        def propose(head: Header) -> Proposal | FastForward | None:
            bases = tuple(history.merge_bases(self._commits, head, origin, parting.parents))
            done.clear()
            if origin in bases:
                return None
            if head in bases:
                done.append((True, self._operations(head, origin)))
                return FastForward(origin, "merge", ref)
            if bases not in joiners:
                joiners[bases] = self._joiner(bases, origin, rejoin)
            operations = joiners[bases].onto(self._held(head, joiners[bases]), since)
            done.append((False, operations))
            return Proposal(operations, [head, origin], "merge", author, message, properties or {}, ref)

        commit = self._lander.land(into, propose, head if kind is RefKind.BRANCH else None)
        fast_forward, operations = done[0] if done else (False, ())
        return MergeResult(commit, fast_forward, tuple(operation.name for operation in operations))

    def revert(self, commit: str, branch: str, *, message: str, author: str) -> Commit:
        undone = self.resolve(commit)
        joiner = Joiner([operation.inverse for operation in undone.operations], rejoin=None)
        since = f"on branch '{branch}' since commit {undone.id[:12]}"
        made = self._commits.header(undone.id)

        def propose(head: Header) -> Proposal | None:
            if not history.is_on_line(self._commits, made, head):
                raise not_made_on(branch, undone)
            operations = joiner.onto(self._held(head, joiner), since)
            return (
                Proposal(operations, [head], "revert", author, message, {"reverts": undone.id}) if operations else None
            )

        return self._lander.land(branch, propose)

    def log(self, at: str = MAIN, limit: int | None = None, first_parent: bool = True) -> Iterator[Commit]:
        return history.log(self._commits, self._resolver.header(at), limit, first_parent)

    def diff(self, before: str, after: str) -> Diff:
        operations = self._operations(self._resolver.header(before), self._resolver.header(after))
        return Diff(tuple(Change(op.name, op.before, op.after) for op in operations))

    def merge_base(self, one: str, other: str) -> Commit:
        bases = history.merge_bases(self._commits, self._resolver.header(one), self._resolver.header(other))
        if not bases:
            raise RefNotFound(
                f"'{one}' and '{other}' have no history in common",
                hint="`headgate log` shows where each comes from; compare with a branch of this lake.",
            )
        return self._commits.load(bases[0].id)

    def ahead(self, one: str, other: str) -> list[Commit]:
        found = history.ahead(self._commits, self._resolver.header(one), self._resolver.header(other))
        return list(self._commits.load_many([header.id for header in found]).values())

    def turn(self, ref: str, holder: str, patience: float = 600) -> AbstractContextManager[None]:
        return self._turns.take(self._refs.branch(ref).name, holder, patience)

    def verify(self) -> list[Problem]:
        return list(find_problems(self._db))

    def close(self) -> None:
        self._db.close()

    def _begin(self) -> None:
        """Make `main` at a first commit of the empty lake, unless another process is faster."""
        now = self._clock()
        edit = Edit(EMPTY, {EMPTY: (Leaf({}), EMPTY_BODY)})
        first = make_commit([], EMPTY, [], author="headgate", message="The empty lake", time=now, properties={})

        def work(connection: Connection, again: bool) -> None:
            self._db.alone(connection)
            if self._refs.exists(connection, MAIN):
                return
            self._nodes.write(connection, edit)
            self._commits.write(connection, first)
            self._refs.add(connection, Ref(MAIN, RefKind.BRANCH, first.id), now)

        self._db.transact(work)

    def _create(self, name: str, kind: RefKind, at: str) -> Ref:
        header, source = self._resolver.named(at)
        ref = Ref(name, kind, header.id)
        self._refs.create(ref, self._clock(), source)
        return ref

    def _held(self, head: Header, joiner: Joiner) -> dict[Name, Content]:
        """What the names of some operations stand for at a commit."""
        found = self._tree.get_many(head.root, [name.key for name in joiner.names])
        return {Name.from_key(key): from_entry(entry) for key, entry in found.items()}

    def _operations(self, before: Header, after: Header) -> list[Operation]:
        """What makes one state of another, in the order of the names."""

        def content(entry: Entry | None) -> Content | None:
            return None if entry is None else from_entry(entry)

        return sorted(
            (
                Operation(Name.from_key(key), content(left), content(right))
                for key, left, right in self._tree.diff(before.root, after.root)
            ),
            key=lambda operation: operation.name,
        )

    def _joiner(self, bases: Sequence[Header], origin: Header, rejoin: Rejoin | None) -> Joiner:
        """What happened since the merge bases; where several differ, nobody can say what both sides started from."""
        unsettled = {op.name for base in bases[1:] for op in self._operations(bases[0], base)}
        changed = self._operations(bases[0], origin)
        same = unsettled - {operation.name for operation in changed}
        state = TreeState(self._tree, self._commits, origin).get_many(list(same))
        unchanged = [Operation(name, state.get(name), state.get(name)) for name in sorted(same)]
        return Joiner([*changed, *unchanged], rejoin, unsettled)
