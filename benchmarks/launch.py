"""Run a command and write what it took to a file: `python -I -S launch.py FILE PROGRAM [ARGUMENT ...]`.

Linux counts towards a process's peak the memory of the one that started it, so a benchmark that holds much starts what
it measures from here, where next to nothing is held. Processes that the command leaves behind count as well, as Spark's
Java does; the peak is that of the largest.
"""

import ctypes
import json
import os
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36


def main(file: str, command: list[str]) -> int:
    if sys.platform == "linux":
        # What loses its parent becomes a child of this process, and is waited for.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Linux tells kilobytes, macOS bytes.
    unit = 1e6 if sys.platform == "darwin" else 1e6 / 1024
    taken = {"wall": 0.0, "cpu": 0.0, "peak": 0.0}
    code = 0
    start = time.perf_counter()
    started = os.posix_spawnp(command[0], command, os.environ)
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        taken["cpu"] += usage.ru_utime + usage.ru_stime
        taken["peak"] = max(taken["peak"], usage.ru_maxrss / unit)
        if pid == started:
            taken["wall"] = time.perf_counter() - start
            code = os.waitstatus_to_exitcode(status)
    with open(file, "w", encoding="utf-8") as answer:  # noqa: PTH123  # pathlib would be more than all the rest
        json.dump(taken, answer)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
