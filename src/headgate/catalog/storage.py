"""Where the lake's files are: one object, made from the project's settings, that reads and writes all of them.

Files are never changed: each is written once, whole and durable, under a name that nobody knows yet, and only then does
a catalog commit name it.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Protocol

from headgate.catalog.localfiles import LocalFiles, StoredFile
from headgate.catalog.locations import holds_keys, local_path
from headgate.catalog.s3access import AccessSettings, S3Access
from headgate.errors import ProjectError, StorageError

_S3 = "s3"
_PLACE = "headgate.yml: storage"


class Files(Protocol):
    """What a place for files can do; `Storage` says what each method means."""

    def read(self, location: str) -> bytes: ...

    def parts(self, file: StoredFile) -> Iterator[bytes]: ...

    def write_all(self, files: Mapping[str, bytes]) -> None: ...

    def find(self, location: str) -> StoredFile | None: ...

    def list(self, prefix: str) -> Iterator[StoredFile]: ...

    def delete(self, locations: Iterable[str]) -> None: ...

    def make_folder(self, location: str) -> None: ...

    def syncing(self, location: str) -> Callable[[], None]: ...


class Storage:
    """The files of a lake, by location: a path, a `file:` URI or an `s3:` URI.

    A location on this machine is one also where the warehouse is elsewhere: engines keep temporary files here.

    Args:
        warehouse: Absolute path or URI below which tables lie.
        settings: How an object store is reached; a warehouse on this machine needs none.
        mark: What the UUIDs in names of new files begin with; see `of_run`.

    Attributes:
        warehouse: As given, without a slash at its end.
        access: How an object store is reached.
    """

    def __init__(self, warehouse: str, settings: AccessSettings | None = None, mark: str = "") -> None:
        self.warehouse = warehouse.removeprefix("file://").rstrip("/") or "/"
        self.access = S3Access.of(settings)
        self._local = LocalFiles()
        self._remote: Files | None = None
        self._mark = mark

    @classmethod
    def open(cls, warehouse: str, settings: AccessSettings | None = None) -> Storage:
        """The storage of a project; nothing is connected to before a file is asked for.

        Raises:
            ProjectError: The warehouse is neither a folder nor in an object store that headgate knows.
        """
        scheme, found, _ = warehouse.partition("://")
        if found and scheme not in ("file", _S3):
            raise ProjectError(
                # What follows may hold a password.
                f"headgate cannot keep tables in '{scheme}://...': it knows no storage '{scheme}'.",
                place=_PLACE,
                hint="Set storage to a folder or to s3://bucket/prefix.",
            )
        if scheme == _S3 and holds_keys(warehouse):
            raise ProjectError(
                "The s3:// address of the storage has something before the bucket, and buckets are reached without.",
                place=_PLACE,
                hint="Write s3://bucket/prefix as `url`, and keys beside it: access_key: ${NAME}, secret_key: ${NAME}.",
            )
        return cls(warehouse, settings)

    def of_run(self, run_id: str) -> Storage:
        """The same files; what is written through it is told by its name to be the run's, see `is_of_run`."""
        return Storage(self.warehouse, self.access, _mark(run_id))

    def new_id(self) -> uuid.UUID:
        """A UUID for the name of a new file: one of the run's, or a random one."""
        return uuid.UUID(f"{self._mark}8{secrets.token_hex(8)[1:]}") if self._mark else uuid.uuid4()

    @property
    def is_local(self) -> bool:
        """Whether tables lie on this machine's disk."""
        return local_path(self.warehouse) is not None

    def read(self, location: str) -> bytes:
        """The whole content of a file.

        Raises:
            FileMissing: There is none.
            StorageError: It cannot be read.
        """
        return self._files(location).read(location)

    def write(self, location: str, content: bytes) -> None:
        """Write a new file, which is whole and durable when this returns, and not there at all when it fails.

        Raises:
            FileTaken: There is one of that name; it stays as it is.
            StorageError: It cannot be written.
        """
        self.write_all({location: content})

    def write_all(self, files: Mapping[str, bytes]) -> None:
        """As `write`, of several new files at the same time; one that fails, or an interrupt, leaves none of them.

        Raises:
            FileTaken: There is one of such a name; it stays as it is.
            StorageError: One cannot be written.
        """
        written: list[str] = []
        try:
            for where, group in groupby(sorted(files, key=self._is_here), self._files):
                part = list(group)
                where.write_all({location: files[location] for location in part})
                written += part
        except BaseException as error:
            try:
                self.delete(written)
            except StorageError as left:
                raise error from left
            raise

    def exists(self, location: str) -> bool:
        """Whether there is a file at a location."""
        return self.find(location) is not None

    def size(self, location: str) -> int | None:
        """The number of bytes of a file; None when there is none."""
        found = self.find(location)
        return None if found is None else found.bytes

    def find(self, location: str) -> StoredFile | None:
        """A file as a listing has it; None when there is none."""
        return self._files(location).find(location)

    def parts(self, file: StoredFile) -> Iterator[bytes]:
        """The content of a file that was listed, in pieces, so that its size does not matter.

        Raises:
            FileMissing: The file is gone.
            FileChanged: It has been written since it was listed.
        """
        return self._files(file.location).parts(file)

    def list(self, prefix: str) -> Iterator[StoredFile]:
        """The files in a folder and in its subfolders, in no order; none when there is no such folder."""
        return self._files(prefix).list(prefix)

    def delete(self, locations: Iterable[str]) -> None:
        """Delete files; one that is not there is passed over."""
        for where, group in groupby(locations, self._files):
            where.delete(group)

    def make_folder(self, location: str) -> None:
        """Make a folder that an engine is to write into; an object store has none."""
        self._files(location).make_folder(location)

    def syncing(self, location: str) -> Callable[[], None]:
        """What makes a file durable that an engine wrote, to be called once; then the file may be deleted already."""
        return self._files(location).syncing(location)

    def client_config(self) -> dict[str, str]:
        """What a client of the Iceberg REST catalog has to be told to reach the files; empty on this machine."""
        return {} if self.is_local else self.access.client_config()

    @staticmethod
    def _is_here(location: str) -> bool:
        return local_path(location) is not None

    def _files(self, location: str) -> Files:
        if self._is_here(location):
            return self._local
        if self._remote is None:
            from headgate.catalog.objectstore import ObjectStore

            self._remote = ObjectStore(self.access)
        return self._remote


_METADATA = (".avro", ".metadata.json")


def is_of_run(location: str, run_id: str) -> bool:
    """Whether a run wrote a file: data files begin with its id, metadata has a UUID that begins with its mark."""
    name = location.rpartition("/")[2]
    if name.endswith(_METADATA):
        # `00001-<uuid>.metadata.json`, a view's `<uuid>.metadata.json`, `<uuid>-m0.avro`, `snap-<id>-0-<uuid>.avro`.
        return f"-{_mark(run_id)}" in f"-{name}"
    return name.startswith(f"{run_id}-") and name.endswith(".parquet")


def _mark(run_id: str) -> str:
    """What the UUIDs of a run begin with: 60 bits of its own, as version 8 of RFC 9562 allows."""
    own = hashlib.sha256(run_id.encode()).hexdigest()
    return f"{own[:8]}-{own[8:12]}-8{own[12:15]}-"
