"""Connections to Postgres that do not wait for ever for a server that hangs.

Every other limit is the server's own, such as `statement_timeout`, or that of the kernels at both ends, and the kernel
of a server that was stopped or swaps goes on to acknowledge.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from typing import Any

import psycopg

# Seconds without a byte after which the server is asked for a sign of life, and those that it has for one.
_SILENCE, _SIGN = 60.0, 10


class WatchedConnection(psycopg.Connection[Any]):
    """A connection that ends when an answer does not come and the server takes no new connection either.

    A statement that takes long is none of its business: the server is alive meanwhile.
    """

    silence = _SILENCE

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        # Each wait for the server goes through here, with the library's protocol as a generator that is sent what the
        # socket is ready for, and nothing at least ten times a second.
        return super().wait(self._watched(gen), *args, **kwargs)

    def _watched(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        heard = time.monotonic()
        try:
            state = next(gen)
            while True:
                ready = yield state
                if ready:
                    heard = time.monotonic()
                elif time.monotonic() - heard >= self.silence:
                    self._look()
                    heard = time.monotonic()
                state = gen.send(ready)
        except StopIteration as end:
            return end.value

    def _look(self) -> None:
        """End this connection where the server does not even refuse another one."""
        info = self.info
        # Of several hosts of a URL the one that this connection is to.
        own = {"host": info.host, "hostaddr": info.hostaddr or None, "port": info.port, "password": info.password}
        parameters: dict[str, Any] = {**info.get_parameters(), **own, "connect_timeout": _SIGN}
        try:
            psycopg.connect(**parameters).close()
        except psycopg.errors.ConnectionTimeout as error:
            self.close()
            raise psycopg.OperationalError(f"no answer for {self.silence:g} seconds") from error
        except psycopg.OperationalError:
            # It refuses, for it is full or going down: who waits is told so.
            return


def silence_warnings() -> None:
    """Keep the library from writing to the log of a command; what fails is raised as well."""
    logging.getLogger("psycopg").setLevel(logging.ERROR)
