"""PyIceberg's `FileIO` over the lake's storage, for metadata: manifests and lists are read and written whole.

What is written is kept until the version of the table that it belongs to is stored, and then written all at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from types import TracebackType

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream

from headgate.catalog.locations import reaches_into
from headgate.catalog.storage import Storage
from headgate.errors import StorageError

_METADATA = "/metadata"


@dataclass
class KeptFile:
    """A file that was written in memory, and whether the storage has it: it may belong to several versions."""

    content: bytes
    stored: bool = False


class StorageIO(FileIO):
    """Reads small files through a `Storage`, and keeps what is written.

    Metadata of other writers may name any file of this machine. Nothing outside of the warehouse is opened: to open and
    close the state database as a file would drop the locks that SQLite has on it.

    Args:
        storage: Where the files are.
        trusted: Metadata files that the catalog or headgate itself names; their tables may lie elsewhere, as in a
            session's temporary folder or in a warehouse that was the project's before.
        kept: Files that need not be in the storage yet.

    Attributes:
        kept: Those, and what has been written since, by location.
    """

    def __init__(
        self, storage: Storage, trusted: Iterable[str] = (), kept: Mapping[str, KeptFile] | None = None
    ) -> None:
        super().__init__()
        self._storage = storage
        self.kept = dict(kept or {})
        self._trusted = list(trusted)

    def new_input(self, location: str) -> InputFile:
        if location in self.kept:
            return _Kept(location, self.kept[location].content)
        if not reaches_into(location, self._storage.warehouse) and not self._is_trusted(location):
            raise StorageError(
                f"'{location}' is named by a table's metadata and lies outside of the warehouse"
                f" '{self._storage.warehouse}'.",
                place=location,
                hint="headgate does not open it. Rewrite the table's manifests with the engine that wrote them, or drop"
                " the table.",
            )
        return _Input(location, self._storage)

    def _is_trusted(self, location: str) -> bool:
        # Manifests and lists of every writer are called so, and no other file that must not be opened is.
        if not location.endswith((".avro", ".metadata.json")):
            return False
        elsewhere = (each for each in self._trusted if not reaches_into(each, self._storage.warehouse))
        folders = {each.rpartition("/")[0].removesuffix(_METADATA) for each in elsewhere}
        return any(reaches_into(location, folder) for folder in folders)

    def new_output(self, location: str) -> OutputFile:
        return _Output(location, self)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        self._storage.delete([location if isinstance(location, str) else location.location])


class _Input(InputFile):
    def __init__(self, location: str, storage: Storage) -> None:
        super().__init__(location)
        self._storage = storage

    def __len__(self) -> int:
        return self._storage.size(self.location) or 0

    def exists(self) -> bool:
        return self._storage.exists(self.location)

    def open(self, seekable: bool = True) -> InputStream:
        return BytesIO(self._storage.read(self.location))


class _Kept(InputFile):
    def __init__(self, location: str, content: bytes) -> None:
        super().__init__(location)
        self._content = content

    def __len__(self) -> int:
        return len(self._content)

    def exists(self) -> bool:
        return True

    def open(self, seekable: bool = True) -> InputStream:
        return BytesIO(self._content)


class _Output(OutputFile):
    def __init__(self, location: str, io: StorageIO) -> None:
        super().__init__(location)
        self._io = io

    def __len__(self) -> int:
        # PyIceberg asks for it as soon as the file is written.
        return len(self.to_input_file())

    def exists(self) -> bool:
        return self.to_input_file().exists()

    def to_input_file(self) -> InputFile:
        return self._io.new_input(self.location)

    def create(self, overwrite: bool = False) -> OutputStream:
        return _Stream(self.location, self._io.kept)


class _Stream:
    """What is written, kept until it is whole: there is nothing of a file whose writing fails."""

    def __init__(self, location: str, files: dict[str, KeptFile]) -> None:
        self._location = location
        self._files = files
        self._content = BytesIO()

    def write(self, b: bytes) -> int:
        return self._content.write(b)

    def tell(self) -> int:
        return self._content.tell()

    def close(self) -> None:
        if not self._content.closed:
            self._files[self._location] = KeptFile(self._content.getvalue())
            self._content.close()

    def __enter__(self) -> OutputStream:
        return self

    def __exit__(
        self, exctype: type[BaseException] | None, excinst: BaseException | None, exctb: TracebackType | None
    ) -> None:
        if exctype is None:
            self.close()
        else:
            self._content.close()
