"""Names and views that other engines make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.engines.foreign import Foreign, register, rows, view

from headgate.catalog import Catalog
from headgate.engines.description import describe_table, list_tables
from headgate.engines.workspace import Workspace
from headgate.errors import CorruptHistory, DataError, HeadgateError
from headgate.types import Name


@pytest.fixture
def foreign(tmp_path: Path) -> Foreign:
    return Foreign(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        (Name.of("a", "b", "t"), '"a.b".t'),
        (Name.of("a.b", "t"), '"a.b".t'),
        (Name.of("a", "b.c", "t"), '"a.b.c".t'),
        (Name.of("Sales Dept", "Große Tabelle"), '"Sales Dept"."Große Tabelle"'),
        (Name.of("Upper", "Case"), "UPPER.case"),
        (Name.of("x", 'with"quote'), 'x."with""quote"'),
        (Name.of("x", "dotted.name"), 'x."dotted.name"'),
    ],
)
def test_tables_are_found_by_their_names(
    foreign: Foreign, catalog: Catalog, workspace: Workspace, name: Name, sql: str
) -> None:
    register(catalog, name, foreign.table(rows(0, 3)).metadata_location)
    workspace.refresh()
    assert workspace.query(f"select count(*) from {sql}").fetchone() == (3,)
    assert [each.rows for each in list_tables(workspace)] == [3]
    assert Name.parse(str(name)) == name
    assert describe_table(workspace, Name.parse(str(name))).rows == 3
    workspace.append(name, "select 100::bigint as id")
    assert workspace.query(f"select count(*) from {sql}").fetchone() == (4,)


@pytest.mark.parametrize("name", [Name.of("a", "b", "t"), Name.of("a", "b", "c", "t")])
def test_how_a_nested_name_is_written_is_told(
    foreign: Foreign, catalog: Catalog, workspace: Workspace, name: Name
) -> None:
    register(catalog, name, foreign.table(rows(0, 3)).metadata_location)
    workspace.refresh()
    with pytest.raises(HeadgateError) as caught:
        workspace.query(f"select * from {'.'.join(name.parts)}")
    assert caught.value.hint == f"Write it as {name.sql}."


def test_names_that_differ_in_case_only_are_told_apart_or_refused(
    foreign: Foreign, catalog: Catalog, make_workspace: Any
) -> None:
    register(catalog, Name.of("s", "t"), foreign.table(rows(0, 3)).metadata_location)
    register(catalog, Name.of("s", "T"), foreign.table(rows(0, 5)).metadata_location)
    assert make_workspace().query("select count(*) from s.t").fetchone() == (3,)
    assert make_workspace().query("select count(*) from s.T").fetchone() == (5,)
    with pytest.raises(DataError, match=r"DuckDB cannot tell s\.t from s\.T"):
        make_workspace().query("select * from s.t, s.T")


def test_views_in_other_dialects_are_listed_and_named(
    foreign: Foreign, catalog: Catalog, workspace: Workspace, tmp_path: Path
) -> None:
    register(catalog, Name.of("s", "t"), foreign.table(rows(0, 3)).metadata_location)
    register(catalog, Name.of("s", "v"), view(tmp_path, {"spark": "SELECT `id` FROM `t`"}, ["s"]))
    workspace.refresh()
    assert [(each.name, each.kind, each.rows) for each in list_tables(workspace)] == [
        ("s.t", "table", 3),
        ("s.v", "view", None),
    ]
    assert describe_table(workspace, Name.of("s", "v")).sql == "SELECT `id` FROM `t`"
    with pytest.raises(DataError, match=r"View 's\.v' is written in the SQL of spark") as caught:
        workspace.query("select * from s.v")
    assert "as a model" in str(caught.value.hint)
    assert workspace.query("select count(*) from s.t").fetchone() == (3,)
    workspace.create_view(Name.of("s", "v"), "select id from s.t where id > 0")
    assert workspace.query("select count(*) from s.v").fetchone() == (2,)


@pytest.mark.parametrize("own", [["s"], ["elsewhere"]])
def test_a_view_looks_for_short_names_in_its_own_namespace(
    foreign: Foreign, catalog: Catalog, workspace: Workspace, tmp_path: Path, own: list[str]
) -> None:
    register(catalog, Name((*own, "t")), foreign.table(rows(0, 3)).metadata_location)
    texts = {"trino": "SELECT 1", "DuckDB": "WITH u AS (SELECT id AS v FROM t) SELECT v AS id FROM u WHERE v > 0"}
    register(catalog, Name.of("s", "v"), view(tmp_path, texts, own))
    workspace.refresh()
    assert workspace.query("select id from s.v order by id").fetchall() == [(1,), (2,)]


def test_what_is_no_view_is_told(catalog: Catalog, workspace: Workspace, tmp_path: Path) -> None:
    register(catalog, Name.of("s", "v"), view(tmp_path, {}, ["s"]))
    workspace.refresh()
    with pytest.raises(CorruptHistory, match="is not the metadata of a view"):
        workspace.query("select * from s.v")
