"""What the rest of headgate knows of a dbt project: models, tests, plans and results."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headgate.transform.definition import Definition
from headgate.types import CheckResult, ModelResult, Name, Severity


class Resource(enum.StrEnum):
    """The kinds of nodes that build a table or view."""

    MODEL = "model"
    SEED = "seed"
    SNAPSHOT = "snapshot"


class TestKind(enum.StrEnum):
    """How a test is written: as a reusable rule in YAML, as a query of its own, or as rows in and rows out."""

    GENERIC = "generic"
    SINGULAR = "singular"
    UNIT = "unit"

    __test__ = False  # not a test of pytest's


@dataclass(frozen=True)
class Model:
    """A model, seed or snapshot that builds a table or view; ephemeral models are part of those that use them.

    Attributes:
        unique_id: dbt's id: `model.<project>.<name>`.
        name: What it builds.
        resource: Model, seed or snapshot.
        materialized: `table`, `view`, `incremental`, `seed`, `snapshot` or a materialization of the project.
        inputs: Tables and views that it reads, sources included, through ephemeral models.
        path: Its file, relative to the project.
        code_hash: Changes when something that shapes the result, but the rows of its inputs, changes.
    """

    unique_id: str
    name: Name
    resource: Resource
    materialized: str
    inputs: tuple[Name, ...]
    path: str
    code_hash: str


@dataclass(frozen=True)
class Test:
    """A dbt test.

    Attributes:
        unique_id: dbt's id.
        name: Unique in the project: that of a data test, `<model>.<name>` of a unit test.
        kind: Generic, singular or unit.
        severity: What its failing does.
        inputs: Tables and views whose rows decide the outcome; none for a unit test, which brings its rows along.
        table: The table that it is about, if one can be told.
        path: Its file, relative to the project.
        code_hash: Changes when the test, or, of a unit test, the model or a seed below it changes.
        mentions: What its SQL names by hand beside them; some of it may be no table.
    """

    unique_id: str
    name: str
    kind: TestKind
    severity: Severity
    inputs: tuple[Name, ...]
    table: Name | None
    path: str
    code_hash: str
    mentions: tuple[Name, ...] = ()

    __test__ = False  # not a test of pytest's


@dataclass(frozen=True)
class DbtProject:
    """A parsed dbt project.

    Attributes:
        definition: Where it lies.
        models: In an order in which they can be built.
        tests: By name.
        sources: Tables that `source` names.
        warnings: What dbt had to say while parsing; empty when nothing had changed.
        packed: dbt's manifest, for `read_manifest`.
    """

    definition: Definition
    models: tuple[Model, ...]
    tests: tuple[Test, ...]
    sources: tuple[Name, ...]
    warnings: tuple[str, ...]
    packed: bytes = field(repr=False)

    @property
    def root(self) -> Path:
        return self.definition.root


@dataclass(frozen=True)
class PlannedModel:
    """A model that is to be built, and why, in words for a person."""

    model: Model
    reason: str


@dataclass(frozen=True)
class ModelPlan:
    """What a state lacks of what the project says.

    Attributes:
        models: To be built, in order.
        unchanged: Selected and up to date.
        tests: Selected tests.
        sources: Selected tables that `source` names; all of them without a selection.
        orphans: Tables and views that a model built which the project has no more; not told with a selection.
        full_refresh: Whether incremental models start from nothing.
    """

    models: tuple[PlannedModel, ...]
    unchanged: tuple[Model, ...]
    tests: tuple[Test, ...]
    sources: tuple[Name, ...]
    orphans: tuple[Name, ...]
    full_refresh: bool = False


@dataclass(frozen=True)
class BuildResult:
    """What became of the models and tests of one build, in the order in which they ended.

    Attributes:
        models: The models, seeds and snapshots.
        checks: The tests.
        warnings: What dbt had to say.
        computed: By test, the tables that it turned out to read under names that its template computes.
    """

    models: tuple[ModelResult, ...]
    checks: tuple[CheckResult, ...]
    warnings: tuple[str, ...] = ()
    computed: Mapping[str, tuple[Name, ...]] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether a model could not be built."""
        return any(result.status.value == "error" for result in self.models)
