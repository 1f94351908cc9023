"""Building models and running tests: dbt's own build, on the nodes that were planned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dbt.artifacts.schemas.results import NodeStatus
from dbt.node_types import NodeType
from dbt_common.exceptions import DbtBaseException

from headgate.catalog.localfiles import disk_errors
from headgate.engines.workspace import Workspace
from headgate.errors import ModelError
from headgate.events import Emit, ignore
from headgate.transform.adapter import Target
from headgate.transform.definition import Definition
from headgate.transform.failures import as_model_error, origin_of
from headgate.transform.manifest import read_manifest, scratch_folder
from headgate.transform.runtime import dbt_invocation
from headgate.transform.task import PlannedBuild
from headgate.transform.values import BuildResult, DbtProject, Model, PlannedModel, Test
from headgate.transform.versions import Versions
from headgate.types import literal


def build(
    dbt: DbtProject,
    workspace: Workspace,
    planned: Sequence[PlannedModel],
    tests: Sequence[Test] = (),
    emit: Emit = ignore,
    *,
    full_refresh: bool = False,
) -> BuildResult:
    """Build models and run tests in dbt's order; what depends on a failed model or blocking test is skipped.

    Nothing is committed: tables and views are in the workspace, as are the failing rows of tests, in `checks.<test>`.

    Args:
        dbt: The project.
        workspace: The state that is read and written.
        planned: What to build.
        tests: What to test.
        emit: Is told when models start and finish and of checks. What it raises stops the build and is raised.
        full_refresh: Build incremental models from nothing.

    Raises:
        Cancelled: A statement was interrupted.
        ModelError: dbt cannot start: a package is missing, a hook of the project fails.
        StorageError: The disk is full.
    """
    if not planned and not tests:
        return BuildResult((), ())
    models = {entry.model.unique_id: entry.model for entry in planned}
    nodes: dict[str, Model | Test] = {**models, **{test.unique_id: test for test in tests}}
    versions = Versions(workspace)

    def properties(unique_id: str) -> dict[str, str]:
        return versions.properties(models[unique_id]) if unique_id in models else {}

    target = Target(workspace, properties)
    try:
        with (
            disk_errors(str(dbt.definition.folder)),
            target.registered() as target_id,
            scratch_folder(dbt.definition) as scratch,
            _paths_start_from(dbt.root, workspace),
            dbt_invocation(dbt.definition, scratch, target_id=target_id, full_refresh=full_refresh) as invocation,
        ):
            manifest = read_manifest(dbt.packed)
            invocation.use(manifest)
            task = PlannedBuild(invocation, manifest, dbt.definition, nodes, target, emit)
            task.run()
            _raise_for_hooks(task, dbt.definition)
    except DbtBaseException as error:
        raise as_model_error(error, dbt.definition) from origin_of(error, dbt.definition)
    warnings = tuple(map(dbt.definition.masked, invocation.warnings))
    return BuildResult(tuple(task.models), tuple(task.checks), warnings, task.computed)


@contextmanager
def _paths_start_from(root: Path, workspace: Workspace) -> Iterator[None]:
    """Let relative paths in SQL, such as `read_csv('data/x.csv')`, start from the project, wherever the process is."""
    workspace.session.execute(f"SET file_search_path = {literal(str(root))}")
    try:
        yield
    finally:
        workspace.session.execute("RESET file_search_path")


def _raise_for_hooks(task: PlannedBuild, definition: Definition) -> None:
    """Raise when `on-run-start` or `on-run-end` of the project failed: dbt goes on and reports it at the end."""
    for result in task.node_results:
        if result.node.resource_type == NodeType.Operation and result.status == NodeStatus.Error:
            raise ModelError(
                definition.masked(str(result.message)),
                place=result.node.original_file_path,
                hint="Correct the hook in dbt_project.yml.",
            )
