"""Reading JSON that others sent: every value is checked for its type, and what is wrong is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.catalog.rest.problems import BadRequest

Json = dict[str, Any]
"""A JSON object."""

_INT = 1 << 31
_LONG = 1 << 63


def as_object(value: object, what: str) -> Json:
    """The value as a JSON object."""
    if not isinstance(value, dict):
        raise _wrong(what, value, "an object")
    return value


def object_of(holder: Mapping[str, Any], key: str) -> Json:
    """The JSON object under a key."""
    return as_object(_present(holder, key), key)


def items_of(holder: Mapping[str, Any], key: str, *, missing_is_empty: bool = False) -> list[Any]:
    """The list under a key."""
    if missing_is_empty and holder.get(key) is None:
        return []
    value = _present(holder, key)
    if not isinstance(value, list):
        raise _wrong(key, value, "a list")
    return value


def text_of(holder: Mapping[str, Any], key: str) -> str:
    """The text under a key."""
    value = _present(holder, key)
    if not isinstance(value, str):
        raise _wrong(key, value, "a string")
    return storable(value, key)


def optional_text(holder: Mapping[str, Any], key: str) -> str | None:
    """The text under a key, or None when there is none."""
    return None if holder.get(key) is None else text_of(holder, key)


def int_of(holder: Mapping[str, Any], key: str) -> int:
    """The 32-bit integer under a key."""
    return as_int(_present(holder, key), key, _INT)


def long_of(holder: Mapping[str, Any], key: str) -> int:
    """The 64-bit integer under a key."""
    return as_int(_present(holder, key), key, _LONG)


def optional_long(holder: Mapping[str, Any], key: str) -> int | None:
    """The 64-bit integer under a key, or None when there is none."""
    return None if holder.get(key) is None else long_of(holder, key)


def flag_of(holder: Mapping[str, Any], key: str, default: bool = False) -> bool:
    """The boolean under a key."""
    value = holder.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _wrong(key, value, "true or false")
    return value


def ints_of(holder: Mapping[str, Any], key: str) -> list[int]:
    """The list of 32-bit integers under a key."""
    return [as_int(value, key, _INT) for value in items_of(holder, key)]


def longs_of(holder: Mapping[str, Any], key: str) -> list[int]:
    """The list of 64-bit integers under a key."""
    return [as_int(value, key, _LONG) for value in items_of(holder, key)]


def texts_of(holder: Mapping[str, Any], key: str, *, missing_is_empty: bool = False) -> list[str]:
    """The list of texts under a key."""
    values = items_of(holder, key, missing_is_empty=missing_is_empty)
    for value in values:
        if not isinstance(value, str):
            raise _wrong(key, value, "a string")
    return [storable(value, key) for value in values]


def text_map(holder: Mapping[str, Any], key: str, *, missing_is_empty: bool = False) -> dict[str, str]:
    """The map from text to text under a key."""
    if missing_is_empty and holder.get(key) is None:
        return {}
    found = object_of(holder, key)
    for name, value in found.items():
        storable(name, key)
        if not isinstance(value, str):
            raise _wrong(f"{key}: {name}", value, "a string")
        storable(value, f"{key}: {name}")
    return dict(found)


def as_int(value: object, what: str, limit: int = _INT) -> int:
    """The value as an integer below a limit."""
    if isinstance(value, bool) or not isinstance(value, int) or not -limit <= value < limit:
        raise _wrong(what, value, "an integer" if limit == _INT else "a long integer")
    return value


def without_nulls(value: Any) -> Any:
    """JSON without the members of objects that are null."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def identifier_of(holder: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The table identifier under a key: the levels of its namespace, and its name."""
    identifier = object_of(holder, key)
    return (*texts_of(identifier, "namespace"), text_of(identifier, "name"))


def listed(names: Sequence[str]) -> str:
    """Names for a message."""
    return ", ".join(names)


def storable(text: str, what: str) -> str:
    """Text that a database and UTF-8 can hold."""
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise BadRequest(f"Cannot read '{what}': it holds a character that cannot be stored")
    return text


def _present(holder: Mapping[str, Any], key: str) -> object:
    value = holder.get(key)
    if value is None:
        raise BadRequest(f"Cannot read the request: '{key}' is missing")
    return value


def _wrong(what: str, value: object, wanted: str) -> BadRequest:
    shown = repr(value)
    return BadRequest(f"Cannot read '{what}': {shown if len(shown) <= 60 else shown[:57] + '...'} is not {wanted}")
