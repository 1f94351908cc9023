"""The catalog in Project Nessie: its references and commits, and our own merge over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from headgate.catalog.interface import MAIN, Changes
from headgate.catalog.merge import Joiner, joiners
from headgate.catalog.model import Change, Commit, Diff, MergeResult, Operation, Problem, Ref, RefKind, Rejoin
from headgate.catalog.nessie.client import NessieClient
from headgate.catalog.nessie.contents import ContentIds
from headgate.catalog.nessie.history import History
from headgate.catalog.nessie.landing import FastForward, Lander
from headgate.catalog.nessie.record import Draft
from headgate.catalog.nessie.refs import RefReader
from headgate.catalog.nessie.state import NessieState, States
from headgate.catalog.nessie.verify import find_problems
from headgate.catalog.refs import not_made_on, stale
from headgate.catalog.storage import Storage
from headgate.catalog.turns import Turns
from headgate.database import Database
from headgate.errors import Conflict, RefNotFound
from headgate.types import Name


class NessieCatalog:
    """Implements `Catalog` on a Nessie server; see there for what each method does.

    Args:
        client: The connection to the server.
        db: An open state database, for turns and for what Nessie does not keep.
        storage: Where metadata files are read, so that Nessie can tell other clients what is current in them.
    """

    def __init__(self, client: NessieClient, db: Database, storage: Storage | None = None) -> None:
        self._client = client
        self._ids = ContentIds(db, client)
        self._history = History(client, self._ids)
        self._states = States(client, self._ids, self._history)
        self._refs = RefReader(client, self._states)
        self._turns = Turns(db)
        self._lander = Lander(client, self._states, self._refs, self._turns, db, storage)

    @property
    def place(self) -> str:
        """The server, without credentials, for messages."""
        return self._client.place

    def ref(self, name: str) -> Ref:
        return self._refs.get(name)

    def refs(self, kind: RefKind | None = None) -> list[Ref]:
        return [ref for ref in self._refs.all() if kind is None or ref.kind is kind]

    def resolve(self, text: str) -> Commit:
        return self._history.commit(self._refs.commit_of(text))

    def state(self, at: str = MAIN) -> NessieState:
        return self._states.at(self._refs.commit_of(at))

    def create_branch(self, name: str, at: str = MAIN) -> Ref:
        return self._create(name, RefKind.BRANCH, at)

    def create_tag(self, name: str, at: str = MAIN) -> Ref:
        return self._create(name, RefKind.TAG, at)

    def delete_ref(self, name: str, expected: str | None = None) -> None:
        self._refs.delete(name, expected)

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
        touching = [change.name for change in changes] if isinstance(changes, Sequence) else ()

        def propose(state: NessieState) -> Draft | None:
            if expected_head is not None and state.commit_id != expected_head:
                raise stale(branch, expected_head)
            joiner = joiner_at(state)
            operations = joiner.onto(state.get_many(joiner.names), f"on branch '{branch}' meanwhile")
            return _draft(operations, author, message, properties) if operations else None

        return self._lander.land(branch, propose, touching, exactly=expected_head is not None)

    def advance(self, branch: str, to: str, expected: str) -> None:
        target, start = self._refs.commit_of(to), self._refs.commit_of(expected)
        if not self._history.is_ancestor(start, target):
            raise Conflict(
                f"Commit {target[:12]} does not descend from commit {start[:12]}, where '{branch}' is",
                hint=f"Merge '{branch}' into the other side first",
            )

        def propose(state: NessieState) -> FastForward:
            if state.commit_id != start:
                raise stale(branch, start)
            return FastForward(target)

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
        origin = self._refs.commit_of(source)
        if checked is not None and origin != checked:
            raise stale(source, checked)
        other = self._refs.commit_of(merged) if merged is not None else None

        def propose(state: NessieState) -> Draft | None:
            head = state.commit_id
            if expected is not None and head != expected:
                raise stale(onto, expected)
            if not self._history.is_ancestor(head, origin):
                bases = self._history.merge_bases(head, origin)
                raise stale(onto, bases[0] if bases else origin)
            kept = [op for op in self._history.diff(head, origin) if drop is None or not drop(op.name)]
            brought = other if other is not None and not self._history.is_ancestor(other, head) else None
            return _draft(kept, author, message, properties, merged=brought) if kept else None

        return self._lander.land(onto, propose, exactly=True, source=origin)

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
        origin = self._refs.commit_of(source)
        since = f"on branch '{into}' and on '{source}' since they parted"
        joiners: dict[tuple[str, ...], Joiner] = {}
        done: list[tuple[bool, Sequence[Operation]]] = []

        def propose(state: NessieState) -> Draft | FastForward | None:
            head = state.commit_id
            bases = tuple(self._history.merge_bases(head, origin))
            done.clear()
            if origin in bases:
                return None
            if head in bases:
                done.append((True, self._history.diff(head, origin)))
                return FastForward(origin)
            if not bases:
                raise RefNotFound(
                    f"'{source}' and '{into}' have no history in common",
                    hint="`headgate log` shows where each comes from; compare with a branch of this lake.",
                )
            if bases not in joiners:
                joiners[bases] = self._joiner(bases, origin, rejoin)
            joiner = joiners[bases]
            operations = joiner.onto(state.get_many(joiner.names), since)
            done.append((False, operations))
            return _draft(operations, author, message, properties, merged=origin)

        commit = self._lander.land(into, propose, source=origin)
        fast_forward, operations = done[0] if done else (False, ())
        return MergeResult(commit, fast_forward, tuple(operation.name for operation in operations))

    def revert(self, commit: str, branch: str, *, message: str, author: str) -> Commit:
        undone = self.resolve(commit)
        joiner = Joiner([operation.inverse for operation in undone.operations], rejoin=None)
        since = f"on branch '{branch}' since commit {undone.id[:12]}"

        def propose(state: NessieState) -> Draft | None:
            if all(made.id != undone.id for made in self._history.log(state.commit_id, None, first_parent=True)):
                raise not_made_on(branch, undone)
            operations = joiner.onto(state.get_many(joiner.names), since)
            return _draft(operations, author, message, {"reverts": undone.id}) if operations else None

        return self._lander.land(branch, propose, joiner.names)

    def log(self, at: str = MAIN, limit: int | None = None, first_parent: bool = True) -> Iterator[Commit]:
        return self._history.log(self._refs.commit_of(at), limit, first_parent)

    def diff(self, before: str, after: str) -> Diff:
        operations = self._history.diff(self._refs.commit_of(before), self._refs.commit_of(after))
        return Diff(tuple(Change(op.name, op.before, op.after) for op in operations))

    def merge_base(self, one: str, other: str) -> Commit:
        bases = self._history.merge_bases(self._refs.commit_of(one), self._refs.commit_of(other))
        if not bases:
            raise RefNotFound(
                f"'{one}' and '{other}' have no history in common",
                hint="`headgate log` shows where each comes from; compare with a branch of this lake.",
            )
        return self._history.commit(bases[0])

    def ahead(self, one: str, other: str) -> list[Commit]:
        found = self._history.ahead(self._refs.commit_of(one), self._refs.commit_of(other))
        return [self._history.commit(commit) for commit in found]

    def turn(self, ref: str, holder: str, patience: float = 600) -> AbstractContextManager[None]:
        return self._turns.take(self._refs.branch(ref).name, holder, patience)

    def verify(self) -> list[Problem]:
        return list(find_problems(self._client, self._refs, self._history))

    def close(self) -> None:
        self._client.close()

    def _create(self, name: str, kind: RefKind, at: str) -> Ref:
        ref = Ref(name, kind, self._refs.commit_of(at))
        self._refs.create(ref)
        return ref

    def _joiner(self, bases: Sequence[str], origin: str, rejoin: Rejoin | None) -> Joiner:
        """What happened since the merge bases; where several differ, nobody can say what both sides started from."""
        unsettled = {op.name for base in bases[1:] for op in self._history.diff(bases[0], base)}
        changed = self._history.diff(bases[0], origin)
        same = sorted(unsettled - {operation.name for operation in changed})
        state = self._states.at(origin).get_many(same)
        unchanged = [Operation(name, state.get(name), state.get(name)) for name in same]
        return Joiner([*changed, *unchanged], rejoin, unsettled)


def _draft(
    operations: Sequence[Operation],
    author: str,
    message: str,
    properties: Mapping[str, str] | None,
    merged: str | None = None,
) -> Draft:
    ordered = sorted(operations, key=lambda operation: operation.name.key)
    return Draft(ordered, author, message, properties or {}, merged)
