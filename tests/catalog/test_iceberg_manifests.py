"""Manifests: few of them, seldom written again, and made before it is known what others have made of the table."""

from __future__ import annotations

from pathlib import Path

from pyiceberg.avro.file import AvroFile
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import ManifestEntryStatus, ManifestFile
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.types import LongType, NestedField

from headgate.catalog.iceberg import Mode, TableVersion, append_onto, new_table, prepare
from headgate.catalog.storage import Storage
from headgate.types import WrittenFile

# The files of this machine, wherever they lie.
HERE = Storage("/")
SCHEMA = Schema(NestedField(1, "id", LongType(), required=False))
WIDER = Schema(*SCHEMA.fields, NestedField(2, "extra", LongType(), required=False))
# PyIceberg's own way to files.
PLAIN = PyArrowFileIO()


def _table(tmp_path: Path) -> TableVersion:
    return new_table(f"file://{tmp_path}/t", SCHEMA, HERE).store()


def _file(number: int) -> WrittenFile:
    return WrittenFile(f"file:///data/{number}.parquet", 10, 100)


def _manifests(version: TableVersion) -> list[ManifestFile]:
    """Those of the current snapshot, as plain PyIceberg reads them."""
    snapshot = StaticTable.from_metadata(version.metadata_location).current_snapshot()
    assert snapshot is not None
    return snapshot.manifests(PLAIN)


def _written(tmp_path: Path) -> list[str]:
    """Every manifest that was ever written."""
    return [f"file://{path}" for path in Path(tmp_path, "t/metadata").glob("*-m*.avro")]


def _entries(location: str) -> int:
    with AvroFile(PLAIN.new_input(location)) as file:  # type: ignore[var-annotated]  # of whatever records
        return sum(1 for _ in file)


def test_a_file_is_listed_anew_a_few_times_however_many_are_appended(tmp_path: Path) -> None:
    table = _table(tmp_path)
    for number in range(520):
        table = table.append([_file(number)])
        if number % 10 == 9:
            table = table.store()
            # Seven of each of the three levels, and those that have just been added.
            assert len(_manifests(table)) <= 3 * 7 + 1
    written = sum(map(_entries, _written(tmp_path)))
    # Once when they are added, and once for each level: of 8, 64 and 512 files.
    assert 520 * 2 < written <= 520 * 4
    entries = [entry for manifest in _manifests(table) for entry in manifest.fetch_manifest_entry(PLAIN)]
    assert sorted(int(Path(entry.data_file.file_path).stem) for entry in entries) == list(range(520))
    # The first snapshot of a table has sequence number 1, and a file keeps that of its snapshot.
    assert all(
        entry.sequence_number == entry.file_sequence_number == 1 + int(Path(entry.data_file.file_path).stem)
        for entry in entries
    )


def test_files_of_bulk_loads_are_not_joined_with_single_ones(tmp_path: Path) -> None:
    table = _table(tmp_path).append([_file(1000 + number) for number in range(600)])
    for number in range(20):
        table = table.append([_file(number)])
    table = table.store()
    counts = sorted((manifest.added_files_count or 0) for manifest in _manifests(table))
    assert counts == [0, 0, 1, 1, 1, 1, 600]
    assert sum(map(_entries, _written(tmp_path))) == 600 + 20 + 16


def test_a_manifest_is_written_once_however_often_others_are_faster(tmp_path: Path) -> None:
    base = _table(tmp_path).append([_file(0)]).store()
    prepared = prepare(base.metadata, HERE, [_file(9)])
    assert len(_written(tmp_path)) == 1
    mine = base.append([_file(9)], prepared=prepared).store()
    theirs = base
    for number in (1, 2, 3):
        theirs = theirs.append([_file(number)]).store()
        joined = append_onto(base, theirs, base, [_file(9)], prepared=prepared)
        assert joined is not None
        mine = joined.store()
    # One of mine beside the four of others.
    assert len(_written(tmp_path)) == 5
    (added,) = [each for each in _manifests(mine) if each.added_snapshot_id == mine.metadata.current_snapshot_id]
    (entry,) = added.fetch_manifest_entry(PLAIN)
    assert (entry.status, entry.data_file.file_path) == (ManifestEntryStatus.ADDED, "file:///data/9.parquet")
    # After the empty table four snapshots were made before it.
    assert (added.sequence_number, entry.sequence_number, entry.file_sequence_number) == (5, 5, 5)
    assert {entry.snapshot_id, mine.metadata.current_snapshot_id} == {added.added_snapshot_id}


def test_a_manifest_is_made_anew_for_a_table_of_another_shape(tmp_path: Path) -> None:
    base = _table(tmp_path).append([_file(0)]).store()
    prepared = prepare(base.metadata, HERE, [_file(9)])
    theirs = base.evolve(WIDER, Mode.ADD).append([_file(1)]).store()
    joined = append_onto(base, theirs, base, [_file(9)], prepared=prepared)
    assert joined is not None
    mine = joined.store()
    (added,) = [each for each in _manifests(mine) if each.added_snapshot_id == mine.metadata.current_snapshot_id]
    assert added.manifest_path not in {each.manifest_path for each in prepared.manifests}
    with AvroFile(PLAIN.new_input(added.manifest_path)) as file:  # type: ignore[var-annotated]  # of whatever records
        assert Schema.model_validate_json(file.header.meta["schema"]).as_struct() == mine.schema.as_struct()
    # What was prepared and not used is nowhere.
    assert len(_written(tmp_path)) == 3


def test_a_snapshot_is_not_added_twice(tmp_path: Path) -> None:
    base = _table(tmp_path)
    prepared = prepare(base.metadata, HERE, [_file(1)])
    once = base.append([_file(1)], prepared=prepared)
    twice = once.append([_file(1)], prepared=prepared)
    ids = [snapshot.snapshot_id for snapshot in twice.metadata.snapshots]
    assert len(set(ids)) == len(ids) == 2
