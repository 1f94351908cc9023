"""Tables that other engines wrote: every operation gives the right rows, or says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.table import StaticTable
from pyiceberg.transforms import IdentityTransform
from tests.engines.foreign import (
    Foreign,
    edited,
    equality_deletes,
    files_of,
    position_deletes,
    register,
    rows,
)

from headgate.catalog import Catalog
from headgate.catalog.locations import path_of
from headgate.catalog.storage import Storage
from headgate.engines.description import describe_table, list_tables
from headgate.engines.workspace import Workspace
from headgate.types import Name

NAME = Name.of("silver", "t")
HERE = Storage("/")

Rows = list[dict[str, Any]]


@pytest.fixture
def foreign(tmp_path: Path) -> Foreign:
    return Foreign(tmp_path / "elsewhere")


def _by_position(foreign: Foreign) -> tuple[str, Rows]:
    """Two files of ten rows, of which a delete file each takes some."""
    location = foreign.table(rows(0, 10), rows(10, 20)).metadata_location
    first, second = sorted(files_of(location), key=lambda path: pq.read_table(path_of(path))["id"][0].as_py())
    location = position_deletes(location, {first: [0, 4, 9]})
    return position_deletes(location, {second: [3]}), [r for r in rows(0, 20) if r["id"] not in (0, 4, 9, 13)]


def _by_position_at_once(foreign: Foreign) -> tuple[str, Rows]:
    """One delete file for two data files: it stays when one of them goes."""
    location = foreign.table(rows(0, 10), rows(10, 20)).metadata_location
    first, second = sorted(files_of(location), key=lambda path: pq.read_table(path_of(path))["id"][0].as_py())
    return position_deletes(location, {first: [0, 4], second: [5]}), [
        r for r in rows(0, 20) if r["id"] not in (0, 4, 15)
    ]


def _by_value(foreign: Foreign) -> tuple[str, Rows]:
    """Deletes by value hit every file that was there before, and none that came after."""
    table = foreign.table(rows(0, 10))
    location = equality_deletes(table.metadata_location, pa.table({"kind": ["k0"]}), {"kind": 2})
    return location, [r for r in rows(0, 10) if r["kind"] != "k0"]


def _by_both(foreign: Foreign) -> tuple[str, Rows]:
    location, left = _by_position(foreign)
    ids = pa.table({"id": pa.array([1, 2], pa.int64())})
    return equality_deletes(location, ids, {"id": 1}), [r for r in left if r["id"] not in (1, 2)]


def _version_1(foreign: Foreign) -> tuple[str, Rows]:
    table = foreign.table(rows(0, 10), rows(10, 20), version=1)
    return table.metadata_location, rows(0, 20)


def _raised_to_2(foreign: Foreign) -> tuple[str, Rows]:
    """A table of version 1 that was made one of version 2 and not written since: its snapshots have no numbers."""
    table = foreign.table(rows(0, 10), version=1)

    def raise_version(metadata: dict[str, Any]) -> None:
        metadata["format-version"] = 2
        metadata["last-sequence-number"] = 0
        for name in ("schema", "partition-spec"):
            metadata.pop(name, None)

    return edited(table.metadata_location, raise_version), rows(0, 10)


def _without_ids(foreign: Foreign) -> tuple[str, Rows]:
    """A file without field ids, whose columns a name mapping tells apart."""
    table = foreign.table(rows(0, 10))
    path = path_of(table.location()).parent / "plain.parquet"
    pq.write_table(pa.Table.from_pylist(rows(10, 15)), path)
    table.add_files([f"file://{path}"])
    return table.metadata_location, rows(0, 15)


def _compressed(foreign: Foreign) -> tuple[str, Rows]:
    table = foreign.table(rows(0, 10))
    return edited(table.metadata_location, lambda _: None, compressed=True), rows(0, 10)


def _uncounted(foreign: Foreign) -> tuple[str, Rows]:
    """A snapshot whose summary says nothing."""

    def forget(metadata: dict[str, Any]) -> None:
        metadata["snapshots"][-1]["summary"] = {"operation": "append"}

    return edited(foreign.table(rows(0, 10)).metadata_location, forget), rows(0, 10)


KINDS = [
    _by_position,
    _by_position_at_once,
    _by_value,
    _by_both,
    _version_1,
    _raised_to_2,
    _without_ids,
    _compressed,
    _uncounted,
]


@pytest.fixture(params=KINDS, ids=[kind.__name__.strip("_") for kind in KINDS])
def held(request: pytest.FixtureRequest, foreign: Foreign, catalog: Catalog) -> Rows:
    """What the table `silver.t`, which another engine made, holds."""
    made: tuple[str, Rows] = request.param(foreign)
    location, left = made
    register(catalog, NAME, location)
    return left


def _now(workspace: Workspace) -> Rows:
    """The table's rows, which PyIceberg sees alike where it can read the table."""
    cursor = workspace.query("select * from silver.t order by id")
    names = [column[0] for column in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    version = workspace.table(NAME)
    assert {each.name: each.rows for each in list_tables(workspace)} == {str(NAME): len(found)}
    if not any(file.equality_ids for file in version.delete_files()):
        scan = StaticTable.from_metadata(version.metadata_location).scan().to_arrow().to_pylist()
        assert sorted(scan, key=lambda row: row["id"]) == found
    return found


def _add(rows: Rows, **values: Any) -> Rows:
    return [{**row, **values} for row in rows]


def test_rows_are_read(held: Rows, workspace: Workspace) -> None:
    assert _now(workspace) == held


def test_appended_rows_join_those_that_are_left(held: Rows, workspace: Workspace) -> None:
    # Both kinds of delete applied to such rows, in files that are older.
    workspace.append(NAME, "select 100::bigint as id, 'k0' as kind union all select 101, 'k1'")
    assert _now(workspace) == [*held, {"id": 100, "kind": "k0"}, {"id": 101, "kind": "k1"}]


def test_replacing_leaves_nothing_behind(held: Rows, workspace: Workspace) -> None:
    result = workspace.replace(NAME, "select 7::bigint as id, 'k0' as kind")
    assert (result.inserted, result.deleted) == (1, len(held))
    assert _now(workspace) == [{"id": 7, "kind": "k0"}]
    assert workspace.table(NAME).delete_files() == []


def test_deleting_takes_only_what_is_there(held: Rows, workspace: Workspace) -> None:
    result = workspace.delete(NAME, "id % 2 = 0")
    assert result.deleted == len([row for row in held if row["id"] % 2 == 0])
    assert _now(workspace) == [row for row in held if row["id"] % 2]


def test_deleting_all_that_is_left(held: Rows, workspace: Workspace) -> None:
    assert workspace.delete(NAME, "true").deleted == len(held)
    assert _now(workspace) == []
    assert workspace.table(NAME).delete_files() == []


def test_merging_neither_revives_nor_loses_a_row(held: Rows, workspace: Workspace) -> None:
    """Ids 0 and 4 are gone from some of the tables: they are new, not updated."""
    gone = len({0, 4} - {row["id"] for row in held})
    result = workspace.merge(NAME, "select unnest([0, 4, 5, 500])::bigint as id, 'merged' as kind", ["id"])
    assert (result.inserted, result.updated) == (1 + gone, 3 - gone)
    merged = {0, 4, 5, 500}
    expected = [row for row in held if row["id"] not in merged] + [{"id": key, "kind": "merged"} for key in merged]
    assert _now(workspace) == sorted(expected, key=lambda row: row["id"])


def test_overwriting_counts_what_was_there(held: Rows, workspace: Workspace) -> None:
    result = workspace.overwrite_partitions(NAME, "select 1::bigint as id, 'x' as kind")
    assert (result.inserted, result.deleted) == (1, len(held))
    assert _now(workspace) == [{"id": 1, "kind": "x"}]


def test_several_changes_in_a_row(held: Rows, workspace: Workspace) -> None:
    workspace.append(NAME, "select 100::bigint as id, 'k0' as kind")
    workspace.delete(NAME, "id = 5")
    workspace.merge(NAME, "select 6::bigint as id, 'merged' as kind", ["id"])
    workspace.append(NAME, "select 101::bigint as id, 'k0' as kind, 1 as extra")
    left = [row for row in held if row["id"] not in (5, 6)]
    expected = [*left, {"id": 100, "kind": "k0"}, {"id": 6, "kind": "merged"}]
    assert _now(workspace) == sorted(
        [*_add(expected, extra=None), {"id": 101, "kind": "k0", "extra": 1}], key=lambda row: row["id"]
    )


def test_columns_change_their_names(held: Rows, workspace: Workspace) -> None:
    workspace.rename_columns(NAME, {"kind": "sort"})
    assert _now(workspace) == [{"id": row["id"], "sort": row["kind"]} for row in held]


def test_totals_add_up_after_our_snapshots(held: Rows, workspace: Workspace) -> None:
    workspace.append(NAME, "select 100::bigint as id, 'k9' as kind")
    version = workspace.table(NAME)
    assert version.snapshot is not None
    assert version.snapshot.summary is not None
    totals = version.snapshot.summary.additional_properties
    deletes = version.delete_files()
    positions = sum(file.record_count for file in deletes if not file.equality_ids)
    assert {name: int(totals[name]) for name in totals if name.startswith("total")} == {
        "total-data-files": len(version.files()),
        "total-records": sum(file.rows for file in version.files()),
        "total-files-size": sum(file.bytes for file in version.files())
        + sum(file.file_size_in_bytes for file in deletes),
        "total-delete-files": len(deletes),
        "total-position-deletes": positions,
        "total-equality-deletes": sum(file.record_count for file in deletes) - positions,
    }


def test_delete_files_go_when_nothing_is_left_that_they_apply_to(
    foreign: Foreign, catalog: Catalog, workspace: Workspace
) -> None:
    location, left = _by_position(foreign)
    register(catalog, NAME, location)
    workspace.refresh()
    workspace.delete(NAME, "id = 1")
    # The first delete file is older than all data but the file it is for; that may still be any.
    assert len(workspace.table(NAME).delete_files()) == 2
    workspace.delete(NAME, "id = 11")
    assert workspace.table(NAME).delete_files() == []
    assert _now(workspace) == [row for row in left if row["id"] not in (1, 11)]


# The other engine's files are written to a disk.
@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_deletes_of_rows_that_headgate_wrote(foreign: Foreign, catalog: Catalog, workspace: Workspace) -> None:
    """Another engine deletes from files of headgate's, and headgate goes on from there."""
    workspace.append(NAME, "select i as id, 'k' || i % 3 as kind from range(6) t(i)")
    workspace.commit("load")
    location = str(workspace.version(NAME))
    path = workspace.table(NAME).files()[0].path
    register(catalog, NAME, position_deletes(location, {path: [1, 2]}))
    workspace.refresh()
    assert [row["id"] for row in _now(workspace)] == [0, 3, 4, 5]
    workspace.append(NAME, "select 1::bigint as id, 'again' as kind")
    workspace.merge(NAME, "select 2::bigint as id, 'again' as kind", ["id"])
    workspace.delete(NAME, "id = 3")
    assert [row["id"] for row in _now(workspace)] == [0, 1, 2, 4, 5]


def test_partitions_are_overwritten_with_the_deletes_in_them(
    foreign: Foreign, catalog: Catalog, workspace: Workspace
) -> None:
    spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "kind"))
    location = foreign.table(rows(0, 9), spec=spec).metadata_location
    by_kind = {str(pq.read_table(path_of(path))["kind"][0]): path for path in files_of(location)}
    for kind in ("k0", "k1"):
        location = position_deletes(location, {by_kind[kind]: [0]}, (kind,))
    register(catalog, NAME, location)
    workspace.refresh()
    assert [row["id"] for row in _now(workspace)] == [2, 3, 4, 5, 6, 7, 8]
    result = workspace.overwrite_partitions(NAME, "select 100::bigint as id, 'k1' as kind")
    assert (result.inserted, result.deleted) == (1, 2)
    assert [row["id"] for row in _now(workspace)] == [2, 3, 5, 6, 8, 100]


def test_show_tells_deletes_from_data(foreign: Foreign, catalog: Catalog, workspace: Workspace) -> None:
    location, left = _by_both(foreign)
    register(catalog, NAME, location)
    workspace.refresh()
    detail = describe_table(workspace, NAME)
    assert detail.rows == len(left)
    assert sorted((file.content, file.rows) for file in detail.files) == [
        ("data", 10),
        ("data", 10),
        ("equality deletes", 2),
        ("position deletes", 1),
        ("position deletes", 3),
    ]
    # What is left after deletes is not the difference of two numbers.
    assert [snapshot.rows for snapshot in detail.snapshots][-2:] == [20, 10]
