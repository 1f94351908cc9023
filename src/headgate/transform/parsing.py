"""A program that parses one project: `python -m headgate.transform.parsing DESCRIPTOR`.

It reads a `Project` from its input and writes what `open_project` comes to, to a descriptor that it was given. Both are
pickled. It ends with the process that it is for, which holds the other end of its input open.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
import traceback

from headgate.errors import HeadgateError
from headgate.transform.stubs import stubs_shared

# Little of what it makes is garbage before it ends.
gc.disable()

with stubs_shared():
    from headgate.transform.project import open_project


def main(descriptor: int) -> None:
    """Parse, unless the other process ends first; what it does not foresee is for that one to meet.

    Args:
        descriptor: Where the answer goes.
    """
    # A terminal interrupts all of its processes; the other one ends this one when it has to.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    project = pickle.load(sys.stdin.buffer)  # noqa: S301  # of a process of ours
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        answer: object = open_project(project)
    except HeadgateError as error:
        # Neither traceback nor cause would arrive.
        error.add_note("".join(traceback.format_exception(error)))
        answer = error
    with os.fdopen(descriptor, "wb") as answers:
        pickle.dump(answer, answers)


def _end_with_input() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
