"""`plan` and `run`."""

from __future__ import annotations

import typer

from headgate.cli.invocation import Invocation, command
from headgate.cli.options import RUNNING, Exclude, FullRefresh, Select

# What a program reads when a run could not even start.
_NOT_STARTED: dict[str, object] = {
    "run_id": None,
    "status": "failed",
    "branch": None,
    "commit": None,
    "seconds": 0.0,
    "loads": [],
    "models": [],
    "checks": [],
}


def add(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, panel=RUNNING)(plan)
    command(app, panel=RUNNING)(run)


def plan(
    invocation: Invocation, select: Select = None, exclude: Exclude = None, full_refresh: FullRefresh = False
) -> None:
    """Show what `run` would do now, and why. Changes nothing.

    Examples:
      headgate plan

      headgate plan --select fact_sales+
    """
    from headgate.cli.output import runs

    with invocation.lakehouse() as lake:
        invocation.write(runs.plan(lake.plan(select=select, exclude=exclude, full_refresh=full_refresh)))


def run(
    invocation: Invocation, select: Select = None, exclude: Exclude = None, full_refresh: FullRefresh = False
) -> None:
    """Load new files, build what follows from them, check it, and merge it into main.

    Everything happens on a branch of its own. main moves only when every blocking check passed;
    otherwise the branch is kept for inspection. What has not changed is skipped.

    Exit codes: 0 merged or unchanged, 1 failed, 2 usage, 3 refused by a check, 4 conflict, 130 cancelled.

    Examples:
      headgate run

      headgate run --select source:sales --select stg_sales+

      headgate run --json | jq .status
    """
    from headgate.cli.output import runs

    invocation.context.update(_NOT_STARTED)
    result = None if full_refresh else invocation.settled(select, exclude)
    if result is None:
        with invocation.lakehouse(to_run=True) as lake, invocation.progress() as emit:
            result = lake.run(select=select, exclude=exclude, full_refresh=full_refresh, emit=emit)
    runs.report(invocation, result)
    raise typer.Exit(result.exit_code)
