"""Table versions as values: what each change leaves in the metadata, and how little it grows."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.table.update import AddSnapshotUpdate, SetSnapshotRefUpdate, update_table_metadata
from pyiceberg.types import LongType, NestedField, StringType

from headgate.catalog.iceberg import Mode, TableVersion, join_appends, new_table
from headgate.catalog.iceberg.storage import StorageIO
from headgate.catalog.localfiles import storage_errors
from headgate.catalog.locations import local_path, path_of, to_uri
from headgate.catalog.properties import table_properties
from headgate.catalog.storage import Storage
from headgate.errors import CorruptHistory, StorageError
from headgate.types import Layout, WrittenFile

# The files of this machine, wherever they lie.
HERE = Storage("/")
SCHEMA = Schema(
    NestedField(90, "id", LongType(), required=False, doc="key"), NestedField(91, "kind", StringType(), required=False)
)


def _table(tmp_path: Path, layout: Layout | None = None) -> TableVersion:
    return new_table(f"file://{tmp_path}/silver/t-1", SCHEMA, HERE, layout).store()


def _file(number: int, rows: int = 10) -> WrittenFile:
    return WrittenFile(f"file:///data/{number}.parquet", rows, 100)


def _paths(version: TableVersion) -> set[str]:
    """Paths as plain PyIceberg finds them."""
    tasks = StaticTable.from_metadata(version.store().metadata_location).scan().plan_files()
    return {Path(task.file.file_path).stem for task in tasks}


def test_a_new_table_counts_its_fields_from_one(tmp_path: Path) -> None:
    table = _table(tmp_path, Layout(("kind",), ("id desc",), {"p": "1"}, "Things", {"kind": "which"}))
    assert [(field.field_id, field.name, field.doc) for field in table.schema.fields] == [
        (1, "id", "key"),
        (2, "kind", "which"),
    ]
    assert [(field.field_id, field.source_id) for field in table.spec.fields] == [(1000, 2)]
    assert [field.source_id for field in table.sort_order.fields] == [1]
    assert (table.properties["p"], table.properties["comment"]) == ("1", "Things")
    assert (table.rows, table.files()) == (0, [])
    loaded = TableVersion.load(table.metadata_location, HERE)
    assert loaded.metadata == table.metadata


def test_a_version_is_a_value(tmp_path: Path) -> None:
    empty = _table(tmp_path)
    one = empty.append([_file(1)])
    two = one.append([_file(2)]).store()
    other = one.append([_file(3)]).store()
    assert _paths(empty) == set()
    assert (_paths(two), _paths(other)) == ({"1", "2"}, {"1", "3"})
    assert (two.rows, two.bytes) == (20, 200)
    assert table_properties(two.metadata_location, HERE)["write.parquet.compression-codec"] == "zstd"


def test_several_changes_are_stored_in_one_file(tmp_path: Path) -> None:
    table = _table(tmp_path)
    wider = Schema(*SCHEMA.fields, NestedField(92, "extra", LongType(), required=False))
    table.evolve(wider, Mode.ADD).with_properties({"x": "1"}).append([_file(1)]).store()
    stored = list(Path(tmp_path, "silver/t-1/metadata").glob("*.metadata.json"))
    assert sorted(path.name[:6] for path in stored) == ["00000-", "00001-"]


def test_rewrites_name_what_they_removed(tmp_path: Path) -> None:
    table = _table(tmp_path).append([_file(1), _file(2), _file(3)]).append([_file(4)])
    changed = table.rewrite({"file:///data/2.parquet", "file:///data/4.parquet"}, [_file(5, rows=7)]).store()
    assert _paths(changed) == {"1", "3", "5"}
    assert changed.snapshot is not None
    assert changed.snapshot.summary is not None
    summary = changed.snapshot.summary.additional_properties
    assert changed.snapshot.summary.operation.value == "overwrite"
    assert (summary["added-records"], summary["deleted-records"], summary["total-records"]) == ("7", "20", "27")
    assert (summary["deleted-data-files"], summary["total-data-files"]) == ("2", "3")
    with pytest.raises(CorruptHistory, match=r"9\.parquet"):
        changed.rewrite({"file:///data/9.parquet"}, [])
    assert _paths(changed.replace([_file(6)]).store()) == {"6"}
    assert _paths(changed.replace([]).store()) == set()


def test_many_appends_do_not_make_the_next_one_dearer(tmp_path: Path) -> None:
    table = _table(tmp_path)
    sizes = []
    for number in range(300):
        table = table.append([_file(number)])
        if number % 60 == 59:
            table = table.store()
            assert table.snapshot is not None
            manifests = table.snapshot.manifests(table.io)
            sizes.append(len(Path(table.metadata_location.removeprefix("file://")).read_bytes()))
            assert len(manifests) <= 30
    assert table.rows == 3000
    assert max(sizes) < 1.2 * min(sizes)
    assert len(_paths(table)) == 300
    assert len(table.metadata.snapshots) == 50


def test_the_log_of_previous_files_is_bounded(tmp_path: Path) -> None:
    table = _table(tmp_path)
    for number in range(30):
        table = table.with_properties({"n": str(number)}).store()
    assert len(table.metadata.metadata_log) == 20
    previous = table.metadata.metadata_log[-1].metadata_file
    assert TableVersion.load(previous, HERE).properties["n"] == "28"


def test_a_subset_reads_only_some_files_and_leaves_the_table_alone(tmp_path: Path) -> None:
    table = _table(tmp_path).append([_file(1), _file(2)]).append([_file(3)]).store()
    before = sorted(Path(tmp_path, "silver/t-1/metadata").iterdir())
    folder = tmp_path / "scratch"
    folder.mkdir()
    part = table.subset({"file:///data/1.parquet", "file:///data/3.parquet"}, str(folder))
    assert _paths(part) == {"1", "3"}
    assert sorted(Path(tmp_path, "silver/t-1/metadata").iterdir()) == before


def test_joining_keeps_both_sides_files(tmp_path: Path) -> None:
    base = _table(tmp_path).append([_file(0)]).store()
    theirs = base.append([_file(1)]).append([_file(2)]).store()
    ours = base.append([_file(3)]).store()
    joined = join_appends(base, theirs, ours)
    assert joined is not None
    assert _paths(joined) == {"0", "1", "2", "3"}
    assert joined.rows == 40
    again = join_appends(base, joined.store(), base.append([_file(4)]).store())
    assert again is not None
    assert _paths(again) == {"0", "1", "2", "3", "4"}


def test_joining_takes_properties_that_one_side_changed(tmp_path: Path) -> None:
    base = _table(tmp_path).with_properties({"a": "0", "b": "0"}).store()
    joined = join_appends(base, base.with_properties({"a": "1"}), base.with_properties({"b": "2"}).append([_file(1)]))
    assert joined is not None
    assert (joined.properties["a"], joined.properties["b"]) == ("1", "2")
    assert join_appends(base, base.with_properties({"a": "1"}), base.with_properties({"a": "2"})) is None


def test_joining_finds_the_partition_spec_of_each_file(tmp_path: Path) -> None:
    base = _table(tmp_path).append([_file(0)]).store()
    by_kind = Layout(partition_by=("kind",))
    theirs = base.with_layout(by_kind).append([WrittenFile("file:///data/1.parquet", 1, 1, ("x",))]).store()
    joined = join_appends(base, theirs, base.append([_file(2)]).store())
    assert joined is not None
    assert _paths(joined) == {"0", "1", "2"}
    assert {file.path[-9:]: file.spec_id for file in joined.files()} == {"0.parquet": 0, "1.parquet": 1, "2.parquet": 0}


def test_what_did_more_than_append_is_not_joined(tmp_path: Path) -> None:
    base = _table(tmp_path).append([_file(0)]).store()
    appended = base.append([_file(1)])
    wider = Schema(*SCHEMA.fields, NestedField(92, "e", LongType(), required=False))
    other = Schema(*SCHEMA.fields, NestedField(92, "f", LongType(), required=False))
    for changed in (
        base.replace([_file(2)]),
        base.rewrite({"file:///data/0.parquet"}, []),
        # It adds only, but what it adds was computed from what was there.
        base.rewrite(set(), [_file(2)]),
    ):
        assert join_appends(base, appended, changed) is None
        assert join_appends(base, changed, appended) is None
    assert join_appends(base, base.evolve(wider, Mode.ADD), base.evolve(other, Mode.ADD)) is None
    assert join_appends(base, appended, _table(tmp_path / "else").append([_file(2)])) is None


def test_metadata_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        TableVersion.load(f"file://{tmp_path}/nothing.metadata.json", HERE)
    for text in ("{", "{}", json.dumps({"format-version": 2})):
        (tmp_path / "x.metadata.json").write_text(text, encoding="utf-8")
        with pytest.raises(CorruptHistory, match="not the metadata"):
            TableVersion.load(f"file://{tmp_path}/x.metadata.json", HERE)


def test_locations_are_paths_or_uris() -> None:
    assert to_uri("/a b/c%20d") == "file:///a b/c%20d"
    assert to_uri("s3://bucket/x") == "s3://bucket/x"
    assert local_path("file:///a b/c%20d#e") == local_path("/a b/c%20d#e") == Path("/a b/c%20d#e")
    assert local_path("s3://bucket/x") is None
    # As Java writes it into metadata.
    assert local_path("file:/a/b") == Path("/a/b")
    assert local_path("file://host/a") is None


def test_a_manifest_whose_writing_fails_is_not_kept(tmp_path: Path) -> None:
    io = StorageIO(HERE)
    output = io.new_output(f"file://{tmp_path}/x")

    def write_half() -> None:
        with output.create() as stream:
            stream.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert io.kept == {}
    with output.create() as stream:
        stream.write(b"whole")
    assert output.to_input_file().open().read() == b"whole"
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_before_a_version_is_stored(tmp_path: Path) -> None:
    table = _table(tmp_path).append([_file(1)])
    assert list(tmp_path.rglob("*.avro")) == []
    assert [file.file_path for file in table.data_files()] == [_file(1).path]
    # Two versions that were made of one need the same manifests.
    one, two = table.with_properties({"a": "1"}).store(), table.append([_file(2)]).store()
    assert [_paths(each) for each in (one, two)] == [{"1"}, {"1", "2"}]


def test_a_snapshot_is_added_as_pyiceberg_does(tmp_path: Path) -> None:
    before = _table(tmp_path).append([_file(1)]).store()
    after = before.append([_file(2)])
    assert after.snapshot is not None
    ref = {"ref-name": "main", "type": "branch", "snapshot-id": after.snapshot.snapshot_id}
    updates = (AddSnapshotUpdate(snapshot=after.snapshot), SetSnapshotRefUpdate.model_validate(ref))
    assert after.metadata == update_table_metadata(before.metadata, updates)


def test_appends_are_joined_however_many_others_there_were(tmp_path: Path) -> None:
    base = _table(tmp_path).append([_file(0)]).store()
    ours, theirs = base.append([_file(1)]).store(), base
    # More than a table's metadata has snapshots of, and more than the oldest metadata file that it names.
    for number in range(2, 142):
        theirs = theirs.append([_file(number)]).store()
    joined = join_appends(base, theirs, ours)
    assert joined is not None
    assert _paths(joined) == {str(number) for number in range(142)}
    replaced = base.replace([_file(1)]).store()
    for number in range(2, 142):
        replaced = replaced.append([_file(number)]).store()
    assert join_appends(base, replaced, ours) is None


def test_appends_are_not_joined_past_a_metadata_file_that_is_gone(tmp_path: Path) -> None:
    base = _table(tmp_path).append([_file(0)]).store()
    ours, theirs = base.append([_file(1)]).store(), base
    for number in range(2, 72):
        theirs = theirs.append([_file(number)]).store()
    path_of(theirs.metadata.metadata_log[0].metadata_file).unlink()
    assert join_appends(base, theirs, ours) is None


@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.ENOSPC, "No space left"), (errno.EACCES, "Permission denied"), (errno.EIO, "Cannot use")],
)
def test_the_operating_systems_errors_become_sentences(number: int, message: str) -> None:
    with pytest.raises(StorageError, match=message), storage_errors("/lake/x"):
        raise OSError(number, "what it says", "/lake/x")
