"""Merge, delete and overwrite: what becomes of rows, and which files are written again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headgate.engines.changes import WriteResult
from headgate.engines.workspace import Workspace
from headgate.errors import DataError
from headgate.types import Layout, Name

Read = Callable[..., list[dict[str, Any]]]
ORDERS = Name.of("silver", "orders")
SMALL_FILES = {"write.target-file-size-bytes": "100000"}


def _rows(workspace: Workspace, sql: str) -> list[tuple[Any, ...]]:
    return workspace.query(sql).fetchall()


def _files(workspace: Workspace) -> set[str]:
    return {file.path for file in workspace.table(ORDERS).files()}


# Merge


@pytest.fixture
def many_files(workspace: Workspace) -> Workspace:
    for start in range(0, 500, 100):
        workspace.append(ORDERS, f"SELECT i AS id, 'old' AS note, i AS rank FROM range({start}, {start + 100}) AS t(i)")
    return workspace


def test_merge_updates_and_inserts_and_rewrites_only_files_with_matches(many_files: Workspace) -> None:
    before = _files(many_files)
    result = many_files.merge(ORDERS, "SELECT unnest([250, 251, 900]) AS id, 'new' AS note, 0 AS rank", ["id"])
    assert result == WriteResult(inserted=1, updated=2, files_added=1, files_removed=1)
    assert len(before & _files(many_files)) == 4
    assert _rows(many_files, "SELECT note, count(*), sum(id) FROM silver.orders GROUP BY ALL ORDER BY 1") == [
        ("new", 3, 250 + 251 + 900),
        ("old", 498, sum(range(500)) - 250 - 251),
    ]


def test_merge_without_matches_only_adds(many_files: Workspace) -> None:
    before = _files(many_files)
    result = many_files.merge(ORDERS, "SELECT 700 AS id, 'new' AS note, 0 AS rank", ["id"])
    assert (result.inserted, result.updated, result.files_removed) == (1, 0, 0)
    assert before < _files(many_files)


def test_merge_of_nothing_changes_nothing(many_files: Workspace) -> None:
    location = many_files.version(ORDERS)
    assert many_files.merge(ORDERS, "SELECT 1 AS id, '' AS note, 0 AS rank WHERE false", ["id"]) == WriteResult()
    assert many_files.version(ORDERS) == location


def test_merge_keeps_columns_that_the_rows_lack_and_adds_new_ones(many_files: Workspace) -> None:
    many_files.merge(ORDERS, "SELECT unnest([7, 800]) AS id, true AS extra", ["id"])
    rows = _rows(many_files, "SELECT id, note, rank, extra FROM silver.orders WHERE id IN (6, 7, 800) ORDER BY id")
    assert rows == [(6, "old", 6, None), (7, "old", 7, True), (800, None, None, True)]


def test_merge_updates_where_the_condition_holds(many_files: Workspace) -> None:
    before = _files(many_files)
    result = many_files.merge(
        ORDERS,
        "SELECT unnest([50, 250, 900]) AS id, 'new' AS note, 100 AS rank",
        ["id"],
        update_condition="source.rank > target.rank",
    )
    assert result == WriteResult(inserted=1, updated=1, files_added=1, files_removed=1)
    assert len(before & _files(many_files)) == 4
    assert _rows(many_files, "SELECT id FROM silver.orders WHERE note = 'new' ORDER BY id") == [(50,), (900,)]


def test_merge_on_several_columns_and_null_keys(workspace: Workspace) -> None:
    workspace.append(ORDERS, "SELECT * FROM (VALUES (1, 'a', 10), (1, 'b', 20), (2, NULL, 30)) AS t(id, part, v)")
    result = workspace.merge(ORDERS, "FROM (VALUES (1, 'b', 21), (2, NULL, 31)) AS t(id, part, v)", ["id", "part"])
    assert (result.inserted, result.updated) == (1, 1)
    assert _rows(workspace, "SELECT v FROM silver.orders ORDER BY v") == [(10,), (21,), (30,), (31,)]


def test_merge_refuses_rows_that_share_a_key(many_files: Workspace) -> None:
    location = many_files.version(ORDERS)
    with pytest.raises(DataError, match=r"2 rows for table 'silver\.orders' have the key id = 7"):
        many_files.merge(ORDERS, "SELECT 7 AS id, unnest(['x', 'y']) AS note, 0 AS rank", ["id"])
    with pytest.raises(DataError, match="no column 'key'"):
        many_files.merge(ORDERS, "SELECT 7 AS id", ["key"])
    assert many_files.version(ORDERS) == location
    assert many_files.session.rows("FROM duckdb_tables() WHERE temporary") == []


def test_merge_into_a_table_that_is_not_there_makes_it(workspace: Workspace) -> None:
    result = workspace.merge(ORDERS, "SELECT 1 AS id", ["id"], layout=Layout(comment="orders"))
    assert result == WriteResult(inserted=1, files_added=1)
    assert workspace.properties(ORDERS)["comment"] == "orders"


@pytest.mark.parametrize("name", ["rowid", "RowId", "changes", "matched", "file", "position", "row"])
def test_columns_named_like_those_of_the_statements(workspace: Workspace, name: str) -> None:
    workspace.append(ORDERS, f"SELECT i AS id, NULL::BIGINT AS {name}, 'old' AS note FROM range(10) AS t(i)")
    result = workspace.merge(ORDERS, f"SELECT unnest([1, 2, 20, 21]) AS id, 0 AS {name}, 'new' AS note", ["id"])
    assert (result.inserted, result.updated) == (2, 2)
    result = workspace.merge(ORDERS, "SELECT unnest([3, 22]) AS id, 'new' AS note", ["id"])
    assert (result.inserted, result.updated) == (1, 1)
    kept: list[tuple[int, int | None, str]] = [(i, None, "old") for i in (0, 4, 5, 6, 7, 8, 9)]
    expected = [
        *kept,
        (1, 0, "new"),
        (2, 0, "new"),
        (3, None, "new"),
        (20, 0, "new"),
        (21, 0, "new"),
        (22, None, "new"),
    ]
    assert _rows(workspace, f"SELECT id, {name}, note FROM silver.orders AS o ORDER BY id") == sorted(
        expected, key=lambda row: row[0]
    )


def test_columns_named_like_duckdbs_virtual_ones(workspace: Workspace) -> None:
    sql = "SELECT i AS id, 'f' || i AS FileName, i * 10 AS file_row_number FROM range({}) AS t(i)"
    workspace.append(ORDERS, sql.format(10), layout=Layout(partition_by=("bucket(3, id)",)))
    workspace.append(ORDERS, sql.format("20, 30"))
    result = workspace.merge(ORDERS, "SELECT 5 AS id, 'new' AS filename", ["id"])
    assert (result.updated, result.files_removed) == (1, 1)
    assert workspace.delete(ORDERS, "filename IN ('f1', 'new')").deleted == 2
    assert _rows(workspace, "SELECT count(*), min(FileName), max(file_row_number) FROM silver.orders") == [
        (18, "f0", 290)
    ]


def test_merge_equals_the_same_merge_by_plain_sql(workspace: Workspace, by_pyiceberg: Read) -> None:
    base = "SELECT hash(i) % 5000 AS id, max(i) AS v, 'old' AS s FROM range(3000) AS t(i) GROUP BY id"
    news = "SELECT hash(i + 9) % 5000 AS id, max(i) AS v, 'new' AS s FROM range(2000) AS t(i) GROUP BY id"
    layout = Layout(partition_by=("bucket(4, id)",), properties=SMALL_FILES)
    workspace.session.execute(f"CREATE TEMP TABLE base AS {base}")
    workspace.session.execute(f"CREATE TEMP TABLE news AS {news}")
    workspace.replace(ORDERS, "FROM base", layout=layout)
    workspace.merge(ORDERS, "FROM news", ["id"])
    expected = workspace.session.rows("FROM base ANTI JOIN news USING (id) UNION ALL FROM news ORDER BY id")
    assert _rows(workspace, "FROM silver.orders ORDER BY id") == expected
    assert sorted((row["id"], row["v"], row["s"]) for row in by_pyiceberg(workspace.version(ORDERS))) == expected


# Delete


def test_delete_drops_whole_files_rewrites_some_and_leaves_others(many_files: Workspace) -> None:
    before = _files(many_files)
    result = many_files.delete(ORDERS, "id >= 150 AND id < 300")
    assert result == WriteResult(deleted=150, files_added=1, files_removed=2)
    assert len(before & _files(many_files)) == 3
    assert _rows(many_files, "SELECT count(*), sum(id) FROM silver.orders") == [
        (350, sum(range(150)) + sum(range(300, 500)))
    ]


def test_delete_of_all_rows_writes_no_file(many_files: Workspace) -> None:
    assert many_files.delete(ORDERS, "true") == WriteResult(deleted=500, files_removed=5)
    assert _rows(many_files, "SELECT count(*) FROM silver.orders") == [(0,)]


def test_delete_of_nothing_changes_nothing(many_files: Workspace) -> None:
    location = many_files.version(ORDERS)
    assert many_files.delete(ORDERS, "id > 1000") == WriteResult()
    assert many_files.version(ORDERS) == location


def test_delete_leaves_rows_for_which_the_condition_is_null(workspace: Workspace) -> None:
    workspace.append(ORDERS, "SELECT unnest([1, 2, NULL]) AS id")
    assert workspace.delete(ORDERS, "id = 1").deleted == 1
    assert _rows(workspace, "SELECT count(*) FROM silver.orders WHERE id IS NULL") == [(1,)]


def test_delete_may_look_into_other_tables(many_files: Workspace) -> None:
    many_files.append(Name.of("silver", "gone"), "SELECT unnest([3, 303]) AS id")
    result = many_files.delete(ORDERS, "id IN (SELECT id FROM silver.gone WHERE gone.id = orders.id)")
    assert (result.deleted, result.files_removed) == (2, 2)


# Partitions


def test_overwrite_replaces_the_partitions_that_rows_arrive_for(workspace: Workspace, by_pyiceberg: Read) -> None:
    layout = Layout(partition_by=("month(day)", "region"))
    sql = "SELECT make_date(2024, 1 + (i % 3)::INTEGER, 15) AS day, ['n', NULL][1 + i % 2] AS region, i"
    workspace.append(ORDERS, f"{sql} FROM range(12) AS t(i)", layout=layout)
    before = _files(workspace)
    result = workspace.overwrite_partitions(
        ORDERS, "SELECT DATE '2024-02-01' AS day, NULL AS region, -1 AS i UNION ALL SELECT DATE '2024-07-01', 'n', -2"
    )
    # February without a region held i = 1 and 7.
    assert result == WriteResult(inserted=2, deleted=2, files_added=2, files_removed=1)
    assert len(before & _files(workspace)) == 5
    values = sorted(row["i"] for row in by_pyiceberg(workspace.version(ORDERS)))
    assert values == sorted([-1, -2, *(i for i in range(12) if i not in (1, 7))])


def test_overwrite_reaches_rows_in_files_of_an_older_partitioning(workspace: Workspace, by_duckdb: Read) -> None:
    workspace.append(ORDERS, "SELECT i AS id, i // 10 AS part FROM range(30) AS t(i)")
    workspace.append(ORDERS, "SELECT 100 AS id, 1 AS part", layout=Layout(partition_by=("part",)))
    result = workspace.overwrite_partitions(ORDERS, "SELECT 200 AS id, 1 AS part")
    assert (result.inserted, result.deleted) == (1, 11)
    ids = sorted(row["id"] for row in by_duckdb(workspace.version(ORDERS)))
    assert ids == [*range(10), *range(20, 30), 200]


def test_overwrite_without_partitions_replaces_everything(workspace: Workspace) -> None:
    workspace.append(ORDERS, "SELECT 1 AS id")
    workspace.overwrite_partitions(ORDERS, "SELECT 2 AS id")
    assert _rows(workspace, "FROM silver.orders") == [(2,)]
