"""Commits, and what differs between two states."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from headgate.cli.output.columns import Column
from headgate.cli.output.document import Document, listing
from headgate.cli.output.json import plain

if TYPE_CHECKING:
    from rich.console import Console

_CHANGES = [
    Column("change", "change"),
    Column("name", "table"),
    Column("rows_added", "rows added", "number"),
    Column("rows_removed", "rows removed", "number"),
    Column("rows_before", "rows before", "number"),
    Column("rows_after", "rows after", "number"),
    Column("schema", "schema"),
]


def log(commits: Iterable[Any]) -> Document:
    """Commits as a person reads them: id, time, author and message, and the tables below."""
    found = [plain(commit) for commit in commits]

    def text(console: Console) -> None:
        from headgate.cli.output.tables import cell

        for commit in found:
            console.print(
                cell(commit["id"], "commit"), cell(commit["time"], "time"), f" {commit['author']}", markup=False
            )
            console.print(f"  {commit['message']}", markup=False)
            if passed_over := commit["properties"].get("overridden"):
                console.print(f"  passed over: {passed_over}", markup=False)
            names = [f"{_sign(operation)} {operation['name']}" for operation in commit["operations"]]
            more = f", and {len(names) - 12} more" if len(names) > 12 else ""
            if names:
                console.print(f"  {', '.join(names[:12])}{more}", style="dim", markup=False)

    return Document({"commits": found}, text)


def _sign(operation: dict[str, Any]) -> str:
    """`+` for a new name, `-` for one that is gone, `~` for one that changed."""
    if not operation.get("before"):
        return "+"
    return "~" if operation.get("after") else "-"


def diff(found: Any, a: str, b: str) -> Document:
    """What differs, a line per table; of one table also the first of the rows that only one side has."""
    data: dict[str, Any] = plain(found)
    changes = data["changes"]
    shown = listing("changes", changes, _CHANGES, f"{a} and {b} hold the same.")
    columns, rows = data.get("columns"), data.get("rows")

    def text(console: Console) -> None:
        from headgate.cli.output.tables import print_result

        shown.text(console)
        if columns and rows:
            total = sum(change.get(side) or 0 for change in changes for side in ("rows_added", "rows_removed"))
            console.print()
            print_result(console, columns, [[row[name] for name in columns] for row in rows], total)

    return Document(data, text)
