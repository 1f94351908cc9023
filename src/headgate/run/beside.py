"""Work in a thread while other work goes on."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from headgate.errors import was_interrupted

# Seconds between tries to end a thread, and in all: it hears of it between two steps of Python's.
_AGAIN, _PATIENCE = 0.02, 2.0


class _Ended(SystemExit):
    """Ends a thread without a word."""


@contextmanager
def beside(work: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    """Do work in a thread while the body lasts, and wait for it at the end.

    What the work raises is raised in place of whatever the body raises, so that one error is told whichever of the two
    came to it first. An interrupt ends both.

    Args:
        work: What is to be done.
        stop: Ends the body; called in the thread, when the work fails.
    """
    outcome: Future[None] = Future()

    def carry_out() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # handed on to the thread that waits
            outcome.set_exception(error)
            stop()
        else:
            outcome.set_result(None)

    thread = threading.Thread(target=carry_out, name="beside", daemon=True)
    thread.start()
    try:
        try:
            yield
        except Exception as error:
            if not was_interrupted(error):
                outcome.result()
            raise
        outcome.result()
    except BaseException as error:
        if was_interrupted(error):
            _end(thread)
        raise


def _end(thread: threading.Thread) -> None:
    """Raise in a thread what it would be told by a signal, which only the main thread is."""
    until = time.monotonic() + _PATIENCE
    while thread.is_alive() and time.monotonic() < until:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Ended))
        thread.join(_AGAIN)
