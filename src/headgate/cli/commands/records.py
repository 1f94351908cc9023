"""`loads`, `checks`, `runs` and `doctor`: what happened, and whether all is well."""

from __future__ import annotations

from typing import Annotated

import typer

from headgate.cli.elsewhere import elsewhere
from headgate.cli.invocation import Invocation, command
from headgate.cli.options import RECORDS, Limit, Ref
from headgate.cli.output.columns import Column
from headgate.cli.output.document import listing

_LOADS = [
    Column("source", "source"),
    Column("file", "file"),
    Column("read", "read", "number"),
    Column("loaded", "loaded", "number"),
    Column("quarantined", "quarantined", "number"),
    Column("duplicates", "duplicates", "number"),
    Column("finished", "finished", "time"),
]
_CHECKS = [
    Column("status", "status", "status"),
    Column("severity", "severity"),
    Column("name", "check"),
    Column("failures", "failures", "number"),
    Column("table", "table"),
    Column("table_name", "table"),
    Column("message", "message"),
    Column("run_id", "run"),
]
_RUNS = [
    Column("run_id", "run"),
    Column("status", "status", "status"),
    Column("started", "started", "time"),
    Column("finished", "finished", "time"),
    Column("commit", "commit", "commit"),
    Column("branch", "branch"),
]
_FINDINGS = [
    Column("status", "status", "status"),
    Column("name", "looked at"),
    Column("message", "found"),
    Column("hint", "next step"),
]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    for function in (loads, checks, runs, doctor):
        command(app, panel=RECORDS)(function)


def loads(invocation: Invocation, ref: Ref = "main") -> None:
    """List the files that were loaded, and what became of their rows.

    For every file: read = loaded + quarantined + duplicates.

    Example: headgate loads
    """
    with invocation.lakehouse() as lake:
        found = lake.loads(ref)
        hint = None if found else elsewhere(lake, lake.loads, ref, "headgate loads") or "headgate run"
    invocation.write(listing("loads", found, _LOADS, f"Nothing was loaded on {ref} yet.", hint=hint))


def checks(
    invocation: Invocation,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Of this run. Default: of the latest.")
    ] = None,
) -> None:
    """List the checks of a run and how they came out, refused runs included.

    Example: headgate checks --run 20260131T120000-3fa9c2
    """
    nothing = f"Run {run} carried out no check." if run else "No check has run yet: headgate run"
    with invocation.lakehouse() as lake:
        invocation.write(listing("checks", lake.checks(run), _CHECKS, nothing))


def runs(invocation: Invocation, limit: Limit = 20) -> None:
    """List the runs, newest first, refused and failed ones too.

    Example: headgate runs --limit 5
    """
    with invocation.lakehouse() as lake:
        invocation.write(listing("runs", lake.runs()[:limit], _RUNS, "There was no run yet: headgate run"))


def doctor(invocation: Invocation) -> None:
    """Verify the project, the history and the files of the lake; exit code 1 when something is wrong.

    Example: headgate doctor
    """
    with invocation.lakehouse() as lake:
        findings = lake.doctor()
    invocation.write(listing("findings", findings, _FINDINGS, "All is well."))
    if any(str(getattr(finding, "status", "error")) in ("error", "failed") for finding in findings):
        raise typer.Exit(1)
