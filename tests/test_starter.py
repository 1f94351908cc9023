"""Starting a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate import starter
from headgate.errors import AlreadyExists, NotFound, ProjectError, StorageError
from headgate.project import Project


def test_an_empty_project_opens_and_its_editor_finds_the_schema(tmp_path: Path) -> None:
    root = tmp_path / "my lake 2"
    written = starter.create(root)
    assert Project.open(root).name == "my_lake_2"
    assert root / "headgate.yml" in written
    first = (root / "headgate.yml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=schemas/headgate.schema.json"
    assert (root / "schemas/headgate.schema.json").is_file()
    assert ".headgate/" in (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert all(path.is_file() for path in written)


@pytest.mark.parametrize(("folder", "name"), [("2026", "lake_2026"), ("---", "lake"), ("Büro", "B_ro"), ("a-b", "a-b")])
def test_a_project_is_named_for_its_folder(tmp_path: Path, folder: str, name: str) -> None:
    starter.create(tmp_path / folder)
    assert Project.open(tmp_path / folder).name == name


def test_no_project_is_started_where_no_table_could_be_read(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="double quote"):
        starter.create(tmp_path / 'a"b')
    assert list(tmp_path.iterdir()) == []


def test_what_stands_in_the_folder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    written = starter.create(tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "mine"
    assert tmp_path / "README.md" not in written


def test_a_project_is_not_started_twice(tmp_path: Path) -> None:
    starter.create(tmp_path)
    with pytest.raises(AlreadyExists, match="already") as caught:
        starter.create(tmp_path)
    assert caught.value.hint


def test_an_unknown_example_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="'mobilty'") as caught:
        starter.create(tmp_path / "new", "mobilty")
    assert caught.value.hint == "Did you mean 'mobility'?"
    assert not (tmp_path / "new").exists()


def test_an_example_is_copied_without_its_lake(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    written = starter.create(root, "mobility")
    names = {path.relative_to(root).parts[0] for path in written}
    assert {"headgate.yml", "ingestion", "models", "data", "schemas"} <= names
    assert ".headgate" not in names
    source = starter.examples()["mobility"]
    assert (root / "headgate.yml").read_bytes() == (source / "headgate.yml").read_bytes()
    assert Project.open(root).contract_files()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="cannot be written"):
        starter.create(tmp_path / "file" / "below")
