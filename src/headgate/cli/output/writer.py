"""The two writers: text for a person, and one JSON document for a program.

Results go to standard output, errors and progress to standard error.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, Protocol

from headgate.cli.output import json
from headgate.cli.output.document import Document, command_style
from headgate.cli.output.streams import write_utf8
from headgate.errors import HeadgateError

if TYPE_CHECKING:
    from rich.console import Console

# Wide enough for every table: what goes into a pipe is cut by nobody.
_UNLIMITED = 100_000


class Writer(Protocol):
    """Where a command's result and its error go."""

    def write(self, document: Document) -> None:
        """Show a result."""

    def error(self, error: HeadgateError, *, debug: bool = False, context: dict[str, Any] | None = None) -> None:
        """Show an error; `context` is what the command's JSON document holds besides."""


class TextWriter:
    """Tables and sentences."""

    def write(self, document: Document) -> None:
        document.text(console())
        # A server tells where it is long before it ends.
        sys.stdout.flush()

    def error(self, error: HeadgateError, *, debug: bool = False, context: dict[str, Any] | None = None) -> None:
        if debug:
            traceback.print_exception(error)
        screen = console(stderr=True)
        screen.print("[bold red]Error:[/] ", end="")
        screen.print(error.message, markup=False)
        if error.place:
            screen.print(f"  at {error.place}", markup=False)
        for line in (error.hint or "").splitlines():
            screen.print(f"  {line}", markup=False, style=command_style(line))


class JsonWriter:
    """One object on standard output, errors included; the error stands on standard error as text as well."""

    def write(self, document: Document) -> None:
        write_utf8()
        for piece in json.document(document.data):
            sys.stdout.write(piece)
        sys.stdout.flush()

    def error(self, error: HeadgateError, *, debug: bool = False, context: dict[str, Any] | None = None) -> None:
        TextWriter().error(error, debug=debug)
        self.write(Document({**(context or {}), "error": error.to_dict()}, lambda _: None))


def console(*, stderr: bool = False) -> Console:
    """A Rich console; what does not end on a terminal is not cut to a width."""
    from headgate.cli.output.screen import Screen

    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or os.environ.get("COLUMNS") else _UNLIMITED
    return Screen(file=stream, width=wide, highlight=False, emoji=False, soft_wrap=stderr)
