"""Options and arguments that several commands share."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from headgate.errors import HeadgateError


def complete_ref(incomplete: str) -> list[str]:
    """Branches and tags of the project at hand that begin with what was typed, for the shell's completion."""
    from headgate import lakehouse
    from headgate.project import Project

    try:
        project = Project.open(os.environ.get("HEADGATE_PROJECT"))
        if not project.state_dir.is_dir():
            return []
        with lakehouse.Lakehouse(project) as lake:
            return [ref.name for ref in lake.refs() if ref.name.startswith(incomplete)]
    except HeadgateError:
        return []


READING = "Look at the lake"
RUNNING = "Fill the lake"
VERSIONS = "Branches and history"
RECORDS = "What happened"
SERVING = "Share the lake"
PROJECT = "The project"

Ref = Annotated[
    str,
    typer.Option(
        "--ref",
        metavar="REF",
        autocompletion=complete_ref,
        help="State to read: a branch, a tag, a commit, or BRANCH@TIME such as main@2026-01-31T12:00.",
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", "-n", min=1, metavar="N", help="At most this many.")]
Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        "-s",
        metavar="WHAT",
        help="Only these: dbt's selection syntax for models, source:NAME for loads. Several are added up.",
    ),
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", "-x", metavar="WHAT", help="All but these; as --select.")
]
FullRefresh = Annotated[
    bool,
    typer.Option(
        "--full-refresh",
        help="Rebuild incremental models from all of their input, not only the new; sources that --select names are "
        "loaded again from their files.",
    ),
]
