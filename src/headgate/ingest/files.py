"""Which files a source has: paths, globs, folders and `https://` addresses, each with the hash of its bytes."""

from __future__ import annotations

import glob
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sqlalchemy import delete, insert, select

from headgate import database
from headgate.database import Database
from headgate.errors import DataError, did_you_mean
from headgate.ingest.addresses import is_address, shown_address
from headgate.ingest.contract import Format, Source
from headgate.project import Project

_CHUNK = 1 << 20
# A file that was written to this recently may be written to again without its time of change moving.
_SETTLED_NS = 2_000_000_000
# Remembered behind the hash of a file that has bytes that are zero.
_NUL = "+nul"

_FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".geojson": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
}
_COMPRESSED = (".gz", ".zst", ".gzip", ".zstd")


@dataclass(frozen=True)
class InputFile:
    """A file as it was when it was planned.

    Attributes:
        name: As it is recorded: relative to the project, or the address without its secrets.
        path: Where the bytes lie on this machine.
        bytes: Size.
        sha256: Hash of the bytes, as they are, compressed or not.
        stamp: What changes when somebody writes to the file.
        nul: Whether any byte is zero; None if nobody has looked.
    """

    name: str
    path: Path
    bytes: int
    sha256: str
    stamp: tuple[int, int, int]
    nul: bool | None = None

    def check_unchanged(self) -> None:
        """Raise a DataError if the file is no longer what it was when it was planned."""
        if self.path.exists() and (stamp(self.path) == self.stamp or digest(self.path).sha256 == self.sha256):
            return
        raise DataError(
            f"The file '{self.name}' changed while it was read.",
            place=self.name,
            hint="Run again when nobody writes to it; let writers make a file under another name and rename it.",
        )


def format_of(name: str) -> Format | None:
    """The format that a file's name tells, compression looked through; None when it tells none."""
    endings = PurePosixPath(name.lower()).suffixes
    if endings and endings[-1] in _COMPRESSED:
        endings.pop()
    return _FORMATS.get(endings[-1]) if endings else None


def discover(project: Project, source: Source, db: Database | None = None) -> list[InputFile]:
    """The files of a source, in the order of its patterns and by name within each; each file once.

    Args:
        project: Relative paths are looked up in its folder.
        source: Whose files.
        db: Remembers hashes of files that did not change; None to compute them all.

    Raises:
        DataError: A path without wildcards does not exist, or an address does not answer.
    """
    hash_of = HashCache(db).digest if db else digest
    found: dict[str, InputFile] = {}
    for pattern in source.contract.files:
        for path, name in _matches(project, source, pattern):
            if name not in found:
                found[name] = _input_file(path, name, hash_of)
    return list(found.values())


def _matches(project: Project, source: Source, pattern: str) -> Iterator[tuple[Path, str]]:
    """Local path and recorded name of each file that a pattern stands for."""
    if is_address(pattern):
        from headgate.ingest.download import download

        yield download(pattern, project.make_state_dir() / "downloads"), shown_address(pattern)
        return
    path = project.path(pattern)
    if path.is_dir():
        paths = sorted(inner for inner in path.rglob("*") if _is_data(inner, path, source.contract.format))
    elif glob.has_magic(pattern) and not path.exists():
        found = (Path(text) for text in glob.glob(str(path), recursive=True))  # noqa: PTH207  # the pattern is absolute
        paths = sorted(inner for inner in found if inner.is_file())
    else:
        paths = [path]
    for inner in paths:
        if not inner.is_file():
            raise _missing(inner, source)
        yield inner, project.relative(inner)


def _is_data(path: Path, folder: Path, declared: Format | None) -> bool:
    hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    known = format_of(path.name)
    return not hidden and path.is_file() and known is not None and declared in (None, known)


def _missing(path: Path, source: Source) -> DataError:
    names = [other.name for other in path.parent.iterdir() if other.is_file()] if path.parent.is_dir() else []
    hint = did_you_mean(path.name, names) or "Put the file there, or correct `files` of the contract."
    return DataError(f"There is no file '{path}'.", place=f"{source.path}: files", hint=hint)


def _input_file(path: Path, name: str, hash_of: Callable[[Path], Digest]) -> InputFile:
    try:
        before = stamp(path)
        found = hash_of(path)
    except OSError as error:
        raise DataError(
            f"The file '{name}' cannot be read: {error.strerror}.", place=name, hint="Check who may read it."
        ) from error
    file = InputFile(name, path, before[0], found.sha256, before, found.nul)
    if stamp(path) != before:
        file.check_unchanged()
    return file


def stamp(path: Path) -> tuple[int, int, int]:
    """Size, time of change in nanoseconds and inode of a file."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


@dataclass(frozen=True)
class Digest:
    """The hash of a file's bytes in hexadecimal, and whether any of them is zero, if that is known."""

    sha256: str
    nul: bool | None = None


def digest(path: Path) -> Digest:
    """Read a file once, for all that is told of its bytes."""
    found = hashlib.sha256()
    nul = False
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
            nul = nul or b"\0" in chunk
    return Digest(found.hexdigest(), nul)


class HashCache:
    """Hashes of files, remembered in the state database for as long as size, time of change and inode stay."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, tuple[tuple[int, int, int], str]] | None = None

    def digest(self, path: Path) -> Digest:
        """The hash of a file, computed only if the file is not known as it is now."""
        now = stamp(path)
        known = self._load().get(str(path))
        if known and known[0] == now:
            return Digest(known[1].removesuffix(_NUL), known[1].endswith(_NUL))
        found = digest(path)
        if stamp(path) == now and time.time_ns() - now[1] > _SETTLED_NS:
            self._remember(path, now, found.sha256 + (_NUL if found.nul else ""))
        return found

    def _load(self) -> dict[str, tuple[tuple[int, int, int], str]]:
        if self._known is None:
            table = database.file_hashes
            with self._db.read() as connection:
                rows = connection.execute(select(table)).all()
            self._known = {row.path: ((row.bytes, row.mtime_ns, row.inode), row.sha256) for row in rows}
        return self._known

    def _remember(self, path: Path, now: tuple[int, int, int], sha256: str) -> None:
        table = database.file_hashes
        size, changed, inode = now
        with self._db.write() as connection:
            connection.execute(delete(table).where(table.c.path == str(path)))
            connection.execute(
                insert(table).values(path=str(path), bytes=size, mtime_ns=changed, inode=inode, sha256=sha256)
            )
        self._load()[str(path)] = (now, sha256)
