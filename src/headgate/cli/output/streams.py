"""The standard streams of the process: made to take what a command tells, whatever it was started with."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO


def make_usable() -> None:
    """Open streams that are closed, lose what standard error does not take, and escape what has no encoding."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It gets the number of the missing one, under which a database would come to be open otherwise.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123  # for good
    if sys.stdout is sys.__stdout__:
        sys.stdout = _over(sys.stdout, _Output(sys.stdout.fileno(), "w", closefd=False))
    if sys.stderr is sys.__stderr__:
        sys.stderr = _over(sys.stderr, _Remarks(sys.stderr.fileno(), "w", closefd=False))


def write_utf8() -> None:
    """From here on standard output is for a program: UTF-8, whatever the locale says."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def is_of_output(error: OSError) -> bool:
    """Whether an error came of writing to standard output."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _Output) and error is raw.failure


def drop_output() -> None:
    """Let what is still to be written go nowhere, so that it does not fail again as Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _over(stream: TextIO, raw: io.FileIO) -> io.TextIOWrapper:
    lines = stream is sys.stderr or raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, "backslashreplace", line_buffering=lines)


class _Output(io.FileIO):
    """A stream for results, which keeps the error that it met: others have no name of a file either."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.failure = error
            raise


class _Remarks(io.FileIO):
    """A stream for what is good to know: that nobody can be told must not end a run."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or len(data)
        except OSError:
            return len(data)
