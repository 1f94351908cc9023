"""Dataclasses out of the documents of a server, by their own annotations."""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from headgate import errors
from headgate.errors import HeadgateError, ServerError

T = TypeVar("T")


def structure(kind: type[T], value: Any) -> T:
    """A value of a type, out of what `restore` gave.

    Keys that the type does not know are passed over: they are a newer server's.

    Raises:
        ServerError: The value is not one of that type.
    """
    try:
        made: T = _made(kind, value)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ServerError(
            f"The server's answer is no {getattr(kind, '__name__', kind)}: {error}.",
            hint="Server and client are of different versions: upgrade the older one.",
        ) from error
    return made


def error_of(document: Mapping[str, Any]) -> HeadgateError:
    """The error that a server told of, as the class that it was raised as there."""
    found = getattr(errors, str(document.get("type")), None)
    kind = found if isinstance(found, type) and issubclass(found, HeadgateError) else HeadgateError
    data = document.get("data")
    return kind(
        str(document.get("message")),
        place=document.get("place"),
        hint=document.get("hint"),
        data=dict(data) if isinstance(data, Mapping) else None,
    )


def _made(kind: Any, value: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        return None if value is None else _made(inner[0], value)
    if origin is tuple:
        return tuple(_made(arguments[0], item) for item in value)
    if origin is list:
        return [_made(arguments[0], item) for item in value]
    if origin is dict:
        return {key: _made(arguments[1], item) for key, item in value.items()}
    if not isinstance(kind, type):
        return value
    if issubclass(kind, HeadgateError):
        return error_of(value)
    if issubclass(kind, enum.Enum):
        return kind(value)
    if dataclasses.is_dataclass(kind):
        fields = _fields(kind)
        return kind(**{name: _made(fields[name], item) for name, item in value.items() if name in fields})
    if kind in (str, int, bool) and not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return float(value) if kind is float else value


@functools.cache
def _fields(kind: type) -> dict[str, Any]:
    """The fields of a dataclass with what their annotations mean."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
