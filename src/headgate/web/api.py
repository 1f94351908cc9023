"""headgate's own API: the reading and versioning methods of the facade, as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from anyio import CapacityLimiter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from headgate.errors import UsageError
from headgate.lakehouse import Lakehouse
from headgate.remote.encoding import EXACT, encode, exact, plain
from headgate.remote.protocol import PREFIX, VERSION
from headgate.run.connecting import reach
from headgate.run.lake import Lake
from headgate.version import __version__
from headgate.web.answers import QUERIES, merging, querying
from headgate.web.openapi import describe
from headgate.web.operations import OPERATIONS, Operation

_MERGES = 2
_JSON = "application/json"


def routes(lake: Lake) -> list[BaseRoute]:
    """The routes below `/api/v1`."""
    description = describe(OPERATIONS)

    async def about(request: Request) -> Response:
        told = {"headgate": __version__, "api": VERSION, "project": lake.project.name, "files": reach(lake)}
        return _document(request, told, 200)

    async def openapi(request: Request) -> Response:
        return _document(request, description, 200)

    found: list[BaseRoute] = [Route(PREFIX, about), Route(f"{PREFIX}/openapi.json", openapi)]
    queries, merges = CapacityLimiter(QUERIES), CapacityLimiter(_MERGES)
    for operation in OPERATIONS:
        # A name may hold slashes, which arrive as such even where the client has encoded them.
        path = PREFIX + operation.path.replace("}", ":path}")
        found.append(Route(path, _handler(lake, operation, queries, merges), methods=[operation.method]))
    return found


def _handler(
    lake: Lake, operation: Operation, queries: CapacityLimiter, merges: CapacityLimiter
) -> Callable[[Request], Any]:
    async def handle(request: Request) -> ASGIApp:
        arguments = operation.read(await _given(request, operation))
        acting = lake.acting_as(request.state.principal.name)
        accept = request.headers.get("accept", "")
        if operation.name == "query":
            return querying(acting, arguments, accept, queries)
        facade = Lakehouse(acting.project, acting)
        if operation.name == "merge":
            return merging(facade, arguments, accept, merges)

        def answer() -> Response:
            result = operation.call(facade, **arguments)
            if operation.status == 204:
                return Response(status_code=204)
            return _document(request, {operation.key: result} if operation.key else result, operation.status)

        return await run_in_threadpool(answer)

    return handle


async def _given(request: Request, operation: Operation) -> dict[str, Any]:
    """What a request gives as arguments, whichever way.

    Raises:
        UsageError: The body is no JSON object, or something is given twice.
    """
    given: dict[str, Any] = dict(request.path_params)
    if operation.method == "POST":
        given |= _object(await request.body())
    for name, value in request.query_params.multi_items():
        if name in given:
            raise UsageError(
                f"The argument {name[:60]!r} is given twice.",
                place=request.url.path,
                hint="Give it in the address or in the body.",
            )
        given[name] = value
    return given


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The body is no JSON: {error}.", hint="Send a JSON object of arguments.") from error
    if not isinstance(found, dict):
        raise UsageError(
            f"The body is a JSON {type(found).__name__}, not an object of arguments.", hint='Send {"name": value, ...}.'
        )
    return found


def _document(request: Request, data: Mapping[str, Any], status: int) -> Response:
    """Data as JSON, in the form that the client wants."""
    if EXACT in request.headers.get("accept", ""):
        return Response(json.dumps(exact(data)), status, media_type=EXACT)
    return Response(encode(plain(data)), status, media_type=_JSON)
