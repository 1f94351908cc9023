"""One JSON document, in which no digit is lost.

Python's `json` writes a `Decimal` only after it was turned into a float or a string; here it is a number with all its
digits. The values of a list stand on a line each, so that a document can be read, compared and cut by line.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from headgate.types import Name


def plain(value: Any) -> Any:
    """A value of headgate or of a query as what JSON has: dict, list, str, int, float, Decimal, bool, None.

    A dataclass is its `to_dict()`, or its fields; an enumeration its value; times are ISO 8601; bytes hexadecimal;
    numbers that JSON does not have (NaN, infinity) are text; whatever else is, as a UUID or a path, its text.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, str | int):
        return value
    if isinstance(value, float | Decimal):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, Name):
        return str(value)
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


def document(data: Mapping[str, Any]) -> Iterator[str]:
    """The text of a document, in pieces: its keys, and the items of its lists, on lines of their own."""
    yield "{"
    for index, (key, value) in enumerate(data.items()):
        yield f"{',' if index else ''}\n  {json.dumps(key)}: "
        if isinstance(value, list | tuple) and value:
            yield "["
            for position, item in enumerate(value):
                yield f"{',' if position else ''}\n    {encode(plain(item))}"
            yield "\n  ]"
        else:
            yield encode(plain(value))
    yield "\n}\n" if data else "}\n"


def encode(value: Any) -> str:
    """A plain value as JSON on one line."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {encode(item)}" for key, item in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(encode(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def moment(value: datetime) -> str:
    """A time as a person reads it, in UTC, to the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if value.tzinfo else value.isoformat(" ", "seconds")
