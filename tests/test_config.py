"""Settings, profiles and how a mistake in them is told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, field_validator, model_validator

from headgate.config import Misplaced, Section, Settings, load_model, load_settings
from headgate.errors import ProjectError


class Column(Section):
    type: Literal["integer", "varchar"]
    minimum: float | None = Field(default=None, alias="min")


class Table(Section):
    table: str
    columns: dict[str, Column] = {}
    steps: list[Annotated[Column | Literal["skip"], Field(union_mode="left_to_right")]] = []


def failure(
    path: Path, text: str, model: type[Section] = Table, environment: dict[str, str] | None = None
) -> ProjectError:
    file = path / "t.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ProjectError) as caught:
        load_model(file, model, environment)
    return caught.value


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_unknown_key_is_named_with_line_and_closest_key(tmp_path: Path) -> None:
    error = failure(tmp_path, "table: a\ncolums: {}\n")
    assert error.message == "'colums' is not a key of this file."
    assert error.place == "t.yml:2"
    assert error.hint == "Did you mean 'columns'?"


def test_an_unknown_key_inside_a_mapping_is_compared_with_the_keys_there(tmp_path: Path) -> None:
    error = failure(tmp_path, "table: a\ncolumns:\n  id:\n    type: integer\n    mn: 3\n")
    assert error.message == "'mn' is not a key of 'columns.id'."
    assert error.place == "t.yml:5"
    assert error.hint == "Did you mean 'min'?"


def test_a_missing_key_is_named_at_what_lacks_it(tmp_path: Path) -> None:
    error = failure(tmp_path, "table: a\ncolumns:\n  id: {min: 1}\n")
    assert error.message == "'columns.id' lacks 'type'."
    assert error.place == "t.yml:3"
    assert failure(tmp_path, "columns: {}\n").message == "This file lacks 'table'."


def test_a_wrong_value_is_shown_with_the_closest_choice(tmp_path: Path) -> None:
    error = failure(tmp_path, "table: a\ncolumns:\n  id: {type: intger}\n")
    assert error.message == "'columns.id.type' is 'intger': input should be 'integer' or 'varchar'."
    assert error.hint == "Did you mean 'integer'?"


def test_a_value_of_a_union_is_placed_without_the_names_of_its_members(tmp_path: Path) -> None:
    error = failure(tmp_path, "table: a\nsteps:\n  - skip\n  - type: varchar\n    mim: 1\n")
    assert error.message == "'mim' is not a key of 'steps.1'."
    assert error.place == "t.yml:5"


def test_every_problem_is_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    error = failure(tmp_path, "tabel: a\ncolumns:\n  id: {type: 7}\n")
    problems = error.data["problems"]
    assert isinstance(problems, list)
    assert [problem["line"] for problem in problems] == [1, 1, 3]
    assert "2 more problems" in str(error.hint)


def test_a_value_from_the_environment_is_never_shown(tmp_path: Path) -> None:
    error = failure(tmp_path, "table: a\ncolumns:\n  id: {type: '${SECRET}'}\n", environment={"SECRET": "hunter2"})
    assert "hunter2" not in str(error)
    assert "hunter2" not in str(error.to_dict())
    assert "a value from the environment" in error.message


def test_a_file_that_is_a_list_says_which_keys_it_should_have(tmp_path: Path) -> None:
    error = failure(tmp_path, "- a\n")
    assert "a list" in error.message
    assert error.hint == "Keys are: table, columns, steps."


def settings(path: Path, text: str, profile: str | None = None, **environment: str) -> Settings:
    file = path / "headgate.yml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environment, profile)[0]


PROFILES = """
name: lake
engine: {threads: 2, memory_limit: 1GB}
vars: {a: 1, b: 2}
profiles:
  prod:
    storage: s3://lake/warehouse
    catalog: ${CATALOG:-postgresql://localhost/lake}
    engine: {threads: 16}
    vars: {b: 3}
"""


def test_defaults_need_no_more_than_a_name(tmp_path: Path) -> None:
    found = settings(tmp_path, "name: lake")
    assert found.storage.url == ".headgate/warehouse"
    assert (found.catalog.url, found.catalog.protect) == ("sqlite:///.headgate/state.db", True)
    assert found.engine.threads is None


def test_a_profile_changes_only_what_it_names(tmp_path: Path) -> None:
    found = settings(tmp_path, PROFILES, "prod", CATALOG="postgresql://db/lake")
    assert found.storage.url == "s3://lake/warehouse"
    assert found.catalog.url == "postgresql://db/lake"
    assert (found.engine.threads, found.engine.memory_limit) == (16, "1GB")
    assert found.vars == {"a": 1, "b": 3}


def test_storage_and_catalog_may_be_mappings_and_a_profile_replaces_them_whole(tmp_path: Path) -> None:
    text = """
name: lake
storage: {url: "s3://lake/dev", endpoint: "http://127.0.0.1:9000", secret_key: "${KEY}"}
catalog: {url: "sqlite:///s.db", protect: false}
profiles: {prod: {storage: "s3://lake/prod", catalog: {url: "nessie+http://nessie:19120"}}}
"""
    found = settings(tmp_path, text, KEY="hidden")
    assert (found.storage.endpoint, found.storage.secret_key) == ("http://127.0.0.1:9000", "hidden")
    assert not found.catalog.protect
    assert "hidden" not in repr(found)
    prod = settings(tmp_path, text, "prod", KEY="hidden")
    assert (prod.storage.url, prod.storage.endpoint, prod.storage.secret_key) == ("s3://lake/prod", None, None)
    assert (prod.catalog.url, prod.catalog.protect) == ("nessie+http://nessie:19120", True)


def test_a_value_from_the_environment_is_hidden_below_a_key_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        settings(tmp_path, 'name: lake\nstorage: {~: "${KEY}", 1.5: "${KEY}", url: [1]}\n', KEY="hidden")
    assert caught.value.place == "headgate.yml:2"
    assert "hidden" not in str(caught.value)


class Odd(Section):
    """A model whose check says what it makes of a value."""

    word: str = "a"
    words: tuple[str, ...] = ()

    @field_validator("word")
    @classmethod
    def _even(cls, value: str) -> str:
        raise ValueError(f"the word '{value}' goes on with '{value[4:]}'")

    @model_validator(mode="after")
    def _listed(self) -> Odd:
        raise Misplaced(f"words names '{self.words[0][4:]}'", ("words",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('word: "${KEY}"', "'word' has a value from the environment that cannot stand here."),
        ('word: "a(${KEY})"', "'word' has a value from the environment that cannot stand here."),
        ('words: ["${KEY} desc"]', "'words' has a value from the environment that cannot stand here."),
        ("word: plainword", "'word' is 'plainword': the word 'plainword' goes on with 'nword'."),
        ("words: [plainword]", "words names 'nword'."),
    ],
)
def test_no_part_of_a_value_from_the_environment_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "x.yml"
    path.write_text(text)
    with pytest.raises(ProjectError) as caught:
        load_model(path, Odd, {"KEY": "hunter2-Topsecret"})
    assert caught.value.message == told
    assert "secret" not in str(caught.value)


def test_without_a_profile_nothing_is_laid_over(tmp_path: Path) -> None:
    assert settings(tmp_path, PROFILES).engine.threads == 2


def test_the_project_may_name_the_profile_that_holds_by_default(tmp_path: Path) -> None:
    assert settings(tmp_path, PROFILES + "profile: prod\n").engine.threads == 16


def test_an_unknown_profile_names_the_closest(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no profile 'prd'") as caught:
        settings(tmp_path, PROFILES, "prd")
    assert caught.value.hint == "Did you mean 'prod'?"
    assert caught.value.place == "headgate.yml:5"


def test_a_wrong_value_of_a_profile_is_placed_in_the_profile(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        settings(tmp_path, PROFILES.replace("threads: 16", "threads: 0"), "prod")
    assert caught.value.place == "headgate.yml:9"


@pytest.mark.parametrize("size", ["4GB", "500 MiB", "1.5TB", "50%"])
def test_sizes_are_accepted(tmp_path: Path, size: str) -> None:
    assert settings(tmp_path, f"name: lake\nengine: {{memory_limit: {size}}}\n").engine.memory_limit == size


@pytest.mark.parametrize("size", ["4", "lots", "4 gb", "GB"])
def test_sizes_without_a_unit_are_refused(tmp_path: Path, size: str) -> None:
    with pytest.raises(ProjectError, match=r"engine\.memory_limit"):
        settings(tmp_path, f"name: lake\nengine: {{memory_limit: '{size}'}}\n")
