"""The endpoints of the Iceberg REST catalog, each a path with its methods."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from headgate.catalog.interface import MAIN
from headgate.catalog.rest.documents import Documents
from headgate.catalog.rest.serving import Overlay
from headgate.catalog.rest.target import Client, Target
from headgate.errors import HeadgateError
from headgate.run.lake import Lake
from headgate.web.iceberg import namespaces, prefix, tables, views
from headgate.web.iceberg.answers import error_answer, json_answer, told
from headgate.web.iceberg.call import Call
from headgate.web.iceberg.idempotency import LIFETIME, Keyed, Once
from headgate.web.iceberg.repeats import repeated
from headgate.web.iceberg.routing import Endpoint, Params, PathRoute

Handler = Callable[[Call], Response]

_NAMESPACE = "/v1/{prefix}/namespaces/{namespace}"
_TABLE = f"{_NAMESPACE}/tables/{{table}}"
_VIEW = f"{_NAMESPACE}/views/{{view}}"

SERVED: dict[str, dict[str, Handler]] = {
    "/v1/{prefix}/namespaces": {"GET": namespaces.list_all, "POST": namespaces.create},
    _NAMESPACE: {"GET": namespaces.load, "HEAD": namespaces.exists, "DELETE": namespaces.drop},
    f"{_NAMESPACE}/properties": {"POST": namespaces.update},
    f"{_NAMESPACE}/tables": {"GET": tables.list_all, "POST": tables.create},
    _TABLE: {"GET": tables.load, "POST": tables.commit, "DELETE": tables.drop, "HEAD": tables.exists},
    f"{_TABLE}/credentials": {"GET": tables.credentials},
    f"{_TABLE}/metrics": {"POST": tables.report},
    f"{_NAMESPACE}/register": {"POST": tables.register},
    "/v1/{prefix}/tables/rename": {"POST": tables.rename},
    "/v1/{prefix}/transactions/commit": {"POST": tables.transact},
    f"{_NAMESPACE}/views": {"GET": views.list_all, "POST": views.create},
    _VIEW: {"GET": views.load, "POST": views.commit, "DELETE": views.drop, "HEAD": views.exists},
    "/v1/{prefix}/views/rename": {"POST": views.rename},
    f"{_NAMESPACE}/register-view": {"POST": views.register},
}
"""What `/v1/config` lists."""

_UNSUPPORTED: dict[str, tuple[str, ...]] = {
    f"{_TABLE}/plan": ("POST",),
    f"{_TABLE}/plan/{{plan-id}}": ("GET", "DELETE"),
    f"{_TABLE}/tasks": ("POST",),
    f"{_TABLE}/sign": ("POST",),
}


def routes(lake: Lake) -> list[BaseRoute]:
    """The catalog's routes, to be mounted wherever the server wants them."""
    service = _Service(lake)
    endpoints = {
        path: {method: service.endpoint(handler) for method, handler in handlers.items()}
        for path, handlers in SERVED.items()
    }
    endpoints |= {path: dict.fromkeys(methods, _unsupported) for path, methods in _UNSUPPORTED.items()}
    # A namespace named `namespaces` is not the end of a prefix with a slash: those come last.
    narrow = [PathRoute(path, methods) for path, methods in endpoints.items()]
    wide = [PathRoute(path, methods, wide=True) for path, methods in endpoints.items()]
    return [PathRoute("/v1/config", {"GET": service.config}), *narrow, *wide]


class _Service:
    """An open lake as the endpoints need it."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._documents = Documents(lake.storage)
        self._overlay = Overlay.of(lake.storage, lake.project.settings.catalog.client_gc)
        self._once = Once(lake.db, lake.catalog)

    def endpoint(self, handler: Handler) -> Endpoint:
        """The answer to a request by a handler, which runs in a thread of its own."""

        async def answer(request: Request, params: Params) -> Response:
            content = await request.body()
            return await run_in_threadpool(_told, partial(self._answer, handler, request, params, content))

        return answer

    def _answer(self, handler: Handler, request: Request, params: Params, content: bytes) -> Response:
        key = request.headers.get("idempotency-key")
        if key is None or request.method not in ("POST", "DELETE") or handler is tables.report:
            return handler(self._call(request, params, content))
        at = prefix.decode(params["prefix"])
        keyed = Keyed.of(key, at, request.method, f"{request.url.path}?{request.url.query}", content)
        call = self._call(request, params, content, keyed.key)
        return self._once.answer(keyed, partial(_told, partial(handler, call)), partial(repeated, handler, call))

    def _call(self, request: Request, params: Params, content: bytes, key: str | None = None) -> Call:
        target = self._target(request, params, key)
        return Call(target, params, request.query_params, request.headers, content)

    async def config(self, request: Request, params: Params) -> Response:
        """`GET /v1/config`: the branch, tag, commit or time that `warehouse` names becomes the client's prefix."""
        ref = request.query_params.get("warehouse") or MAIN
        return await run_in_threadpool(_told, partial(self._config, self._target(request, {"prefix": ref})))

    def _config(self, target: Target) -> Response:
        target.state()
        return json_answer(
            {
                "defaults": {},
                "overrides": {"prefix": prefix.encode(target.at)},
                "idempotency-key-lifetime": LIFETIME,
                "endpoints": [f"{method} {path}" for path, handlers in SERVED.items() for method in handlers],
            }
        )

    def _target(self, request: Request, params: Params, key: str | None = None) -> Target:
        principal = getattr(request.state, "principal", None)
        author = getattr(principal, "name", None) or self._lake.project.author
        engine = request.headers.get("user-agent")
        client = Client(str(author), engine, key, makes_folders="duckdb" not in (engine or "").lower())
        return Target(
            self._lake.catalog,
            self._lake.storage,
            self._documents,
            self._overlay,
            prefix.decode(params["prefix"]),
            client,
            self._lake.project.protect,
        )


def _told(answer: Callable[[], Response]) -> Response:
    try:
        return answer()
    except HeadgateError as error:
        return told(error)


async def _unsupported(request: Request, params: Params) -> Response:
    return error_answer(406, "UnsupportedOperationException", "This catalog leaves the planning of scans to clients")
