"""Merge bases and logs against what sets say about random histories."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headgate.catalog import commits as commits_module
from headgate.catalog import history
from headgate.catalog.commits import CommitStore, Header, make_commit
from headgate.catalog.tree import EMPTY
from headgate.database import Database, from_micros


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Per commit the numbers of its parents: one or two of the commits before it."""
    size = draw(st.integers(2, 24))
    parents: list[list[int]] = [[]]
    for number in range(1, size):
        one = st.integers(max(0, number - 6), number - 1)
        parents.append(draw(st.lists(one, min_size=1, max_size=2, unique=True)))
    return parents


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, CommitStore]:
    db = Database.open(f"sqlite:///{tmp_path_factory.mktemp('history') / 'state.db'}")
    return db, CommitStore(db)


def write(db: Database, store: CommitStore, parents: list[list[int]]) -> list[Header]:
    headers: list[Header] = []
    with db.write() as connection:
        for number, numbers in enumerate(parents):
            commit = make_commit(
                [headers[parent] for parent in numbers],
                EMPTY,
                [],
                author="a",
                message=f"{number} of {parents}",
                time=from_micros(0),
                properties={},
            )
            store.write(connection, commit)
            headers.append(Header(commit.id, EMPTY, commit.generation))
    return headers


def ancestors(parents: list[list[int]], number: int) -> set[int]:
    return {number}.union(*(ancestors(parents, parent) for parent in parents[number]))


@given(parents=graphs(), data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_merge_bases_are_the_common_ancestors_that_no_other_descends_from(
    store: tuple[Database, CommitStore], parents: list[list[int]], data: st.DataObject
) -> None:
    db, commits = store
    headers = write(db, commits, parents)
    numbers = st.integers(0, len(parents) - 1)
    one, other = data.draw(numbers), data.draw(numbers)
    common = ancestors(parents, one) & ancestors(parents, other)
    best = {a for a in common if not any(a != b and a in ancestors(parents, b) for b in common)}
    found = history.merge_bases(commits, headers[one], headers[other])
    assert {header.id for header in found} == {headers[number].id for number in best}
    assert [header.generation for header in found] == sorted((h.generation for h in found), reverse=True)
    assert history.is_ancestor(commits, headers[one], headers[other]) == (one in ancestors(parents, other))
    logged = [commit.id for commit in history.log(commits, headers[one], None, first_parent=False)]
    assert sorted(logged) == sorted(headers[number].id for number in ancestors(parents, one))


def test_histories_longer_than_any_window_are_followed(
    store: tuple[Database, CommitStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits_module, "_LARGEST_WINDOW", 64)
    db, commits = store
    # 600 commits in a row, and a branch that parts from the 10th.
    headers = write(db, commits, [[], *([number] for number in range(599)), [9]])
    assert history.merge_bases(commits, headers[599], headers[600]) == [headers[9]]
    assert history.is_ancestor(commits, headers[0], headers[599])
    assert not history.is_ancestor(commits, headers[600], headers[599])
    logged = [commit.id for commit in history.log(commits, headers[599], None, first_parent=True)]
    assert logged == [header.id for header in reversed(headers[:600])]


def test_first_parents_alone_leave_out_what_was_merged(store: tuple[Database, CommitStore]) -> None:
    db, commits = store
    headers = write(db, commits, [[], [0], [0], [2, 1], [3]])
    logged = [commit.id for commit in history.log(commits, headers[4], None, first_parent=True)]
    assert logged == [headers[number].id for number in (4, 3, 2, 0)]
