"""The routes of headgate's own API as one table, from which both the handlers and their description are made.

An operation is a method of the facade: its arguments are the method's, by name and type, and its summary is the
method's first line.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.errors import UsageError, did_you_mean
from headgate.lakehouse import Lakehouse
from headgate.remote import arrowstream
from headgate.remote.protocol import LINES

_LARGEST = 2**31 - 1
_HINT = "GET /api/v1/openapi.json describes the arguments."
_TYPES: dict[str, type] = {"str": str, "int": int, "bool": bool}


@dataclass(frozen=True)
class Argument:
    """An argument of an operation.

    Attributes:
        where: `path`, `query` or `body`.
        type: `str`, `int` or `bool`.
        nullable: Whether null, or leaving it out, means something of its own.
        required: Whether it has to be given.
    """

    name: str
    where: str
    type: type
    nullable: bool
    required: bool
    default: Any = None

    def read(self, value: Any) -> Any:
        """The argument's value out of JSON, or out of text where it stands in the address.

        Raises:
            UsageError: It cannot be one.
        """
        if self.where != "body" and self.type is int and isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}", value):
            value = int(value)
        if self.nullable and (value is None or (value == "" and self.where == "query")):
            return None
        if type(value) is not self.type or (isinstance(value, int) and not 0 <= value <= _LARGEST):
            wanted = {"str": "text", "int": "a whole number from 0 on", "bool": "true or false"}[self.type.__name__]
            raise UsageError(f"The argument '{self.name}' is to be {wanted}, not {str(value)[:60]!r}.", hint=_HINT)
        if isinstance(value, str) and ("\0" in value or not _encodes(value)):
            raise UsageError(
                f"The argument '{self.name}' holds characters that are no text.", hint="Send UTF-8 without NUL."
            )
        return value


@dataclass(frozen=True)
class Operation:
    """A route, and the method of the facade that answers it.

    Attributes:
        method: Of HTTP.
        path: Below `/api/v1`; arguments in braces.
        name: Of the facade's method.
        key: Where the result stands in the answer; None where the answer is the result.
        status: Of the answer when all is well.
        answers: Media types besides JSON that the answer may have.
    """

    method: str
    path: str
    name: str
    key: str | None = None
    status: int = 200
    answers: tuple[str, ...] = ()

    @property
    def call(self) -> Callable[..., Any]:
        """The facade's method, whose first argument is the lake."""
        found: Callable[..., Any] = getattr(Lakehouse, self.name)
        return found

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return (inspect.getdoc(self.call) or "").partition("\n")[0]

    @functools.cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """The arguments that a request may give."""
        in_path = set(re.findall(r"{(\w+)}", self.path))
        elsewhere = "query" if self.method in ("GET", "DELETE") else "body"
        found = []
        for parameter in list(inspect.signature(self.call).parameters.values())[1:]:
            kind, _, null = str(parameter.annotation).partition(" | ")  # annotations are text in that module
            if kind in _TYPES:
                required = parameter.default is inspect.Parameter.empty
                where = "path" if parameter.name in in_path else elsewhere
                default = None if required else parameter.default
                found.append(Argument(parameter.name, where, _TYPES[kind], null == "None", required, default))
        return tuple(found)

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a call, out of what a request gives.

        Raises:
            UsageError: One is unknown, missing, or not what it has to be.
        """
        known = {argument.name: argument for argument in self.arguments}
        for name in given:
            if name not in known:
                raise UsageError(
                    f"There is no argument {name[:60]!r} here.", hint=did_you_mean(name[:60], known) or _HINT
                )
        for argument in self.arguments:
            if argument.required and argument.name not in given:
                raise UsageError(f"The argument '{argument.name}' is missing.", hint=_HINT)
        return {name: known[name].read(value) for name, value in given.items()}


OPERATIONS = (
    Operation("POST", "/query", "query", answers=(arrowstream.MEDIA_TYPE,)),
    Operation("GET", "/tables", "tables", "tables"),
    Operation("GET", "/tables/{table}", "show", "table"),
    Operation("GET", "/loads", "loads", "loads"),
    Operation("GET", "/runs", "runs", "runs"),
    Operation("GET", "/checks", "checks", "checks"),
    Operation("GET", "/refs", "refs", "refs"),
    Operation("POST", "/branches", "create_branch", "branch", 201),
    Operation("DELETE", "/branches/{name}", "delete_branch", status=204),
    Operation("POST", "/tags", "create_tag", "tag", 201),
    Operation("DELETE", "/tags/{name}", "delete_tag", status=204),
    Operation("GET", "/log", "log", "commits"),
    Operation("GET", "/diff", "diff"),
    Operation("POST", "/merge", "merge", answers=(LINES,)),
    Operation("POST", "/revert", "revert", "commit"),
    Operation("GET", "/quarantine", "quarantine_list", "quarantine"),
    Operation("GET", "/quarantine/{table}", "quarantine_show", "rows"),
)


def _encodes(text: str) -> bool:
    """Whether a text has no half of a surrogate pair, which JSON lets through."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
