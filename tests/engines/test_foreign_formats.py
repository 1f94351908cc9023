"""Tables of other engines that headgate cannot read, or not write: said so, and no reason to fail at anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.types import (
    FixedType,
    LongType,
    NestedField,
)
from tests.engines.foreign import (
    Foreign,
    carried_over,
    edited,
    orc_file,
    register,
    rows,
)

from headgate.catalog import Catalog
from headgate.catalog.iceberg import TableVersion
from headgate.catalog.locations import path_of
from headgate.catalog.metadata import read_metadata
from headgate.catalog.storage import Storage
from headgate.engines.description import describe_table, list_tables
from headgate.engines.workspace import Workspace
from headgate.errors import CorruptHistory, DataError
from headgate.types import Name

NAME = Name.of("silver", "t")
HERE = Storage("/")


@pytest.fixture
def foreign(tmp_path: Path) -> Foreign:
    return Foreign(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([("ID", LongType())], "differ only in upper and lower case: id"),
        ([("digest", FixedType(4))], r"fixed\[4\], a type that DuckDB does not write"),
    ],
)
def test_what_would_do_harm_is_refused(
    foreign: Foreign, catalog: Catalog, workspace: Workspace, columns: list[tuple[str, Any]], message: str
) -> None:
    further = [NestedField(9 + n, name, kind, required=False) for n, (name, kind) in enumerate(columns)]
    table = foreign.table(schema=Schema(NestedField(1, "id", LongType(), required=False), *further))
    register(catalog, NAME, table.metadata_location)
    workspace.refresh()
    with pytest.raises(DataError, match=message) as caught:
        workspace.append(NAME, "select 1::bigint as id")
    assert "'silver.t'" in caught.value.message
    assert caught.value.hint


def test_files_that_are_not_parquet_are_named(foreign: Foreign, catalog: Catalog, workspace: Workspace) -> None:
    location = orc_file(foreign.table(rows(0, 3)).metadata_location, rows(3, 6))
    register(catalog, NAME, location)
    workspace.refresh()
    with pytest.raises(DataError, match=r"cannot read table 'silver\.t': it has data files that are not Parquet"):
        workspace.query("select * from silver.t")
    assert [(each.name, each.rows) for each in list_tables(workspace)] == [("silver.t", 6)]
    assert len(describe_table(workspace, NAME).files) == 2
    # The way out that headgate has itself.
    workspace.replace(NAME, "select 1::bigint as id, 'x' as kind")
    assert workspace.query("from silver.t").fetchall() == [(1, "x")]


def test_format_version_3_is_read_and_not_written(foreign: Foreign, catalog: Catalog, workspace: Workspace) -> None:
    def raise_version(metadata: dict[str, Any]) -> None:
        metadata |= {"format-version": 3, "next-row-id": 10}
        fields = metadata["schemas"][-1]["fields"]
        fields += [
            {"id": 10, "name": "c", "type": "int", "required": False, "initial-default": 5, "write-default": 5},
            {"id": 11, "name": "v", "type": "variant", "required": False},
        ]
        metadata["last-column-id"] = 11

    register(catalog, NAME, edited(foreign.table(rows(0, 3)).metadata_location, raise_version))
    workspace.refresh()
    assert workspace.query("select id, c, v from silver.t order by id").fetchall() == [(n, 5, None) for n in range(3)]
    detail = describe_table(workspace, NAME)
    assert [(column.name, column.type) for column in detail.columns][-1] == ("v", "variant")
    assert detail.rows == 3
    for change in (
        lambda: workspace.append(NAME, "select 1::bigint as id"),
        lambda: workspace.replace(NAME, "select 1::bigint as id"),
        lambda: workspace.merge(NAME, "select 1::bigint as id", ["id"]),
        lambda: workspace.delete(NAME, "id = 1"),
        lambda: workspace.overwrite_partitions(NAME, "select 1::bigint as id"),
        lambda: workspace.rename_columns(NAME, {"id": "x"}),
        lambda: workspace.set_properties(NAME, {"x": "y"}),
    ):
        with pytest.raises(DataError, match=r"'silver\.t' has Iceberg format version 3, which headgate reads"):
            change()
    workspace.create_view(Name.of("silver", "v"), "select count(*) as n, sum(c) as c from silver.t")
    workspace.append(Name.of("gold", "copied"), "select id, c from silver.t")
    assert workspace.query("select * from silver.v").fetchall() == [(3, 15)]
    assert workspace.query("select count(*) from gold.copied").fetchone() == (3,)
    workspace.drop(NAME)
    workspace.append(NAME, "select 1::bigint as id")


def test_a_table_newer_than_headgate_does_not_hide_the_others(
    foreign: Foreign, catalog: Catalog, workspace: Workspace
) -> None:
    newer = edited(foreign.table(rows(0, 3)).metadata_location, lambda metadata: metadata.update({"format-version": 4}))
    register(catalog, NAME, newer)
    register(catalog, Name.of("silver", "u"), foreign.table(rows(0, 3)).metadata_location)
    workspace.refresh()
    assert [(each.name, each.rows) for each in list_tables(workspace)] == [("silver.t", None), ("silver.u", 3)]
    with pytest.raises(DataError, match="format version 4; headgate reads versions up to 3"):
        describe_table(workspace, NAME)


def test_a_type_that_duckdb_lacks_is_named(foreign: Foreign, catalog: Catalog, workspace: Workspace) -> None:
    def add(metadata: dict[str, Any]) -> None:
        metadata |= {"format-version": 3, "next-row-id": 10, "last-column-id": 10}
        metadata["schemas"][-1]["fields"].append({"id": 10, "name": "u", "type": "unknown", "required": False})

    register(catalog, NAME, edited(foreign.table(rows(0, 3)).metadata_location, add))
    workspace.refresh()
    with pytest.raises(DataError, match=r"Column 'u' .* has type unknown, which DuckDB does not read"):
        workspace.query("select * from silver.t")
    assert [(each.name, each.rows) for each in list_tables(workspace)] == [("silver.t", 3)]


def test_manifests_of_version_1_in_a_table_of_version_2_are_named(
    foreign: Foreign, catalog: Catalog, workspace: Workspace
) -> None:
    """DuckDB does not read them; a write of headgate's puts that right."""
    register(catalog, NAME, carried_over(foreign.table(rows(0, 4)).metadata_location))
    workspace.refresh()
    with pytest.raises(DataError, match=r"'silver\.t': its manifests are of format version 1, though the table is not"):
        workspace.query("select * from silver.t")
    workspace.append(NAME, "select 100::bigint as id")
    assert [row[0] for row in workspace.query("select id from silver.t order by id").fetchall()] == [0, 1, 2, 3, 100]
    assert StaticTable.from_metadata(str(workspace.version(NAME))).scan().count() == 5


def test_metadata_of_others_is_read_by_the_standard_library(foreign: Foreign) -> None:
    location = edited(foreign.table(rows(0, 3)).metadata_location, lambda _: None, compressed=True)
    assert path_of(location).read_bytes().startswith(b"\x1f\x8b")
    assert TableVersion.load(location, HERE).rows == 3
    assert read_metadata(location, HERE)["format-version"] == 2
    path_of(location).write_bytes(path_of(location).read_bytes()[:50])
    with pytest.raises(CorruptHistory, match="is not the metadata of an Iceberg table"):
        TableVersion.load(location, HERE)
