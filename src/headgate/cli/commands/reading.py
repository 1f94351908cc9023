"""`query`, `tables` and `show`."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.invocation import Invocation, command
from headgate.cli.options import READING, Ref
from headgate.cli.output.columns import Column
from headgate.cli.output.document import listing


class Format(enum.StrEnum):
    """How a query's result is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


def add(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, panel=READING)(query)
    command(app, panel=READING)(tables)
    command(app, panel=READING)(show)


def query(
    invocation: Invocation,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="A statement that reads; - takes it from standard input.")],
    ref: Ref = "main",
    form: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="Default: table, or what the name of --output ends in."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here, not to standard output.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", "-n", min=0, metavar="N", help="At most this many rows. Default: 50 in a table, else all."
        ),
    ] = None,
) -> None:
    """Ask the lake in SQL (DuckDB's). Reads only.

    Tables are named schema.table, as `headgate tables` lists them; the schema headgate has the system tables
    loads, runs, checks, commits, refs and tables.

    Examples:
      headgate query "select * from gold.fact_sales limit 10"

      headgate query "from headgate.loads" --ref main@2026-01-31

      headgate query "from silver.orders" --output orders.parquet
    """
    from headgate.cli.output import queries

    chosen = queries.chosen_format(form, output, json=invocation.json)
    with invocation.lakehouse() as lake, lake.stream(queries.statement(sql), ref=ref) as answer:
        queries.write(answer, chosen, output, limit)


def tables(invocation: Invocation, ref: Ref = "main") -> None:
    """List the tables and views of a state.

    Examples:
      headgate tables

      headgate tables --ref run/20260131T120000-3fa9c2
    """
    columns = [
        Column("name", "table"),
        Column("kind", "kind"),
        Column("rows", "rows", "number"),
        Column("bytes", "size", "bytes"),
        Column("updated", "updated", "time"),
        Column("comment", "description"),
    ]
    with invocation.lakehouse() as lake:
        invocation.write(
            listing("tables", lake.tables(ref), columns, f"No tables at {ref} yet: headgate run makes them.")
        )


def show(
    invocation: Invocation,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Name as schema.table.")],
    ref: Ref = "main",
) -> None:
    """Show a table: its columns, layout, snapshots, files and properties.

    Examples:
      headgate show gold.fact_sales

      headgate show bronze.sales --ref v1.0
    """
    from headgate.cli.output import details

    with invocation.lakehouse() as lake:
        invocation.write(details.table(lake.show(table, ref)))
