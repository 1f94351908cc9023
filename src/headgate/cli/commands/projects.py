"""`init` and `sources`: starting a project and describing what flows in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.invocation import Invocation, command, shared_options
from headgate.cli.options import PROJECT
from headgate.cli.output.columns import Column
from headgate.cli.output.document import listing

_SOURCES = [
    Column("name", "source"),
    Column("table", "table"),
    Column("load", "load"),
    Column("files", "files"),
    Column("description", "description"),
]
_PROBLEMS = [
    Column("status", "status", "status"),
    Column("source", "source"),
    Column("name", "source"),
    Column("files", "files", "number"),
    Column("message", "found"),
    Column("place", "at"),
    Column("hint", "next step"),
]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, panel=PROJECT)(init)
    group = typer.Typer(no_args_is_help=True)
    command(group, "add")(add_sources)
    command(group, "list")(list_sources)
    command(group, "check")(check_sources)
    app.add_typer(
        group,
        name="sources",
        help="Sources and their contracts in ingestion/.",
        rich_help_panel=PROJECT,
        callback=shared_options(_group),
    )


def _group(invocation: Invocation) -> None:
    """The shared options may stand before the name of the subcommand."""


def init(
    invocation: Invocation,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new project.")],
    example: Annotated[
        str | None, typer.Option("--example", metavar="NAME", help="Start from an example, such as mobility.")
    ] = None,
) -> None:
    """Start a project: headgate.yml, folders, and JSON Schemas so that editors complete and check its files.

    Examples:
      headgate init my-lake

      headgate init demo --example mobility
    """
    from headgate import lakehouse
    from headgate.cli.output import details

    invocation.write(details.new_project(directory, lakehouse.init_project(directory, example=example)))


def add_sources(
    invocation: Invocation,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders, globs (s3:// too) or https:// addresses.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the source. Default: from the file's name.")
    ] = None,
) -> None:
    """Look at files and write a first contract for them, for you to read and correct.

    Types, formats, required columns and a key are inferred from the data; what is uncertain is said.

    Examples:
      headgate sources add data/sales.csv

      headgate sources add "data/2026-*.csv.gz" --name sessions
    """
    from headgate.cli.output import details

    with invocation.lakehouse() as lake:
        invocation.write(details.inferred(lake.add_sources(paths, name=name)))


def list_sources(invocation: Invocation) -> None:
    """List the sources of the project.

    Example: headgate sources list
    """
    with invocation.lakehouse() as lake:
        invocation.write(listing("sources", lake.sources(), _SOURCES, "No source yet: headgate sources add PATH"))


def check_sources(invocation: Invocation) -> None:
    """Check the contracts, whether their files are there, and whether the first has the columns; loads nothing.

    Columns are those of a header: records of JSON have none. Exit code 1 when a source is wrong.

    Example: headgate sources check
    """
    with invocation.lakehouse() as lake:
        found = lake.check_sources()
    invocation.write(listing("sources", found, _PROBLEMS, "No source yet: headgate sources add PATH"))
    if any(str(getattr(item, "status", "ok")) in ("error", "failed") for item in found):
        raise typer.Exit(1)
