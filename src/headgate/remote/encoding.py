"""Values as JSON: plain for a reader, exact for a program that wants the values back.

Python's `json` writes a `Decimal` only after it was turned into a float or a string; here it is a number with all its
digits.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import json
import math
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from headgate.errors import HeadgateError
from headgate.types import Name

EXACT = "application/vnd.headgate+json"
"""The media type of documents in the exact form."""

_MARK = "$"
_MICROSECOND = timedelta(microseconds=1)


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


def exact(value: Any) -> Any:
    """A value as what JSON has, from which `restore` makes it again.

    What JSON lacks is an object with two keys, `$` for the kind and `value`. A dataclass is its fields, whatever else
    it may have to say of itself.
    """
    if value is None or (isinstance(value, bool | str) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, enum.Enum):
        return exact(value.value)
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, HeadgateError):
        return exact(value.to_dict())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: exact(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value) and _MARK not in value:
            return {key: exact(item) for key, item in value.items()}
        return {_MARK: "map", "value": [[exact(key), exact(item)] for key, item in value.items()]}
    for kind, (write, _) in _KINDS.items():
        if isinstance(value, _CLASSES[kind]):
            return {_MARK: kind, "value": write(value)}
    if isinstance(value, Iterable):
        return [exact(item) for item in value]
    return str(value)


def restore(value: Any) -> Any:
    """The value that `exact` was given; tuples come back as lists, dataclasses as dicts."""
    if isinstance(value, list):
        return [restore(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _MARK not in value:
        return {key: restore(item) for key, item in value.items()}
    if value[_MARK] == "map":
        return {restore(key): restore(item) for key, item in value["value"]}
    return _KINDS[value[_MARK]][1](value["value"])


# A time is a date as well, and both have to be asked for in this order.
_CLASSES: dict[str, type | tuple[type, ...]] = {
    "timestamp": datetime,
    "date": date,
    "time": time,
    "interval": timedelta,
    "decimal": Decimal,
    "float": float,
    "bytes": (bytes, bytearray, memoryview),
    "uuid": uuid.UUID,
}
_KINDS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "timestamp": (datetime.isoformat, datetime.fromisoformat),
    "date": (date.isoformat, date.fromisoformat),
    "time": (time.isoformat, time.fromisoformat),
    "interval": (lambda value: value // _MICROSECOND, lambda value: value * _MICROSECOND),
    "decimal": (str, Decimal),
    "float": (str, float),
    "bytes": (lambda value: base64.b64encode(bytes(value)).decode(), base64.b64decode),
    "uuid": (str, uuid.UUID),
}
