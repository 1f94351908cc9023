"""What a command hands to its writer: the data, and how a person sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headgate.cli.output.columns import Column
from headgate.cli.output.json import plain
from headgate.errors import counted

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Document:
    """A result.

    Attributes:
        data: The JSON document.
        text: Prints the same for a person.
    """

    data: Mapping[str, Any]
    text: Callable[[Console], None]


def listing(
    key: str,
    items: Iterable[Any],
    columns: Iterable[Column],
    empty: str,
    *,
    hint: str | None = None,
    total: int | None = None,
) -> Document:
    """A list of things as a table.

    Args:
        key: The plural under which the things stand in the JSON document.
        items: Dataclasses or dicts.
        columns: What of each is shown.
        empty: What is said when there is none.
        hint: The next step when there is none; a line of its own for each command.
        total: How many there are, where no more than a limit are given.
    """
    rows = [plain(item) for item in items]

    def text(console: Console) -> None:
        from headgate.cli.output.tables import print_listing

        print_listing(console, rows, list(columns), empty)
        for line in (hint or "").splitlines() if not rows else ():
            console.print(f"  {line}", markup=False, style=command_style(line), soft_wrap=True)
        if total is not None and total > len(rows):
            shown = f"({len(rows):,} of {counted(total, 'row')}; --limit N shows more)"
            console.print(shown, style="dim", markup=False)

    further = ({"hint": hint} if hint and not rows else {}) | ({} if total is None else {"total": total})
    return Document({key: rows} | further, text)


def command_style(line: str) -> str:
    """The style of a line of a hint: commands stand out, to be pasted."""
    return "cyan" if line.startswith("headgate ") else ""


def statement(data: Mapping[str, Any], sentence: str) -> Document:
    """A result that one sentence tells."""

    def text(console: Console) -> None:
        console.print(sentence, markup=False)

    return Document(data, text)
