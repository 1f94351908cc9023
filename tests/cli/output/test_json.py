"""JSON documents keep every digit."""

from __future__ import annotations

import enum
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from headgate.cli.output.json import document, encode, plain
from headgate.types import Name


class Colour(enum.StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Point:
    x: int
    name: Name


@dataclass(frozen=True)
class Told:
    x: int

    def to_dict(self) -> dict[str, object]:
        return {"told": self.x}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (12345678901234567890123456789, "12345678901234567890123456789"),
        (Decimal("12345678901234567890.12345678901234567890"), "12345678901234567890.12345678901234567890"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.10"),
        (0.1, "0.1"),
        (float("nan"), '"nan"'),
        (float("-inf"), '"-inf"'),
        ('Zürich "\\\n', '"Zürich \\"\\\\\\n"'),
        (date(2026, 1, 31), '"2026-01-31"'),
        (time(12, 30), '"12:30:00"'),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), '"2026-01-31T12:00:00+00:00"'),
        (timedelta(days=1, seconds=2), '"1 day, 0:00:02"'),
        (b"\x00\xff", '"00ff"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Path("a/b"), '"a/b"'),
        (Colour.RED, '"red"'),
        (Name.of("gold", "sales"), '"gold.sales"'),
        (Point(1, Name.of("a")), '{"x": 1, "name": "a"}'),
        (Told(2), '{"told": 2}'),
        ([Decimal("1.0"), {"a": (1, 2)}], '[1.0, {"a": [1, 2]}]'),
        ({1: "a", Colour.RED: "b"}, '{"1": "a", "red": "b"}'),
    ],
)
def test_values(value: object, text: str) -> None:
    encoded = encode(plain(value))
    assert encoded == text
    json.loads(encoded)


def test_a_document_reads_back_and_has_an_item_per_line() -> None:
    data = {"columns": [{"name": "a"}], "rows": [{"a": Decimal("1.50")}, {"a": None}], "empty": [], "error": None}
    text = "".join(document(data))
    assert json.loads(text, parse_float=Decimal) == data
    assert '    {"a": 1.50},\n    {"a": null}\n' in text
    assert text.endswith("}\n")


def test_an_empty_document_is_an_object() -> None:
    assert json.loads("".join(document({}))) == {}
