"""Changing a state: what becomes of rows and files, and what others see of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headgate.catalog import Catalog
from headgate.engines.changes import WriteResult, remove_files
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.errors import Conflict, QueryError, ReadOnly, StorageError, TableNotFound, UsageError
from headgate.types import Kind, Layout, Name

Read = Callable[..., list[dict[str, Any]]]
MakeWorkspace = Callable[..., Workspace]
ORDERS = Name.of("silver", "orders")


def _rows(workspace: Workspace, sql: str) -> list[tuple[Any, ...]]:
    return workspace.query(sql).fetchall()


def _files(workspace: Workspace) -> set[str]:
    return {file.path for file in workspace.table(ORDERS).files()}


# Writing


def test_rows_are_there_before_and_after_the_commit(workspace: Workspace, make_workspace: MakeWorkspace) -> None:
    result = workspace.append(ORDERS, "SELECT i AS id FROM range(10) AS t(i);")
    assert result == WriteResult(inserted=10, files_added=1)
    assert _rows(workspace, "SELECT count(*), sum(id) FROM silver.orders") == [(10, 45)]
    assert not make_workspace().exists(ORDERS)
    commit = workspace.commit("first", {"run": "run1"})
    assert (commit.message, commit.properties["run"]) == ("first", "run1")
    assert _rows(make_workspace(), "SELECT count(*), sum(id) FROM silver.orders") == [(10, 45)]


def test_a_table_written_empty_can_be_read_and_appended_to(
    workspace: Workspace, by_pyiceberg: Read, by_duckdb: Read
) -> None:
    workspace.append(ORDERS, "SELECT 1 AS id, 'x' AS note WHERE false", layout=Layout(partition_by=("note",)))
    assert by_pyiceberg(workspace.version(ORDERS)) == by_duckdb(workspace.version(ORDERS)) == []
    assert _rows(workspace, "DESCRIBE silver.orders")[0][:2] == ("id", "INTEGER")
    workspace.append(ORDERS, "SELECT 2 AS id, 'y' AS note")
    assert by_pyiceberg(workspace.version(ORDERS)) == [{"id": 2, "note": "y"}]


def test_replacement_is_one_snapshot_and_keeps_identity_and_history(workspace: Workspace, by_pyiceberg: Read) -> None:
    workspace.replace(ORDERS, "SELECT 1 AS id")
    first = workspace.table(ORDERS)
    result = workspace.replace(ORDERS, "SELECT i AS id FROM range(2, 5) AS t(i)")
    assert result == WriteResult(inserted=3, deleted=1, files_added=1, files_removed=1)
    second = workspace.table(ORDERS)
    assert (second.table_id, second.location) == (first.table_id, first.location)
    assert second.metadata.snapshots[0].snapshot_id == first.metadata.current_snapshot_id
    assert by_pyiceberg(second.metadata_location) == [{"id": 2}, {"id": 3}, {"id": 4}]
    assert by_pyiceberg(first.metadata_location) == [{"id": 1}]


def test_a_replacement_may_read_what_it_replaces(workspace: Workspace) -> None:
    workspace.replace(ORDERS, "SELECT i AS id FROM range(4) AS t(i)")
    workspace.replace(ORDERS, "SELECT id * 10 AS id FROM silver.orders WHERE id > 1")
    assert _rows(workspace, "FROM silver.orders ORDER BY id") == [(20,), (30,)]


def test_replacement_by_nothing_leaves_no_rows(workspace: Workspace, by_pyiceberg: Read) -> None:
    workspace.replace(ORDERS, "SELECT 1 AS id")
    workspace.replace(ORDERS, "SELECT 1 AS id WHERE false")
    assert by_pyiceberg(workspace.version(ORDERS)) == []
    assert workspace.table(ORDERS).rows == 0


def test_a_column_of_one_text_is_written_as_any_other(workspace: Workspace) -> None:
    text = "it's a name of more than sixteen bytes.csv"
    sql = "SELECT range::BIGINT AS id, 'x' AS named, 'y' AS plain FROM range(5000)"
    written = workspace.write_files(ORDERS, sql, ordered=True, constants={"named": text})
    workspace.append_files(ORDERS, written)
    assert workspace.query(f"SELECT DISTINCT named, plain FROM {ORDERS.sql}").fetchall() == [(text, "y")]
    (file,) = written.files
    path = file.path.removeprefix("file://")
    kinds = workspace.session.rows(
        f"SELECT DISTINCT type, converted_type FROM parquet_schema('{path}') WHERE field_id > 1"
    )
    assert kinds == [("BYTE_ARRAY", "UTF8")]
    stats = file.columns[written.version.schema.find_field("named").field_id]
    assert (stats.values, stats.nulls, stats.lower, stats.upper) == (5000, 0, b"it's a name of m", b"it's a name of n")
    assert workspace.query(f"SELECT count(*) FROM {ORDERS.sql} WHERE named = 'z'").fetchall() == [(0,)]


def test_files_written_in_order_number_their_rows(workspace: Workspace) -> None:
    """A bulk load leaves `_source_row` out; what reads the table sees the position, and rewriting keeps it."""
    workspace.append(ORDERS, "SELECT 0 AS id, 7::BIGINT AS _source_row")
    sql = "SELECT 1000 - i AS id, NULL::BIGINT AS _source_row FROM range(1000) AS t(i)"
    workspace.append_files(ORDERS, workspace.write_files(ORDERS, sql, ordered=True))
    wrong = "SELECT count(*) FROM silver.orders WHERE _source_row <> CASE id WHEN 0 THEN 7 ELSE 1001 - id END"
    assert _rows(workspace, wrong) == [(0,)]
    workspace.delete(ORDERS, "id BETWEEN 100 AND 200")
    assert _rows(workspace, wrong) == [(0,)]
    assert _rows(workspace, "SELECT count(*), count(_source_row) FROM silver.orders") == [(900, 900)]
    raw = f"SELECT count(_source_row) FROM iceberg_scan('{workspace.version(ORDERS)}')"
    assert workspace.session.value(raw) == 900


def test_rows_of_a_split_file_keep_their_numbers(workspace: Workspace) -> None:
    sql = "SELECT hash(i) AS noise, i + 1 AS number, NULL::BIGINT AS _source_row FROM range(100000) AS t(i)"
    layout = Layout(properties={"write.target-file-size-bytes": "100000"})
    workspace.append_files(ORDERS, workspace.write_files(ORDERS, sql, layout=layout, ordered=True))
    files = workspace.table(ORDERS).files()
    assert len(files) > 5
    assert sum(file.rows for file in files) == 100_000
    folder = files[0].path.rpartition("/")[0]
    assert len(list(workspace.session.storage.list(folder))) == len(files)
    assert _rows(workspace, "SELECT count(*) FROM silver.orders WHERE number = _source_row") == [(100_000,)]


def test_a_sort_order_is_recorded_and_applied(workspace: Workspace) -> None:
    sql = "SELECT hash(i) % 1000 AS a, i AS b FROM range(20000) AS t(i)"
    workspace.replace(ORDERS, sql, layout=Layout(sort_by=("a desc", "b")))
    version = workspace.table(ORDERS)
    assert [(field.source_id, field.direction.name) for field in version.sort_order.fields] == [(1, "DESC"), (2, "ASC")]
    (file,) = version.files()
    disorder = (
        "SELECT count(*) FROM (SELECT a, b, lag(a) OVER w AS before_a, lag(b) OVER w AS before_b"
        f" FROM read_parquet('{file.path}', file_row_number = true) WINDOW w AS (ORDER BY file_row_number))"
        " WHERE before_a < a OR (before_a = a AND before_b > b)"
    )
    assert workspace.session.value(disorder) == 0


def test_large_results_become_files_of_the_target_size(workspace: Workspace) -> None:
    sql = "SELECT i AS id, hash(i) AS noise FROM range(400000) AS t(i)"
    workspace.replace(ORDERS, sql, layout=Layout(properties={"write.target-file-size-bytes": "1000000"}))
    files = workspace.table(ORDERS).files()
    assert len(files) > 2
    assert sum(file.rows for file in files) == 400_000


def test_a_failing_query_changes_nothing(workspace: Workspace) -> None:
    workspace.append(ORDERS, "SELECT 1 AS id")
    location = workspace.version(ORDERS)
    for sql in ("SELECT nonsense", "SELECT CAST('x' || i AS INTEGER) AS id FROM range(3) AS t(i)", "SELEC 1"):
        with pytest.raises(QueryError):
            workspace.append(ORDERS, sql)
    with pytest.raises(TableNotFound, match=r"silver\.order'") as caught:
        workspace.append(ORDERS, "FROM silver.order")
    assert caught.value.hint == "Did you mean 'silver.orders'?"
    assert workspace.version(ORDERS) == location


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_a_folder_that_cannot_be_written_to_is_a_storage_error(workspace: Workspace) -> None:
    workspace.append(ORDERS, "SELECT 1 AS id")
    data = Path(workspace.table(ORDERS).location.removeprefix("file://"), "data")
    for file in data.iterdir():
        file.unlink()
    data.rmdir()
    # A file in the folder's place; root may write to every folder, whatever its permissions.
    data.write_text("", encoding="utf-8")
    with pytest.raises(StorageError):
        workspace.append(ORDERS, "SELECT 2 AS id")


# Views, names, properties


def test_views_read_the_state_they_are_read_in(workspace: Workspace, make_workspace: MakeWorkspace) -> None:
    workspace.append(ORDERS, "SELECT 1 AS id")
    workspace.create_view(Name.of("gold", "totals"), "SELECT sum(id) AS total FROM silver.orders;", comment="Sums")
    workspace.create_view(Name.of("gold", "doubled"), "SELECT 2 * total AS total FROM gold.totals")
    workspace.append(ORDERS, "SELECT 10 AS id")
    assert _rows(workspace, "FROM gold.doubled") == [(22,)]
    workspace.commit("views")
    other = make_workspace()
    assert _rows(other, "FROM gold.doubled") == [(22,)]
    assert other.content(Name.of("gold", "totals")).kind is Kind.VIEW  # type: ignore[union-attr]  # it is there
    assert other.properties(Name.of("gold", "totals"))["comment"] == "Sums"
    assert other.view_sql(Name.of("gold", "totals")) == "SELECT sum(id) AS total FROM silver.orders"


def test_states_that_share_a_session_do_not_show_each_others_rows(workspace: Workspace, session: Session) -> None:
    table, view = Name.of("bronze", "numbers"), Name.of("gold", "doubled")
    workspace.append(table, "SELECT 1 AS n")
    workspace.create_view(view, "SELECT 2 * n AS n FROM bronze.numbers")
    workspace.commit("first")
    other = Workspace(workspace.catalog, "main", session)
    other.replace(table, "SELECT 10 AS n")
    other.create_view(view, "SELECT 3 * n AS n FROM bronze.numbers")
    for _ in range(2):
        for state, rows in ((workspace, [(1, 2)]), (other, [(10, 30)])):
            query = "SELECT t.n, v.n FROM bronze.numbers AS t, gold.doubled AS v"
            assert state.query(query).fetchall() == rows


def test_a_view_that_is_changed_keeps_its_identity(workspace: Workspace) -> None:
    view = Name.of("gold", "v")
    workspace.create_view(view, "SELECT 1 AS a")
    before = workspace.content(view)
    workspace.create_view(view, "SELECT 'x' AS a, 2 AS b")
    after = workspace.content(view)
    assert before is not None
    assert after is not None
    assert before.content_id == after.content_id
    assert before.metadata_location != after.metadata_location
    assert _rows(workspace, "FROM gold.v") == [("x", 2)]


def test_views_that_do_not_run_or_read_themselves_are_refused(workspace: Workspace) -> None:
    with pytest.raises(TableNotFound):
        workspace.create_view(Name.of("gold", "v"), "FROM gold.nothing")
    workspace.create_view(Name.of("gold", "a"), "SELECT 1 AS x")
    workspace.create_view(Name.of("gold", "b"), "FROM gold.a")
    with pytest.raises(TableNotFound, match=r"reads itself: gold\.a -> gold\.b -> gold\.a"):
        workspace.create_view(Name.of("gold", "a"), "FROM gold.b")
    assert _rows(workspace, "FROM gold.b") == [(1,)]


def test_tables_and_views_do_not_take_each_others_names(workspace: Workspace) -> None:
    workspace.append(ORDERS, "SELECT 1 AS id")
    workspace.create_view(Name.of("gold", "v"), "SELECT 1 AS id")
    with pytest.raises(UsageError, match="is a table"):
        workspace.create_view(ORDERS, "SELECT 1")
    with pytest.raises(UsageError, match="is a view"):
        workspace.append(Name.of("gold", "v"), "SELECT 1 AS id")
    with pytest.raises(TableNotFound, match="is a view"):
        workspace.delete(Name.of("gold", "v"), "true")


def test_names_see_what_is_changed(workspace: Workspace) -> None:
    workspace.append(ORDERS, "SELECT 1 AS id")
    workspace.commit("orders")
    workspace.append(Name.of("silver", "new"), "SELECT 1 AS id")
    workspace.append(Name.of("bronze", "raw"), "SELECT 1 AS id")
    workspace.drop(ORDERS)
    assert list(map(str, workspace.names())) == ["bronze.raw", "silver.new"]
    assert list(map(str, workspace.names("silver"))) == ["silver.new"]
    with pytest.raises(TableNotFound):
        workspace.query("FROM silver.orders")
    with pytest.raises(TableNotFound):
        workspace.drop(ORDERS)
    workspace.discard()
    assert list(map(str, workspace.names())) == ["silver.orders"]
    assert _rows(workspace, "FROM silver.orders") == [(1,)]


def test_sql_finds_tables_whatever_the_case(workspace: Workspace) -> None:
    workspace.append(Name.of("Silver", "Orders"), "SELECT 1 AS id")
    workspace.commit("orders")
    assert _rows(workspace, "SELECT id FROM silver.ORDERS") == [(1,)]
    assert _rows(workspace, 'SELECT id FROM "memory"."Silver"."Orders"') == [(1,)]


def test_properties_and_comments_change_without_touching_rows(workspace: Workspace, by_pyiceberg: Read) -> None:
    workspace.append(ORDERS, "SELECT 1 AS id", layout=Layout(properties={"a": "1", "b": "2"}, comment="one"))
    files = _files(workspace)
    workspace.set_properties(ORDERS, {"a": "x", "b": None, "c": "3"})
    properties = workspace.properties(ORDERS)
    assert (properties["a"], properties["c"], properties["comment"]) == ("x", "3", "one")
    assert "b" not in properties
    workspace.append(ORDERS, "SELECT 2 AS id", layout=Layout(column_comments={"id": "the key"}))
    assert workspace.table(ORDERS).schema.find_field("id").doc == "the key"
    assert files < _files(workspace)
    assert by_pyiceberg(workspace.version(ORDERS)) == [{"id": 1}, {"id": 2}]


# Commits


def test_a_pinned_reader_gets_the_same_answer_while_others_commit(
    workspace: Workspace, make_workspace: MakeWorkspace
) -> None:
    workspace.append(ORDERS, "SELECT i AS id FROM range(100) AS t(i)")
    workspace.commit("first")
    reader = make_workspace()
    question = "SELECT count(*), sum(id), max(id) FROM silver.orders"
    answer = _rows(reader, question)
    for number in range(3):
        workspace.append(ORDERS, f"SELECT {number} AS id, 'wider' AS note")
        workspace.delete(ORDERS, f"id = {90 + number}")
        workspace.commit("again")
        assert _rows(reader, question) == answer
    workspace.replace(ORDERS, "SELECT -1 AS id")
    workspace.commit("replaced")
    assert _rows(reader, question) == answer
    reader.refresh()
    assert _rows(reader, question) == [(1, -1, -1)]


def test_states_are_read_by_branch_tag_and_commit(
    catalog: Catalog, workspace: Workspace, make_workspace: MakeWorkspace
) -> None:
    workspace.append(ORDERS, "SELECT 1 AS id")
    first = workspace.commit("first")
    catalog.create_tag("v1")
    catalog.create_branch("dev")
    dev = make_workspace("dev")
    dev.append(ORDERS, "SELECT 2 AS id")
    dev.commit("on dev")
    counts = {
        ref: _rows(make_workspace(ref), "SELECT count(*) FROM silver.orders") for ref in ("main", "dev", "v1", first.id)
    }
    assert counts == {"main": [(1,)], "dev": [(2,)], "v1": [(1,)], first.id: [(1,)]}
    for ref in ("v1", first.id, f"main@{first.id}"):
        with pytest.raises(ReadOnly):
            make_workspace(ref).append(ORDERS, "SELECT 3 AS id")


def test_concurrent_appends_are_joined(workspace: Workspace, make_workspace: MakeWorkspace, by_pyiceberg: Read) -> None:
    workspace.append(ORDERS, "SELECT 0 AS id")
    workspace.commit("base")
    one, two, three = make_workspace(), make_workspace(), make_workspace()
    one.append(ORDERS, "SELECT 1 AS id")
    two.append(ORDERS, "SELECT 2 AS id, 'new column' AS note")
    three.append(ORDERS, "SELECT 3 AS id")
    for each in (one, two, three):
        each.commit("append")
    rows = [{"id": 0, "note": None}, {"id": 1, "note": None}, {"id": 2, "note": "new column"}, {"id": 3, "note": None}]
    assert by_pyiceberg(three.version(ORDERS)) == rows
    assert _rows(three, "SELECT count(*), count(note) FROM silver.orders") == [(4, 1)]
    workspace.refresh()
    assert _rows(workspace, "SELECT count(*), count(note) FROM silver.orders") == [(4, 1)]


def test_tables_that_both_created_by_appending_are_joined(make_workspace: MakeWorkspace, by_pyiceberg: Read) -> None:
    one, two = make_workspace(), make_workspace()
    one.append(ORDERS, "SELECT 1 AS id")
    two.append(ORDERS, "SELECT 2 AS id")
    one.commit("one")
    two.commit("two")
    assert by_pyiceberg(two.version(ORDERS)) == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize("change", ["replace", "merge", "delete", "overwrite", "rename", "view", "repartition"])
def test_other_changes_of_one_table_are_a_conflict(
    workspace: Workspace, make_workspace: MakeWorkspace, change: str
) -> None:
    workspace.append(ORDERS, "SELECT 0 AS id, 'x' AS note")
    workspace.commit("base")
    ours = make_workspace()
    match change:
        case "replace":
            ours.replace(ORDERS, "SELECT 1 AS id, 'y' AS note")
        case "merge":
            # It only inserts, but what is a new key was found out from what the table held.
            ours.merge(ORDERS, "SELECT 1 AS id, 'y' AS note", ["id"])
        case "delete":
            ours.delete(ORDERS, "id = 0")
        case "overwrite":
            ours.overwrite_partitions(ORDERS, "SELECT 1 AS id, 'y' AS note")
        case "rename":
            ours.rename_columns(ORDERS, {"note": "remark"})
            workspace.append(ORDERS, "SELECT 5 AS id, 1 AS extra")
        case "view":
            ours.drop(ORDERS)
            ours.create_view(ORDERS, "SELECT 1 AS id")
        case "repartition":
            ours.append(ORDERS, "SELECT 1 AS id, 'y' AS note", layout=Layout(partition_by=("note",)))
    workspace.append(ORDERS, "SELECT 2 AS id, 'z' AS note")
    workspace.commit("theirs")
    with pytest.raises(Conflict, match=r"silver\.orders"):
        ours.commit("ours")
    assert _rows(make_workspace(), "SELECT max(id) FROM silver.orders WHERE id < 5") == [(2,)]


def test_files_of_an_interrupted_run_are_found(workspace: Workspace, make_workspace: MakeWorkspace) -> None:
    workspace.append(ORDERS, "SELECT 1 AS id")
    workspace.commit("kept")
    other = make_workspace(run_id="run-lost")
    other.append(ORDERS, "SELECT 2 AS id")
    other.append(Name.of("silver", "parts"), "SELECT 1 AS id, 'a' AS p", layout=Layout(partition_by=("p",)))
    assert remove_files(workspace.session.storage, "run-lost") == 2
    assert remove_files(workspace.session.storage, "run-lost") == 0
    assert _rows(make_workspace(), "FROM silver.orders") == [(1,)]


def test_a_change_made_before_a_refresh_still_conflicts(workspace: Workspace, make_workspace: MakeWorkspace) -> None:
    workspace.append(ORDERS, "SELECT 0 AS id")
    workspace.commit("base")
    ours = make_workspace()
    ours.replace(ORDERS, "SELECT 1 AS id")
    workspace.append(ORDERS, "SELECT 2 AS id")
    workspace.commit("theirs")
    ours.refresh()
    assert _rows(ours, "FROM silver.orders") == [(1,)]
    with pytest.raises(Conflict):
        ours.commit("ours")
    ours.discard()
    assert _rows(ours, "SELECT count(*) FROM silver.orders") == [(2,)]
