"""Long answers: made in a thread, sent piece by piece, and stopped when nobody waits for them any more."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread
from starlette.types import Receive, Scope, Send

from headgate.errors import Cancelled, HeadgateError

_log = logging.getLogger("headgate.web")
# Pieces that wait for a client that reads more slowly than they are made.
_AHEAD = 4
# How often a call that does not end is told again to stop, and for how long in all.
_AGAIN_SECONDS = 0.2
_PATIENCE_SECONDS = 10.0

Put = Callable[[bytes], None]


class Broken(Exception):
    """An answer cannot be completed; the connection is to end, so that the client sees it."""


@dataclass
class Work:
    """What makes an answer in a thread.

    Attributes:
        run: Makes it, and hands its pieces to the function that it is called with. An error of ours before the first
            piece becomes the answer; after it, the connection ends.
        stop: Ends `run` from another thread; may be called often, before it began and after it ended.
        media_type: Of the answer.
        limiter: How many of its kind run at once.
        heartbeat: A piece that means nothing, sent when there has been nothing to send for a while.
        heartbeat_seconds: Such a while.
        status: Of the answer; `run` may set it before the first piece.
    """

    run: Callable[[Put], None]
    stop: Callable[[], None]
    media_type: str
    limiter: CapacityLimiter
    heartbeat: bytes | None = None
    heartbeat_seconds: float = 10.0
    status: int = 200
    _begun: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose body was read."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(_AHEAD)
        running = asyncio.create_task(self._in_thread(queue))
        gone = asyncio.create_task(_disconnected(receive))
        try:
            await self._send(queue, running, gone, send)
        finally:
            gone.cancel()
            await self._end(queue, running)

    async def _send(
        self, queue: asyncio.Queue[bytes], running: asyncio.Task[None], gone: asyncio.Task[None], send: Send
    ) -> None:
        started = False

        async def put(piece: bytes, more: bool = True) -> None:
            nonlocal started
            if not started:
                headers = [(b"content-type", self.media_type.encode()), (b"cache-control", b"no-store")]
                await send({"type": "http.response.start", "status": self.status, "headers": headers})
                started = True
            await send({"type": "http.response.body", "body": piece, "more_body": more})

        following: asyncio.Task[bytes] | None = None
        pause = self.heartbeat_seconds if self.heartbeat else None
        try:
            while not (running.done() and queue.empty()):
                following = following or asyncio.create_task(queue.get())
                await asyncio.wait({following, running, gone}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    return
                if following.done():
                    await put(following.result())
                    following = None
                elif self.heartbeat and not running.done():
                    await put(self.heartbeat)
        finally:
            if following:
                following.cancel()
        try:
            running.result()
        except HeadgateError as error:
            if not started:
                raise
            raise Broken(error.message) from error
        await put(b"", more=False)

    async def _in_thread(self, queue: asyncio.Queue[bytes]) -> None:
        loop = asyncio.get_running_loop()

        def put(piece: bytes) -> None:
            if self._stopped.is_set():
                raise Cancelled("Nobody waits for the answer any more.", hint="Ask again.")
            asyncio.run_coroutine_threadsafe(queue.put(piece), loop).result()

        def run() -> None:
            self._begun.set()
            self.run(put)

        await to_thread.run_sync(run, limiter=self.limiter)

    async def _end(self, queue: asyncio.Queue[bytes], running: asyncio.Task[None]) -> None:
        """Stop what still runs and wait until it has, for its thread holds an engine and files."""
        if running.done():
            return
        self._stopped.set()
        if not self._begun.is_set():
            running.cancel()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not running.done() and time.monotonic() < deadline:
            self.stop()
            while not queue.empty():
                queue.get_nowait()
            await asyncio.wait({running}, timeout=_AGAIN_SECONDS)
        if not running.done():
            _log.error("A call goes on %s seconds after it was told to stop.", _PATIENCE_SECONDS)
            return
        error = None if running.cancelled() else running.exception()
        if error and not isinstance(error, HeadgateError):
            _log.error("A call that nobody waited for failed.", exc_info=error)


async def _disconnected(receive: Receive) -> None:
    """Return once the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
