"""What a run would do now."""

from __future__ import annotations

from headgate.catalog.interface import MAIN
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.ingest.ledger import known_loads
from headgate.ingest.objects import copies_removed
from headgate.ingest.plan import plan_loads
from headgate.ingest.sources import load_sources
from headgate.run.lake import Lake
from headgate.run.planning import Work
from headgate.run.result import Plan, PlannedStep
from headgate.run.selection import Selection
from headgate.types import Name


def preview(lake: Lake, selection: Selection) -> Plan:
    """Plan a run on `main` as it is; files that are not loaded yet count as changes of their tables."""
    work = Work(lake.project, load_sources(lake.project), selection)
    base = lake.catalog.ref(MAIN).commit_id
    with Session(lake.project.engine, lake.storage) as session, copies_removed(lake.project.temp_directory):
        workspace = Workspace(lake.catalog, base, session)
        sources = [source for source in work.sources if work.wants(source)]
        known = known_loads(workspace)
        notes: list[str] = []
        due = plan_loads(
            lake.project, sources, known, lake.storage, lake.db, full_refresh=selection.reloads, tell=notes.append
        )
        loads = [PlannedStep(step.source.name, step.action.value, step.reason, step.name) for step in due]
        models, skipped = _models(work, workspace, {step.source.table for step in due})
        coming = {Name.parse(model.name) for model in models} | {step.source.table for step in due}
        version = work.version(workspace)
        standing = work.standing()
        fresh = {check.name for check in lake.gate.due(standing, version)}
        checks = [
            PlannedStep(
                check.name, "check", "its tables change" if coming.intersection(check.inputs) else "not yet passed"
            )
            for check in standing
            if check.name in fresh or coming.intersection(check.inputs)
        ]
    return Plan(base, tuple(loads), tuple(models), tuple(checks), skipped, tuple(notes))


def _models(work: Work, workspace: Workspace, loaded: set[Name]) -> tuple[list[PlannedStep], int]:
    """The models to build, those below tables that are about to be loaded included, and how many stay."""
    plan = work.plan_models(workspace)
    if plan is None:
        return [], 0
    reasons = {step.model.name: step.reason for step in plan.models}
    selected = {*plan.unchanged, *(step.model for step in plan.models)}
    candidates = [model for model in work.dbt.models if model in selected] if work.dbt else []
    changed = set(loaded) | set(reasons)
    for model in candidates:
        above = [str(name) for name in model.inputs if name in changed]
        if model.name not in reasons and above:
            reasons[model.name] = f"{', '.join(above)} {'changes' if len(above) == 1 else 'change'}"
            changed.add(model.name)
    steps = [PlannedStep(str(m.name), "build", reasons[m.name]) for m in candidates if m.name in reasons]
    return steps, len(candidates) - len(steps)
