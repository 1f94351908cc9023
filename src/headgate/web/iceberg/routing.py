"""Finding an endpoint by the path as it was sent: `%2F` in a name is part of the name and ends nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from headgate.web.iceberg.answers import error_answer

Params = dict[str, str]
Endpoint = Callable[[Request, Params], Awaitable[Response]]
_PREFIX = "{prefix}"


class PathRoute(BaseRoute):
    """One path and its methods.

    Args:
        path: Segments such as `/v1/{prefix}/namespaces/{namespace}`.
        methods: What answers each method.
        wide: Whether the prefix is several segments, from a client that sends a name with `/` as it is.
    """

    def __init__(self, path: str, methods: dict[str, Endpoint], *, wide: bool = False) -> None:
        self.path = path
        self.methods = methods
        self._wide = wide
        self._segments = path.strip("/").split("/")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for this path; in part, when it is but for its method."""
        if scope["type"] != "http":
            return Match.NONE, {}
        params = self._match(raw_segments(scope))
        if params is None:
            return Match.NONE, {}
        return (Match.FULL if scope["method"] in self.methods else Match.PARTIAL), {"iceberg": params}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that matched."""
        endpoint = self.methods.get(scope["method"])
        if endpoint is None:
            allowed = ", ".join(sorted(self.methods))
            response = not_allowed(scope["method"], allowed)
        else:
            response = await endpoint(Request(scope, receive), scope["iceberg"])
        await response(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        """Nothing is looked up by name."""
        raise NoMatchFound(name, path_params)

    def _match(self, segments: Sequence[str]) -> Params | None:
        extra = len(segments) - len(self._segments)
        if (extra < 1 or _PREFIX not in self._segments) if self._wide else extra:
            return None
        params: Params = {}
        position = 0
        for wanted in self._segments:
            width = 1 + extra if wanted == _PREFIX else 1
            found = "/".join(segments[position : position + width])
            position += width
            if wanted.startswith("{"):
                params[wanted[1:-1]] = found
            elif found != wanted:
                return None
        return params if all(params.values()) else None


def not_allowed(method: str, allowed: str) -> Response:
    """The answer to a method that a path does not take."""
    return error_answer(405, "UnsupportedOperationException", f"{method} is not supported here", {"Allow": allowed})


def raw_segments(scope: Scope) -> list[str]:
    """The segments of the path below where the catalog is mounted, each decoded by itself."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    root = scope.get("root_path", "").encode()
    path = raw.removeprefix(root).split(b"?")[0].strip(b"/")
    return [unquote_to_bytes(segment).decode("utf-8", "surrogateescape") for segment in path.split(b"/")]
