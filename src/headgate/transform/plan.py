"""Which models are to be built, and why."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.engines.workspace import Workspace
from headgate.transform.selection import select_nodes
from headgate.transform.values import DbtProject, Model, ModelPlan, PlannedModel, Resource
from headgate.transform.versions import FINGERPRINT, Versions
from headgate.types import Name


def plan_models(
    dbt: DbtProject,
    workspace: Workspace,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    full_refresh: bool = False,
) -> ModelPlan:
    """Compare a state with what the project says.

    A model is built when it is new, when its code changed, when one of its inputs changed or is about to be rebuilt,
    or when a full refresh is asked for. A selection narrows what is looked at; it does not force anything.

    Args:
        dbt: The project.
        workspace: The state, with what was loaded into it already.
        select: Selections in dbt's syntax; none selects everything.
        exclude: What to leave out, in the same syntax.
        full_refresh: Build every selected model, incremental ones from nothing. Snapshots keep their history.

    Raises:
        UsageError: The selection does not parse or names nothing.
    """
    selection = select_nodes(dbt, select, exclude) if select or exclude else None
    versions = Versions(workspace)
    planned: dict[Name, PlannedModel] = {}
    unchanged: list[Model] = []
    for model in dbt.models:
        if selection is not None and model.unique_id not in selection.ids:
            continue
        reason = _reason(model, versions, planned, full_refresh)
        if reason is None:
            unchanged.append(model)
        else:
            planned[model.name] = PlannedModel(model, reason)
    return ModelPlan(
        models=tuple(planned.values()),
        unchanged=tuple(unchanged),
        tests=tuple(test for test in dbt.tests if selection is None or test.unique_id in selection.ids),
        sources=dbt.sources if selection is None else selection.sources,
        orphans=_orphans(dbt, workspace) if selection is None else (),
        full_refresh=full_refresh,
    )


def _reason(model: Model, versions: Versions, planned: dict[Name, PlannedModel], full_refresh: bool) -> str | None:
    if full_refresh and model.resource is not Resource.SNAPSHOT:
        return "full refresh"
    stale = versions.staleness(model)
    if stale is not None:
        return stale
    rebuilt = [str(name) for name in model.inputs if name in planned]
    return f"{', '.join(rebuilt)} is rebuilt" if rebuilt else None


def _orphans(dbt: DbtProject, workspace: Workspace) -> tuple[Name, ...]:
    """What carries the mark of a model but is no model's table any more."""
    known = {model.name for model in dbt.models}
    names = (name for name in workspace.names() if name not in known)
    return tuple(sorted(name for name in names if FINGERPRINT in workspace.properties(name)))
