"""Joining appends to tables that other engines write: delete files are carried, or the sides are not joined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.table import StaticTable
from tests.engines.foreign import Foreign, edited, equality_deletes, files_of, position_deletes, rows

from headgate.catalog.iceberg import OutsideChange, TableVersion, join_appends, outside_changes
from headgate.catalog.storage import Storage
from headgate.types import WrittenFile

HERE = Storage("/")


@pytest.fixture
def foreign(tmp_path: Path) -> Foreign:
    return Foreign(tmp_path)


def _load(location: str) -> TableVersion:
    return TableVersion.load(location, HERE)


def _deleted(location: str) -> str:
    """With the first row of the first file taken away."""
    return position_deletes(location, {files_of(location)[0]: [0]})


def _ids(version: TableVersion) -> list[int]:
    scan = StaticTable.from_metadata(version.store().metadata_location).scan()
    return sorted(scan.to_arrow()["id"].to_pylist())


def _added(foreign: Foreign, start: int, stop: int) -> WrittenFile:
    """A data file that lies somewhere, with field ids."""
    (file,) = _load(foreign.table(rows(start, stop)).metadata_location).files()
    return WrittenFile(file.path, file.rows, file.bytes)


def test_deletes_before_the_fork_apply_to_the_rows_of_then(foreign: Foreign) -> None:
    base = _load(_deleted(foreign.table(rows(0, 4)).metadata_location))
    theirs, ours = base.append([_added(foreign, 10, 12)]), base.append([_added(foreign, 20, 22)])
    joined = join_appends(base, theirs.store(), ours.store())
    assert joined is not None
    assert _ids(joined) == [1, 2, 3, 10, 11, 20, 21]
    assert len(joined.delete_files()) == 1


def test_deletes_on_either_side_are_no_append(foreign: Foreign) -> None:
    table = foreign.table(rows(0, 4))
    base = _load(table.metadata_location)
    deleted = _load(_deleted(table.metadata_location))
    appended = base.append([_added(foreign, 10, 12)]).store()
    assert join_appends(base, deleted, appended) is None
    assert join_appends(base, appended, deleted) is None


@pytest.mark.parametrize("kind", [_deleted, lambda loc: equality_deletes(loc, pa.table({"kind": ["k0"]}), {"kind": 2})])
def test_deletes_that_call_themselves_an_append_are_found_out(foreign: Foreign, kind: Any) -> None:
    table = foreign.table(rows(0, 4))
    base = _load(table.metadata_location)

    def lie(metadata: dict[str, Any]) -> None:
        metadata["snapshots"][-1]["summary"]["operation"] = "append"

    lying = _load(edited(kind(table.metadata_location), lie))
    appended = base.append([_added(foreign, 10, 12)]).store()
    assert join_appends(base, appended, lying) is None
    assert join_appends(base, lying, appended) is None


def test_columns_that_both_sides_numbered_alike_are_not_mixed(foreign: Foreign) -> None:
    """One side added a column, wrote it and dropped it; its field id means another column on the other side."""
    table = foreign.table(rows(0, 4))
    base = _load(table.metadata_location)
    with table.update_schema() as change:
        change.add_column("gone", table.schema().find_type("id"))
    table.append(pa.table({"id": [9], "kind": ["x"], "gone": [7]}))
    with table.update_schema() as change:
        change.delete_column("gone")
    theirs = _load(table.metadata_location)
    wider = foreign.table(rows(0, 1), schema=base.schema)
    with wider.update_schema() as change:
        change.add_column("other", table.schema().find_type("id"))
    ours = base.with_schema(wider.schema()).append([_added(foreign, 20, 22)]).store()
    assert join_appends(base, theirs, ours) is None
    assert join_appends(base, ours, theirs) is None


def test_names_inside_a_table_that_changed_keep_it_from_being_joined(foreign: Foreign) -> None:
    table = foreign.table(rows(0, 4))
    base = _load(table.metadata_location)
    appended = base.append([_added(foreign, 10, 12)]).store()
    table.append(pa.Table.from_pylist(rows(4, 6), schema=table.schema().as_arrow()))
    first = table.history()[0].snapshot_id
    table.manage_snapshots().create_tag(first, "kept").commit()
    tagged = _load(table.metadata_location)
    assert join_appends(base, appended, tagged) is None


def test_format_version_3_is_not_joined(foreign: Foreign) -> None:
    table = foreign.table(rows(0, 4))
    base = _load(table.metadata_location)

    def raise_version(metadata: dict[str, Any]) -> None:
        metadata |= {"format-version": 3, "next-row-id": 4}

    raised = _load(edited(table.metadata_location, raise_version))
    appended = base.append([_added(foreign, 10, 12)]).store()
    assert join_appends(base, appended, raised) is None
    assert join_appends(base, raised, appended) is None


def test_appends_of_others_are_joined_and_remembered_as_theirs(foreign: Foreign) -> None:
    table = foreign.table(rows(0, 4))
    base = _load(table.metadata_location)
    theirs = base.append([_added(foreign, 10, 12)]).store()
    table.append(pa.Table.from_pylist(rows(20, 22), schema=table.schema().as_arrow()))
    joined = join_appends(base, theirs, _load(table.metadata_location))
    assert joined is not None
    assert _ids(joined) == [0, 1, 2, 3, 10, 11, 20, 21]
    assert [change.engine for change in outside_changes(theirs, joined)] == ["another engine"]
    assert outside_changes(base, theirs) == []


def test_outside_changes_are_told(foreign: Foreign) -> None:
    table = foreign.table(rows(0, 4))
    base = _load(table.metadata_location)
    ours = base.append([_added(foreign, 10, 12)])
    assert outside_changes(base, ours) == []
    table.append(pa.Table.from_pylist(rows(20, 23), schema=table.schema().as_arrow()))
    (change,) = outside_changes(base, _load(table.metadata_location))
    assert (change.engine, change.operation, change.added, change.removed) == ("another engine", "append", 3, None)
    other = _load(foreign.table(rows(0, 4)).metadata_location)
    assert outside_changes(ours.store(), other) == [OutsideChange("another engine", "drop and create")]


def test_going_back_in_time_is_a_change(foreign: Foreign) -> None:
    table = foreign.table(rows(0, 4), rows(4, 8))
    base = _load(table.metadata_location)
    table.manage_snapshots().rollback_to_snapshot(table.history()[0].snapshot_id).commit()
    after = _load(table.metadata_location)
    assert outside_changes(base, after) == [
        OutsideChange("another engine", "rollback", after.metadata.current_snapshot_id)
    ]


def test_many_snapshots_of_our_own_are_no_outside_change(foreign: Foreign) -> None:
    """More than the table keeps: the way back to the earlier version is cut."""
    base = _load(foreign.table(rows(0, 2)).metadata_location)
    version, file = base, _added(foreign, 10, 11)
    for number in range(60):
        version = version.append([WrittenFile(f"{file.path}-{number}", 1, 1)])
    assert base.metadata.current_snapshot_id not in {each.snapshot_id for each in version.metadata.snapshots}
    assert outside_changes(base, version) == []
