"""A process of its own that imports headgate once and forks a child for every command, with faults armed in the child.

It reads a request per line of standard input, and answers each with a line of JSON. A child has no thread and no
connection of its parent's: none was opened before the fork.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from dbt.contracts.project import Configuration, PackageConfig, ProfileConfig, Project, ProjectFlags
from dbt.contracts.selection import SelectorFile
from sqlalchemy.exc import OperationalError
from tests.torture.inspection import inspect

# What a run imports, so that a child need not.
import headgate.cli.output.progress
import headgate.run.asking
import headgate.run.course
import headgate.run.difference
import headgate.run.doctor
import headgate.run.planning
import headgate.run.repair
import headgate.run.sources
import headgate.transform.build
import headgate.transform.plan  # noqa: F401  # as above
from headgate import faults
from headgate.__main__ import main

Json = dict[str, Any]


class Faults:
    """What happens at which point; every point that is reached is noted in a file, even if the process dies there.

    An action is a mapping with `point` (a name), `occurrence` (0 for each) and `act`.
    """

    def __init__(self, actions: list[Json], notes: Path) -> None:
        self._actions = actions
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, point: faults.Point) -> None:
        # Heartbeats and renewals come when it is time and would make the numbers differ from trial to trial: they are
        # daemons. The threads that write files side by side count, one at a time.
        if threading.current_thread().daemon:
            return
        with self._lock:
            os.write(self._notes, f"{point.value}\n".encode())
            self._counts[point.value] += 1
            count = self._counts[point.value]
        for action in self._actions:
            if action["point"] == point.value and action["occurrence"] in (count, 0):
                ACTS[action["act"]](action)


def _kill(action: Json) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _signal(action: Json) -> None:
    os.kill(os.getpid(), action["signal"])


def _no_space(action: Json) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _full_database(action: Json) -> None:
    raise OperationalError("COMMIT", None, sqlite3.OperationalError("database or disk is full"))


def _limit_files(action: Json) -> None:
    """From here on no file may grow beyond some bytes, whoever writes it; Python ignores the signal for that."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (action["bytes"], resource.RLIM_INFINITY))


def _change(action: Json) -> None:
    path = Path(action["path"])
    how = action["how"]
    if how == "remove":
        path.unlink()
    elif how == "replace":
        path.with_name("new").write_text(action["text"])
        path.with_name("new").replace(path)
    elif how == "cut":
        os.truncate(path, action["bytes"])
    elif how == "write":
        path.write_text(action["text"])
    else:
        with path.open("a") as file:
            file.write(action["text"])


_held: list[sqlite3.Connection] = []


def _lock(action: Json) -> None:
    """Hold the state database to the end of the process, as another process would that keeps writing to it."""
    _held.append(sqlite3.connect(action["path"], isolation_level=None))
    _held[-1].execute("BEGIN IMMEDIATE")


def _clock(action: Json) -> None:
    """Set the clock that `test_clock.py` puts before the process's own."""
    with Path(action["path"]).open("r+b") as file:
        file.write(struct.pack("=q", action["seconds"]))


ACTS = {
    "kill": _kill,
    "signal": _signal,
    "no space": _no_space,
    "full database": _full_database,
    "limit files": _limit_files,
    "change": _change,
    "clock": _clock,
    "lock": _lock,
}


def _child(request: Json) -> int:
    folder = Path(request["folder"])
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if "shell" in request:
        return subprocess.run(["sh", "-ec", request["shell"]], check=False).returncode
    if "inspect" in request:
        sys.stdout.write(json.dumps(inspect(Path(request["inspect"]))))
        return 0
    faults.arm(Faults(request.get("actions", []), folder / "points"))
    sys.argv = ["headgate", *request["arguments"]]
    return main()


def _forked(request: Json) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        code = _child(request)
    except BaseException:  # noqa: BLE001  # whatever it is, the child must not go on as its parent
        traceback.print_exc()
        code = 71
    finally:
        # As at the end of a process, without what belongs to the parent.
        threading._shutdown()  # type: ignore[attr-defined]  # what a process does at its end
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(pid: int, request: Json) -> int:
    """The child's status; it is sent signals when their time has come, and killed when it hangs."""
    start = time.monotonic()
    due = [(float(after), int(number)) for after, number in request.get("signals", [])]
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        now = time.monotonic() - start
        while due and now >= due[0][0]:
            os.kill(pid, due.pop(0)[1])
        if now > request.get("patience", 120):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return -1
        time.sleep(0.002 if due else 0.005)


def serve() -> None:
    """Answer requests until the input ends."""
    for contract in (Configuration, PackageConfig, ProfileConfig, Project, ProjectFlags, SelectorFile):
        contract.json_schema()  # dbt keeps it, and each child would make it again
    assert threading.active_count() == 1, threading.enumerate()
    for line in sys.stdin:
        request = json.loads(line)
        folder = Path(request["folder"])
        (folder / "points").unlink(missing_ok=True)
        start = time.monotonic()
        status = _wait(_forked(request), request)
        points = (folder / "points").read_text().splitlines() if (folder / "points").exists() else []
        answer = {
            "hung": status == -1,
            "code": os.WEXITSTATUS(status) if status >= 0 and os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if status >= 0 and os.WIFSIGNALED(status) else None,
            "points": points,
            "out": (folder / "out").read_text(),
            "err": (folder / "err").read_text(),
            "seconds": time.monotonic() - start,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
