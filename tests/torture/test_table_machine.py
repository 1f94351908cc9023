"""Several clients that append, replace, drop, rename, merge, publish and revert real tables and views, against a model.

The clients are those of `tableclients.py`; here is what is done to branches, and what has to hold.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from tests.torture.conftest import Record
from tests.torture.sizes import Part, pick
from tests.torture.tableclients import CLIENTS, NAMES, WHATS, Clients, refused
from tests.torture.tablemodel import applied, changed, rows_of

from headgate.catalog.iceberg import rejoiner
from headgate.catalog.model import Operation
from headgate.catalog.views import read_view
from headgate.errors import Conflict, RefNotFound, StaleRef, UsageError
from headgate.types import Content, Kind, Name
from services.running import Postgres


class TableMachine(Clients):
    """What is done to branches."""

    @precondition(lambda self: len(self.model.heads) < 4)
    @rule(data=st.data())
    def branch(self, data: st.DataObject) -> None:
        self.branched(self.one_commit(data))

    def branched(self, at: str) -> str:
        """A new branch at a branch or a commit."""
        name = f"work/{next(self.numbers)}"
        self.clients[0].catalog.create_branch(name, at)
        self.model.point(name, self.model.heads.get(at, at))
        return name

    @precondition(lambda self: len(self.model.heads) > 1)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.heads.keys() - {"main"})))
        at = self.one_commit(data)
        if at != self.model.heads[name]:
            with pytest.raises(StaleRef):
                self.clients[1].catalog.delete_ref(name, expected=at)
            return
        self.clients[1].catalog.delete_ref(name, expected=at)
        del self.model.heads[name]

    @rule(data=st.data())
    def tag(self, data: st.DataObject) -> None:
        name, at = f"v{next(self.numbers)}", self.one_commit(data)
        self.clients[2].catalog.create_tag(name, at)
        self.model.tags[name] = at

    @precondition(lambda self: len(self.model.heads) > 1)
    @rule(data=st.data(), number=st.integers(0, CLIENTS - 1))
    def merge(self, data: st.DataObject, number: int) -> None:
        source, into = data.draw(st.permutations(sorted(self.model.heads)))[:2]
        self.merge_now(source, into, number)

    @precondition(lambda self: len(self.model.heads) < 4)
    @rule(data=st.data(), pair=st.permutations(range(CLIENTS)))
    def part_and_merge(self, data: st.DataObject, pair: list[int]) -> None:
        """Both sides of a merge change something after they parted, of the same tables or of others."""
        into = self.one_branch(data)
        source = self.branched(into)
        for number, branch in zip(pair, (into, source), strict=False):
            self.start(self.clients[number], branch)
            for name in sorted(data.draw(st.sets(st.sampled_from(NAMES), min_size=1))):
                self.stage(number, name, data.draw(WHATS))
            self.commit_now(self.clients[number])
        self.merge_now(source, into, pair[2])

    def merge_now(self, source: str, into: str, number: int) -> None:
        theirs, ours = self.model.heads[into], self.model.heads[source]
        bases = self.model.bases(theirs, ours)
        if len(bases) > 1:
            return
        wanted = changed(self.model.commits[bases[0]].entries, self.model.entries(source))
        merged, clashes = applied(self.model.entries(into), wanted)
        catalog = self.clients[number].catalog
        assert catalog.merge_base(source, into).id == bases[0]
        join = partial(catalog.merge, source, into, message="merge", author="ada", rejoin=rejoiner(self.storage))
        if clashes:
            refused(clashes, join)
            return
        done = join()
        assert done.commit.id == (theirs if ours == bases[0] else ours if theirs == bases[0] else done.commit.id)
        assert catalog.merge_base(source, into).id == ours
        self.count("merges")
        self.model.moved(into, done.commit.id, (theirs, ours), merged)

    @rule(data=st.data(), number=st.integers(0, CLIENTS - 1))
    def publish(self, data: st.DataObject, number: int) -> None:
        """The state of any commit, most of which do not descend from the head."""
        source = data.draw(st.sampled_from([*self.model.heads, *self.model.commits]))
        self.publish_now(data, source, self.one_branch(data), number)

    @precondition(lambda self: len(self.model.heads) < 4)
    @rule(data=st.data(), number=st.integers(0, CLIENTS - 1))
    def change_and_publish(self, data: st.DataObject, number: int) -> None:
        onto = self.one_branch(data)
        source = self.branched(onto)
        self.start(self.clients[number], source)
        for name in sorted(data.draw(st.sets(st.sampled_from(NAMES), min_size=1))):
            self.stage(number, name, data.draw(WHATS))
        self.commit_now(self.clients[number])
        self.publish_now(data, source, onto, number)

    def publish_now(self, data: st.DataObject, source: str, onto: str, number: int) -> None:
        origin, head = self.model.heads.get(source, source), self.model.heads[onto]
        dropped = data.draw(st.just(set[Name]()) | st.sets(st.sampled_from(NAMES)))
        expected = data.draw(st.sampled_from([None, None, head, *self.model.commits]))
        merged = data.draw(st.none() | st.sampled_from(list(self.model.commits)))
        asked: Any = {"message": "publish", "author": "ada", "expected": expected, "merged": merged}
        publish = partial(self.clients[number].catalog.publish, source, onto, drop=dropped.__contains__, **asked)
        if expected not in (None, head) or head not in self.model.ancestors(origin):
            with pytest.raises(StaleRef):
                publish()
            return
        before, after = self.model.entries(onto), self.model.commits[origin].entries
        kept = {name: each for name, each in changed(before, after).items() if name not in dropped}
        made = publish()
        assert (made.id == head) == (not kept)
        brought = [merged] if merged is not None and merged not in self.model.ancestors(head) else []
        if kept:
            assert made.parents == (head, *brought)
            self.count("publications")
        self.model.moved(onto, made.id, (head, *brought), applied(before, kept)[0])

    @rule(data=st.data(), names=st.permutations(NAMES))
    def rename(self, data: st.DataObject, names: list[Name]) -> None:
        branch, (old, new) = self.one_branch(data), names[:2]
        before, catalog = self.model.entries(branch), self.clients[0].catalog
        if old not in before or new in before:
            return
        content = catalog.state(branch).get(old)
        operations = [Operation(old, content, None), Operation(new, None, content)]
        made = catalog.commit(branch, operations, message="rename", author="ada")
        after = {new if name == old else name: table for name, table in before.items()}
        self.model.moved(branch, made.id, (self.model.heads[branch],), after)

    @rule(data=st.data())
    def advance(self, data: st.DataObject) -> None:
        branch, to = self.one_branch(data), self.one_commit(data)
        head, catalog = self.model.heads[branch], self.clients[1].catalog
        if head in self.model.ancestors(to):
            catalog.advance(branch, to, head)
            self.model.point(branch, to)
        else:
            with pytest.raises(Conflict):
                catalog.advance(branch, to, head)

    @rule(data=st.data(), back=st.integers(0, 3))
    def revert(self, data: st.DataObject, back: int) -> None:
        """Undo one of the branch's latest commits."""
        branch = self.one_branch(data)
        line = self.model.line(self.model.heads[branch])
        self.undo(branch, line[min(back, len(line) - 1)])

    @rule(data=st.data())
    def revert_any(self, data: st.DataObject) -> None:
        self.undo(self.one_branch(data), self.one_commit(data))

    def undo(self, branch: str, commit: str) -> None:
        head, catalog = self.model.heads[branch], self.clients[0].catalog
        revert = partial(catalog.revert, commit, branch, message="revert", author="ada")
        undone = {name: (after, before) for name, (before, after) in self.model.done_by(commit).items()}
        after, clashes = applied(self.model.entries(branch), undone, joining=False)
        if commit not in self.model.line(head):
            with pytest.raises(UsageError):
                revert()
        elif clashes:
            refused(clashes, revert)
        else:
            made = revert()
            assert (made.id == head) == (after == self.model.entries(branch))
            self.count("reverts")
            self.model.moved(branch, made.id, (head,), after)

    # Looking

    @rule(data=st.data(), number=st.integers(0, CLIENTS - 1))
    def look_back(self, data: st.DataObject, number: int) -> None:
        """What the log, a diff and `branch@commit` say."""
        branch, one, other = self.one_branch(data), self.one_commit(data), self.one_commit(data)
        catalog, head = self.clients[number].catalog, self.model.heads[branch]
        assert [commit.id for commit in catalog.log(branch)] == self.model.line(head)
        assert {commit.id for commit in catalog.log(branch, first_parent=False)} == self.model.ancestors(head)
        found = {change.name for change in catalog.diff(one, other).changes}
        assert found == changed(self.model.commits[one].entries, self.model.commits[other].entries).keys()
        if one in self.model.pointed[branch] | self.model.ancestors(head):
            assert catalog.state(f"{branch}@{one}").commit_id == one
        else:
            with pytest.raises(RefNotFound):
                catalog.state(f"{branch}@{one}")

    @invariant()
    def every_ref_holds_the_rows_that_it_should(self) -> None:
        self.count("steps")
        catalog = self.clients[-1].catalog
        assert {ref.name: ref.commit_id for ref in catalog.refs()} == self.model.heads | self.model.tags
        for ref, commit in (self.model.heads | self.model.tags).items():
            state = catalog.state(ref)
            assert state.commit_id == commit
            entries = self.model.commits[commit].entries
            found = dict(state.items())
            assert found.keys() == entries.keys()
            for name, content in found.items():
                assert (content.kind is Kind.VIEW) == entries[name][0].view
                assert self.rows(content) == rows_of(entries[name])

    def rows(self, content: Content) -> list[int]:
        location = content.metadata_location
        if location not in self.read:
            view = content.kind is Kind.VIEW
            source = f"({read_view(location, self.storage).sql})" if view else f"iceberg_scan('{location}')"
            self.read[location] = [row[0] for row in self.session.rows(f"SELECT id FROM {source} ORDER BY id")]
        return self.read[location]


def test_tables_of_several_clients_are_as_predicted(record: Record) -> None:
    check(TableMachine, pick(12, 250), pick(25, 60), record)


@pytest.mark.services
def test_the_same_on_postgres(postgres_server: Postgres, record: Record) -> None:
    numbers = itertools.count()

    class PostgresMachine(TableMachine):
        def __init__(self) -> None:
            super().__init__(postgres_server.create_database(f"tables_{next(numbers)}"))

    check(PostgresMachine, pick(6, 60), pick(20, 40), record)


def check(machine: type[TableMachine], examples: int, steps: int, record: Record) -> None:
    TableMachine.counts.clear()
    size = settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    run_state_machine_as_test(machine, settings=size)
    for name, n in TableMachine.counts.items():
        record(Part.CATALOG, name, n)
