"""The server: uvicorn on a socket of our own."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from headgate.errors import StorageError, UsageError
from headgate.web.app import create_app
from headgate.web.auth import NoAuth, TokenAuth, all_loopback, is_loopback

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from headgate.run.lake import Lake

PORT = 8181
"""The port that Iceberg REST catalogs use by habit."""

GRACE = 20
"""Seconds that requests have to finish in when the server is told to end."""

_CONNECTIONS = 512
_HEADER_SECONDS = 15
_IDLE_SECONDS = 30
_HEADER_BYTES = 64 * 1024


def bind(host: str, port: int, *, only_loopback: bool = False) -> socket.socket:
    """A listening socket.

    Args:
        host: Name or address; `0.0.0.0` or `::` for all of this machine's.
        port: 0 for any that is free.
        only_loopback: Refuse an address that other machines reach.

    Raises:
        UsageError: There is no such host, it is not this machine's, or not loopback as it has to be.
        StorageError: The port is taken or reserved.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError, OverflowError) as error:
        raise UsageError(f"There is no host '{host}': {error}.", hint="Try --host 127.0.0.1") from error
    if only_loopback and not all_loopback(str(address[0]) for *_, address in found):
        raise UsageError(
            f"A server without tokens listens on loopback only, not on '{host}'.",
            hint="Leave --no-auth away, or --host.",
        )
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise StorageError(
            f"The server cannot listen on {host}, port {port}: {error.strerror}.",
            hint="Choose another with --port, or --port 0 for any that is free.",
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The address that clients on this machine, or of its network, reach a socket at."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  # compared with, not bound to
        host = socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_open(listener: socket.socket) -> bool:
    """Whether other machines reach a socket."""
    return not is_loopback(str(listener.getsockname()[0]))


def serve(
    lake: Lake,
    listener: socket.socket,
    ready: Callable[[], None],
    *,
    no_auth: bool = False,
    log_level: str = "warning",
) -> None:
    """Answer requests until SIGINT or SIGTERM; then finish those that are under way, within `GRACE` seconds.

    Args:
        lake: What is served.
        listener: Where; closed in the end.
        ready: Called once requests are answered.
        no_auth: Ask nobody for a token.
        log_level: Of the log on standard error; at `info` it has a line per request.
    """
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    auth = NoAuth(lake.project.author) if no_auth else TokenAuth(lake.tokens)
    Server(create_app(lake, auth), ready, log_level).run(sockets=[listener])


class Server(uvicorn.Server):
    """uvicorn as it is set up here; ends itself when it is told to."""

    def __init__(self, app: Starlette, ready: Callable[[], None] | None = None, log_level: str = "warning") -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                lifespan="on",
                log_config=None,
                log_level=log_level,
                access_log=log_level in ("debug", "info"),
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                h11_max_incomplete_event_size=_HEADER_BYTES,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        if self._ready and self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Being told to end is how a server ends: nothing is raised again afterwards, as uvicorn would."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        if not self.should_exit:
            self.should_exit = True
            # A call that hangs in a thread would keep the process for good.
            last = threading.Timer(GRACE + 10, os._exit, (1,))
            last.daemon = True
            last.start()


class _Protocol(H11Protocol):
    """HTTP/1.1 with a time for the headers to come in, which uvicorn leaves open."""

    _impatient: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect()

    def handle_events(self) -> None:
        super().handle_events()
        cycle = getattr(self, "cycle", None)
        waiting = cycle is None or cycle.response_complete
        if waiting and self.conn.trailing_data[0]:
            self._expect()
        elif not waiting:
            self._relax()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self._impatient is None:
            self._impatient = self.loop.call_later(_HEADER_SECONDS, self.transport.close)

    def _relax(self) -> None:
        if self._impatient is not None:
            self._impatient.cancel()
            self._impatient = None
