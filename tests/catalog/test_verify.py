"""A history that was changed by hand is found out, and the row is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from headgate.catalog import Catalog, Operation, Problem, open_catalog
from headgate.errors import CorruptHistory
from headgate.types import Content, Kind, Name

ORDERS, SALES = Name.of("bronze", "orders"), Name.of("bronze", "sales")


class Lake:
    """A lake with a little history, and what its rows are called."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "state.db"
        self.url = f"sqlite:///{self.file}"
        catalog = open_catalog(self.url)
        self.root = catalog.ref("main").commit_id
        first = self.put(catalog, "main", ORDERS, "1")
        catalog.create_branch("work")
        self.second = self.put(catalog, "main", ORDERS, "2")
        self.put(catalog, "work", SALES, "1")
        self.merged = catalog.merge("work", "main", message="merge", author="ada").commit.id
        catalog.create_tag("v1", at=first)
        catalog.delete_ref("work")
        self.first = first
        self.tree = catalog.resolve(first).root
        assert catalog.verify() == []
        catalog.close()

    def put(self, catalog: Catalog, branch: str, name: Name, version: str) -> str:
        change = Operation(name, catalog.state(branch).get(name), Content(Kind.TABLE, "id", version))
        return catalog.commit(branch, [change], message=version, author="ada").id

    def tamper(self, statement: str, *values: str | int) -> None:
        with closing(sqlite3.connect(self.file)) as connection:
            assert connection.execute(statement, values).rowcount == 1
            connection.commit()

    def problems(self) -> list[Problem]:
        catalog = open_catalog(self.url)
        try:
            return catalog.verify()
        finally:
            catalog.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


TAMPERED: dict[str, tuple[str, Callable[[Lake], tuple[str, str]]]] = {
    "author": ("update commits set author = 'eve' where id = :second", lambda x: ("commits", x.second)),
    "message": ("update commits set message = 'nothing' where id = :second", lambda x: ("commits", x.second)),
    "time": ("update commits set time = time + 1 where id = :first", lambda x: ("commits", x.first)),
    "time without meaning": ("update commits set time = 'noon' where id = :first", lambda x: ("commits", x.first)),
    "properties": ('update commits set properties = \'{"a": "b"}\' where id = :first', lambda x: ("commits", x.first)),
    "properties without meaning": (
        "update commits set properties = '{' where id = :first",
        lambda x: ("commits", x.first),
    ),
    "generation": ("update commits set generation = 9 where id = :merged", lambda x: ("commits", x.merged)),
    "tree of a commit": ("update commits set root = :tree where id = :second", lambda x: ("commits", x.second)),
    "lost tree": ("update commits set root = 'gone' where id = :second", lambda x: ("commits", x.second)),
    "second parent": (
        "update commit_parents set parent_id = :first where commit_id = :merged and position = 1",
        lambda x: ("commits", x.merged),
    ),
    "dropped parent": (
        "delete from commit_parents where commit_id = :merged and position = 1",
        lambda x: ("commits", x.merged),
    ),
    "operation": (
        "update operations set after_location = '3' where commit_id = :second",
        lambda x: ("operations", f"{x.second} bronze.orders"),
    ),
    "operation without meaning": (
        "update operations set after_kind = 'tabel' where commit_id = :second",
        lambda x: ("commits", x.second),
    ),
    "dropped operation": (
        "delete from operations where commit_id = :second",
        lambda x: ("operations", f"{x.second} bronze.orders"),
    ),
    "dropped commit": ("delete from commits where id = :second", lambda x: ("commits", x.second)),
    "stray operation": (
        "update operations set commit_id = 'gone' where commit_id = :second",
        lambda x: ("operations", "gone 0"),
    ),
    "node": ("update nodes set body = replace(body, '\"1\"', '\"7\"') where hash = :tree", lambda x: ("nodes", x.tree)),
    "node without meaning": ("update nodes set body = '{' where hash = :tree", lambda x: ("nodes", x.tree)),
    "dropped node": ("delete from nodes where hash = :tree", lambda x: ("commits", x.first)),
    "ref set back": ("update refs set commit_id = :first where name = 'main'", lambda x: ("refs", "main")),
    "ref to nowhere": ("update refs set commit_id = 'gone' where name = 'main'", lambda x: ("refs", "main")),
    "dropped ref": ("delete from refs where name = 'v1'", lambda x: ("refs", "v1")),
    "added ref": ("insert into refs values ('v2', 'tag', :first)", lambda x: ("refs", "v2")),
    "kind of ref": ("update refs set kind = 'twig' where name = 'v1'", lambda x: ("refs", "v1")),
    "reflog": ("update reflog set after_id = :root where after_id = :second", lambda x: ("reflog", "6")),
    "dropped movement": ("delete from reflog where after_id = :second", lambda x: ("reflog", "6")),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_row_changed_by_hand_is_named(lake: Lake, what: str) -> None:
    statement, expected = TAMPERED[what]
    with closing(sqlite3.connect(lake.file)) as connection:
        assert connection.execute(statement, vars(lake)).rowcount == 1
        connection.commit()
    assert expected(lake) in [(problem.table, problem.row) for problem in lake.problems()]


def test_one_changed_operation_is_all_that_is_said(lake: Lake) -> None:
    lake.tamper("update operations set after_location = '3' where commit_id = ?", lake.second)
    (problem,) = lake.problems()
    assert problem.message == "it is not what differs between the commit's tree and its parent's"


def test_a_commit_rewritten_with_a_new_id_breaks_what_descends_from_it(lake: Lake) -> None:
    lake.tamper("update commits set author = 'eve', id = 'abc' where id = ?", lake.second)
    assert ("commits", lake.second) in [(problem.table, problem.row) for problem in lake.problems()]


def test_main_that_is_gone_is_named_before_it_is_made_anew(lake: Lake) -> None:
    catalog = open_catalog(lake.url)
    lake.tamper("delete from refs where name = 'main'")
    assert ("refs", "main") in [(problem.table, problem.row) for problem in catalog.verify()]
    catalog.close()


def test_following_a_history_with_a_hole_says_so(lake: Lake) -> None:
    lake.tamper("delete from commits where id = ?", lake.second)
    catalog = open_catalog(lake.url)
    with pytest.raises(CorruptHistory, match=f"commit {lake.second} is missing"):
        list(catalog.log())
    with pytest.raises(CorruptHistory, match=f"commit {lake.second} is missing"):
        catalog.merge_base("main", "v1")
    catalog.close()


def test_reading_a_state_whose_node_is_gone_says_so(lake: Lake) -> None:
    lake.tamper("delete from nodes where hash = ?", lake.tree)
    catalog = open_catalog(lake.url)
    with pytest.raises(CorruptHistory, match=f"tree node {lake.tree} is missing") as caught:
        catalog.state("v1").get(ORDERS)
    assert "headgate doctor" in str(caught.value.hint)
    lake.tamper("update nodes set body = '{' where hash = ?", catalog.resolve("main").root)
    with pytest.raises(CorruptHistory, match="cannot be read"):
        catalog.state("main").get(ORDERS)
    catalog.close()
