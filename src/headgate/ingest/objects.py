"""Files of a source in an object store: found by listing, and brought to this machine while they are loaded.

Reading a file takes several looks at it (its hash, its dialect, its rows, the lines that do not parse), and all of them
have to see the same bytes. So an object is copied to a scratch folder and read there, and the copy goes after the load.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from headgate.catalog.localfiles import StoredFile, storage_errors
from headgate.catalog.s3errors import NO_BUCKET
from headgate.catalog.storage import Storage
from headgate.errors import DataError, FileChanged, StorageError, did_you_mean
from headgate.ingest.contract import Source
from headgate.ingest.digests import Stamp
from headgate.ingest.formats import is_data_name
from headgate.scratch import process_folder

_MAGIC = re.compile(r"[*?\[]")
# Copies are made ahead of the load only while so much of the disk stays free.
_SPARE_BYTES = 2_000_000_000

# Among so many names a better one is looked for.
_NEIGHBOURS = 1000


@dataclass(frozen=True)
class Copy:
    """A copy of an object on this machine; `sha256` is of all its bytes, `nul` whether any of them is zero."""

    sha256: str
    nul: bool


@dataclass(frozen=True)
class RemoteFile:
    """An object of a source, as it was listed."""

    storage: Storage
    stored: StoredFile

    @property
    def location(self) -> str:
        return self.stored.location

    @property
    def stamp(self) -> Stamp:
        """As of a file: size, time of change in nanoseconds, a number for the ETag, and nothing else that changes."""
        changed = int(self.stored.modified.timestamp() * 1_000_000) * 1000
        etag = hashlib.sha256((self.stored.etag or "").encode()).digest()[:7]
        return self.stored.bytes, changed, int.from_bytes(etag), 0

    def place(self, temporary: Path) -> Path:
        """Where a copy may be made: in a folder of its own, the same for as long as this thread plans and loads."""
        name = re.sub(r"[^\w.\-]", "_", self.location.rpartition("/")[2]) or "object"
        own = hashlib.sha256(f"{self.location} {self.stamp}".encode()).hexdigest()[:16]
        return _copies(temporary) / own / name

    def has_room(self, temporary: Path) -> bool:
        """Whether a copy can be made before it is needed."""
        while not temporary.exists():
            temporary = temporary.parent
        return shutil.disk_usage(temporary).free > 2 * self.stored.bytes + _SPARE_BYTES

    def copy(self, path: Path | None) -> Copy:
        """Read the object once; into a file, if a path is given.

        Raises:
            DataError: Somebody writes to the object.
            StorageError: It cannot be read, or the copy cannot be written.
        """
        found = hashlib.sha256()
        nul = False
        try:
            for part in self._kept(path):
                found.update(part)
                nul = nul or b"\0" in part
        except FileChanged as error:
            raise self.changed() from error
        return Copy(found.hexdigest(), nul)

    def _kept(self, path: Path | None) -> Iterator[bytes]:
        parts = self.storage.parts(self.stored)
        if path is None:
            yield from parts
            return
        half = path.with_name(f"{path.name}.part")
        with storage_errors(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
            with half.open("wb") as file:
                for part in parts:
                    file.write(part)
                    yield part
            half.replace(path)

    def changed(self) -> DataError:
        """What is told when the object is not what it was."""
        return DataError(
            f"The file '{self.location}' changed while it was read.",
            place=self.location,
            hint="Run again when nobody writes to it.",
        )


def _copies(temporary: Path) -> Path:
    """Where this thread's copies are."""
    return process_folder(temporary, f"objects-{threading.get_ident()}")


@contextmanager
def copies_removed(temporary: Path) -> Iterator[None]:
    """Remove the copies of objects that the body leaves behind: of files that it only looked at, or did not come to."""
    try:
        yield
    finally:
        shutil.rmtree(_copies(temporary), ignore_errors=True)


def find_objects(pattern: str, source: Source, storage: Storage) -> list[RemoteFile]:
    """The objects that a pattern stands for, by name: one object, a glob, or all data files below a folder.

    Raises:
        DataError: There is no such object or folder.
        StorageError: The bucket is not there, or cannot be listed.
    """
    try:
        return _found(pattern, source, storage)
    except StorageError as error:
        if error.data.get("code") not in NO_BUCKET:
            raise
        # The error speaks of the lake's own storage, and this bucket is named elsewhere.
        hint = "Create the bucket, or correct `files` of the contract."
        raise StorageError(error.message, place=f"{source.path}: files", hint=hint, data=error.data) from error


def _found(pattern: str, source: Source, storage: Storage) -> list[RemoteFile]:
    if _MAGIC.search(pattern):
        return [RemoteFile(storage, file) for file in _globbed(pattern, storage)]
    if not pattern.endswith("/") and (single := storage.find(pattern)) is not None:
        return [RemoteFile(storage, single)]
    folder = pattern.rstrip("/")
    below = [file for file in storage.list(folder) if _is_data(file, folder, source)]
    if not below and next(iter(storage.list(folder)), None) is None:
        raise _missing(pattern, source, storage)
    return [RemoteFile(storage, file) for file in sorted(below, key=lambda file: file.location)]


def _globbed(pattern: str, storage: Storage) -> list[StoredFile]:
    """The objects that a glob matches; `*` stays within a part of the name, `**` is any number of parts."""
    fixed = pattern[: _MAGIC.search(pattern).start()].rpartition("/")[0]  # type: ignore[union-attr]  # the caller looked
    wanted = pattern[len(fixed) + 1 :].split("/")
    found = [file for file in storage.list(fixed) if _matches(file.location[len(fixed) + 1 :].split("/"), wanted)]
    return sorted(found, key=lambda file: file.location)


def _matches(parts: list[str], wanted: list[str]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return _matches(parts, wanted[1:]) or (
            bool(parts) and not parts[0].startswith(".") and _matches(parts[1:], wanted)
        )
    if not parts or (parts[0].startswith(".") and not wanted[0].startswith(".")):
        return False
    return fnmatchcase(parts[0], wanted[0]) and _matches(parts[1:], wanted[1:])


def _is_data(file: StoredFile, folder: str, source: Source) -> bool:
    return is_data_name(file.location[len(folder) + 1 :], source.contract.format)


def _missing(pattern: str, source: Source, storage: Storage) -> DataError:
    folder, _, name = pattern.rstrip("/").rpartition("/")
    near = islice(storage.list(folder), _NEIGHBOURS) if folder.count("/") > 1 else ()
    names = [file.location.rpartition("/")[2] for file in near]
    hint = did_you_mean(name, names) or "Put the file there, or correct `files` of the contract."
    return DataError(f"There is no file '{pattern}'.", place=f"{source.path}: files", hint=hint)
