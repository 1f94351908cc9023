"""One call of the command line: the options that every command takes, and what they come to.

The options may stand before the command's name and after it.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.output.document import Document
from headgate.cli.output.writer import JsonWriter, TextWriter, Writer
from headgate.errors import UsageError

if TYPE_CHECKING:
    from headgate.events import Emit
    from headgate.lakehouse import Lakehouse
    from headgate.run.result import RunResult

Handler = Callable[..., None]

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Those by which a command is asked to end."""

_PANEL = "Options of every command"
_SHARED: dict[str, Any] = {
    "project": Annotated[
        Path | None,
        typer.Option(
            "--project",
            metavar="DIR",
            help="Folder of the project. Default: $HEADGATE_PROJECT, else this folder or the closest above.",
            rich_help_panel=_PANEL,
        ),
    ],
    "catalog": Annotated[
        str | None,
        typer.Option(
            "--catalog",
            metavar="URL",
            help="Address of a server, instead of a project: http://host:port. Default: $HEADGATE_CATALOG. "
            "$HEADGATE_TOKEN holds the token.",
            rich_help_panel=_PANEL,
        ),
    ],
    "profile": Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="Profile of headgate.yml, such as prod. Default: $HEADGATE_PROFILE.",
            rich_help_panel=_PANEL,
        ),
    ],
    "json": Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of text.", rich_help_panel=_PANEL)
    ],
    "debug": Annotated[bool, typer.Option("--debug", help="Add the traceback to an error.", rich_help_panel=_PANEL)],
}


@dataclass
class Invocation:
    """What was asked for besides the command itself.

    Attributes:
        project: Folder of the project, or None to look for it.
        catalog: Address of a server to ask instead of a project, or None.
        profile: Name of the profile, or None for the project's own choice.
        json: Whether one JSON document is wanted.
        debug: Whether errors come with a traceback.
        context: What the JSON document of an error holds besides `error`.
    """

    project: Path | None = None
    catalog: str | None = None
    profile: str | None = None
    json: bool = False
    debug: bool = False
    context: dict[str, Any] = field(default_factory=dict)

    @property
    def writer(self) -> Writer:
        return JsonWriter() if self.json else TextWriter()

    def write(self, document: Document) -> None:
        """Show the result, which is the last thing that a command does."""
        only_tell()
        self.writer.write(document)

    def announce(self, document: Document) -> None:
        """Show what is so while the command goes on."""
        self.writer.write(document)

    @property
    def server(self) -> str | None:
        """Address of the server that is to be asked, or None for a project.

        Raises:
            UsageError: Both are asked for, or the address is none.
        """
        if self.catalog and self.project:
            raise UsageError("--catalog and --project exclude each other.", hint="Leave one of them away.")
        chosen = self.catalog or (None if self.project else os.environ.get("HEADGATE_CATALOG"))
        if chosen and not chosen.startswith(("http://", "https://")):
            raise UsageError(
                f"The address of a server is http://HOST:PORT, not '{chosen}'.",
                hint="--project DIR and --profile NAME choose a project and its own catalog.",
            )
        return chosen or None

    @contextmanager
    def lakehouse(self, *, to_run: bool = False) -> Iterator[Lakehouse]:
        """The lakehouse that the command is about: a project's, or a server's.

        Args:
            to_run: Whether the command runs it at once.
        """
        from headgate import lakehouse

        opened = lakehouse.open_to_run if to_run and not self.server else lakehouse.open
        with opened(self.server or self._folder, profile=self.profile) as lake:
            yield lake

    def settled(self, select: Sequence[str] | None, exclude: Sequence[str] | None) -> RunResult | None:
        """The outcome of a run of the project that has nothing to do; None where only running tells."""
        from headgate import lakehouse

        return None if self.server else lakehouse.settled(self._folder, self.profile, select, exclude)

    @property
    def _folder(self) -> Path | str | None:
        return self.project or os.environ.get("HEADGATE_PROJECT") or None

    @contextmanager
    def progress(self) -> Iterator[Emit]:
        """A consumer of a run's events: bars on a terminal, a line per phase in a pipe, nothing beside JSON."""
        from headgate.cli.output import progress

        with progress.consumer(quiet=self.json) as emit:
            yield emit

    def add(self, project: Path | None, catalog: str | None, profile: str | None, json: bool, debug: bool) -> None:
        """Take over options that were given at one place; those that were not leave what stands."""
        self.project = project or self.project
        self.catalog = catalog or self.catalog
        self.profile = profile or self.profile
        self.json = json or self.json
        self.debug = debug or self.debug


def only_tell() -> None:
    """Let signals be: the command has ended, and whoever asked it to end has it so, once its answer is written."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def command(app: typer.Typer, name: str | None = None, *, panel: str | None = None) -> Callable[[Handler], Handler]:
    """Register a handler as a command that takes the shared options; its first parameter is the `Invocation`."""

    def register(function: Handler) -> Handler:
        handler = shared_options(function)
        app.command(name, rich_help_panel=panel)(handler)
        return handler

    return register


def shared_options(function: Handler) -> Handler:
    """A handler with the shared options added to its signature, for Typer to read."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("ctx", keyword, annotation=typer.Context)]
    parameters += [parameter.replace(kind=keyword) for parameter in own]
    for name, annotation in _SHARED.items():
        default = False if name in ("json", "debug") else None
        parameters.append(inspect.Parameter(name, keyword, default=default, annotation=annotation))

    @functools.wraps(function)
    def handler(*, ctx: typer.Context, **arguments: Any) -> None:
        invocation = ctx.ensure_object(Invocation)
        invocation.add(**{name: arguments.pop(name) for name in _SHARED})
        function(invocation, **arguments)

    handler.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # inspect reads it, mypy does not know it
    return handler
