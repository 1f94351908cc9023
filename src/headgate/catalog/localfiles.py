"""Files of this machine, by path or `file:` URI."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from io import FileIO
from pathlib import Path

from headgate.catalog.locations import path_of, to_uri
from headgate.errors import FileMissing, FileTaken, StorageError
from headgate.faults import Point, reached

_PART = 8 << 20


@dataclass(frozen=True)
class StoredFile:
    """A file in a listing.

    Attributes:
        location: As Iceberg metadata has it.
        etag: What changes with the content, in an object store.
    """

    location: str
    modified: datetime
    # It hides the type of that name from what follows.
    bytes: int
    etag: str | None = None


# What goes wrong with writing, never with reading a file.
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


class LocalFiles:
    """The disk, as `Storage` uses it."""

    def read(self, location: str) -> bytes:
        with storage_errors(location):
            return path_of(location).read_bytes()

    def write_all(self, files: Mapping[str, bytes]) -> None:
        written: list[Path] = []
        try:
            with ExitStack() as open_files:
                streams: dict[str, FileIO] = {}
                for location, content in files.items():
                    path = path_of(location)
                    with storage_errors(location):
                        path.parent.mkdir(parents=True, exist_ok=True)
                        # Without a buffer, which would be written once more when a file that does not fit is closed.
                        streams[location] = open_files.enter_context(path.open("xb", buffering=0))
                        written.append(path)
                        reached(Point.FILE_BEGUN)
                        _write(streams[location], content)
                        _begin_sync(streams[location])
                for location, stream in streams.items():
                    with storage_errors(location):
                        os.fsync(stream.fileno())
                    reached(Point.FILE_WRITTEN)
        except BaseException:
            for path in written:
                path.unlink(missing_ok=True)
            raise

    def parts(self, file: StoredFile) -> Iterator[bytes]:
        with storage_errors(file.location), path_of(file.location).open("rb") as stream:
            while part := stream.read(_PART):
                yield part

    def find(self, location: str) -> StoredFile | None:
        path = path_of(location)
        with storage_errors(location):
            try:
                return _stored(str(path), path.stat())
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
                    continue
                with suppress(FileNotFoundError):
                    yield _stored(entry.path, entry.stat())

    def delete(self, locations: Iterable[str]) -> None:
        for location in locations:
            with storage_errors(location):
                path_of(location).unlink(missing_ok=True)

    def make_folder(self, location: str) -> None:
        with storage_errors(location):
            path_of(location).mkdir(parents=True, exist_ok=True)

    def syncing(self, location: str) -> Callable[[], None]:
        with storage_errors(location):
            descriptor = os.open(path_of(location), os.O_RDONLY)
        return partial(_sync, descriptor, location)


def _sync(descriptor: int, location: str) -> None:
    with storage_errors(location):
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _stored(path: str, stat: os.stat_result) -> StoredFile:
    return StoredFile(to_uri(path), datetime.fromtimestamp(stat.st_mtime, UTC), stat.st_size)


def _write(stream: FileIO, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[stream.write(rest) :]


def _begin_sync(stream: FileIO) -> None:
    """Have the system begin to write a file to the disk: then several take hardly longer than one, without threads."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


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
        raise FileTaken(
            f"There is a file '{location}' already.", place=location, hint="Another writer was first; run again."
        ) from error
    except PermissionError as error:
        raise StorageError(
            f"Permission denied: '{error.filename or location}'.",
            place=location,
            hint="Give the user who runs headgate read and write access to the warehouse.",
        ) from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = (
            "Free some space" if full else "Make it writable, or name another folder under `storage` in headgate.yml,"
        )
        raise StorageError(
            f"No space left on the disk for '{location}'." if full else f"Cannot use '{location}': {error.strerror}.",
            place=location,
            hint=f"{remedy} and run again: nothing refers to what was half written.",
        ) from error


@contextmanager
def disk_errors(location: str) -> Iterator[None]:
    """Turn what the operating system says of the disk below a folder, and nothing else, into `StorageError`."""
    try:
        yield
    except OSError as error:
        if error.errno in _OF_THE_DISK:
            with storage_errors(location):
                raise
        raise
