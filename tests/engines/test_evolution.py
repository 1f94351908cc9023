"""Tables whose shape changes: files written before and after, read together by both readers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from headgate.engines.workspace import Workspace
from headgate.errors import DataError, UsageError
from headgate.types import Layout, Name

Read = Callable[..., list[dict[str, Any]]]
TABLE = Name.of("silver", "orders")


def _columns(workspace: Workspace) -> dict[str, str]:
    return {field.name: str(field.field_type) for field in workspace.table(TABLE).schema.fields}


def test_new_columns_are_null_in_older_files(workspace: Workspace, by_pyiceberg: Read, by_duckdb: Read) -> None:
    workspace.append(TABLE, "SELECT 1 AS id")
    workspace.append(TABLE, "SELECT 2 AS id, 'x' AS note")
    workspace.append(TABLE, "SELECT 'y' AS note, 3 AS id")
    workspace.append(TABLE, "SELECT 4 AS id")
    location = workspace.version(TABLE)
    rows = [
        {"id": 1, "note": None},
        {"id": 2, "note": "x"},
        {"id": 3, "note": "y"},
        {"id": 4, "note": None},
    ]
    assert by_pyiceberg(location) == by_duckdb(location) == rows
    assert by_pyiceberg(location, "note is null") == by_duckdb(location, "note is null") == [rows[0], rows[3]]


@pytest.mark.parametrize(
    ("old", "new", "becomes", "values"),
    [
        ("1::INTEGER", "3000000000::BIGINT", "long", [1, 3000000000]),
        ("1.5::FLOAT", "1e10::DOUBLE", "double", [1.5, 1e10]),
        (
            "1.25::DECIMAL(4, 2)",
            "123456789.25::DECIMAL(20, 2)",
            "decimal(20, 2)",
            [Decimal("1.25"), Decimal("123456789.25")],
        ),
    ],
)
def test_types_widen(
    workspace: Workspace,
    by_pyiceberg: Read,
    by_duckdb: Read,
    old: str,
    new: str,
    becomes: str,
    values: list[object],
) -> None:
    workspace.append(TABLE, f"SELECT {old} AS v")
    workspace.append(TABLE, f"SELECT {new} AS v")
    assert _columns(workspace) == {"v": becomes}
    location = workspace.version(TABLE)
    assert [row["v"] for row in by_pyiceberg(location)] == values
    assert by_pyiceberg(location) == by_duckdb(location)
    for value in values:
        # Bounds of the older file were written for the narrower type.
        assert by_duckdb(location, f"v = {value!s}") == [{"v": value}]
    assert by_pyiceberg(location, f"v <= {values[0]!s}") == [{"v": values[0]}]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("BIGINT", "INTEGER"),
        ("BIGINT", "SMALLINT"),
        ("DOUBLE", "FLOAT"),
        ("DOUBLE", "INTEGER"),
        ("DECIMAL(20, 4)", "DECIMAL(10, 2)"),
        ("DECIMAL(20, 4)", "INTEGER"),
        ("TIMESTAMP", "DATE"),
        ("VARCHAR", "JSON"),
    ],
)
def test_narrower_data_takes_the_tables_type(workspace: Workspace, old: str, new: str) -> None:
    workspace.append(TABLE, f"SELECT NULL::{old} AS v")
    before = _columns(workspace)
    workspace.append(TABLE, f"SELECT NULL::{new} AS v")
    assert _columns(workspace) == before


@pytest.mark.parametrize("kind", ["VARCHAR", "DATE", "STRUCT(x INTEGER)", "BLOB[]", "UUID"])
def test_a_null_without_a_type_takes_the_tables(workspace: Workspace, kind: str) -> None:
    workspace.append(TABLE, f"SELECT 1 AS id, NULL::{kind} AS v")
    before = _columns(workspace)
    workspace.append(TABLE, "SELECT 2 AS id, NULL AS v")
    assert _columns(workspace) == before
    assert workspace.query("SELECT count(*), count(v) FROM silver.orders").fetchone() == (2, 0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("INTEGER", "VARCHAR"),
        ("VARCHAR", "INTEGER"),
        ("INTEGER", "DOUBLE"),
        ("DECIMAL(10, 2)", "DECIMAL(10, 4)"),
        ("DATE", "TIMESTAMP"),
        ("TIMESTAMP", "TIMESTAMPTZ"),
        ("VARCHAR", "BLOB"),
        ("INTEGER", "INTEGER[]"),
    ],
)
def test_a_type_that_cannot_widen_is_an_error_that_names_both(workspace: Workspace, old: str, new: str) -> None:
    workspace.append(TABLE, f"SELECT 1 AS id, NULL::{old} AS v")
    location = workspace.version(TABLE)
    with pytest.raises(DataError, match=r"Column 'v' of table 'silver\.orders'") as caught:
        workspace.append(TABLE, f"SELECT 1 AS id, NULL::{new} AS v")
    assert caught.value.data["type"] == str(_columns(workspace)["v"])
    assert str(caught.value.data["data_type"]) in caught.value.message
    assert workspace.version(TABLE) == location


def test_full_replacement_may_change_any_type_and_keeps_the_table(
    workspace: Workspace, by_pyiceberg: Read, by_duckdb: Read
) -> None:
    workspace.replace(TABLE, "SELECT 1 AS id, 'old' AS v, true AS gone")
    first = workspace.table(TABLE)
    workspace.replace(TABLE, "SELECT 7.5 AS v, 2 AS id, DATE '2024-01-01' AS day")
    second = workspace.table(TABLE)
    assert _columns(workspace) == {"v": "decimal(2, 1)", "id": "int", "day": "date"}
    assert second.table_id == first.table_id
    assert second.schema.find_field("id").field_id == first.schema.find_field("id").field_id
    assert second.schema.find_field("v").field_id not in first.schema.field_ids
    assert len(second.metadata.snapshots) == 2
    location = workspace.version(TABLE)
    assert by_pyiceberg(location) == by_duckdb(location)
    assert [row["v"] for row in by_duckdb(location)] == [Decimal("7.5")]


def test_sync_drops_and_a_column_that_returns_starts_empty(
    workspace: Workspace, by_pyiceberg: Read, by_duckdb: Read
) -> None:
    workspace.append(TABLE, "SELECT 1 AS id, 'secret' AS note")
    workspace.append(TABLE, "SELECT 2 AS id", schema_mode="sync")
    assert list(_columns(workspace)) == ["id"]
    workspace.append(TABLE, "SELECT 3 AS id, 'new' AS note")
    location = workspace.version(TABLE)
    rows = [{"id": 1, "note": None}, {"id": 2, "note": None}, {"id": 3, "note": "new"}]
    assert by_pyiceberg(location) == by_duckdb(location) == rows


def test_fail_refuses_new_columns_and_takes_fewer(workspace: Workspace) -> None:
    workspace.append(TABLE, "SELECT 1 AS id, 'x' AS note")
    workspace.append(TABLE, "SELECT 2 AS id", schema_mode="fail")
    with pytest.raises(DataError, match="no column 'extra'"):
        workspace.append(TABLE, "SELECT 3 AS id, 4 AS extra", schema_mode="fail")
    with pytest.raises(DataError, match="'id'"):
        workspace.append(TABLE, "SELECT 3000000000 AS id", schema_mode="fail")
    assert workspace.query("SELECT sum(id) FROM silver.orders").fetchone() == (3,)


def test_renames_keep_the_values(workspace: Workspace, by_pyiceberg: Read, by_duckdb: Read) -> None:
    workspace.append(TABLE, "SELECT 1 AS id, 'x' AS note", layout=Layout(partition_by=("note",)))
    workspace.rename_columns(TABLE, {"note": "remark"})
    workspace.append(TABLE, "SELECT 2 AS id, 'y' AS remark")
    location = workspace.version(TABLE)
    rows = [{"id": 1, "remark": "x"}, {"id": 2, "remark": "y"}]
    assert by_pyiceberg(location) == by_duckdb(location) == rows
    assert by_pyiceberg(location, "remark = 'y'") == by_duckdb(location, "remark = 'y'") == rows[1:]
    with pytest.raises(UsageError, match="no column 'note'"):
        workspace.rename_columns(TABLE, {"note": "other"})
    with pytest.raises(UsageError, match="two columns"):
        workspace.rename_columns(TABLE, {"remark": "ID"})


def test_nested_fields_evolve(workspace: Workspace, by_pyiceberg: Read, by_duckdb: Read) -> None:
    workspace.append(TABLE, "SELECT 1 AS id, {'a': 1} AS s, [{'p': 1}] AS l, MAP {'k': {'m': 1}} AS m")
    workspace.append(
        TABLE,
        "SELECT 2 AS id, {'b': 'x', 'a': 3000000000} AS s, [{'q': 2, 'p': 5}] AS l, MAP {'k': {'n': 1.5}} AS m",
    )
    workspace.append(TABLE, "SELECT 3 AS id, {'b': 'only'} AS s")
    location = workspace.version(TABLE)
    assert by_duckdb(location) == [
        {"id": 1, "s": {"a": 1, "b": None}, "l": [{"p": 1, "q": None}], "m": {"k": {"m": 1, "n": None}}},
        {
            "id": 2,
            "s": {"a": 3000000000, "b": "x"},
            "l": [{"p": 5, "q": 2}],
            "m": {"k": {"m": None, "n": Decimal("1.5")}},
        },
        {"id": 3, "s": {"a": None, "b": "only"}, "l": None, "m": None},
    ]
    assert by_duckdb(location, "s.a > 2") == by_duckdb(location)[1:2]
    assert [row["s"] for row in by_pyiceberg(location)] == [row["s"] for row in by_duckdb(location)]


def test_partitions_evolve(workspace: Workspace, by_pyiceberg: Read, by_duckdb: Read) -> None:
    rows = "SELECT i AS id, DATE '2024-01-01' + (i * 10)::INTEGER AS day FROM range({}, {}) AS t(i)"
    workspace.append(TABLE, rows.format(0, 10))
    workspace.append(TABLE, rows.format(10, 20), layout=Layout(partition_by=("month(day)",)))
    workspace.append(TABLE, rows.format(20, 30), layout=Layout(partition_by=("bucket(3, id)", "month(day)")))
    workspace.append(TABLE, rows.format(30, 40), layout=Layout(partition_by=("month(day)",)))
    version = workspace.table(TABLE)
    assert len(version.metadata.partition_specs) == 3
    location = version.metadata_location
    assert len(by_pyiceberg(location)) == 40
    for row_filter in ("day >= '2024-05-01' and day < '2024-09-01'", "id = 25", "id = 35", "id < 15"):
        assert by_pyiceberg(location, row_filter) == by_duckdb(location, row_filter) != []


def test_a_partition_column_is_only_dropped_with_its_files(workspace: Workspace, by_duckdb: Read) -> None:
    workspace.append(TABLE, "SELECT 1 AS id, 'x' AS kind", layout=Layout(partition_by=("kind",), sort_by=("kind",)))
    with pytest.raises(DataError, match="'kind'"):
        workspace.append(TABLE, "SELECT 2 AS id", schema_mode="sync")
    workspace.replace(TABLE, "SELECT 3 AS id")
    workspace.append(TABLE, "SELECT 4 AS id")
    assert workspace.table(TABLE).spec.is_unpartitioned()
    assert by_duckdb(workspace.version(TABLE)) == [{"id": 3}, {"id": 4}]


def test_columns_are_matched_whatever_their_case(workspace: Workspace) -> None:
    workspace.append(TABLE, 'SELECT 1 AS "Id", \'x\' AS "Note"')
    workspace.append(TABLE, "SELECT 2 AS id, 'y' AS NOTE")
    assert list(_columns(workspace)) == ["Id", "Note"]
    assert workspace.query("SELECT sum(id), string_agg(note ORDER BY id) FROM silver.orders").fetchone() == (3, "x,y")


def test_names_that_need_quotes(workspace: Workspace, by_pyiceberg: Read, by_duckdb: Read) -> None:
    table = Name.of("my schema", 'a "table"')
    sql = """SELECT 1 AS "select", 2 AS "a.b", 3 AS "it""s", 4 AS "Ünï çode", {'x y': 5, 'a.b': 6} AS "s t" """
    workspace.append(table, sql, layout=Layout(partition_by=("Ünï çode",), sort_by=('it"s desc',)))
    location = workspace.version(table)
    expected = [{"select": 1, "a.b": 2, 'it"s': 3, "Ünï çode": 4, "s t": {"x y": 5, "a.b": 6}}]
    assert by_pyiceberg(location) == by_duckdb(location) == expected
    assert workspace.query(f'SELECT "a.b" FROM {table.sql}').fetchone() == (2,)
