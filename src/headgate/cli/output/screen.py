"""Rich's console, without its own way to end the process."""

from __future__ import annotations

import errno
import os

from rich.console import Console


class Screen(Console):
    """Tells of a closed pipe by an exception as other writers do; Rich would end the process with exit code 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
