"""What a command hands to its writer: the data, and how a person sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headgate.cli.output.columns import Column
from headgate.cli.output.json import plain

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


def listing(key: str, items: Iterable[Any], columns: Iterable[Column], empty: str) -> Document:
    """A list of things as a table.

    Args:
        key: The plural under which the things stand in the JSON document.
        items: Dataclasses or dicts.
        columns: What of each is shown.
        empty: What is said when there is none.
    """
    rows = [plain(item) for item in items]

    def text(console: Console) -> None:
        from headgate.cli.output.tables import print_listing

        print_listing(console, rows, list(columns), empty)

    return Document({key: rows}, text)


def statement(data: Mapping[str, Any], sentence: str) -> Document:
    """A result that one sentence tells."""

    def text(console: Console) -> None:
        console.print(sentence, markup=False)

    return Document(data, text)
