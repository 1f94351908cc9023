"""PyIceberg opens nothing outside of the warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.catalog.iceberg.storage import StorageIO
from headgate.catalog.storage import Storage
from headgate.errors import StorageError


@pytest.mark.parametrize("spelling", ["{}", "file:{}", "file://{}"])
def test_only_files_of_the_warehouse_are_opened(tmp_path: Path, spelling: str) -> None:
    lake = tmp_path / "lake"
    for place in ("lake/t/x.avro", "lake2/x.avro", "state.db", "lake/.headgate/state.db"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("x")
    io = StorageIO(Storage(str(lake)))
    assert io.new_input(spelling.format(lake / "t/x.avro")).open().read() == b"x"
    for place in ("lake2/x.avro", "state.db", "lake/../state.db", "lake/t/../../state.db", "lake/.headgate/state.db"):
        with pytest.raises(StorageError, match="outside of the warehouse"):
            io.new_input(spelling.format(f"{tmp_path}/{place}"))


def test_a_bucket_has_prefixes_that_begin_alike() -> None:
    io = StorageIO(Storage("s3://bucket/prefix"))
    assert io.new_input("s3://bucket/prefix/t/x.avro").location == "s3://bucket/prefix/t/x.avro"
    for place in ("s3://bucket/prefix2/x.avro", "s3://bucket/prefix/../x", "/etc/passwd", "http://x/prefix/x"):
        with pytest.raises(StorageError, match="outside of the warehouse"):
            io.new_input(place)


def test_a_warehouse_is_found_by_its_links(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    io = StorageIO(Storage(str(tmp_path / "lake")))
    assert not io.new_input(f"file://{tmp_path}/link/x.avro").exists()


def test_a_table_that_the_catalog_has_elsewhere_is_read(tmp_path: Path) -> None:
    io = StorageIO(Storage(str(tmp_path / "lake")), [f"file://{tmp_path}/old/t/metadata/1.metadata.json"])
    assert not io.new_input(f"file://{tmp_path}/old/t/writes/a/metadata/x.avro").exists()
    for place in ("old/t/state.db", "old/u/x.avro", "old/t/../u/x.avro"):
        with pytest.raises(StorageError, match="outside of the warehouse"):
            io.new_input(f"{tmp_path}/{place}")
