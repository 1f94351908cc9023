"""`branch`, `tag`, `log`, `diff`, `merge` and `revert`."""

from __future__ import annotations

from typing import Annotated

import typer

from headgate.cli.invocation import Invocation, command, shared_options
from headgate.cli.options import VERSIONS, Limit, complete_ref
from headgate.cli.output.columns import Column
from headgate.cli.output.document import listing, statement

At = Annotated[
    str, typer.Option("--at", metavar="REF", autocompletion=complete_ref, help="The state that it starts from.")
]
_COLUMNS = [Column("name", "name"), Column("commit_id", "commit", "commit")]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    branch = typer.Typer(no_args_is_help=True)
    command(branch, "list")(list_branches)
    command(branch, "create")(create_branch)
    command(branch, "delete")(delete_branch)
    about = "Branches: states that move with their commits."
    app.add_typer(branch, name="branch", help=about, rich_help_panel=VERSIONS, callback=shared_options(_group))
    tag = typer.Typer(no_args_is_help=True)
    command(tag, "list")(list_tags)
    command(tag, "create")(create_tag)
    command(tag, "delete")(delete_tag)
    about = "Tags: states with a name."
    app.add_typer(tag, name="tag", help=about, rich_help_panel=VERSIONS, callback=shared_options(_group))
    for function in (log, diff, merge, revert):
        command(app, panel=VERSIONS)(function)


def _group(invocation: Invocation) -> None:
    """The shared options may stand before the name of the subcommand."""


def list_branches(invocation: Invocation) -> None:
    """List the branches and the commits they point at."""
    with invocation.lakehouse() as lake:
        invocation.write(listing("branches", lake.refs("branch"), _COLUMNS, "There is no branch."))


def list_tags(invocation: Invocation) -> None:
    """List the tags and the commits they name."""
    with invocation.lakehouse() as lake:
        invocation.write(listing("tags", lake.refs("tag"), _COLUMNS, "There is no tag: headgate tag create NAME"))


def create_branch(
    invocation: Invocation, name: Annotated[str, typer.Argument(metavar="NAME")], at: At = "main"
) -> None:
    """Create a branch. No data is copied.

    Example: headgate branch create try-new-prices --at main
    """
    from headgate.cli.output import serving

    with invocation.lakehouse() as lake:
        ref = lake.create_branch(name, at)
    invocation.write(serving.branch(ref, at))


def create_tag(invocation: Invocation, name: Annotated[str, typer.Argument(metavar="NAME")], at: At = "main") -> None:
    """Name a state for good.

    Example: headgate tag create 2026-q1 --at main@2026-04-01
    """
    with invocation.lakehouse() as lake:
        ref = lake.create_tag(name, at)
    invocation.write(statement({"tags": [ref]}, f"Tag {name} names {at}, commit {ref.commit_id[:10]}."))


def delete_branch(
    invocation: Invocation, name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_ref)]
) -> None:
    """Delete a branch. Commits that are only on it can then no longer be named by it.

    Example: headgate branch delete run/20260131T120000-3fa9c2
    """
    with invocation.lakehouse() as lake:
        lake.delete_branch(name)
    invocation.write(statement({"branches": [], "deleted": name}, f"Branch {name} is deleted."))


def delete_tag(
    invocation: Invocation, name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_ref)]
) -> None:
    """Delete a tag.

    Example: headgate tag delete 2026-q1
    """
    with invocation.lakehouse() as lake:
        lake.delete_tag(name)
    invocation.write(statement({"tags": [], "deleted": name}, f"Tag {name} is deleted."))


def log(
    invocation: Invocation,
    ref: Annotated[str, typer.Argument(metavar="[REF]", show_default=True, autocompletion=complete_ref)] = "main",
    limit: Limit = 20,
) -> None:
    """Show the commits that led to a state, newest first: who, when, why, and which tables.

    Examples:
      headgate log

      headgate log main@2026-01-31 --limit 5
    """
    from headgate.cli.output import history

    with invocation.lakehouse() as lake:
        invocation.write(history.log(lake.log(ref, limit)))


def diff(
    invocation: Invocation,
    a: Annotated[str, typer.Argument(metavar="A", autocompletion=complete_ref, help="The state before.")],
    b: Annotated[str, typer.Argument(metavar="B", autocompletion=complete_ref, help="The state after.")],
    table: Annotated[str | None, typer.Argument(metavar="[TABLE]", help="Only this table, in detail.")] = None,
) -> None:
    """Compare two states: tables added, removed and changed, their schemas and their rows.

    Examples:
      headgate diff main run/20260131T120000-3fa9c2

      headgate diff main@2026-01-01 main gold.fact_sales
    """
    from headgate.cli.output import history

    with invocation.lakehouse() as lake:
        invocation.write(history.diff(lake.diff(a, b, table), a, b))


def merge(
    invocation: Invocation,
    source: Annotated[
        str, typer.Argument(metavar="FROM", autocompletion=complete_ref, help="The branch whose changes are wanted.")
    ],
    into: Annotated[
        str, typer.Option("--into", metavar="BRANCH", autocompletion=complete_ref, help="The branch that gets them.")
    ],
    override: Annotated[
        str | None,
        typer.Option(
            "--override", metavar="REASON", help="Merge although a check says no; the reason goes into the log."
        ),
    ] = None,
) -> None:
    """Merge one branch into another. Into main only after its checks pass on the merged state.

    Exit codes are those of `headgate run`.

    Examples:
      headgate merge try-new-prices --into main

      headgate merge run/20260131T120000-3fa9c2 --into main --override "known duplicates, ticket 42"
    """
    from headgate.cli.output import runs

    with invocation.lakehouse() as lake:
        with invocation.progress() as emit:
            result = lake.merge(source, into=into, override=override, emit=emit)
        runs.report(invocation, result, into)
    raise typer.Exit(result.exit_code)


def revert(
    invocation: Invocation,
    commit: Annotated[str, typer.Argument(metavar="COMMIT", help="Id of the commit, or its first characters.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it goes into the log.")],
    branch: Annotated[str, typer.Option("--branch", metavar="BRANCH", help="Where to undo it.")] = "main",
) -> None:
    """Undo a commit by a new one. History stays as it was.

    Example: headgate revert 3fa9c2d --reason "wrong exchange rates"
    """
    with invocation.lakehouse() as lake:
        made = lake.revert(commit, branch=branch, reason=reason)
    undone = made.properties.get("reverts", commit)[:10]
    invocation.write(statement({"commits": [made]}, f"Commit {undone} is undone on {branch} by {made.id[:10]}."))
