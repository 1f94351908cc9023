"""What a project says is to be done: loads, models and checks, narrowed to a selection."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from headgate.engines.workspace import Workspace
from headgate.errors import ProjectError, UsageError, did_you_mean
from headgate.ingest.contract import OWN_SCHEMAS, Source
from headgate.project import Project
from headgate.quality.books import BOOKS
from headgate.quality.gate import Standing, Version
from headgate.quality.reconciliation import Reconciliation, load_reconciliations
from headgate.run.selection import Selection
from headgate.transform.ahead import Parsing, has_dbt_side
from headgate.types import Name

if TYPE_CHECKING:
    from headgate.transform.values import DbtProject, Model, ModelPlan, Test

# What may stand around a name in dbt's selection syntax: `+name`, `2+name+1`, `@name`.
_SELECTOR = re.compile(r"^(?P<before>@|\d*\+)?(?P<method>source:)?(?P<name>[A-Za-z0-9_\-]+)(?P<after>\+\d*)?$")


class Work:
    """A project's definitions, read when they are first needed.

    dbt takes a second to import, so a project without models, and a command that asks for none, never meets it.
    """

    def __init__(
        self, project: Project, sources: list[Source], selection: Selection, parsing: Parsing | None = None
    ) -> None:
        self.project = project
        self.sources = sources
        self.selection = selection
        self._parsing = parsing

    @cached_property
    def reconciliations(self) -> list[Reconciliation]:
        return load_reconciliations(self.project)

    @cached_property
    def dbt(self) -> DbtProject | None:
        """The parsed dbt side of the project; None when there is none."""
        if not has_dbt_side(self.project.root):
            return None
        from headgate.transform.stubs import stubs_shared

        with stubs_shared():
            from headgate.transform.project import open_project

            if self._parsing is not None:
                # What builds the models is imported while another process parses them.
                importlib.import_module("headgate.transform.build")
        opened = (self._parsing and self._parsing.found()) or open_project(self.project)
        _check_built(opened.models, self.sources)
        return opened

    def check_names(self) -> None:
        """Raise a UsageError or ProjectError for what is wrong with selection or checks, before anything begins."""
        _ = self.reconciliations
        if not self.selection.everything:
            _ = self._chosen_sources

    def check_models(self) -> None:
        """Raise a ModelError for models that do not parse, and a ProjectError for those that build what is not theirs.

        Loads, which may take long, are not to end first.
        """
        _ = self.dbt

    def standing(self, computed: Mapping[str, tuple[Name, ...]] | None = None) -> list[Standing]:
        """Every check that a state has to pass, whatever was selected.

        Args:
            computed: What tests turned out to read beside what can be told before they are compiled, by name.
        """
        checks = [
            Standing(f"reconciliation:{c.name}", c.severity, c.inputs, c.code_hash, mentions=c.mentions)
            for c in self.reconciliations
        ]
        if self.dbt:
            checks += [_standing(test, (computed or {}).get(test.name, ())) for test in self.dbt.tests]
        return [BOOKS, *checks]

    def waiting(self, workspace: Workspace) -> Iterator[str]:
        """What to tell of reconciliations that name a table which is not there and which nothing makes."""
        made = {name for source in self.sources for name in (source.table, source.quarantine)}
        made |= {model.name for model in self.dbt.models} if self.dbt else set()
        for check in self.reconciliations:
            for name in check.inputs:
                if name not in made and workspace.resolve(name) is None:
                    hint = did_you_mean(str(name), map(str, made)) or ""
                    yield f"The reconciliation {check.name} waits: nothing makes {name}. {hint}".strip()

    def plan_models(self, workspace: Workspace) -> ModelPlan | None:
        """The models that the selection names and the state lacks; None without dbt."""
        if self.dbt is None:
            return None
        from headgate.transform.plan import plan_models

        chosen = self.selection
        return plan_models(
            self.dbt,
            workspace,
            select=self._dbt_syntax(chosen.select),
            exclude=self._dbt_syntax(chosen.exclude),
            full_refresh=chosen.full_refresh,
        )

    def wants(self, source: Source) -> bool:
        """Whether the selection names this source."""
        if self.selection.everything:
            return True
        return source.name in self._chosen_sources

    def version(self, workspace: Workspace) -> Version:
        """What tells versions of tables and views in a workspace, the tables below a view included."""
        from headgate.transform.versions import Versions

        return Versions(workspace).of

    @cached_property
    def _chosen_sources(self) -> set[str]:
        if self.dbt is None:
            return self._sources_by_name()
        from headgate.transform.selection import select_nodes

        select, exclude = self.selection.select, self.selection.exclude
        chosen = self._sources_of(select) if select else {each.name for each in self.sources}
        chosen -= self._sources_of(exclude)
        if not select or chosen:
            return chosen
        if not select_nodes(self.dbt, self._dbt_syntax(select), self._dbt_syntax(exclude)).ids:
            raise UsageError(
                f"The selection '{' '.join(select)}' names nothing that '{' '.join(exclude)}' does not take away.",
                hint="Leave one of them out, or correct it.",
            )
        return chosen

    def _sources_of(self, texts: Sequence[str]) -> set[str]:
        """The sources that parts of the selection name; one that a part names itself stands alone for its table."""
        from headgate.transform.selection import select_nodes

        assert self.dbt is not None, "there is a dbt project"
        named = {text: self._named_source(text) for text in texts}
        others = [text for text, own in named.items() if own is None]
        chosen: set[str] = set()
        if others:
            tables = set(select_nodes(self.dbt, others).sources)
            chosen.update(source.name for source in self.sources if source.table in tables)
        for text, own in named.items():
            if own is None:
                continue
            tables = set(select_nodes(self.dbt, self._dbt_syntax((text,))).sources) - {own.table}
            chosen.update(source.name for source in self.sources if source is own or source.table in tables)
        return chosen

    def _sources_by_name(self) -> set[str]:
        """The selection in a project without dbt, where only sources have names."""
        known = {source.name for source in self.sources}
        select, exclude = (
            {text.removeprefix("source:").strip("+@") for text in texts}
            for texts in (self.selection.select, self.selection.exclude)
        )
        for name in (*select, *exclude):
            if name not in known:
                raise UsageError(
                    f"There is no source '{name}' to select.", hint=did_you_mean(name, known) or "headgate sources list"
                )
        return (select or known) - exclude

    def _dbt_syntax(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """The selection with names of sources as dbt writes them: `sales+` becomes `source:bronze.sales+`."""
        found = []
        for text in texts:
            match, source = _SELECTOR.match(text), self._named_source(text)
            if match and source:
                table = source.table
                text = f"{match['before'] or ''}source:{table.schema}.{table.table}{match['after'] or ''}"
            found.append(text)
        return tuple(found)

    def _named_source(self, text: str) -> Source | None:
        """The source that a part of the selection names, graph operators aside; a model's name comes first."""
        match = _SELECTOR.match(text)
        if match is None:
            return None
        models = self.dbt.models if self.dbt and not match["method"] else ()
        if any(model.name.table == match["name"] for model in models):
            return None
        return next((source for source in self.sources if source.name == match["name"]), None)


def _check_built(models: Iterable[Model], sources: Sequence[Source]) -> None:
    """Raise a ProjectError for a model that would build a table which sources or headgate itself fill."""
    filled = {str(source.table).lower(): source for source in sources}
    for model in models:
        what = f"The {model.resource} {model.unique_id.rpartition('.')[2]} builds {model.name}"
        if model.name.schema.lower() in OWN_SCHEMAS:
            raise ProjectError(
                f"{what}, and the schema '{model.name.schema}' is one that headgate fills itself.",
                place=model.path,
                hint=f"Give it another `schema`; {', '.join(OWN_SCHEMAS)} are taken.",
            )
        source = filled.get(str(model.name).lower())
        if source is not None:
            raise ProjectError(
                f"{what}, which the source '{source.name}' fills with its files.",
                place=model.path,
                hint=f"Give the model another name or `alias`, or say another `table` in {source.path.name}.",
            )


def _standing(test: Test, computed: tuple[Name, ...]) -> Standing:
    # A unit test brings its rows along, and needs its model's table only for the columns.
    needs = (test.table,) if test.table and not test.inputs else ()
    return Standing(test.name, test.severity, test.inputs, test.code_hash, needs, (*test.mentions, *computed))


def notes_on(plan: ModelPlan, full_refresh: bool) -> Iterator[str]:
    """What a person should know of a plan that its steps do not tell."""
    for step in plan.models:
        if step.model.materialized == "incremental" and step.reason == "code changed" and not full_refresh:
            yield (
                f"The code of {step.model.name} has changed; the rows that it holds stay as they are. "
                f"To build them anew: headgate run --select {step.model.unique_id.rpartition('.')[2]}+ --full-refresh"
            )
    for name in plan.orphans:
        yield (
            f"{name} is on main, but no model builds it any more. To take it away, drop it on a branch with another"
            " engine, such as PyIceberg over headgate serve, and merge that."
        )
