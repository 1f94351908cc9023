"""`quarantine`: rows that broke their contract."""

from __future__ import annotations

from typing import Annotated

import typer

from headgate.cli.elsewhere import elsewhere
from headgate.cli.invocation import Invocation, command, shared_options
from headgate.cli.options import RUNNING, Limit, Ref
from headgate.cli.output.columns import Column
from headgate.cli.output.document import listing
from headgate.types import Name

_SUMMARY = [
    Column("status", "status", "status"),
    Column("source", "source"),
    Column("table", "table"),
    Column("rule", "rule"),
    Column("column", "column"),
    Column("rows", "rows", "number"),
    Column("example", "for example"),
    Column("file", "file"),
]
_ROWS = [
    Column("file", "file"),
    Column("row", "row"),
    Column("rule", "rule"),
    Column("column", "column"),
    Column("value", "value"),
    Column("reason", "reason"),
    # What could not be cut into values is kept as the line that it was.
    Column("raw", "as it came", instead="raw_line"),
]
Table = Annotated[str, typer.Argument(metavar="TABLE", help="Name of the table, as `quarantine list` shows it.")]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(no_args_is_help=True)
    command(group, "list")(list_tables)
    for function in (show, replay, discard):
        command(group)(function)
    app.add_typer(
        group,
        name="quarantine",
        help="Rows that broke their contract: look at them, load them again, or discard them.",
        rich_help_panel=RUNNING,
        callback=shared_options(_group),
    )


def _group(invocation: Invocation) -> None:
    """The shared options may stand before the name of the subcommand."""


def list_tables(invocation: Invocation, ref: Ref = "main") -> None:
    """List what is in quarantine, by table and rule.

    Example: headgate quarantine list
    """
    with invocation.lakehouse() as lake:
        found = lake.quarantine_list(ref)
        hint = None if found else elsewhere(lake, lake.quarantine_list, ref, "headgate quarantine list")
    invocation.write(listing("quarantine", found, _SUMMARY, f"Nothing is in quarantine on {ref}.", hint=hint))


def show(invocation: Invocation, table: Table, ref: Ref = "main", limit: Limit = 20) -> None:
    """Show refused rows as they came, with rule, column, value, file and row.

    Example: headgate quarantine show sales --limit 5
    """
    with invocation.lakehouse() as lake:
        rows = lake.quarantine_show(table, ref, limit)
        name = Name.parse(table).table

        def held(ref: str) -> list[int]:
            return [group["rows"] for group in lake.quarantine_list(ref) if group["table"] == name]

        total = sum(held(ref))
        hint = None if rows else elsewhere(lake, held, ref, f"headgate quarantine show {table}")
    empty = f"No row of {table} is in quarantine on {ref}."
    invocation.write(listing("rows", rows, _ROWS, empty, hint=hint, total=total))


def replay(invocation: Invocation, table: Table) -> None:
    """Read refused rows again under the contract as it is now; those that pass are loaded.

    Correct the contract in ingestion/ first. The result passes the same checks as a run.

    Example: headgate quarantine replay sales
    """
    from headgate.cli.output import runs

    with invocation.lakehouse() as lake:
        with invocation.progress() as emit:
            result = lake.quarantine_replay(table, emit=emit)
        runs.report(invocation, result)
    raise typer.Exit(result.exit_code)


def discard(
    invocation: Invocation,
    table: Table,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it goes into the log.")],
    where: Annotated[
        str | None, typer.Option("--where", metavar="SQL", help="Only rows that meet this, such as \"rule = 'type'\".")
    ] = None,
) -> None:
    """Drop refused rows for good. The ledger still counts them.

    Example: headgate quarantine discard sales --reason "test rows of the vendor"
    """
    from headgate.cli.output import runs

    with invocation.lakehouse() as lake:
        with invocation.progress() as emit:
            result = lake.quarantine_discard(table, reason=reason, where=where, emit=emit)
        runs.report(invocation, result)
    raise typer.Exit(result.exit_code)
