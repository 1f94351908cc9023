"""Nessie with many tables, and with many writers."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from headgate.catalog import Change, Operation, RefKind, open_catalog
from headgate.database import Database
from headgate.types import Content, Kind, Name
from services import running

pytestmark = pytest.mark.services

SHARED = Name.of("bronze", "shared")


def table(version: str) -> Content:
    return Content(Kind.TABLE, f"id of {version.partition('+')[0]}", f"file:///lake/{version}")


def test_more_tables_than_one_answer_holds(empty_nessie: running.Nessie, tmp_path: Path) -> None:
    db = Database.open(f"sqlite:///{tmp_path / 'state.db'}")
    catalog = open_catalog(f"nessie+{empty_nessie.url}", db)
    names = [Name.of("bronze", f"t{number:04}") for number in range(1_200)]
    contents = {name: table(name.table) for name in names}
    catalog.create_branch("work")
    operations = [Operation(name, None, content) for name, content in contents.items()]
    catalog.commit("work", operations, message="many", author="ada")
    other = Database.open(f"sqlite:///{tmp_path / 'other.db'}")
    fresh = open_catalog(f"nessie+{empty_nessie.url}", other)
    assert fresh.state("work").get(names[-1]) == contents[names[-1]]
    assert fresh.state("work").get_many([*names, SHARED]) == contents
    assert dict(fresh.state("work").items()) == contents
    assert fresh.diff("main", "work").changes == tuple(Change(name, None, contents[name]) for name in names)
    published = fresh.publish("work", "main", message="publish", author="ada")
    assert len(published.operations) == 1_200
    assert dict(catalog.state().items()) == contents
    for number in range(510):
        catalog.create_tag(f"v{number}")
    assert len(catalog.refs(RefKind.TAG)) == 510
    catalog.delete_ref("v509")
    assert catalog.verify() == []
    for opened in (catalog, fresh):
        opened.close()
    db.close()
    other.close()


def rejoin(name: Name, base: Content | None, theirs: Content, ours: Content) -> Content:
    known = base.metadata_location if base is not None else "file:///lake/start"
    return Content(Kind.TABLE, "shared", theirs.metadata_location + ours.metadata_location.removeprefix(known))


def commit(url: str, state: str, writer: int, commits: int, all_ready: Barrier) -> None:
    """Commits that each append to one table of all writers and make a table of their own."""
    catalog = open_catalog(url, Database.open(state))
    all_ready.wait()
    for number in range(commits):
        held = catalog.state().get(SHARED)
        start = held.metadata_location if held is not None else "file:///lake/start"
        changes = [
            Operation(SHARED, held, Content(Kind.TABLE, "shared", f"{start}+{writer}-{number}")),
            Operation(Name.of("own", f"{writer}-{number}"), None, table(str(number))),
        ]
        catalog.commit("main", changes, message=f"{writer}-{number}", author=f"writer {writer}", rejoin=rejoin)
    catalog.close()


def test_eight_processes_at_one_table_lose_nothing_and_land_nothing_twice(
    empty_nessie: running.Nessie, tmp_path: Path
) -> None:
    url, state = f"nessie+{empty_nessie.url}", f"sqlite:///{tmp_path / 'state.db'}"
    db = Database.open(state)
    writers, commits = 8, 6
    context = multiprocessing.get_context("spawn")
    all_ready = context.Barrier(writers)
    started = [
        context.Process(target=commit, args=(url, state, writer, commits, all_ready)) for writer in range(writers)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * writers
    catalog = open_catalog(url, db)
    expected = sorted(f"{writer}-{number}" for writer in range(writers) for number in range(commits))
    shared = catalog.state().get(SHARED)
    assert shared is not None
    assert sorted(shared.metadata_location.split("+")[1:]) == expected
    assert sorted(name.table for name in catalog.state().names("own")) == expected
    assert sorted(made.message for made in catalog.log()) == sorted([*expected, "The empty lake"])
    assert catalog.verify() == []
    catalog.close()
    db.close()
