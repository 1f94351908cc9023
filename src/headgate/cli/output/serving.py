"""What a server says when it begins, and the one time that a token is shown."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from headgate.cli.output.document import Document
from headgate.cli.output.json import plain
from headgate.cli.output.writer import console

if TYPE_CHECKING:
    from rich.console import Console

    from headgate.catalog.model import Ref
    from headgate.run.connecting import Connection
    from headgate.run.tokens import NewToken

_VARIABLE = "HEADGATE_TOKEN"
_ENGINES = "duckdb, spark, trino, pyiceberg and dremio"


def warn(*, open_to_others: bool, no_auth: bool) -> None:
    """Say out loud, on standard error, what is not guarded."""
    warnings = []
    if no_auth:
        warnings.append("No token is asked for: every program on this machine may read and write the lake.")
    if open_to_others:
        warnings.append("Other machines reach this address, and what is sent is not encrypted: put TLS in front of it.")
    screen = console(stderr=True)
    for warning in warnings:
        screen.print("[bold yellow]Warning:[/] ", end="")
        screen.print(warning, markup=False)


def started(project: str, url: str, first: NewToken | None, *, no_auth: bool) -> Document:
    """Where the lake is served, and the token that was made for it."""
    data = {
        "project": project,
        "url": url,
        "iceberg": f"{url}/iceberg",
        "api": f"{url}/api/v1",
        "auth": not no_auth,
        "token": _shown(first) if first else None,
    }

    def text(console: Console) -> None:
        console.print(f"Serving {project} at {url}\n", markup=False)
        console.print(f"  Iceberg REST  {url}/iceberg", markup=False)
        console.print(f"  headgate API  {url}/api/v1", markup=False)
        if first:
            console.print(f"\nThe lake had no token; this one is named {first.token.name} and not shown again:")
            _export(console, first)
        console.print("\n[bold]Next[/]")
        for step in (f"headgate connect duckdb --branch BRANCH --url {url}", f"headgate --catalog {url} tables"):
            console.print(f"  {step}", style="cyan", markup=False)
        console.print("\nCtrl-C ends it.")

    return Document(data, text)


def new_token(made: NewToken) -> Document:
    """A token and its secret."""

    def text(console: Console) -> None:
        until = f" until {made.token.expires:%Y-%m-%d %H:%M} UTC" if made.token.expires else ""
        console.print(f"Token {made.token.name} holds{until}. It is shown once:", markup=False)
        _export(console, made)

    return Document({"tokens": [_shown(made)]}, text)


def connection(found: Connection) -> Document:
    """Settings to paste."""

    def text(console: Console) -> None:
        console.print(f"{found.place}:\n", markup=False, style="bold")
        console.print(found.text, markup=False, soft_wrap=True)
        if found.note:
            console.print(f"\n{found.note}", markup=False, style="dim")

    return Document({"connections": [plain(found)]}, text)


def branch(ref: Ref, at: str) -> Document:
    """A new branch, and the ways to write to it."""

    def text(console: Console) -> None:
        console.print(f"Branch {ref.name} stands at {at}.\n", markup=False)
        console.print("[bold]Next[/]")
        name = shlex.quote(ref.name)
        for step in (f"headgate connect duckdb --branch {name}", f"headgate merge {name} --into main"):
            console.print(f"  {step}", style="cyan", markup=False)
        console.print(f"connect knows {_ENGINES}.", style="dim", markup=False)

    return Document({"branches": [ref]}, text)


def _export(console: Console, made: NewToken) -> None:
    console.print(f"  export {_VARIABLE}={made.secret}", style="cyan", markup=False, soft_wrap=True)


def _shown(made: NewToken) -> dict[str, object]:
    return {**made.token.to_dict(), "secret": made.secret}
