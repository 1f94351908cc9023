"""Clients of one lake that change tables and commit, as a state machine that predicts what becomes of it.

Clients keep reading the state they began with, so that commits come late; and one is stopped between reading the head
and moving it, while another commits.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.torture.tablemodel import Change, Entries, History, Node, Table, applied, rows_of

from headgate.catalog.embedded import EmbeddedCatalog
from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.database import Database
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.errors import Conflict, UsageError
from headgate.types import Name

NAMES = [Name.of("bronze", text) for text in ("a", "b", "c")]
CLIENTS = 3
WHATS = st.sampled_from(["append", "append", "append", "replace", "drop", "view"])


@dataclass
class Client:
    """One process's view of the lake, and what it has done and not committed."""

    catalog: EmbeddedCatalog
    workspace: Workspace
    branch: str
    began: Entries
    staged: dict[Name, Table | None] = field(default_factory=dict)


def clashed(error: Conflict) -> list[str]:
    """The tables that a conflict names."""
    tables = error.data["tables"]
    assert isinstance(tables, list)
    return sorted(map(str, tables))


def refused(clashes: list[str], change: Callable[[], object]) -> None:
    with pytest.raises(Conflict) as caught:
        change()
    assert clashed(caught.value) == clashes


class Clients(RuleBasedStateMachine):
    """The embedded catalog with tables of Iceberg, and those who write to its branches."""

    counts: ClassVar[dict[str, int]] = {}  # of all examples together

    def __init__(self, url: str | None = None) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.url = url or f"sqlite:///{self.folder.name}/state.db"
        self.storage = Storage.open(f"{self.folder.name}/lake")
        self.session = Session(EngineSettings(threads=1), self.storage)
        self.numbers = itertools.count()
        self.read: dict[str, list[int]] = {}
        self.clients = [self.client() for _ in range(CLIENTS)]
        first = self.clients[0].catalog.ref("main").commit_id
        self.model = History({first: Node((), {})}, {}, {})
        self.model.point("main", first)

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

    def one_branch(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.model.heads)))

    def one_commit(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(list(self.model.commits)))

    # Clients

    @rule(data=st.data(), number=st.integers(0, CLIENTS - 1))
    def begin(self, data: st.DataObject, number: int) -> None:
        self.start(self.clients[number], self.one_branch(data))

    def start(self, client: Client, branch: str) -> None:
        client.branch = branch
        client.workspace = Workspace(client.catalog, client.branch, self.session)
        client.began, client.staged = self.model.entries(client.branch), {}

    @rule(number=st.integers(0, CLIENTS - 1), name=st.sampled_from(NAMES), what=WHATS | st.just("look"))
    def change(self, number: int, name: Name, what: str) -> None:
        self.stage(number, name, what)

    def stage(self, number: int, name: Name, what: str) -> None:
        client, row = self.clients[number], next(self.numbers)
        held = client.staged[name] if name in client.staged else client.began.get(name)
        if client.branch not in self.model.heads:
            return
        if what in ("look", "drop") and held is None:
            return
        workspace, sql = client.workspace, f"SELECT {row} AS id"
        is_view = bool(held and held[0].view)
        if what == "look":
            found = workspace.query(f"SELECT id FROM {name.sql} ORDER BY id").fetchall()
            assert [each[0] for each in found] == rows_of(held or ())
        elif what == "drop":
            workspace.drop(name)
            client.staged[name] = None
        elif held is not None and is_view != (what == "view"):
            writes: dict[str, Callable[..., object]] = {
                "view": workspace.create_view,
                "append": workspace.append,
                "replace": workspace.replace,
            }
            with pytest.raises(UsageError):
                writes[what](name, sql)
        elif what == "view":
            workspace.create_view(name, sql)
            client.staged[name] = (Change(row, False, view=True),)
        elif what == "append" or held is None:
            workspace.append(name, sql)
            client.staged[name] = (*(held or ()), Change(row, True))
        else:
            workspace.replace(name, sql)
            client.staged[name] = (*held, Change(row, False))
        if name in client.staged and client.staged[name] == client.began.get(name):
            del client.staged[name]

    def expected(self, client: Client) -> tuple[Entries, list[str]]:
        """What a commit of the client makes of its branch, and what it clashes on."""
        wanted = {name: (client.began.get(name), after) for name, after in client.staged.items()}
        return applied(self.model.entries(client.branch), wanted)

    def commit_now(self, client: Client) -> None:
        before, head = self.model.entries(client.branch), self.model.heads[client.branch]
        after, clashes = self.expected(client)
        if clashes:
            refused(clashes, lambda: client.workspace.commit("commit"))
            client.workspace.discard()
            self.count("conflicts")
        else:
            made = client.workspace.commit("commit")
            assert (made.id == head) == (after == before)
            self.model.moved(client.branch, made.id, (head,), after)
        client.workspace.refresh()
        client.began, client.staged = self.model.entries(client.branch), {}

    @rule(number=st.integers(0, CLIENTS - 1))
    def commit(self, number: int) -> None:
        if (client := self.clients[number]).branch in self.model.heads:
            self.commit_now(client)

    def two_at(self, data: st.DataObject) -> list[Client]:
        """Two clients that change a table of one state."""
        branch, name = self.one_branch(data), data.draw(st.sampled_from(NAMES))
        numbers = data.draw(st.permutations(range(CLIENTS)))[:2]
        for number in numbers:
            self.start(self.clients[number], branch)
            self.stage(number, name, data.draw(WHATS))
        return [self.clients[number] for number in numbers]

    @rule(data=st.data())
    def at_odds(self, data: st.DataObject) -> None:
        """Two clients change a table of one state; the second one's commit comes late."""
        for client in self.two_at(data):
            self.commit_now(client)

    @rule(data=st.data())
    def overtaken(self, data: st.DataObject) -> None:
        """A client commits while another one has read the head and not moved it."""
        slow, quick = self.two_at(data)
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
        mover.move = late  # type: ignore[method-assign]  # stands between the two
        try:
            # What is expected depends on what the other does, so that it is worked out afterwards.
            outcome: Any = None
            try:
                outcome = slow.workspace.commit("commit")
            except Conflict as error:
                outcome = error
        finally:
            mover.move = move  # type: ignore[method-assign]  # as it was
        head = self.model.heads[slow.branch]
        after, clashes = self.expected(slow)
        if isinstance(outcome, Conflict):
            self.count("conflicts")
            assert clashed(outcome) == clashes
            slow.workspace.discard()
        else:
            assert clashes == []
            self.model.moved(slow.branch, outcome.id, (head,), after)
        slow.workspace.refresh()
        slow.began, slow.staged = self.model.entries(slow.branch), {}
