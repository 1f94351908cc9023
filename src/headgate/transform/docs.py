"""dbt's documentation site of a state."""

from __future__ import annotations

from pathlib import Path

from dbt.cli.types import Command
from dbt.task.docs.generate import GenerateTask
from dbt_common.exceptions import DbtBaseException

from headgate.engines.workspace import Workspace
from headgate.transform.adapter import Target
from headgate.transform.failures import as_model_error, origin_of
from headgate.transform.manifest import read_manifest
from headgate.transform.runtime import dbt_invocation
from headgate.transform.values import DbtProject


def generate_docs(dbt: DbtProject, workspace: Workspace, out: Path | None = None) -> Path:
    """Write `manifest.json`, `catalog.json` and the page `index.html` that shows them.

    Args:
        dbt: The project.
        workspace: The state whose tables are described.
        out: The folder; `.headgate/dbt/docs` if None.

    Returns:
        The folder.

    Raises:
        ModelError: A model does not compile.
    """
    out = out or dbt.definition.folder / "docs"
    out.mkdir(parents=True, exist_ok=True)
    target = Target(workspace, lambda _: {})
    try:
        with (
            target.registered() as target_id,
            dbt_invocation(dbt.definition, out, target_id=target_id, command=Command.DOCS_GENERATE) as invocation,
        ):
            manifest = read_manifest(dbt.packed)
            invocation.use(manifest)
            GenerateTask(invocation.flags, invocation.config, manifest).run()
    except DbtBaseException as error:
        raise as_model_error(error, dbt.definition) from origin_of(error, dbt.definition)
    return out
