"""One request of an Iceberg client, read: where it goes, what it says, and who asks."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Never

from starlette.datastructures import Headers, QueryParams

from headgate.catalog.rest.fields import Json, as_object
from headgate.catalog.rest.names import check_name, levels_of
from headgate.catalog.rest.problems import BadRequest
from headgate.catalog.rest.target import Target
from headgate.types import Name


@dataclass(frozen=True)
class Call:
    """What an endpoint is called with.

    Attributes:
        target: The state or branch that the prefix names.
        params: Parts of the path.
        query: Parameters after it.
        headers: The request's headers.
        content: The request's body.
    """

    target: Target
    params: Mapping[str, str]
    query: QueryParams
    headers: Headers
    content: bytes = field(repr=False)

    @property
    def levels(self) -> tuple[str, ...]:
        """The namespace in the path."""
        return levels_of(self.params["namespace"])

    @property
    def table(self) -> Name:
        """The table in the path."""
        return check_name((*self.levels, self.params["table"]))

    @property
    def view(self) -> Name:
        """The view in the path."""
        return check_name((*self.levels, self.params["view"]))

    def body(self) -> Json:
        """The request's body as a JSON object.

        Raises:
            BadRequest: It is none.
        """
        try:
            return as_object(json.loads(self.content, parse_constant=_refuse, parse_float=_finite), "body")
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"Malformed request: the body is not JSON: {error}") from error

    def page(self) -> tuple[str | None, int | None]:
        """The page of a list that is asked for: its token and its size.

        Raises:
            BadRequest: The size is not a number above 0.
        """
        size = self.query.get("pageSize")
        if size is None:
            return self.query.get("pageToken"), None
        if not size.isascii() or not size.isdigit() or int(size[:10]) < 1:
            raise BadRequest(f"Invalid page size: '{size:.20}'")
        return self.query.get("pageToken"), int(size[:10])

    def tags(self) -> list[str]:
        """The versions that the client has already."""
        given = self.headers.get("if-none-match", "").split(",")
        return [tag.strip().removeprefix("W/").strip('"') for tag in given if tag.strip()]

    def choice(self, name: str, known: tuple[str, ...]) -> str:
        """A query parameter that is one of some words, the first when it is absent.

        Raises:
            BadRequest: It is another.
        """
        value = self.query.get(name, known[0])
        if value.lower() not in known:
            raise BadRequest(f"Invalid {name}: '{value:.20}' is none of {', '.join(known)}")
        return value.lower()


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)
