"""What one client may take of the server: the size of its body, and time that nothing happens in."""

from __future__ import annotations

import asyncio
import logging

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headgate.errors import UsageError
from headgate.web.errors import error_response
from headgate.web.streaming import Broken

LARGEST_BODY = 64 * 1024 * 1024
"""Bytes; the largest request is a commit of many data files to many tables, and that is manifests, not rows."""

_BODY_SECONDS = 30
_SEND_SECONDS = 120
_log = logging.getLogger("headgate.web")


class Limits:
    """Ends requests that are too large or too slow, and refuses paths that climb.

    Args:
        app: What is behind.
        largest: The most bytes of a body.
        body_seconds: How long the next piece of a body may take to come.
        send_seconds: How long a client may take to read the next piece of an answer.
    """

    def __init__(
        self,
        app: ASGIApp,
        largest: int = LARGEST_BODY,
        body_seconds: float = _BODY_SECONDS,
        send_seconds: float = _SEND_SECONDS,
    ) -> None:
        self._app = app
        self._largest = largest
        self._body_seconds = body_seconds
        self._send_seconds = send_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        if {".", ".."} & set(scope["path"].split("/")):
            error = UsageError(
                "The path climbs with '.' or '..'.", place=scope["path"], hint="Write the path without them."
            )
            await error_response(scope["path"], error)(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdigit() or int(length) > self._largest:
            error = UsageError(
                f"The body has {length[:30]} bytes, and may have {self._largest}.",
                place=scope["path"],
                hint="Send less at once.",
            )
            close = {"Connection": "close"}
            await error_response(scope["path"], error, status=413, headers=close)(scope, receive, send)
            return
        try:
            await self._app(scope, self._bounded(receive), self._timed(send))
        except _TooSlowToRead:
            client = scope.get("client") or ("?",)
            _log.warning("%s %s: the client %s stopped reading.", scope["method"], scope["path"], client[0])
        except Broken as error:
            _log.warning("%s %s: the answer broke off: %s", scope["method"], scope["path"], error)

    def _bounded(self, receive: Receive) -> Receive:
        taken, complete = 0, False

        async def bounded() -> Message:
            nonlocal taken, complete
            if complete:
                # What comes now is only the news that the client has gone.
                return await receive()
            try:
                async with asyncio.timeout(self._body_seconds):
                    message = await receive()
            except TimeoutError:
                detail = f"Nothing of the body came for {self._body_seconds} seconds."
                raise HTTPException(408, detail, {"Connection": "close"}) from None
            taken += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if taken > self._largest:
                raise HTTPException(413, f"The body is larger than {self._largest} bytes.", {"Connection": "close"})
            return message

        return bounded

    def _timed(self, send: Send) -> Send:
        async def timed(message: Message) -> None:
            try:
                async with asyncio.timeout(self._send_seconds):
                    await send(message)
            except TimeoutError:
                raise _TooSlowToRead from None

        return timed


class _TooSlowToRead(Exception):
    """The client does not take the answer."""
