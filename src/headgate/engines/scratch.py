"""Folders for temporary files: each process has its own, and those of killed processes are swept away."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import uuid
from contextlib import suppress
from pathlib import Path

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


def is_alive(process: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
