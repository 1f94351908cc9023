"""`serve`, `token` and `connect`: the lake for other programs, who may ask, and what to tell them."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from headgate.cli.invocation import Invocation, command, shared_options
from headgate.cli.options import SERVING, complete_ref
from headgate.cli.output.columns import Column
from headgate.cli.output.document import listing

_TOKENS = [
    Column("name", "name"),
    Column("status", "status", "status"),
    Column("created", "created", "time"),
    Column("expires", "expires", "time"),
    Column("revoked", "revoked", "time"),
]


class Level(enum.StrEnum):
    """What the server's log holds."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"


def add(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, panel=SERVING)(serve)
    command(app, panel=SERVING)(connect)
    token = typer.Typer(no_args_is_help=True)
    command(token, "create")(create_token)
    command(token, "list")(list_tokens)
    command(token, "revoke")(revoke_token)
    about = "Tokens: who may ask a server for this lake."
    app.add_typer(token, name="token", help=about, rich_help_panel=SERVING, callback=shared_options(_group))


def _group(invocation: Invocation) -> None:
    """The shared options may stand before the name of the subcommand."""


def serve(
    invocation: Invocation,
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", help="Address to listen on; 0.0.0.0 for all of this machine's.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, metavar="PORT", help="0 for any that is free.")
    ] = 8181,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Answer without tokens. Only on loopback, so only this machine can ask.")
    ] = False,
    log_level: Annotated[
        Level, typer.Option("--log-level", help="What standard error tells; info has a line per request.")
    ] = Level.WARNING,
) -> None:
    """Serve the lake: an Iceberg REST catalog for every engine, and headgate's own API, until Ctrl-C.

    Whoever asks needs a token. The first one is made and shown when the lake has none.

    Examples:
      headgate serve

      headgate serve --host 0.0.0.0 --port 9000 --log-level info
    """
    from headgate.cli.output import serving
    from headgate.web import server

    listener = server.bind(host, port, only_loopback=no_auth)
    with listener, invocation.lakehouse() as lake:
        serving.warn(open_to_others=server.is_open(listener), no_auth=no_auth)

        def tell() -> None:
            # Only now: a token that is made and never shown would be of no use to anybody.
            first = None if no_auth else lake.lake.tokens.create_first()
            url = server.url_of(listener)
            invocation.announce(serving.started(lake.project.name, url, first, no_auth=no_auth))

        server.serve(lake.lake, listener, tell, no_auth=no_auth, log_level=log_level)


def connect(
    invocation: Invocation,
    engine: Annotated[str, typer.Argument(metavar="ENGINE", help="duckdb, spark, trino, pyiceberg or dremio.")],
    branch: Annotated[
        str,
        typer.Option("--branch", "-b", metavar="BRANCH", autocompletion=complete_ref, help="What to work on."),
    ] = "main",
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Address of the server. Default: --catalog's, or headgate serve's."),
    ] = None,
) -> None:
    """Print the settings with which another engine works on a branch. The token is not among them.

    Examples:
      headgate connect duckdb

      headgate connect spark --branch team/feature-1
    """
    from headgate.cli.output import serving

    with invocation.lakehouse() as lake:
        invocation.write(serving.connection(lake.connect(engine, branch, url)))


def create_token(
    invocation: Invocation,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the log calls whoever uses it.")],
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="TIME", help="As 90d or 12h. Default: when it is revoked.")
    ] = None,
) -> None:
    """Make a token and show it, once. Whoever has it may read and write as the name.

    Examples:
      headgate token create spark

      headgate token create ci --expires 90d
    """
    from headgate.cli.output import serving
    from headgate.run.tokens import parse_lifetime

    lifetime = parse_lifetime(expires) if expires else None
    with invocation.lakehouse() as lake:
        invocation.write(serving.new_token(lake.lake.tokens.create(name, lifetime)))


def list_tokens(invocation: Invocation) -> None:
    """List the tokens, without their secrets.

    Example: headgate token list
    """
    with invocation.lakehouse() as lake:
        invocation.write(
            listing("tokens", lake.lake.tokens.list(), _TOKENS, "No token yet: headgate token create NAME")
        )


def revoke_token(invocation: Invocation, name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """End a token. Servers refuse it from the next request on.

    Example: headgate token revoke ci
    """
    with invocation.lakehouse() as lake:
        token = lake.lake.tokens.revoke(name)
    invocation.write(listing("tokens", [token], _TOKENS, ""))
