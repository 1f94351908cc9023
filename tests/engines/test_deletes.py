"""Merge on read: which files stay and bear deletes, and that every reader sees the rows that are left."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from pyiceberg.manifest import DataFile

from headgate.catalog.iceberg.datafiles import only_data_file
from headgate.engines.changes import WriteResult
from headgate.engines.description import describe_table
from headgate.engines.duckdb import Session
from headgate.engines.scan import ORDERED, SOURCE_ROW
from headgate.engines.workspace import Workspace
from headgate.types import Layout, Name

Read = Callable[..., list[dict[str, Any]]]
ORDERS = Name.of("silver", "orders")
ON_READ = {"write.merge.mode": "merge-on-read", "write.delete.mode": "merge-on-read"}
BASE = "SELECT i AS id, 'old' AS note, i AS rank FROM range({}, {}) AS t(i)"
NEWS = "SELECT unnest({}) AS id, 'new' AS note, 0 AS rank"


@pytest.fixture
def many_files(workspace: Workspace) -> Workspace:
    for start in range(0, 500, 100):
        workspace.append(ORDERS, BASE.format(start, start + 100), layout=Layout(properties=ON_READ))
    return workspace


def _rows(workspace: Workspace, sql: str = "FROM silver.orders ORDER BY ALL") -> list[tuple[Any, ...]]:
    return workspace.query(sql).fetchall()


def _files(workspace: Workspace) -> set[str]:
    return {file.path for file in workspace.table(ORDERS).files()}


def _deletes(workspace: Workspace) -> list[DataFile]:
    return workspace.table(ORDERS).delete_files()


def test_a_merge_leaves_files_as_they_are_and_writes_down_which_rows_went(
    many_files: Workspace, by_pyiceberg: Read
) -> None:
    before = _files(many_files)
    result = many_files.merge(ORDERS, NEWS.format([250, 251, 407, 900]), ["id"])

    assert result == WriteResult(inserted=1, updated=3, files_added=1, files_removed=0)
    assert before < _files(many_files)
    assert len(_files(many_files)) == 6
    assert sorted(file.record_count for file in _deletes(many_files)) == [1, 2]
    assert {only_data_file(file) for file in _deletes(many_files)} < before
    expected = sorted(
        [(key, "new", 0) for key in (250, 251, 407, 900)]
        + [(key, "old", key) for key in range(500) if key not in (250, 251, 407)]
    )
    assert _rows(many_files) == expected
    read = by_pyiceberg(many_files.version(ORDERS))
    assert sorted((row["id"], row["note"], row["rank"]) for row in read) == expected


def test_what_is_told_of_the_table_counts_what_is_left(many_files: Workspace) -> None:
    many_files.merge(ORDERS, NEWS.format([250, 900]), ["id"])
    many_files.delete(ORDERS, "id = 3")
    detail = describe_table(many_files, ORDERS)
    assert detail.rows == 500
    assert [file.content for file in detail.files if file.content != "data"] == ["position deletes"] * 2
    snapshot = many_files.table(ORDERS).snapshot
    assert snapshot is not None
    summary = snapshot.summary
    assert summary is not None
    assert summary["added-position-deletes"] == "1"
    assert (summary["total-delete-files"], summary["total-position-deletes"]) == ("2", "2")


def test_rows_that_are_merged_again_are_there_once(many_files: Workspace) -> None:
    for note in ("second", "third", "fourth"):
        result = many_files.merge(ORDERS, f"SELECT 250 AS id, '{note}' AS note, 1 AS rank", ["id"])
        assert (result.inserted, result.updated) == (0, 1)
    assert _rows(many_files, "SELECT note, rank FROM silver.orders WHERE id = 250") == [("fourth", 1)]
    assert _rows(many_files, "SELECT count(*) FROM silver.orders") == [(500,)]


def test_a_file_of_which_much_is_gone_is_written_again_and_its_deletes_go(many_files: Workspace) -> None:
    before = _files(many_files)
    assert many_files.merge(ORDERS, NEWS.format(list(range(100, 110))), ["id"]).files_removed == 0
    assert many_files.merge(ORDERS, NEWS.format([30]), ["id"]).files_removed == 0
    assert len(_deletes(many_files)) == 2
    # Ten and three more are over an eighth of a hundred.
    assert many_files.merge(ORDERS, NEWS.format([110, 111, 112]), ["id"]).files_removed == 1
    assert len(before - _files(many_files)) == 1
    assert [file.record_count for file in _deletes(many_files)] == [1]
    assert _rows(many_files, "SELECT count(*), sum(id) FROM silver.orders WHERE note = 'new'") == [
        (14, sum(range(100, 113)) + 30)
    ]
    assert _rows(many_files, "SELECT count(*), count(DISTINCT id) FROM silver.orders") == [(500, 500)]


def test_a_file_with_many_delete_files_is_written_again(many_files: Workspace) -> None:
    removed = [many_files.merge(ORDERS, NEWS.format([key]), ["id"]).files_removed for key in range(100, 109)]
    assert removed == [0] * 8 + [1]
    assert _deletes(many_files) == []
    assert _rows(many_files, "SELECT count(*), count(DISTINCT id) FROM silver.orders") == [(500, 500)]


def test_the_delete_file_goes_with_the_last_file_that_it_is_for(many_files: Workspace) -> None:
    many_files.merge(ORDERS, NEWS.format([7]), ["id"])
    assert many_files.delete(ORDERS, "id < 100 AND note = 'old'").deleted == 99
    assert _deletes(many_files) == []
    many_files.merge(ORDERS, NEWS.format([107]), ["id"])
    many_files.replace(ORDERS, BASE.format(0, 10))
    assert _deletes(many_files) == []
    assert _rows(many_files, "SELECT count(*) FROM silver.orders") == [(10,)]


def test_a_merge_that_lacks_columns_writes_files_again(many_files: Workspace) -> None:
    assert many_files.merge(ORDERS, "SELECT 7 AS id, 'new' AS note", ["id"]).files_removed == 1
    assert _rows(many_files, "SELECT note, rank FROM silver.orders WHERE id = 7") == [("new", 7)]


def test_a_condition_spares_rows(many_files: Workspace) -> None:
    result = many_files.merge(
        ORDERS,
        "SELECT unnest([50, 250, 900]) AS id, 'new' AS note, 100 AS rank",
        ["id"],
        update_condition="source.rank > target.rank",
    )
    assert result == WriteResult(inserted=1, updated=1, files_added=1, files_removed=0)
    assert _rows(many_files, "SELECT id FROM silver.orders WHERE note = 'new' ORDER BY id") == [(50,), (900,)]
    assert _rows(many_files, "SELECT note, rank FROM silver.orders WHERE id = 250") == [("old", 250)]


def test_rows_of_the_table_that_share_a_key_all_stay(many_files: Workspace) -> None:
    many_files.append(ORDERS, "SELECT 250 AS id, 'twin' AS note, i AS rank FROM range(100) AS t(i) WHERE i < 2")
    many_files.append(ORDERS, BASE.format(600, 700))
    assert many_files.merge(ORDERS, NEWS.format([250]), ["id"]).updated == 3
    assert _rows(many_files, "SELECT note, rank FROM silver.orders WHERE id = 250") == [("new", 0)] * 3


@pytest.mark.parametrize("mode", ["copy-on-write", ""])
def test_small_files_are_written_again_unless_the_table_asks_for_deletes(workspace: Workspace, mode: str) -> None:
    properties = {"write.merge.mode": mode, "write.delete.mode": mode} if mode else {}
    workspace.append(ORDERS, BASE.format(0, 100), layout=Layout(properties=properties))
    assert workspace.merge(ORDERS, NEWS.format([7]), ["id"]).files_removed == 1
    assert workspace.delete(ORDERS, "id = 9").files_removed == 1
    assert _deletes(workspace) == []


def test_large_files_bear_deletes_unless_the_table_asks_for_copies(workspace: Workspace) -> None:
    # What does not compress: 16 bytes a row.
    large = "SELECT i AS id, hash(i) AS one, hash(i + 1) AS other FROM range(1_000_000) AS t(i)"
    workspace.replace(ORDERS, large)
    (file,) = workspace.table(ORDERS).files()
    assert file.bytes > 8 * 1024 * 1024
    assert workspace.merge(ORDERS, "SELECT 7 AS id, 0 AS one, 0 AS other", ["id"]).files_removed == 0
    assert workspace.delete(ORDERS, "id = 999_999").files_removed == 0
    assert _rows(
        workspace, "SELECT count(*), count(DISTINCT id), max(id), sum(one) FILTER (id = 7) FROM silver.orders"
    ) == [(999_999, 999_999, 999_998, 0)]
    copies = {"write.merge.mode": "copy-on-write", "write.delete.mode": "copy-on-write"}
    workspace.set_properties(ORDERS, copies)
    assert workspace.delete(ORDERS, "id = 8").files_removed == 1


def test_files_of_two_partitionings_are_written_again(workspace: Workspace) -> None:
    workspace.append(ORDERS, BASE.format(0, 100), layout=Layout(properties=ON_READ))
    workspace.append(ORDERS, BASE.format(100, 200), layout=Layout(partition_by=("bucket(2, id)",)))
    assert workspace.delete(ORDERS, "id = 108").files_removed == 1
    assert workspace.merge(ORDERS, NEWS.format([109]), ["id"]).files_removed == 1
    assert _deletes(workspace) == []
    # Once all files are of one, they bear deletes.
    assert workspace.merge(ORDERS, NEWS.format([7]), ["id"]).files_removed == 1
    assert workspace.delete(ORDERS, "id = 110").files_removed == 0
    assert len(_deletes(workspace)) == 1


def test_deletes_of_a_partitioned_table_are_in_the_partitions_of_their_files(
    workspace: Workspace, by_pyiceberg: Read
) -> None:
    layout = Layout(partition_by=("bucket(3, id)",), properties=ON_READ)
    workspace.append(ORDERS, BASE.format(0, 300), layout=layout)
    assert workspace.merge(ORDERS, NEWS.format([1, 2, 3, 4, 5, 900]), ["id"]).files_removed == 0
    partitions = {file.path: file.partition for file in workspace.table(ORDERS).files()}
    assert len(_deletes(workspace)) > 1
    for file in _deletes(workspace):
        assert (file.partition[0],) == partitions[only_data_file(file) or ""]
    read = by_pyiceberg(workspace.version(ORDERS), "id < 10 or id >= 900")
    assert sorted((row["id"], row["note"]) for row in read) == [
        (key, "new" if key in (1, 2, 3, 4, 5, 900) else "old") for key in (*range(10), 900)
    ]


def test_rows_keep_their_numbers_in_a_table_that_leaves_them_out(workspace: Workspace) -> None:
    sql = f"SELECT i AS id, NULL::BIGINT AS {SOURCE_ROW} FROM range(100) AS t(i)"
    written = workspace.write_files(ORDERS, sql, layout=Layout(properties=ON_READ), ordered=True)
    workspace.append_files(ORDERS, written)
    assert all(file.path.endswith(ORDERED) for file in written.files)
    workspace.delete(ORDERS, "id IN (0, 1, 50)")
    assert workspace.merge(ORDERS, f"SELECT 7 AS id, 1000 AS {SOURCE_ROW}", ["id"]).files_removed == 0
    rows = _rows(workspace, f"SELECT id, {SOURCE_ROW} FROM silver.orders WHERE id < 10 OR id > 97 ORDER BY id")
    assert rows == [(key, 1000 if key == 7 else key + 1) for key in (2, 3, 4, 5, 6, 7, 8, 9, 98, 99)]


def test_any_sequence_of_changes_leaves_what_a_dictionary_holds(
    workspace: Workspace, session: Session, by_pyiceberg: Read
) -> None:
    chance = random.Random(20_26)
    held = {key: ("old", key) for key in range(400)}
    workspace.append(ORDERS, BASE.format(0, 400), layout=Layout(properties=ON_READ))
    bore = 0
    for step in range(40):
        kind = chance.choice(("merge", "merge", "delete", "append"))
        if kind == "append":
            start = 10_000 + step * 100
            workspace.append(ORDERS, BASE.format(start, start + 100))
            held |= {key: ("old", key) for key in range(start, start + 100)}
        elif kind == "merge":
            ids = chance.sample(range(2000), 15) + chance.sample(sorted(held), 3)
            session.execute("CREATE OR REPLACE TEMP TABLE news (id BIGINT, note VARCHAR, rank BIGINT)")
            rows = [(key, f"step {step}", step) for key in dict.fromkeys(ids)]
            session.execute(f"INSERT INTO news VALUES {', '.join(map(repr, rows))}")
            workspace.merge(ORDERS, "FROM news", ["id"])
            held |= {key: (note, rank) for key, note, rank in rows}
        else:
            first = chance.randrange(2000)
            gone = [key for key in held if first <= key < first + chance.choice((1, 5, 60))]
            workspace.delete(ORDERS, f"id IN ({', '.join(map(str, [-1, *gone]))})")
            for key in gone:
                del held[key]
        bore += len(_deletes(workspace))
        if step % 10 == 9:
            workspace.commit(f"step {step}")
        expected = sorted((key, *rest) for key, rest in held.items())
        assert _rows(workspace) == expected
    read = by_pyiceberg(workspace.version(ORDERS))
    assert sorted((row["id"], row["note"], row["rank"]) for row in read) == sorted(
        (key, *rest) for key, rest in held.items()
    )
    assert bore > 40
