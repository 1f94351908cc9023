"""The catalog against a model of it in dicts and sets, over random sequences of what people do."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from headgate.catalog.embedded import EmbeddedCatalog
from headgate.catalog.model import Operation
from headgate.database import Database, from_micros
from headgate.errors import Conflict, UsageError
from headgate.types import Content, Kind, Name
from services.running import Postgres

# 70 names pass the size of a leaf, so that trees split and collapse.
NAMES = [Name.of("bronze", f"table {number}") for number in range(70)]
Entries = dict[Name, Content]


@dataclass(frozen=True)
class Node:
    """A commit as the model has it."""

    parents: tuple[str, ...]
    entries: Entries


def content(version: int) -> Content:
    return Content(Kind.VIEW if version == 3 else Kind.TABLE, "id", str(version))


class CatalogMachine(RuleBasedStateMachine):
    """Commits, branches, merges and reverts, each predicted from first principles."""

    def __init__(self, url: str | None = None) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.db = Database.open(url or f"sqlite:///{Path(self.folder.name) / 'state.db'}")
        # The ids of commits follow from the time: with this clock a sequence of rules can be replayed.
        self.catalog = EmbeddedCatalog(self.db, clock=map(from_micros, itertools.count()).__next__)
        first = self.catalog.ref("main").commit_id
        self.commits = {first: Node((), {})}
        self.heads = {"main": first}
        self.roots: dict[frozenset[tuple[Name, Content]], str] = {}

    def teardown(self) -> None:
        assert self.catalog.verify() == []
        self.db.close()
        self.folder.cleanup()

    def entries(self, branch: str) -> Entries:
        return self.commits[self.heads[branch]].entries

    def ancestors(self, commit: str) -> set[str]:
        return {commit}.union(*(self.ancestors(parent) for parent in self.commits[commit].parents))

    def line(self, commit: str) -> set[str]:
        """A commit and those that led to it along the first parents."""
        return {commit}.union(*(self.line(parent) for parent in self.commits[commit].parents[:1]))

    def moved(self, branch: str, made: str, parents: tuple[str, ...], entries: Entries) -> None:
        """What is expected of a branch; nothing new where nothing changed."""
        if made not in self.commits:
            self.commits[made] = Node(parents, entries)
        assert self.commits[made].entries == entries
        self.heads[branch] = made

    @initialize()
    def fill(self) -> None:
        entries = {name: content(0) for name in NAMES[:62]}
        operations = [Operation(name, None, entry) for name, entry in entries.items()]
        made = self.catalog.commit("main", operations, message="fill", author="ada")
        self.moved("main", made.id, (self.heads["main"],), entries)

    @rule(
        data=st.data(),
        changes=st.dictionaries(st.sampled_from(NAMES), st.none() | st.integers(0, 3), min_size=1, max_size=6),
    )
    def commit(self, data: st.DataObject, changes: dict[Name, int | None]) -> None:
        branch = data.draw(st.sampled_from(sorted(self.heads)))
        before = self.entries(branch)
        wanted = {name: None if version is None else content(version) for name, version in changes.items()}
        operations = [Operation(name, before.get(name), after) for name, after in wanted.items()]
        made = self.catalog.commit(branch, operations, message="commit", author="ada")
        after = {name: entry for name, entry in (before | wanted).items() if entry is not None}
        assert (made.id == self.heads[branch]) == (after == before)
        self.moved(branch, made.id, (self.heads[branch],), after)

    @precondition(lambda self: len(self.heads) < 4)
    @rule(data=st.data())
    def branch(self, data: st.DataObject) -> None:
        name, at = f"work/{len(self.heads)}", data.draw(st.sampled_from(list(self.commits)))
        self.catalog.create_branch(name, at)
        self.heads[name] = at

    @precondition(lambda self: len(self.heads) > 1)
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        source, into = data.draw(st.permutations(sorted(self.heads)))[:2]
        theirs, ours = self.heads[into], self.heads[source]
        entries, clashes = self.joined(theirs, ours)
        if clashes:
            with pytest.raises(Conflict) as caught:
                self.catalog.merge(source, into, message="merge", author="ada")
            assert caught.value.data["tables"] == clashes
            return
        done = self.catalog.merge(source, into, message="merge", author="ada")
        before = self.entries(into)
        self.moved(into, done.commit.id, (theirs, ours), entries)
        keys = before.keys() | entries.keys()
        assert list(done.changed) == sorted(name for name in keys if before.get(name) != entries.get(name))
        assert done.fast_forward == (theirs != ours and theirs in self.ancestors(ours))

    def joined(self, theirs: str, ours: str) -> tuple[Entries, list[str]]:
        """Three-way per name; where starting points differ, only equal content joins."""
        common = self.ancestors(theirs) & self.ancestors(ours)
        bases = [a for a in common if not any(a != b and a in self.ancestors(b) for b in common)]
        merged: Entries = {}
        clashes: list[str] = []
        for name in NAMES:
            left, right = self.commits[theirs].entries.get(name), self.commits[ours].entries.get(name)
            starts = {self.commits[base].entries.get(name) for base in bases}
            if left == right or starts == {right}:
                kept = left
            elif starts == {left}:
                kept = right
            else:
                kept = left
                clashes.append(str(name))
            if kept is not None:
                merged[name] = kept
        return merged, sorted(clashes)

    @rule(data=st.data())
    def revert(self, data: st.DataObject) -> None:
        branch = data.draw(st.sampled_from(sorted(self.heads)))
        undone = self.commits[data.draw(st.sampled_from(list(self.commits)))]
        start = self.commits[undone.parents[0]].entries if undone.parents else {}
        commit = next(name for name, node in self.commits.items() if node is undone)
        if commit not in self.line(self.heads[branch]):
            with pytest.raises(UsageError):
                self.catalog.revert(commit, branch, message="revert", author="ada")
            return
        before, after, clash = self.entries(branch), dict(self.entries(branch)), False
        for name in NAMES:
            old, new, now = start.get(name), undone.entries.get(name), before.get(name)
            if old == new or now == old:
                continue
            clash = clash or now != new
            if old is None:
                after.pop(name, None)
            else:
                after[name] = old
        if clash:
            with pytest.raises(Conflict):
                self.catalog.revert(commit, branch, message="revert", author="ada")
            return
        made = self.catalog.revert(commit, branch, message="revert", author="ada")
        self.moved(branch, made.id, (self.heads[branch],), after)

    @invariant()
    def states_are_as_predicted_and_equal_states_have_equal_roots(self) -> None:
        for branch, head in self.heads.items():
            entries = self.commits[head].entries
            state = self.catalog.state(branch)
            assert state.commit_id == head
            assert dict(state.items()) == entries
            root = state.commit.root
            assert self.roots.setdefault(frozenset(entries.items()), root) == root


TestCatalogMachine = CatalogMachine.TestCase
TestCatalogMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


@pytest.mark.services
def test_the_same_on_postgres(postgres_server: Postgres) -> None:
    numbers = itertools.count()

    class PostgresMachine(CatalogMachine):
        def __init__(self) -> None:
            super().__init__(postgres_server.create_database(f"machine_{next(numbers)}"))

    run_state_machine_as_test(
        PostgresMachine, settings=settings(max_examples=10, stateful_step_count=20, deadline=None)
    )
