"""The dbt project: the user's own `dbt_project.yml`, or the obvious one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from headgate.project import Project
from headgate.scratch import write_atomically

FILE = "dbt_project.yml"
DEFAULT_SCHEMA = "silver"
"""Schema of models, seeds and snapshots that no configuration places."""


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
        hidden: Values that no message may show.
    """

    root: Path
    folder: Path
    file: Path
    target: str
    vars: dict[str, object]
    environment: dict[str, str]
    hidden: frozenset[str] = frozenset()

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
        environment=dict(project.environment),
        hidden=project.hidden,
    )


def _generated(project: Project) -> str:
    """The project file of a folder that has none; a key for a folder that is not there would be a warning of dbt."""
    name = project.name.replace("-", "_")
    models: dict[str, object] = {"+materialized": "table", "+schema": DEFAULT_SCHEMA}
    for folder, schema in (("staging", "silver"), ("marts", "gold")):
        if (project.root / "models" / folder).is_dir():
            models[folder] = {"+schema": schema}
    content: dict[str, object] = {"name": name, "version": "1.0.0", "config-version": 2, "profile": "headgate"}
    if (project.root / "models").is_dir():
        content["models"] = {name: models}
    head = "# Made by headgate. To change it, copy it beside headgate.yml and edit the copy.\n"
    return head + yaml.safe_dump(content, sort_keys=False)
