"""Run a command, and end its process group when the process that started it is gone, however that one went.

Started as `python -I -S guard.py FD USER COMMAND...`: FD is one end of a socket pair whose other end the starter
holds; the command's process id is sent there. USER is a name to run the command as, `-` for the present one.
It imports nothing of this package.
"""

from __future__ import annotations

import os
import pwd
import select
import signal
import socket
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 5.0


def main(descriptor: int, user: str, command: list[str]) -> int:
    """Run the command to its end and return its exit code."""
    # Handlers, not SIG_IGN: an ignored signal would stay ignored in the command.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    if user == "-":
        child = subprocess.Popen(command)
    else:
        child = subprocess.Popen(command, user=user, group=pwd.getpwnam(user).pw_gid, extra_groups=[])
    # Killed by its parent, so that it is reaped at once and nothing takes its id for a living process.
    signal.signal(signal.SIGUSR1, lambda *_: child.kill())
    lifeline = socket.socket(fileno=descriptor)
    lifeline.sendall(f"{child.pid}\n".encode())
    threading.Thread(target=_end_with_starter, args=(lifeline, os.getppid()), daemon=True).start()
    return child.wait()


def _end_with_starter(lifeline: socket.socket, starter: int) -> None:
    # The socket tells at once; the parent's id also when a fork of the starter still holds the other end.
    while os.getppid() == starter:
        if select.select([lifeline], [], [], 1.0)[0] and not lifeline.recv(1):
            break
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
