"""A lake with a dbt project in it."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from headgate.catalog.loader import open_catalog
from headgate.catalog.storage import Storage
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.events import Event
from headgate.project import Project
from headgate.transform.build import build
from headgate.transform.plan import plan_models
from headgate.transform.project import open_project
from headgate.transform.values import BuildResult, DbtProject, ModelPlan
from headgate.types import CheckResult, Content, ModelResult, Name


@dataclass
class Lake:
    """A project in a folder, and the workspace that it is built into."""

    root: Path
    session: Session
    workspace: Workspace
    events: list[Event] = field(default_factory=list)
    result: BuildResult = field(default_factory=lambda: BuildResult((), ()))

    def write(self, files: dict[str, str]) -> Lake:
        for path, content in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(textwrap.dedent(content).lstrip("\n"), encoding="utf-8")
        return self

    def open(self, profile: str | None = None) -> DbtProject:
        return open_project(Project.open(self.root, profile))

    def plan(self, *select: str, exclude: tuple[str, ...] = (), full_refresh: bool = False) -> ModelPlan:
        return plan_models(self.open(), self.workspace, select, exclude, full_refresh)

    def reasons(self, *select: str) -> dict[str, str]:
        return {str(planned.model.name): planned.reason for planned in self.plan(*select).models}

    def build(self, *select: str, full_refresh: bool = False) -> BuildResult:
        """Plan and build; every selected test is run."""
        dbt = self.open()
        plan = plan_models(dbt, self.workspace, select, full_refresh=full_refresh)
        self.events = []
        self.result = build(dbt, self.workspace, plan.models, plan.tests, self.events.append, full_refresh=full_refresh)
        return self.result

    def built(self, *select: str, full_refresh: bool = False) -> BuildResult:
        """As `build`, where every model has to be built."""
        result = self.build(*select, full_refresh=full_refresh)
        messages = [model.message for model in result.models if model.status.value != "built"]
        assert messages == []
        return result

    def sql(self, sql: str) -> list[tuple[Any, ...]]:
        return self.workspace.query(sql).fetchall()

    def table(self, name: str, sql: str) -> None:
        """Write a table as a load would."""
        self.workspace.replace(Name.parse(name), sql)

    def content(self, name: str) -> Content:
        content = self.workspace.content(Name.parse(name))
        assert content is not None
        return content

    def model(self, name: str) -> ModelResult:
        return next(model for model in self.result.models if model.name == name)

    def check(self, name: str) -> CheckResult:
        return next(check for check in self.result.checks if check.name == name)


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parser's cache of a project without models: dbt then need not parse its own macros for every test."""
    root = tmp_path_factory.mktemp("parsed")
    (root / "headgate.yml").write_text("name: lake\n", encoding="utf-8")
    (root / "models").mkdir()
    open_project(Project.open(root))
    return root / ".headgate" / "dbt" / "manifests"


@pytest.fixture
def lake(project_dir: Path, parsed: Path) -> Iterator[Lake]:
    project = Project.open(project_dir)
    shutil.copytree(parsed, project.make_state_dir() / "dbt" / "manifests")
    with Session(project.settings.engine, Storage(project.warehouse)) as session:
        yield Lake(project_dir, session, Workspace(open_catalog(project.catalog_url), "main", session))
