"""Large new files hashed while the libraries of the run that loads them are imported.

That is done in a process of its own, which waits for no interpreter, and which no import waits for. What comes of it is
worth as much as a hash that is remembered: it holds while the stamp of a file stays.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

from headgate.errors import ProjectError
from headgate.ingest import hashing
from headgate.ingest.digests import LARGE, Digest, Stamp, from_line, is_settled, stamp
from headgate.project import STATE, contract_files, environment_of, path_below
from headgate.yaml import read_yaml

# Of more contracts than that, reading them twice takes as long as what it saves.
_MOST_CONTRACTS = 8
_KNOWN = "SELECT 1 FROM file_hashes WHERE (path, bytes, mtime_ns, inode, ctime_ns) = (?, ?, ?, ?, ?)"

_File = tuple[Path, Stamp]


class Hashing:
    """Files that are being hashed by a process.

    Args:
        files: Each with the stamp for which its hash is to hold.

    Raises:
        OSError: No process can be started.
    """

    def __init__(self, files: Sequence[_File]) -> None:
        self._files = files
        self._told = ""
        # Neither the packages of this Python nor the project's folder are for it to look into.
        command = [sys.executable, "-I", "-S", hashing.__file__, str(os.getpid()), *(str(path) for path, _ in files)]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet, text=True)

    def found(self) -> list[tuple[Path, Stamp, Digest]]:
        """The hashes, waited for; without those of files that changed or cannot be read."""
        if self._process.returncode is None:
            self._told, _ = self._process.communicate()
        found = []
        # A process that was ended has told of fewer files.
        for (path, now), line in zip(self._files, self._told.splitlines(), strict=False):
            known = from_line(line)
            with suppress(OSError):  # the run meets it again, and tells of it
                if known is not None and stamp(path) == now:
                    found.append((path, now, known))
        return found

    def close(self) -> None:
        """End the process, if nobody waited for it."""
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()


def hash_ahead(root: Path) -> Hashing | None:
    """Begin to hash the large files that the contracts of a project name and whose hashes nobody remembers.

    Args:
        root: The project's folder; what is wrong there is for whoever opens it to tell.

    Returns:
        None where there are none, or where it cannot be told.
    """
    try:
        contracts = contract_files(root)
        if len(contracts) > _MOST_CONTRACTS:
            return None
        environment = environment_of(root)
        paths = {path for contract in contracts for path in _large_files(root, contract, environment)}
        files = [(path, stamp(path)) for path in sorted(paths)]
        files = _unknown(root / STATE, [(path, now) for path, now in files if is_settled(now)])
        return Hashing(files) if files else None
    except (ProjectError, OSError, ValueError, RuntimeError, sqlite3.Error):
        return None


def _large_files(root: Path, contract: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """The large files of this machine that a contract names one by one."""
    data = read_yaml(contract, environment).data
    named = data.get("files") if isinstance(data, dict) else None
    for text in named if isinstance(named, list) else [named]:
        if isinstance(text, str) and "://" not in text:
            path = path_below(root, text)
            if path.is_file() and path.stat().st_size >= LARGE:
                yield path


def _unknown(state_dir: Path, files: list[_File]) -> list[_File]:
    """Those of the files whose hashes no database of the state folder has; none if the project has its elsewhere."""
    if not files or not state_dir.is_dir():
        return files
    databases = list(state_dir.glob("*.db"))
    for database in databases:
        with closing(sqlite3.connect(database)) as connection:
            files = [(path, now) for path, now in files if not connection.execute(_KNOWN, (str(path), *now)).fetchone()]
    return files if databases else []
