"""What a process writes before it counts: folders of its own, and files that replace others once they are whole.

What killed processes left of either is swept away.
"""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import socket
import uuid
from contextlib import suppress
from pathlib import Path

from headgate.faults import Point, reached

_KIND = "session-"


def claim_folder(temporary: Path) -> Path:
    """A folder of this process's own, which its maker removes; it is made if that is possible."""
    _sweep(temporary)
    folder = process_folder(temporary, uuid.uuid4().hex[:12])
    with suppress(OSError):
        # DuckDB makes only the last folder of the path. Who only reads may do without any.
        folder.mkdir(parents=True)
    return folder


def process_folder(temporary: Path, name: str) -> Path:
    """A folder of a name that belongs to this process, not made yet; it is swept away once the process is gone."""
    return temporary / f"{_own_prefix()}{os.getpid()}-{name}"


def _own_prefix() -> str:
    """What the scratch folders of this machine begin with; process ids of other machines say nothing here."""
    return f"{_KIND}{hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]}-"


def _sweep(temporary: Path) -> None:
    """Remove what processes of this machine that were killed have left."""
    prefix = _own_prefix()
    for folder in temporary.glob(f"{prefix}*-*"):
        process = folder.name.removeprefix(prefix).partition("-")[0]
        if process.isdigit() and not is_alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that other processes may be reading or writing; an equal file is left alone."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{glob.escape(path.name)}.*"):
        process = left.suffix.removeprefix(".").partition("-")[0]
        if process.isdigit() and not is_alive(int(process)):
            left.unlink(missing_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}-{uuid.uuid4().hex}")
    scratch.write_bytes(content)
    reached(Point.CACHE_WRITTEN)
    scratch.replace(path)


def is_alive(process: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
