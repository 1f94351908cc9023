"""Tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headgate.cli.output.columns import Column
from headgate.cli.output.json import encode, moment, plain
from headgate.errors import counted

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127)} | {9: "\\t", 10: "\\n", 13: "\\r"}
# Wider values are cut on a terminal, unless they are the only column.
_WIDEST = 40
_STYLES = {
    "passed": "green",
    "merged": "green",
    "built": "green",
    "ok": "green",
    "unchanged": "dim",
    "skipped": "dim",
    "warn": "yellow",
    "warning": "yellow",
    "refused": "red",
    "failed": "red",
    "error": "red",
    "conflict": "red",
}


def grid(title: str | None = None) -> Table:
    """A table without lines but one below its head."""
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")


def print_listing(console: Console, rows: Sequence[dict[str, Any]], columns: Sequence[Column], empty: str) -> None:
    """Print items as a table; columns that no item has are left out."""
    if not rows:
        console.print(empty, style="dim", markup=False)
        return
    shown = [column for column in columns if any(column.value(row) not in (None, "", []) for row in rows)]
    table = grid()
    for column in shown:
        right = column.style in ("number", "bytes", "seconds")
        table.add_column(column.title, justify="right" if right else "left", overflow="ellipsis", no_wrap=right)
    for row in rows:
        table.add_row(*(cell(column.value(row), column.style) for column in shown))
    console.print(table)


def cell(value: object, style: str = "") -> Text:
    """A value of a listing as text."""
    if value is None:
        return Text("")
    if style == "commit":
        return Text(str(value)[:10], style="cyan")
    if style == "status":
        return Text(str(value), style=_STYLES.get(str(value), ""))
    return Text(_formatted(value, style))


def _formatted(value: object, style: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if style == "number" and isinstance(value, int):
        return f"{value:,}"
    if style == "bytes" and isinstance(value, int):
        return size(value)
    if style == "seconds" and isinstance(value, int | float):
        return f"{value:.2f} s"
    if style == "time" and isinstance(value, str):
        return moment(datetime.fromisoformat(value))
    if isinstance(value, list):
        return ", ".join(_formatted(item, "") for item in value)
    return one_line(str(value))


def size(count: int) -> str:
    """Bytes in the unit that a person would use."""
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def one_line(text: str) -> str:
    """Text without line breaks and control characters, which would break the table or steer the terminal."""
    return text.translate(_CONTROL)


def result_value(value: object) -> Text:
    """A value of a query's result: as it is, NULL told apart from the empty string."""
    if value is None:
        return Text("NULL", style="dim")
    if isinstance(value, datetime):
        return Text(str(value))
    told = plain(value)
    return Text(one_line(told if isinstance(told, str) else encode(told)))


def print_result(
    console: Console, columns: Sequence[str], rows: Sequence[Sequence[object]], total: int | None, *, indent: int = 0
) -> None:
    """Print rows of a query, as many columns as the terminal is wide.

    Args:
        console: Where to.
        columns: Their names.
        rows: Those that are shown.
        total: How many rows there are; None where that is not to be said.
        indent: How far from the left.
    """
    cells = [[result_value(value) for value in row] for row in rows]
    widths = [max([len(name), *(row[index].cell_len for row in cells)]) for index, name in enumerate(columns)]
    most = _WIDEST if console.is_terminal and len(columns) > 1 else max(widths, default=1)
    fitting = len(columns)
    if console.is_terminal:
        fitting = _fitting([min(wide, most) for wide in widths], console.width - indent)
    table = grid()
    for index, name in enumerate(columns[:fitting]):
        table.add_column(
            Text(one_line(name)),
            justify="right" if _is_numeric([row[index] for row in rows]) else "left",
            no_wrap=True,
            overflow="ellipsis",
            max_width=most,
        )
    for line in cells:
        table.add_row(*line[:fitting])
    console.print(Padding(table, (0, 0, 0, indent), expand=False))
    notes = [] if total is None else [counted(total, "row")]
    if total is not None and total > len(rows):
        notes = [f"{len(rows):,} of {notes[0]}"]
    if fitting < len(columns):
        notes.append(f"left out for width: {', '.join(columns[fitting:])}")
    if notes:
        console.print(f"{' ' * indent}({'; '.join(notes)})", style="dim", markup=False)


def _is_numeric(values: Sequence[object]) -> bool:
    """Whether a column holds numbers only, and is therefore set flush right."""
    given = [value for value in values if value is not None]
    return bool(given) and all(isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in given)


def _fitting(widths: Sequence[int], width: int) -> int:
    """How many columns stand side by side, at least one."""
    used = 0
    for index, wide in enumerate(widths):
        used += wide + (2 if index else 0)
        if used > width and index:
            return index
    return len(widths)
