"""Reading and writing metadata files, on the local disk without any library, elsewhere through PyIceberg's `FileIO`.

A metadata file is complete and on the disk before anything refers to it: every file is written under a name that
nobody knows yet, flushed and synced, and only then does a catalog commit name it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from io import FileIO as RawFile
from pathlib import Path
from types import TracebackType

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream, load_file_io

from headgate.catalog.locations import local_path
from headgate.errors import StorageError


def open_storage(location: str) -> FileIO:
    """The `FileIO` that reads and writes files below a location."""
    return LocalStorage() if local_path(location) is not None else load_file_io(location=location)


@contextmanager
def storage_errors(location: str) -> Iterator[None]:
    """Turn what the operating system says about a file into `StorageError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise StorageError(
            f"The file '{location}' does not exist.",
            place=location,
            hint="The lake's storage has lost it, or the warehouse was moved; `headgate doctor` checks the rest.",
        ) from error
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


def sync(location: str) -> None:
    """Make a local data file durable; object stores are when the upload has ended."""
    path = local_path(location)
    if path is None:
        return
    with storage_errors(location):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _LocalInput(InputFile):
    def _path(self) -> Path:
        path = local_path(self.location)
        assert path is not None
        return path

    def __len__(self) -> int:
        with storage_errors(self.location):
            return self._path().stat().st_size

    def exists(self) -> bool:
        return self._path().exists()

    def open(self, seekable: bool = True) -> InputStream:
        with storage_errors(self.location):
            return BufferedReader(RawFile(self._path()))


class _SyncedStream:
    """A new file that is synced to the disk, with its folder, when it is closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream = path.open("xb")

    def write(self, b: bytes) -> int:
        return self._stream.write(b)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        with storage_errors(str(self._path)):
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()

    def __enter__(self) -> OutputStream:
        return self

    def __exit__(
        self, exctype: type[BaseException] | None, excinst: BaseException | None, exctb: TracebackType | None
    ) -> None:
        if exctype is None:
            self.close()
            return
        self._stream.close()
        self._path.unlink(missing_ok=True)


class _LocalOutput(OutputFile):
    def __len__(self) -> int:
        return len(self.to_input_file())

    def exists(self) -> bool:
        return self.to_input_file().exists()

    def to_input_file(self) -> InputFile:
        return _LocalInput(self.location)

    def create(self, overwrite: bool = False) -> OutputStream:
        path = local_path(self.location)
        assert path is not None
        with storage_errors(self.location):
            path.parent.mkdir(parents=True, exist_ok=True)
            return _SyncedStream(path)


class LocalStorage(FileIO):
    """Files of this machine, by path or `file:` URI."""

    def new_input(self, location: str) -> InputFile:
        return _LocalInput(location)

    def new_output(self, location: str) -> OutputFile:
        return _LocalOutput(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        path = local_path(location if isinstance(location, str) else location.location)
        assert path is not None
        with storage_errors(str(path)):
            path.unlink()
