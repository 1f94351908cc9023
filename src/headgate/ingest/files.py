"""Which files a source has: paths, globs, folders, `s3://` and `https://`, each with the hash of its bytes."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select

from headgate import database
from headgate.catalog.storage import Storage
from headgate.database import Database
from headgate.errors import DataError, UsageError, did_you_mean
from headgate.faults import Point, reached
from headgate.ingest.addresses import check_kind, is_address, is_object, shown_address
from headgate.ingest.contract import Source
from headgate.ingest.digests import LARGE, Digest, Stamp, digest, is_settled, stamp
from headgate.ingest.formats import is_data_name, is_hidden
from headgate.ingest.objects import RemoteFile, find_objects
from headgate.project import Project

# Remembered behind the hash of a file that has bytes that are zero.
_NUL = "+nul"
_SHOWN = 80


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
        remote: Where the bytes are to be had, if they may not lie at `path` yet; see `at_hand`.
    """

    name: str
    path: Path
    bytes: int
    sha256: str
    stamp: Stamp
    nul: bool | None = None
    remote: RemoteFile | None = None

    def at_hand(self) -> InputFile:
        """The file with its bytes at `path`, fetched if they are not there.

        Raises:
            DataError: They are others than when the load was planned.
        """
        if self.remote is None:
            return self
        if not self.path.exists() and self.remote.copy(self.path).sha256 != self.sha256:
            raise self.remote.changed()
        return replace(self, stamp=stamp(self.path))

    def release(self) -> None:
        """Remove what was fetched."""
        if self.remote is not None:
            shutil.rmtree(self.path.parent, ignore_errors=True)

    def check_unchanged(self) -> None:
        """Raise a DataError if the file is no longer what it was when it was planned."""
        if self.path.is_file() and (stamp(self.path) == self.stamp or digest(self.path).sha256 == self.sha256):
            return
        raise DataError(
            f"The file '{self.name}' changed while it was read.",
            place=self.name,
            hint="Run again when nobody writes to it; let writers make a file under another name and rename it.",
        )


def discover(
    project: Project,
    source: Source,
    storage: Storage,
    db: Database | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> list[InputFile]:
    """The files of a source, in the order of its patterns and by name within each; each file once.

    Args:
        project: Relative paths are looked up in its folder.
        source: Whose files.
        storage: The lake's, with which a source's objects are reached, unless the source says otherwise.
        db: Remembers hashes of files that did not change, those of this machine's disks on this machine; None to
            compute them all.
        meanwhile: Called, perhaps often, when a large file of this machine is about to be hashed: begins what can go on
            beside that.

    Raises:
        DataError: A path without wildcards does not exist, or an address does not answer.
        UsageError: An address is none or of another kind, or looks like another once its secrets are hidden.
        StorageError: An object store does not answer.
    """
    cache = HashCache(db) if db else None
    local = HashCache(db.local(project.state_dir), meanwhile) if db else None
    found: dict[str, InputFile] = {}
    for pattern in source.contract.files:
        check_kind(pattern, f"{source.path}: files")
        if is_object(pattern):
            reached = Storage(pattern, source.contract.storage) if source.contract.storage is not None else storage
            for remote in find_objects(pattern, source, reached):
                if remote.location not in found:
                    found[remote.location] = _remote_file(remote, project.temp_directory, cache)
            continue
        for path, name in _found(project, source, pattern):
            if name in found and found[name].path != path:
                raise UsageError(
                    f"Two addresses of the source '{source.name}' differ in nothing but what is hidden: {name}.",
                    place=f"{source.path}: files",
                    hint="Make a source of its own for each, or leave one of them away.",
                )
            if name not in found:
                found[name] = _input_file(path, name, local.digest if local else digest)
    return list(found.values())


def _remote_file(remote: RemoteFile, temporary: Path, cache: HashCache | None) -> InputFile:
    """An object with the hash of its bytes; it is fetched if nobody knows that, and kept where there is room."""
    path = remote.place(temporary)
    found = cache.known(remote.location, remote.stamp) if cache else None
    if found is None:
        copy = remote.copy(path if remote.has_room(temporary) else None)
        found = Digest(copy.sha256, copy.nul)
        if cache is not None:
            cache.remember(remote.location, remote.stamp, found)
    return InputFile(remote.location, path, remote.stored.bytes, found.sha256, remote.stamp, found.nul, remote)


def _found(project: Project, source: Source, pattern: str) -> list[tuple[Path, str]]:
    try:
        return list(_matches(project, source, pattern))
    except OSError as error:
        folder = f"'{_cut(project.relative(os.fsdecode(error.filename)))}': " if error.filename is not None else ""
        raise DataError(
            f"The files '{_cut(pattern)}' cannot be looked for: {folder}{error.strerror}.",
            place=f"{source.path}: files",
            hint="Check who may read the folder, or let `files` of the contract name others.",
        ) from error


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _matches(project: Project, source: Source, pattern: str) -> Iterator[tuple[Path, str]]:
    """Local path and recorded name of each file that a pattern stands for."""
    if is_address(pattern):
        from headgate.ingest.download import download

        yield download(pattern, project.make_state_dir() / "downloads"), shown_address(pattern)
        return
    path = project.path(pattern)
    if path.is_dir():
        wanted = source.contract.format
        inside = ((inner, inner.relative_to(path).as_posix()) for inner in _below(path))
        paths = sorted(inner for inner, name in inside if is_data_name(name, wanted) and inner.is_file())
    elif project.is_pattern(path) and not path.exists():
        _check_readable(project, path)
        paths = sorted(inner for inner in project.matches(path) if inner.is_file())
    else:
        paths = [path]
    for inner in paths:
        if not inner.is_file():
            raise _missing(inner, source)
        yield inner, project.relative(inner)


def _below(folder: Path) -> Iterator[Path]:
    """All files below a folder, through links as patterns go, but in no circle of them."""
    around: dict[Path, frozenset[tuple[int, int]]] = {}

    def tell(error: OSError) -> None:
        # What one may not look into may hold files: without a word their rows would be left out, or leave a table.
        if not is_hidden(Path(os.fsdecode(error.filename)).relative_to(folder)):
            raise error

    for text, inner, names in os.walk(folder, onerror=tell, followlinks=True):
        here = Path(text)
        found = here.stat()
        outer, own = around.pop(here, frozenset()), (found.st_dev, found.st_ino)
        if own in outer:
            inner.clear()
            continue
        around.update((here / name, outer | {own}) for name in inner)
        yield from (here / name for name in names)


def _check_readable(project: Project, pattern: Path) -> None:
    """Raise a PermissionError for a folder that a pattern would look into and may not, which `glob` passes over."""
    for outer in pattern.parents:
        inner = pattern.relative_to(outer).parts[0]
        if not project.is_pattern(outer / inner):
            break
        for folder in project.matches(outer / inner if inner == "**" else outer):
            if not folder.is_dir():
                continue
            # Each raises the error that there is to tell.
            if glob.has_magic(inner):
                os.scandir(folder).close()
            else:
                (folder / inner).exists()


def _missing(path: Path, source: Source) -> DataError:
    names = [other.name for other in path.parent.iterdir() if other.is_file()] if path.parent.is_dir() else []
    hint = did_you_mean(path.name, names) or "Put the file there, or correct `files` of the contract."
    return DataError(f"There is no file '{path}'.", place=f"{source.path}: files", hint=hint)


def _input_file(path: Path, name: str, hash_of: Callable[[Path], Digest]) -> InputFile:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DataError(
            f"The name of the file {name!a} is not UTF-8.", place=ascii(name), hint="Rename the file."
        ) from None
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


class HashCache:
    """Hashes of files, remembered in the state database for as long as their stamps stay."""

    def __init__(self, db: Database, meanwhile: Callable[[], object] = lambda: None) -> None:
        self._db = db
        self._meanwhile = meanwhile
        self._known: dict[str, tuple[Stamp, str]] | None = None

    def digest(self, path: Path) -> Digest:
        """The hash of a file, computed only if the file is not known as it is now."""
        now = stamp(path)
        found = self.known(str(path), now)
        if found is None:
            if now[0] >= LARGE:
                self._meanwhile()
            found = digest(path)
            reached(Point.SOURCE_HASHED)
            if stamp(path) == now and is_settled(now):
                self.remember(str(path), now, found)
        return found

    def known(self, name: str, now: Stamp) -> Digest | None:
        """What is remembered of a file, if it is still as it was."""
        known = self._load().get(name)
        if known is None or known[0] != now:
            return None
        return Digest(known[1].removesuffix(_NUL), known[1].endswith(_NUL))

    def _load(self) -> dict[str, tuple[Stamp, str]]:
        if self._known is None:
            table = database.file_hashes
            rows = self._db.fetch(select(table))
            self._known = {row.path: ((row.bytes, row.mtime_ns, row.inode, row.ctime_ns), row.sha256) for row in rows}
        return self._known

    def remember(self, name: str, now: Stamp, found: Digest) -> None:
        """Keep the hash of a file that is as `now` says."""
        sha256 = found.sha256 + (_NUL if found.nul else "")
        table = database.file_hashes
        size, changed, inode, altered = now
        times = {"mtime_ns": changed, "ctime_ns": altered}
        row = {"path": name, "bytes": size, "inode": inode, "sha256": sha256, **times}
        self._db.execute(self._db.upsert(table).values(row))
        self._load()[name] = (now, sha256)
