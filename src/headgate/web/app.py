"""The application: every route of the server, behind one door."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from headgate.catalog.interface import MAIN
from headgate.errors import HeadgateError
from headgate.run.lake import Lake
from headgate.web import api, errors, iceberg
from headgate.web.auth import TOKEN_ENDPOINT, Auth, Authentication
from headgate.web.limits import LARGEST_BODY, Limits
from headgate.web.oauth import TokenEndpoint

THREADS = 16
"""How many calls to the catalog and the engine run at once; others wait their turn."""

_READY_SECONDS = 5
_log = logging.getLogger("headgate.web")


def create_app(lake: Lake, auth: Auth, *, threads: int = THREADS, largest_body: int = LARGEST_BODY) -> Starlette:
    """The server's application over an open lake, which it shares between threads and does not close.

    Args:
        lake: The lake.
        auth: Tells who asks.
        threads: How many synchronous calls run at once.
        largest_body: The most bytes that a request may have.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = threads
        yield

    app = Starlette(
        routes=[
            Route("/health", _health),
            Route("/ready", _Readiness(lake).answer),
            Route(TOKEN_ENDPOINT, TokenEndpoint(lake.tokens).answer, methods=["POST"]),
            Mount(errors.ICEBERG, routes=iceberg.routes(lake)),
            *api.routes(lake),
        ],
        middleware=[Middleware(Limits, largest=largest_body), Middleware(Authentication, auth=auth)],
        exception_handlers={
            HeadgateError: errors.told,
            HTTPException: errors.refused,
            Exception: errors.unforeseen,
        },
        lifespan=lifespan,
    )
    # A redirect would name the server as the request's headers call it.
    app.router.redirect_slashes = False
    return app


async def _health(request: Request) -> Response:
    """Whether the process lives."""
    return JSONResponse({"status": "alive"})


class _Readiness:
    """Whether the catalog answers; a server that waits for its database is alive and not ready."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._limiter = CapacityLimiter(1)
        self._asking: asyncio.Task[None] | None = None

    async def answer(self, request: Request) -> Response:
        # All who ask meanwhile wait for one question: anybody may ask, and a stuck database keeps its thread.
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(to_thread.run_sync(self._ask, limiter=self._limiter))
            self._asking.add_done_callback(_noted)
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await asyncio.shield(self._asking)
        except (HeadgateError, TimeoutError) as error:
            _log.error("The server is not ready: %s", str(error) or f"no answer for {_READY_SECONDS} seconds")
            return JSONResponse({"status": "not ready"}, 503)
        return JSONResponse({"status": "ready"})

    def _ask(self) -> None:
        self._lake.catalog.ref(MAIN)


def _noted(asking: asyncio.Task[None]) -> None:
    """Look at what became of a question: of one that nobody waits for any more asyncio logs the error as a bug."""
    if not asking.cancelled():
        asking.exception()
