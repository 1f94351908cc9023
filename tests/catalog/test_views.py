from __future__ import annotations

import json
from pathlib import Path

import pytest

from headgate.catalog.properties import table_properties
from headgate.catalog.storage import Storage
from headgate.catalog.views import View, read_view, write_view
from headgate.errors import CorruptHistory, StorageError

# The files of this machine, wherever they lie.
HERE = Storage("/")
SQL = "SELECT 'ä' AS \"a\"\nFROM silver.orders"


def test_a_view_comes_back_as_it_was_written(tmp_path: Path) -> None:
    location = write_view(
        f"file://{tmp_path}/gold/v-1",
        SQL,
        [("a", "string")],
        HERE,
        default_namespace=["gold"],
        properties={"comment": "A"},
    )
    view = read_view(location, HERE)
    assert view == View(SQL, ("gold",), (("a", "string"),), {"comment": "A"}, view.view_id, engine="headgate")
    assert view.is_own
    again = read_view(write_view(f"file://{tmp_path}/gold/v-1", "SELECT 1", [], HERE, view_id=view.view_id), HERE)
    assert (again.view_id, again.sql) == (view.view_id, "SELECT 1")
    assert read_view(location, HERE) == view


def test_the_file_is_that_of_the_view_specification(tmp_path: Path) -> None:
    location = write_view(f"file://{tmp_path}/v", SQL, [("a", "string"), ("b", "decimal(9, 2)")], HERE)
    metadata = json.loads(Path(location.removeprefix("file://")).read_text(encoding="utf-8"))
    assert metadata["format-version"] == 1
    assert metadata["location"] == f"file://{tmp_path}/v"
    (version,) = metadata["versions"]
    assert version["version-id"] == metadata["current-version-id"]
    assert version["representations"] == [{"type": "sql", "sql": SQL, "dialect": "duckdb"}]
    assert [field["type"] for field in metadata["schemas"][0]["fields"]] == ["string", "decimal(9, 2)"]
    assert {"view-uuid", "version-log", "properties"} <= metadata.keys()


def test_properties_of_a_view_are_read_like_a_tables(tmp_path: Path) -> None:
    location = write_view(f"file://{tmp_path}/v", SQL, [], HERE, properties={"x": "1"})
    assert table_properties(location, HERE) == {"x": "1"}


def test_files_that_are_no_view_are_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        read_view(f"file://{tmp_path}/nothing.json", HERE)
    for text in ("{", "{}", '{"versions": [], "current-version-id": 1, "schemas": [], "properties": {}}'):
        (tmp_path / "v.json").write_text(text, encoding="utf-8")
        with pytest.raises(CorruptHistory):
            read_view(f"file://{tmp_path}/v.json", HERE)


def test_a_view_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match=r"Cannot use .*: Not a directory"):
        write_view(f"file://{tmp_path}/file/v", SQL, [], HERE)
