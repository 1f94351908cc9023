"""The dbt project: the user's own `dbt_project.yml`, or the obvious one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from headgate.project import Project
from headgate.scratch import write_atomically
from headgate.yaml import SECRET_LENGTH, masked

FILE = "dbt_project.yml"
# What dbt lets no project be called; said here, because to ask dbt costs its import.
_RESERVED = """
    _sql_results adapter api column config context database env env_var exceptions execute flags fromjson
    fromyaml graph invocation_id load_agate_table load_result log model modules post_hooks pre_hooks ref render
    return run_started_at schema source sql sql_now store_raw_result store_result target this tojson toyaml
    try_or_compiler_error var write
"""
RESERVED = frozenset(_RESERVED.split())
DEFAULT_SCHEMA = "silver"
"""Schema of models, seeds and snapshots that no configuration places."""


class Environment(dict[str, str]):
    """Variables by name, which notes whose values were looked up.

    Attributes:
        told: What a message shows in a value's place, by the values that were looked up.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.told: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        value = super().__getitem__(name)
        self.told[value] = f"${{{name}}}"
        return value


@dataclass(frozen=True)
class Definition:
    """Where a dbt project is defined, and what headgate adds to it.

    Attributes:
        root: Folder that `models/` and the other paths start from.
        folder: Where headgate keeps what it makes for dbt; below `.headgate`.
        file: The `dbt_project.yml` that holds.
        target: What `{{ target.name }}` says: the profile of headgate, or `default`.
        vars: Variables from `headgate.yml`.
        environment: What `env_var` sees.
        settings: Values of `headgate.yml` that no message may show, with what it shows in their place.
    """

    root: Path
    folder: Path
    file: Path
    target: str
    vars: dict[str, object]
    environment: Environment
    settings: Mapping[str, str] = field(default_factory=dict)

    def masked(self, message: str) -> str:
        """A message of dbt's or DuckDB's without values of the environment that may be secrets."""
        return masked(masked(message, self.settings), self.environment.told, SECRET_LENGTH)

    @property
    def generated(self) -> bool:
        """Whether the project has no `dbt_project.yml` of its own."""
        return self.file.parent == self.folder

    @property
    def sources(self) -> Path:
        """Folder of the generated source definitions: one more model path."""
        return self.folder / "sources"


def find_definition(project: Project) -> Definition:
    """The definition of a project's dbt side; writes the generated one when the project has none of its own."""
    folder = project.make_state_dir() / "dbt"
    file = project.root / FILE
    if not file.is_file():
        file = folder / FILE
        write_atomically(file, _generated(project).encode())
    return Definition(
        root=project.root,
        folder=folder,
        file=file,
        target=project.profile or "default",
        vars=dict(project.settings.vars),
        environment=Environment(project.environment),
        settings=project.hidden,
    )


def _generated(project: Project) -> str:
    """The project file of a folder that has none; a key for a folder that is not there would be a warning of dbt."""
    name = project.name.replace("-", "_")
    if name in RESERVED:
        name += "_"
    models: dict[str, object] = {"+materialized": "table", "+schema": DEFAULT_SCHEMA}
    for folder, schema in (("staging", "silver"), ("marts", "gold")):
        if (project.root / "models" / folder).is_dir():
            models[folder] = {"+schema": schema}
    content: dict[str, object] = {"name": name, "version": "1.0.0", "config-version": 2, "profile": "headgate"}
    if (project.root / "models").is_dir():
        content["models"] = {name: models}
    head = "# Made by headgate. To change it, copy it beside headgate.yml and edit the copy.\n"
    return head + yaml.safe_dump(content, sort_keys=False)
