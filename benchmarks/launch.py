"""Run a command and write what it took to a file: `python -I -S launch.py FILE PROGRAM [ARGUMENT ...]`.

Linux counts towards a process's peak the memory of the one that started it, so a benchmark that holds much starts what
it measures from here, where next to nothing is held.
"""

import json
import os
import sys
import time


def main(file: str, command: list[str]) -> int:
    start = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    # Linux tells kilobytes, macOS bytes.
    unit = 1e6 if sys.platform == "darwin" else 1e6 / 1024
    taken = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss / unit}
    with open(file, "w", encoding="utf-8") as answer:  # noqa: PTH123  # pathlib would be more than all the rest
        json.dump(taken, answer)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
