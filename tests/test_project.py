"""Finding a project and the places in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.errors import ProjectError
from headgate.project import Project


def test_a_project_is_found_from_a_folder_below(project_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = project_dir / "models" / "marts"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert Project.open().root == project_dir


def test_a_path_is_taken_as_it_is_and_not_searched_above(project_dir: Path) -> None:
    (project_dir / "models").mkdir()
    with pytest.raises(ProjectError, match=r"no headgate\.yml"):
        Project.open("models")
    assert Project.open(project_dir / "headgate.yml").root == project_dir


def test_a_folder_without_a_project_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError) as caught:
        Project.open()
    assert "headgate init" in str(caught.value.hint)
    with pytest.raises(ProjectError, match="no such folder"):
        Project.open("gone")


def test_places_are_absolute_whatever_the_working_folder(project_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    project = Project.open(project_dir)
    assert project.warehouse == f"{project_dir}/.headgate/warehouse"
    assert project.catalog_url == f"sqlite:///{project_dir}/.headgate/state.db"
    assert project.temp_directory == project_dir / ".headgate/tmp"
    assert project.path("data/../data/a.csv") == project_dir / "data/a.csv"
    assert project.path("/etc/hosts") == Path("/etc/hosts")


def test_uris_are_kept_and_file_uris_become_paths(project_dir: Path) -> None:
    file = project_dir / "headgate.yml"
    file.write_text("name: lake\nstorage: s3://bucket/lake\ncatalog: postgresql://h/db\n", encoding="utf-8")
    project = Project.open(project_dir)
    assert (project.warehouse, project.catalog_url) == ("s3://bucket/lake", "postgresql://h/db")
    file.write_text("name: lake\nstorage: file:///srv/lake\ncatalog: 'sqlite:////srv/s.db'\n", encoding="utf-8")
    project = Project.open(project_dir)
    assert (project.warehouse, project.catalog_url) == ("/srv/lake", "sqlite:////srv/s.db")


def test_tables_lie_where_they_can_be_read(project_dir: Path) -> None:
    file = project_dir / "headgate.yml"
    file.write_text("name: lake\nstorage: 'a\"b'\n", encoding="utf-8")
    with pytest.raises(ProjectError, match="double quote") as caught:
        Project.open(project_dir)
    assert caught.value.place == f'{project_dir}/a"b'


def test_the_state_database_is_the_catalog_or_lies_beside_one_that_is_none(project_dir: Path) -> None:
    file = project_dir / "headgate.yml"
    file.write_text("name: lake\ncatalog: postgresql://h/db\n", encoding="utf-8")
    assert Project.open(project_dir).state_url == "postgresql://h/db"
    file.write_text("name: lake\ncatalog: nessie+http://h:19120\n", encoding="utf-8")
    assert Project.open(project_dir).state_url == f"sqlite:///{project_dir}/.headgate/state.db"
    file.write_text("name: lake\ncatalog: nessie+http://h:19120\nstate: sqlite:///s.db\n", encoding="utf-8")
    assert Project.open(project_dir).state_url == f"sqlite:///{project_dir}/s.db"


def test_an_object_store_is_reached_as_the_settings_say_then_as_the_environment_does(
    project_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "name: lake\nstorage: {url: 's3://bucket/lake/', region: eu-west-1}\n"
    (project_dir / "headgate.yml").write_text(text, encoding="utf-8")
    for name, value in {
        "AWS_ENDPOINT_URL": "http://h:9000",
        "AWS_REGION": "us-west-2",
        "AWS_ACCESS_KEY_ID": "k",
    }.items():
        monkeypatch.setenv(name, value)
    project = Project.open(project_dir)
    assert project.warehouse == "s3://bucket/lake"
    assert (project.storage.endpoint, project.storage.region) == ("http://h:9000", "eu-west-1")
    assert (project.storage.access_key, project.storage.secret_key) == ("k", None)


def test_recorded_paths_are_relative_when_they_lie_in_the_project(project_dir: Path) -> None:
    project = Project.open()
    assert project.relative(project_dir / "data" / "a.csv") == "data/a.csv"
    assert project.relative("./data/a.csv") == "data/a.csv"
    assert project.relative("../elsewhere.csv") == str(project_dir.parent / "elsewhere.csv")


def test_contracts_and_checks_are_listed_by_name(project_dir: Path) -> None:
    for name in ("ingestion/b.yml", "ingestion/a.yaml", "ingestion/.hidden.yml", "ingestion/note.md", "checks/c.yml"):
        (project_dir / name).parent.mkdir(exist_ok=True)
        (project_dir / name).write_text("", encoding="utf-8")
    project = Project.open()
    assert [path.name for path in project.contract_files()] == ["a.yaml", "b.yml"]
    assert [path.name for path in project.check_files()] == ["c.yml"]


def test_the_process_environment_wins_over_dotenv(project_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project_dir / ".env").write_text("WHERE=dotenv\nONLY=dotenv\n", encoding="utf-8")
    monkeypatch.setenv("WHERE", "process")
    (project_dir / "headgate.yml").write_text("name: lake\nvars: {a: '${WHERE}', b: '${ONLY}'}\n", encoding="utf-8")
    assert Project.open().settings.vars == {"a": "process", "b": "dotenv"}


def test_secrets_are_not_in_the_text_of_a_project(project_dir: Path) -> None:
    (project_dir / ".env").write_text("PASSWORD=hunter2\n", encoding="utf-8")
    assert "hunter2" not in repr(Project.open())


def test_the_profile_may_come_from_the_environment(project_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project_dir / "headgate.yml").write_text("name: lake\nprofiles: {prod: {author: robot}}\n", encoding="utf-8")
    assert Project.open().profile is None
    monkeypatch.setenv("HEADGATE_PROFILE", "prod")
    project = Project.open()
    assert (project.profile, project.author) == ("prod", "robot")


def test_the_author_comes_from_settings_then_environment_then_user(
    project_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_AUTHOR", "ci")
    assert Project.open().author == "ci"
    (project_dir / "headgate.yml").write_text("name: lake\nauthor: Ada\n", encoding="utf-8")
    assert Project.open().author == "Ada"


def test_opening_writes_nothing_and_the_state_folder_keeps_git_out(project_dir: Path) -> None:
    project = Project.open()
    assert not project.state_dir.exists()
    assert (project.make_state_dir() / ".gitignore").read_text(encoding="utf-8") == "*\n"
