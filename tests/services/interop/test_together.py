"""Engines in turn on one table, tables that are dropped, and names that belong to one branch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pyiceberg.exceptions import NoSuchTableError
from tests.services.interop.journeys import BRANCHES
from tests.services.interop.turns import WRITERS, create, drop, expected, turn
from tests.services.interop.writers import NAMESPACE

import headgate
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.types import Layout, Name
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


# PyIceberg says that it will write files again.
@pytest.mark.filterwarnings("ignore:Merge on read is not yet supported")
@pytest.mark.parametrize("writer", WRITERS)
def test_rows_that_headgate_deletes_beside_their_files_are_gone_for_all(
    writer: str, engine_named: Engines, lake: ServedLake
) -> None:
    name = Name.of(NAMESPACE, f"on_read_then_{writer}")
    properties = {f"write.{change}.mode": "merge-on-read" for change in ("delete", "update", "merge")}
    layout = Layout(partition_by=("bucket(2, id)",), properties=properties)
    base = "SELECT i AS id, i::DECIMAL(12, 2) AS amount, 'old' AS note FROM range(200) AS t(i)"
    news = "SELECT i AS id, 0::DECIMAL(12, 2) AS amount, 'new' AS note FROM range(198, 203) AS t(i)"
    with headgate.open(lake.project) as opened, Session(opened.project.engine, opened.lake.storage) as session:
        workspace = Workspace(opened.lake.catalog, "main", session)
        workspace.append(name, base, layout=layout)
        assert workspace.merge(name, news, ["id"]).files_removed == 0
        assert workspace.delete(name, "id IN (5, 6)").files_removed == 0
        assert len(workspace.table(name).delete_files()) > 1
        workspace.commit("orders")
    held = {key: (f"{key}.00", "old") for key in range(200) if key not in (5, 6)}
    held |= dict.fromkeys(range(198, 203), ("0.00", "new"))

    for reader in READERS:
        found = {row["id"]: (row["amount"], row["note"]) for row in engine_named(reader).read(str(name), "main")}
        assert found == held, reader
    # And another engine goes on: it adds rows, deletes one of them and changes 201.
    turn(engine_named(writer), str(name), "main", 21)
    held |= dict.fromkeys((211, 212), ("21.00", writer)) | {201: ("0.00", f"changed by {writer}")}
    for reader in READERS:
        found = {row["id"]: (row["amount"], row["note"]) for row in engine_named(reader).read(str(name), "main")}
        assert found == held, reader
