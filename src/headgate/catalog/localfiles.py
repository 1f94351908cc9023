"""Files of this machine, by path or `file:` URI."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from headgate.catalog.locations import path_of, to_uri
from headgate.errors import FileMissing, FileTaken, StorageError


@dataclass(frozen=True)
class StoredFile:
    """A file in a listing; `location` is as Iceberg metadata has it."""

    location: str
    modified: datetime
    # Last, because it hides the type of that name.
    bytes: int


class LocalFiles:
    """The disk, as `Storage` uses it."""

    def read(self, location: str) -> bytes:
        with storage_errors(location):
            return path_of(location).read_bytes()

    def write(self, location: str, content: bytes) -> None:
        path = path_of(location)
        with storage_errors(location):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                try:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                except BaseException:
                    path.unlink(missing_ok=True)
                    raise

    def size(self, location: str) -> int | None:
        with storage_errors(location):
            try:
                return path_of(location).stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                return None

    def list(self, prefix: str) -> Iterator[StoredFile]:
        folders = [str(path_of(prefix))]
        while folders:
            folder = folders.pop()
            with storage_errors(folder):
                try:
                    entries = list(os.scandir(folder))
                except FileNotFoundError:
                    continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif (found := _stored(entry)) is not None:
                    yield found

    def delete(self, locations: Iterable[str]) -> None:
        for location in locations:
            with storage_errors(location):
                path_of(location).unlink(missing_ok=True)

    def make_folder(self, location: str) -> None:
        with storage_errors(location):
            path_of(location).mkdir(parents=True, exist_ok=True)

    def sync(self, location: str) -> None:
        with storage_errors(location):
            descriptor = os.open(path_of(location), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _stored(entry: os.DirEntry[str]) -> StoredFile | None:
    """A file in a listing; None when it has gone meanwhile."""
    try:
        stat = entry.stat()
    except FileNotFoundError:
        return None
    return StoredFile(to_uri(entry.path), datetime.fromtimestamp(stat.st_mtime, UTC), stat.st_size)


@contextmanager
def storage_errors(location: str) -> Iterator[None]:
    """Turn what the operating system says about a file into `StorageError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileMissing(
            f"The file '{location}' does not exist.",
            place=location,
            hint="The lake's storage has lost it, or the warehouse was moved; `headgate doctor` checks the rest.",
        ) from error
    except FileExistsError as error:
        raise FileTaken(f"There is a file '{location}' already.", place=location) from error
    except PermissionError as error:
        raise StorageError(
            f"Permission denied: '{error.filename or location}'.",
            place=location,
            hint="Give the user who runs headgate read and write access to the warehouse.",
        ) from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageError(
            f"No space left on the disk for '{location}'." if full else f"Cannot use '{location}': {error.strerror}.",
            place=location,
            hint="Free some space and run again: nothing refers to what was half written." if full else None,
        ) from error
