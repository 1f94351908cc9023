"""A server process: started on loopback, watched until it answers, ended with everything that it started."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from services.errors import ServiceError

_GUARD = Path(__file__).with_name("guard.py")
_TAIL_LINES = 30
_given: set[int] = set()


def free_port() -> int:
    """A port of the loopback address that nothing listens on, never the same one twice in this process."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def password() -> str:
    """A random secret of letters and digits, so that no URL or shell has to quote it."""
    return secrets.token_hex(16)


class Process:
    """One server.

    Args:
        name: What messages and the log file call it.
        command: The program and its arguments.
        folder: Where its log goes; made when missing.
        environment: Added to the present environment.
        user: Whom it runs as, when this is not the present user.
        pipes: Whether standard input and output are pipes to us; else it reads nothing and writes to its log.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        pipes: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.log = folder.absolute() / f"{name}.log"
        self._command = [str(part) for part in command]
        self._environment = {**os.environ, **(environment or {})}
        self._user = user or "-"
        self._pipes = pipes
        self._running: subprocess.Popen[str] | None = None
        self._lifeline: socket.socket | None = None
        self.child = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def running(self) -> subprocess.Popen[str]:
        """The guard of the process, whose standard streams are those of the process."""
        if self._running is None:
            raise ServiceError(f"{self.name} is not running. Start it first.")
        return self._running

    @property
    def exited(self) -> bool:
        return self._running is None or self._running.poll() is not None

    def start(self) -> None:
        """Start it; `wait` says when it answers."""
        self._lifeline, other = socket.socketpair()
        guard = [sys.executable, "-I", "-S", str(_GUARD), str(other.fileno()), self._user]
        stream = subprocess.PIPE if self._pipes else None
        with other, self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [*guard, *self._command],
                stdin=stream or subprocess.DEVNULL,
                stdout=stream or log,
                stderr=log,
                env=self._environment,
                cwd=self.log.parent,
                pass_fds=[other.fileno()],
                start_new_session=True,
                text=True,
                encoding="utf-8",
            )
        with self._lifeline.makefile() as sent:
            line = sent.readline()
        if not line:
            self.end()
            raise ServiceError(f"{self.name} could not be started.\n{self.tail()}")
        self.child = int(line)

    def wait(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Return when `ready` says so.

        Raises:
            ServiceError: The process ended before, or the time is over; the message holds the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if self.exited:
                code = self._running.returncode if self._running else "?"
                raise ServiceError(f"{self.name} ended with exit code {code} while starting.\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} did not answer within {seconds:.0f} seconds.\n{self.tail()}")
            time.sleep(0.05)

    def tail(self) -> str:
        """The end of the log, and where the rest is."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([*(f"  {line}" for line in lines), f"The whole log: {self.log}"])

    def end(self, first: signal.Signals = signal.SIGTERM, *, seconds: float = 10) -> None:
        """Ask the process group to end, wait, and kill what is left of it. Nothing happens when it is not running."""
        running, self._running = self._running, None
        if running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, first)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        if self._lifeline is not None:
            self._lifeline.close()
        for stream in (running.stdin, running.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def kill(self) -> None:
        """End it as a crash would."""
        if not self.exited:
            self.running.send_signal(signal.SIGUSR1)
            self.running.wait()
        self.end()


def answers(url: str, *, status: int = 200) -> bool:
    """Whether a GET of the URL gives this status now."""
    # No proxy: the environment may name one for everything, loopback included.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as response:
            found: int = response.status
    except urllib.error.HTTPError as error:
        found = error.code
        error.close()
    except (OSError, ValueError):
        return False
    return found == status


def listens(port: int) -> bool:
    """Whether something accepts connections at this port of the loopback address."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
