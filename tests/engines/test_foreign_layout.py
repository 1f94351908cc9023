"""What other engines leave around the rows of a table: locations, names, required columns, partitions."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.table.snapshots import Operation as SnapshotKind
from pyiceberg.types import (
    BinaryType,
    DoubleType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    StructType,
)
from tests.engines.foreign import (
    Foreign,
    data_file,
    edited,
    register,
    rows,
)

from headgate.catalog import Catalog
from headgate.catalog.locations import path_of
from headgate.catalog.storage import Storage
from headgate.engines.description import list_tables
from headgate.engines.workspace import Workspace
from headgate.errors import DataError
from headgate.types import Name

NAME = Name.of("silver", "t")
HERE = Storage("/")

Rows = list[dict[str, Any]]


@pytest.fixture
def foreign(tmp_path: Path) -> Foreign:
    return Foreign(tmp_path / "elsewhere")


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


@pytest.mark.parametrize("prefix", ["file://", "file:", ""])
def test_locations_of_this_machine_are_written_in_three_ways(
    tmp_path: Path, catalog: Catalog, workspace: Workspace, prefix: str
) -> None:
    table = Foreign(tmp_path / "elsewhere", prefix).table(rows(0, 10))
    register(catalog, NAME, table.metadata_location)
    workspace.refresh()
    workspace.delete(NAME, "id = 3")
    workspace.merge(NAME, "select 4::bigint as id, 'merged' as kind", ["id"])
    workspace.append(NAME, "select 100::bigint as id")
    assert [row["id"] for row in _now(workspace)] == [0, 1, 2, 4, 5, 6, 7, 8, 9, 100]
    assert workspace.table(NAME).location == table.location()


def test_names_of_a_table_inside_it_are_kept(foreign: Foreign, catalog: Catalog, workspace: Workspace) -> None:
    """Branches and tags inside a table, its statistics, and how long its snapshots are to stay."""
    table = foreign.table(rows(0, 3), rows(3, 6))
    first = table.history()[0].snapshot_id
    table.manage_snapshots().create_tag(first, "first").create_branch(first, "side").commit()

    def limit(metadata: dict[str, Any]) -> None:
        metadata["refs"]["main"]["min-snapshots-to-keep"] = 5

    register(catalog, NAME, edited(table.metadata_location, limit))
    workspace.refresh()
    for number in range(60):
        workspace.append(NAME, f"select {100 + number}::bigint as id")
    version = workspace.table(NAME)
    refs = version.metadata.refs
    assert (refs["first"].snapshot_id, refs["side"].snapshot_id) == (first, first)
    assert refs["main"].snapshot_id == version.metadata.current_snapshot_id
    assert refs["main"].min_snapshots_to_keep == 5
    assert len(version.metadata.snapshots) < 60
    old = StaticTable.from_metadata(version.metadata_location).scan(snapshot_id=first).to_arrow()
    assert old["id"].to_pylist() == [0, 1, 2]


def test_nulls_are_kept_out_of_columns_that_have_none(
    foreign: Foreign, catalog: Catalog, workspace: Workspace, tmp_path: Path
) -> None:
    nested = StructType(NestedField(4, "a", IntegerType(), required=True))
    schema = Schema(
        NestedField(1, "id", LongType(), required=True),
        NestedField(2, "kind", StringType(), required=False),
        NestedField(3, "part", nested, required=False),
    )
    table = foreign.table([{"id": 1, "kind": "x", "part": {"a": 1}}], schema=schema)
    register(catalog, NAME, table.metadata_location)
    workspace.refresh()
    before = sorted(path_of(table.location()).rglob("*.parquet"))
    for row, column in (("NULL::bigint as id", "id"), ("2::bigint as id, {'a': NULL::int} as part", "part.a")):
        with pytest.raises(DataError, match=rf"Column '{column}' .* must not be null"):
            workspace.append(NAME, f"select {row}")
    assert sorted(path_of(table.location()).rglob("*.parquet")) == before
    workspace.append(NAME, "select 2::bigint as id, 'y' as kind, NULL as part")
    assert workspace.query("select count(*) from silver.t").fetchone() == (2,)


# The other engine's files are written to a disk.
@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_rows_of_others_have_no_row_in_a_source_file(foreign: Foreign, catalog: Catalog, workspace: Workspace) -> None:
    """The position in a file says which source row it was only where a load wrote the file."""
    name = Name.of("bronze", "orders")
    loaded = workspace.write_files(name, "select i as id, NULL::bigint as _source_row from range(3) t(i)", ordered=True)
    workspace.append_files(name, loaded)
    workspace.commit("load")
    version = workspace.table(name)
    folder = path_of(version.location) / "data"
    pq.write_table(pa.table({"id": pa.array([9], pa.int64())}), folder / "00000-0-compacted.parquet")
    mapped = version.with_properties(
        {"schema.name-mapping.default": json.dumps([{"field-id": 1, "names": ["id"]}])}
    ).store()
    added = data_file(f"file://{folder}/00000-0-compacted.parquet", 1)
    register(catalog, name, mapped.with_snapshot([added], frozenset(), SnapshotKind.APPEND).store().metadata_location)
    workspace.refresh()
    assert workspace.query("select id, _source_row from bronze.orders order by id").fetchall() == [
        (0, 1),
        (1, 2),
        (2, 3),
        (9, None),
    ]


def test_a_column_named_like_a_virtual_one_hides_nothing(workspace: Workspace) -> None:
    name = Name.of("bronze", "odd")
    sql = "select 'f' || i as filename, i * 10 as file_row_number, NULL::bigint as _source_row from range(3) t(i)"
    workspace.append_files(name, workspace.write_files(name, sql, ordered=True))
    assert workspace.query("select * from bronze.odd order by 1").fetchall() == [
        ("f0", 0, 1),
        ("f1", 10, 2),
        ("f2", 20, 3),
    ]
    workspace.delete(name, "filename = 'f1'")
    workspace.merge(name, "select 'f2' as filename, 5 as file_row_number", ["filename"])
    assert workspace.query("select * from bronze.odd order by 1").fetchall() == [("f0", 0, 1), ("f2", 5, 3)]


def test_binary_and_odd_names_survive_a_rewrite(foreign: Foreign, catalog: Catalog, workspace: Workspace) -> None:
    names = ["Große Zahl", 'with "quotes"', "a.b", "SELECT", "1st"]
    fields = [NestedField(n, name, LongType(), required=False) for n, name in enumerate(names, start=2)]
    schema = Schema(
        NestedField(1, "Key", LongType(), required=False), *fields, NestedField(7, "raw", BinaryType(), False)
    )
    values = {name: number for number, name in enumerate(names)}
    table = foreign.table([{"Key": 1, **values, "raw": b"\x00\xff"}, {"Key": 2, **values, "raw": b""}], schema=schema)
    register(catalog, NAME, table.metadata_location)
    workspace.refresh()
    workspace.delete(NAME, "KEY = 2")
    workspace.merge(NAME, 'select 1::bigint as key, 7 as "a.b"', ["key"])
    scan = StaticTable.from_metadata(str(workspace.version(NAME))).scan().to_arrow().to_pylist()
    assert scan == [{"Key": 1, **values, "a.b": 7, "raw": b"\x00\xff"}]


def test_nan_is_kept(foreign: Foreign, catalog: Catalog, workspace: Workspace) -> None:
    schema = Schema(NestedField(1, "id", LongType(), required=False), NestedField(2, "x", DoubleType(), required=False))
    table = foreign.table([{"id": 1, "x": math.nan}, {"id": 2, "x": -0.0}], schema=schema)
    register(catalog, NAME, table.metadata_location)
    workspace.refresh()
    workspace.delete(NAME, "id = 2")
    (found,) = workspace.query("select x from silver.t").fetchall()
    assert math.isnan(found[0])
