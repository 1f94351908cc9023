"""Tables on a terminal and in a pipe."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rich.console import Console

from headgate.cli.output.columns import Column
from headgate.cli.output.tables import cell, print_listing, print_result, size


def screen(width: int | None) -> Console:
    """A terminal of a width, or a pipe."""
    terminal = width is not None
    return Console(
        file=io.StringIO(), width=width or 10_000, force_terminal=terminal, color_system=None, highlight=False
    )


def printed(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_numbers_are_flush_right_and_null_is_not_empty() -> None:
    console = screen(80)
    print_result(console, ["id", "name", "paid"], [(1, "a", Decimal("12.50")), (20, "", None)], 2)
    assert printed(console) == [
        "id  name   paid",
        " 1  a     12.50",
        "20         NULL",
        "(2 rows)",
    ]


def test_columns_that_do_not_fit_are_named() -> None:
    console = screen(20)
    print_result(console, ["first", "second", "third"], [("x" * 8, "y" * 8, "z" * 8)], 1)
    lines = printed(console)
    assert lines[0] == "first     second"
    assert "left out for width: third" in " ".join(lines)


def test_a_pipe_gets_everything() -> None:
    console = screen(None)
    print_result(console, ["a", "b"], [("x" * 500, "y" * 500)], 1)
    assert printed(console)[1] == "x" * 500 + "  " + "y" * 500


def test_wide_values_are_cut_on_a_terminal_unless_alone() -> None:
    console = screen(200)
    print_result(console, ["a", "b"], [("x" * 100, "y")], 1)
    assert printed(console)[1].startswith("x" * 39 + "…")
    console = screen(200)
    print_result(console, ["a"], [("x" * 100,)], 1)
    assert printed(console)[1] == "x" * 100


def test_rows_that_are_not_shown_are_counted() -> None:
    console = screen(80)
    print_result(console, ["a"], [(1,), (2,)], 1234)
    assert printed(console)[-1] == "(2 of 1,234 rows)"


def test_text_cannot_steer_the_terminal() -> None:
    console = screen(80)
    print_result(console, ["a[red]\x1b"], [("line\nbreak \x1b[31m [bold]",)], 1)
    assert printed(console)[:2] == ["a[red]\\x1b", "line\\nbreak \\x1b[31m [bold]"]


def test_nested_values_are_json() -> None:
    console = screen(80)
    print_result(console, ["a", "b", "c"], [({"x": [1, None]}, [Decimal("1.0")], True)], 1)
    assert printed(console)[1] == '{"x": [1, null]}  [1.0]  true'


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        (1234567, "number", "1,234,567"),
        (999, "bytes", "999 B"),
        (1500, "bytes", "1.5 KB"),
        (2_340_000_000, "bytes", "2.3 GB"),
        (1.234, "seconds", "1.23 s"),
        ("0123456789abcdef", "commit", "0123456789"),
        (datetime(2026, 1, 31, 12, 5, tzinfo=UTC).isoformat(), "time", "2026-01-31 12:05:00Z"),
        (["a", "b"], "", "a, b"),
        (None, "number", ""),
    ],
)
def test_styles(value: object, style: str, text: str) -> None:
    assert cell(value, style).plain == text


def test_sizes_end_at_terabytes() -> None:
    assert size(5 * 10**15) == "5000.0 TB"


def test_a_listing_leaves_out_columns_that_nothing_has() -> None:
    console = screen(80)
    columns = [Column("name", "name"), Column("rows", "rows", "number"), Column("comment", "comment")]
    print_listing(console, [{"name": "a", "rows": 0}, {"name": "b", "rows": 12}], columns, "none")
    assert printed(console) == ["name  rows", "a        0", "b       12"]


def test_an_empty_listing_says_what_to_do() -> None:
    console = screen(80)
    print_listing(console, [], [], "Nothing yet: headgate run")
    assert printed(console) == ["Nothing yet: headgate run"]
