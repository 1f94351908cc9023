"""`headgate serve` as a person starts it: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Process:
    """A server that was started; its document is what it printed first."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self.running = running
        self.document: dict[str, Any] = {}

    @property
    def url(self) -> str:
        return str(self.document["url"])

    @property
    def token(self) -> str:
        return str(self.document["token"]["secret"])

    def end(self, number: int, seconds: float = 60) -> tuple[int, str]:
        """Send a signal; the exit code and everything that was written to standard error."""
        self.running.send_signal(number)
        _, errors = self.running.communicate(timeout=seconds)
        return self.running.returncode, errors


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "headgate", *arguments]


def environment(**changed: str) -> dict[str, str]:
    """The environment without what would lead a command elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")} | changed


@contextmanager
def serve(project: Path, *arguments: str) -> Iterator[Process]:
    """Run `headgate serve --json` on a free port until the body ends."""
    running = subprocess.Popen(
        command("serve", "--project", str(project), "--port", "0", "--json", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    process = Process(running)
    try:
        assert running.stdout
        text = ""
        while not text.endswith("\n}\n"):
            line = running.stdout.readline()
            if not line:
                raise AssertionError(f"The server ended: {running.stderr.read() if running.stderr else ''}")
            text += line
        process.document = json.loads(text)
        yield process
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate(timeout=30)
