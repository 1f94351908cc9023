"""Several clients that append, replace, drop, rename, merge and revert real tables, against a model in tuples.

A table is, to the model, the changes that made it: two sides of one table join when each only appended to what both
started from. Clients keep reading the state they began with, so that commits come late; and one is stopped between
reading the head and moving it, while another commits.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tests.torture.conftest import Record
from tests.torture.sizes import Part, pick

from headgate.catalog.embedded import EmbeddedCatalog
from headgate.catalog.iceberg import rejoiner
from headgate.catalog.model import Operation
from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.database import Database
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.errors import Conflict, StaleRef, UsageError
from headgate.types import Name

NAMES = [Name.of("bronze", text) for text in ("a", "b", "c")]
CLIENTS = 3
_joins = itertools.count(1)


@dataclass(frozen=True)
class Change:
    """A row that was appended, or that took the place of all others; another one where a join wrote it again."""

    row: int
    appends: bool
    joined: int = 0


Table = tuple[Change, ...]
Entries = dict[Name, Table]


@dataclass(frozen=True)
class Node:
    parents: tuple[str, ...]
    entries: Entries


@dataclass
class Client:
    """One process's view of the lake, and what it has done and not committed."""

    catalog: EmbeddedCatalog
    workspace: Workspace
    branch: str
    began: Entries
    staged: dict[Name, Table | None] = field(default_factory=dict)


def rows_of(table: Table) -> list[int]:
    start = max((number for number, change in enumerate(table) if not change.appends), default=0)
    return sorted(change.row for change in table[start:])


def clashed(error: Conflict) -> list[str]:
    """The tables that a conflict names."""
    tables = error.data["tables"]
    assert isinstance(tables, list)
    return sorted(map(str, tables))


def join(base: Table | None, theirs: Table | None, ours: Table | None) -> Table | None:
    """What both sides appended, once each; None where one did more."""
    if not theirs or not ours:
        return None
    start = base or ()
    added, others = ours[len(start) :], theirs[len(start) :]
    prefixed = ours[: len(start)] == start == theirs[: len(start)]
    if not prefixed or not all(change.appends for change in (*added, *others)):
        return None
    return (*theirs, *(Change(change.row, True, next(_joins)) for change in added))


class TableMachine(RuleBasedStateMachine):
    """The embedded catalog with tables of Iceberg."""

    counts: ClassVar[dict[str, int]] = {}  # of all examples together

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.url = f"sqlite:///{self.folder.name}/state.db"
        self.storage = Storage.open(f"{self.folder.name}/lake")
        self.session = Session(EngineSettings(threads=1), self.storage)
        self.numbers = itertools.count()
        self.read: dict[str, list[int]] = {}
        self.made: dict[tuple[str, Table], str] = {}
        self.clients = [self.client() for _ in range(CLIENTS)]
        first = self.clients[0].catalog.ref("main").commit_id
        self.commits = {first: Node((), {})}
        self.heads = {"main": first}
        self.tags: dict[str, str] = {}

    def client(self) -> Client:
        catalog = EmbeddedCatalog(Database.open(self.url))
        return Client(catalog, Workspace(catalog, "main", self.session), "main", {})

    def teardown(self) -> None:
        assert self.clients[0].catalog.verify() == []
        for client in self.clients:
            client.catalog.close()
        self.session.close()
        self.folder.cleanup()

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def entries(self, branch: str) -> Entries:
        return self.commits[self.heads[branch]].entries

    def ancestors(self, commit: str) -> set[str]:
        return {commit}.union(*(self.ancestors(parent) for parent in self.commits[commit].parents))

    def moved(self, branch: str, made: str, parents: tuple[str, ...], entries: Entries) -> None:
        if made not in self.commits:
            self.commits[made] = Node(parents, entries)
        assert self.commits[made].entries == entries
        self.heads[branch] = made

    # Clients

    @rule(data=st.data(), number=st.integers(0, CLIENTS - 1))
    def begin(self, data: st.DataObject, number: int) -> None:
        self.start(self.clients[number], data.draw(st.sampled_from(sorted(self.heads))))

    def start(self, client: Client, branch: str) -> None:
        client.branch = branch
        client.workspace = Workspace(client.catalog, client.branch, self.session)
        client.began, client.staged = self.entries(client.branch), {}

    @rule(
        number=st.integers(0, CLIENTS - 1),
        name=st.sampled_from(NAMES),
        what=st.sampled_from(["append", "append", "append", "replace", "drop", "look"]),
    )
    def change(self, number: int, name: Name, what: str) -> None:
        self.stage(number, name, what)

    def stage(self, number: int, name: Name, what: str) -> None:
        client, row = self.clients[number], next(self.numbers)
        held = client.staged[name] if name in client.staged else client.began.get(name)
        if client.branch not in self.heads:
            return
        if what == "look":
            if held is not None:
                found = client.workspace.query(f"SELECT id FROM {name.sql} ORDER BY id").fetchall()
                assert [each[0] for each in found] == rows_of(held)
        elif what == "drop":
            if held is not None:
                client.workspace.drop(name)
                client.staged[name] = None
        elif what == "append" or held is None:
            client.workspace.append(name, f"SELECT {row} AS id")
            client.staged[name] = (*(held or ()), Change(row, True))
        else:
            client.workspace.replace(name, f"SELECT {row} AS id")
            client.staged[name] = (*held, Change(row, False))
        if name in client.staged and client.staged[name] == client.began.get(name):
            del client.staged[name]

    def expected(self, client: Client) -> tuple[Entries, list[str]]:
        """What a commit of the client makes of its branch, and what it clashes on."""
        after, clashes = dict(self.entries(client.branch)), []
        for name, wanted in client.staged.items():
            base, theirs = client.began.get(name), after.get(name)
            joined = wanted if theirs in (base, wanted) else join(base, theirs, wanted)
            if joined is None and theirs not in (base, wanted):
                clashes.append(str(name))
            elif joined is None:
                after.pop(name, None)
            else:
                after[name] = joined
        return after, sorted(clashes)

    def commit_now(self, client: Client) -> None:
        before, head = self.entries(client.branch), self.heads[client.branch]
        after, clashes = self.expected(client)
        if clashes:
            with pytest.raises(Conflict) as caught:
                client.workspace.commit("commit")
            assert clashed(caught.value) == clashes
            client.workspace.discard()
            self.count("conflicts")
        else:
            made = client.workspace.commit("commit")
            assert (made.id == head) == (after == before)
            self.moved(client.branch, made.id, (head,), after)
        client.workspace.refresh()
        client.began, client.staged = self.entries(client.branch), {}

    @rule(number=st.integers(0, CLIENTS - 1))
    def commit(self, number: int) -> None:
        if self.clients[number].branch in self.heads:
            self.commit_now(self.clients[number])

    @rule(
        data=st.data(),
        pair=st.permutations(range(CLIENTS)),
        name=st.sampled_from(NAMES),
        whats=st.tuples(*[st.sampled_from(["append", "append", "replace", "drop"])] * 2),
    )
    def at_odds(self, data: st.DataObject, pair: list[int], name: Name, whats: tuple[str, str]) -> None:
        """Two clients change a table of one state; the second one's commit comes late."""
        branch = data.draw(st.sampled_from(sorted(self.heads)))
        for number, what in zip(pair, whats, strict=False):
            self.start(self.clients[number], branch)
            self.stage(number, name, what)
        for number in pair[:2]:
            self.commit_now(self.clients[number])

    @rule(
        data=st.data(),
        pair=st.permutations(range(CLIENTS)),
        name=st.sampled_from(NAMES),
        whats=st.tuples(*[st.sampled_from(["append", "append", "replace", "drop"])] * 2),
    )
    def overtaken(self, data: st.DataObject, pair: list[int], name: Name, whats: tuple[str, str]) -> None:
        """A client commits while another one has read the head and not moved it."""
        branch = data.draw(st.sampled_from(sorted(self.heads)))
        slow, quick = (self.clients[number] for number in pair[:2])
        for number, what in zip(pair, whats, strict=False):
            self.start(self.clients[number], branch)
            self.stage(number, name, what)
        mover = slow.catalog._lander._mover  # what lies between reading the head and moving it
        move: Callable[..., Any] = mover.move
        pending = [quick]

        def late(movement: Any) -> Any:
            if pending:
                self.commit_now(pending.pop())
                self.count("interleavings")
            return move(movement)

        for client in (slow, quick):
            # Nobody lines up: the one that is stopped would keep the other waiting.
            client.catalog._lander._busy.clear()
        mover.move = late  # type: ignore[method-assign]  # it is stopped in the middle
        try:
            # What is expected depends on what the other does, so that it is worked out afterwards.
            outcome: Any = None
            try:
                outcome = slow.workspace.commit("commit")
            except Conflict as error:
                outcome = error
        finally:
            mover.move = move  # type: ignore[method-assign]  # it is stopped in the middle
        head = self.heads[slow.branch]
        after, clashes = self.expected(slow)
        if isinstance(outcome, Conflict):
            self.count("conflicts")
            assert clashed(outcome) == clashes
            slow.workspace.discard()
        else:
            assert clashes == []
            self.moved(slow.branch, outcome.id, (head,), after)
        slow.workspace.refresh()
        slow.began, slow.staged = self.entries(slow.branch), {}

    # Branches

    @precondition(lambda self: len(self.heads) < 4)
    @rule(data=st.data())
    def branch(self, data: st.DataObject) -> None:
        name, at = f"work/{next(self.numbers)}", data.draw(st.sampled_from(list(self.commits)))
        self.clients[0].catalog.create_branch(name, at)
        self.heads[name] = at

    @precondition(lambda self: len(self.heads) > 1)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.heads.keys() - {"main"})))
        at = data.draw(st.sampled_from(list(self.commits)))
        if at != self.heads[name]:
            with pytest.raises(StaleRef):
                self.clients[1].catalog.delete_ref(name, expected=at)
            return
        self.clients[1].catalog.delete_ref(name, expected=at)
        del self.heads[name]

    @rule(data=st.data())
    def tag(self, data: st.DataObject) -> None:
        name, at = f"v{next(self.numbers)}", data.draw(st.sampled_from(list(self.commits)))
        self.clients[2].catalog.create_tag(name, at)
        self.tags[name] = at

    @precondition(lambda self: len(self.heads) > 1)
    @rule(data=st.data(), number=st.integers(0, CLIENTS - 1))
    def merge(self, data: st.DataObject, number: int) -> None:
        source, into = data.draw(st.permutations(sorted(self.heads)))[:2]
        theirs, ours = self.heads[into], self.heads[source]
        common = self.ancestors(theirs) & self.ancestors(ours)
        bases = [a for a in common if not any(a != b and a in self.ancestors(b) for b in common)]
        if len(bases) > 1:
            return
        start = self.commits[bases[0]].entries
        merged, clashes = dict(self.entries(into)), []
        for name in NAMES:
            base, left, right = start.get(name), self.entries(into).get(name), self.entries(source).get(name)
            if right in (base, left):
                continue
            joined = right if left == base else join(base, left, right)
            if joined is None and left != base:
                clashes.append(str(name))
            elif joined is None:
                merged.pop(name, None)
            else:
                merged[name] = joined
        catalog = self.clients[number].catalog
        if clashes:
            with pytest.raises(Conflict) as caught:
                catalog.merge(source, into, message="merge", author="ada", rejoin=rejoiner(self.storage))
            assert clashed(caught.value) == clashes
            return
        done = catalog.merge(source, into, message="merge", author="ada", rejoin=rejoiner(self.storage))
        assert catalog.merge_base(source, into).id == (ours if ours != theirs else theirs)
        self.count("merges")
        self.moved(into, done.commit.id, (theirs, ours), merged)

    @rule(data=st.data(), names=st.permutations(NAMES))
    def rename(self, data: st.DataObject, names: list[Name]) -> None:
        branch, (old, new) = data.draw(st.sampled_from(sorted(self.heads))), names[:2]
        before, catalog = self.entries(branch), self.clients[0].catalog
        if old not in before or new in before:
            return
        content = catalog.state(branch).get(old)
        operations = [Operation(old, content, None), Operation(new, None, content)]
        made = catalog.commit(branch, operations, message="rename", author="ada")
        after = {new if name == old else name: table for name, table in before.items()}
        self.moved(branch, made.id, (self.heads[branch],), after)

    @rule(data=st.data())
    def advance(self, data: st.DataObject) -> None:
        branch, to = data.draw(st.sampled_from(sorted(self.heads))), data.draw(st.sampled_from(list(self.commits)))
        head, catalog = self.heads[branch], self.clients[1].catalog
        if head in self.ancestors(to):
            catalog.advance(branch, to, head)
            self.heads[branch] = to
        else:
            with pytest.raises(Conflict):
                catalog.advance(branch, to, head)

    @rule(data=st.data())
    def revert_elsewhere(self, data: st.DataObject) -> None:
        branch, commit = data.draw(st.sampled_from(sorted(self.heads))), data.draw(st.sampled_from(list(self.commits)))
        if commit in self.ancestors(self.heads[branch]):
            return
        with pytest.raises(UsageError):
            self.clients[0].catalog.revert(commit, branch, message="revert", author="ada")

    @invariant()
    def every_ref_holds_the_rows_that_it_should(self) -> None:
        self.count("steps")
        catalog = self.clients[-1].catalog
        for ref, commit in (self.heads | self.tags).items():
            state = catalog.state(ref)
            assert state.commit_id == commit
            entries = self.commits[commit].entries
            found = dict(state.items())
            assert found.keys() == entries.keys()
            for name, content in found.items():
                location = content.metadata_location
                if location not in self.read:
                    rows = self.session.rows(f"SELECT id FROM iceberg_scan('{location}') ORDER BY id")
                    self.read[location] = [row[0] for row in rows]
                assert self.read[location] == rows_of(entries[name])


def test_tables_of_several_clients_are_as_predicted(record: Record) -> None:
    TableMachine.counts.clear()
    machine = settings(max_examples=pick(12, 250), stateful_step_count=pick(25, 60), deadline=None)
    run_state_machine_as_test(TableMachine, settings=machine)
    for name, n in TableMachine.counts.items():
        record(Part.CATALOG, name, n)
