"""Engines in turn on one table, tables that are dropped, and names that belong to one branch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pyiceberg.exceptions import NoSuchTableError
from tests.services.interop.journeys import BRANCHES
from tests.services.interop.turns import WRITERS, create, drop, expected, turn
from tests.services.interop.writers import NAMESPACE

import headgate
from services.engines import Engine, PyIceberg
from services.lake import ServedLake

pytestmark = pytest.mark.services

READERS = (*WRITERS, "headgate")
Engines = Callable[[str], Engine]


# PyIceberg deletes in its one way where the table asks for another, and says so.
@pytest.mark.filterwarnings("ignore:Merge on read is not yet supported")
@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("creator", WRITERS)
def test_each_goes_on_where_the_other_stopped(
    creator: str, branch: str, engine_named: Engines, pyiceberg: PyIceberg, lake: ServedLake
) -> None:
    start = WRITERS.index(creator)
    order = WRITERS[start:] + WRITERS[:start]
    table = f"{NAMESPACE}.by_{creator}_in_turn"
    create(engine_named(creator), table, branch)
    for number, name in enumerate(order, start=1):
        turn(engine_named(name), table, branch, number)
    for reader in READERS:
        found = [(row["id"], row["amount"], row["note"]) for row in engine_named(reader).read(table, branch)]
        assert sorted(found) == expected(order), reader
    files = {path for path in (lake.project / ".headgate").rglob("*") if path.is_file()}
    with headgate.open(lake.project) as opened:
        before = opened.log(branch, limit=1)[0].id
    drop(engine_named(creator), table, branch)
    with pytest.raises(NoSuchTableError):
        pyiceberg.catalog(branch).load_table(table)
    with headgate.open(lake.project) as opened:
        assert opened.query(f"select count(*) from {table}", before).rows() == [(8,)]
    assert files <= {path for path in (lake.project / ".headgate").rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", WRITERS)
def test_a_table_of_one_branch_is_not_on_the_other(name: str, engine_named: Engines, pyiceberg: PyIceberg) -> None:
    table = f"{NAMESPACE}.only_{name}"
    create(engine_named(name), table, "team/feature-1")
    assert pyiceberg.catalog("team/feature-1").table_exists(table)
    assert not pyiceberg.catalog("main").table_exists(table)
    create(engine_named(name), table, "main")
    turn(engine_named(name), table, "main", 1)
    assert engine_named(name).read(table, "team/feature-1") == []
    assert len(engine_named(name).read(table, "main")) == 2
