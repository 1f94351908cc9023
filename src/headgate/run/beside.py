"""Work in a thread while other work goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from headgate.errors import Cancelled, was_interrupted


@contextmanager
def beside(work: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    """Do work in a thread while the body lasts, and wait for it at the end.

    What the work raises is raised in place of whatever the body raises, so that one error is told whichever of the two
    came to it first. A body that is interrupted or cancelled waits for nothing: the work then goes on by itself to its
    end, or to that of the process.

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

    threading.Thread(target=carry_out, name="beside", daemon=True).start()
    try:
        yield
    except Exception as error:
        if outcome.done() or not (isinstance(error, Cancelled) or was_interrupted(error)):
            outcome.result()
        raise
    outcome.result()
