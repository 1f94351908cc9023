"""Metadata files as JSON: read once, since none of them ever changes, and written under new names."""

from __future__ import annotations

import json
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable

from headgate.catalog.metadata import decompressed
from headgate.catalog.rest.fields import Json, as_object
from headgate.catalog.rest.problems import BadRequest, NoSuchFile
from headgate.catalog.storage import Storage
from headgate.errors import CorruptHistory, FileMissing

_KEPT = 256
_LARGEST_KEPT = 1 << 20


class Documents:
    """Reads and writes metadata files; shared between threads.

    Args:
        storage: Where they are.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._kept: OrderedDict[str, Json] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, location: str, canonical: Callable[[Json], Json]) -> Json:
        """A metadata file in canonical form, which nobody may change.

        Raises:
            NoSuchFile: There is none.
            CorruptHistory: It is not what it is said to be.
        """
        with self._lock:
            kept = self._kept.get(location)
        # A file that the storage has lost is not answered from memory: what it names may be gone as well.
        if kept is not None and self._storage.exists(location):
            return kept
        content = self._bytes(location)
        try:
            document = canonical(as_object(json.loads(decompressed(content)), location))
        except (ValueError, RecursionError, BadRequest) as error:
            raise CorruptHistory(
                f"'{location}' is not a metadata file: {error}",
                place=location,
                hint="`headgate doctor` tells what else is wrong; a backup of the warehouse has the file as it was.",
            ) from error
        if len(content) <= _LARGEST_KEPT:
            self._keep(location, document)
        return document

    def read_foreign(self, location: str, canonical: Callable[[Json], Json]) -> Json:
        """As `read`, of a file that a client names.

        Raises:
            NoSuchFile: There is none.
            BadRequest: It is not a metadata file.
        """
        try:
            return self.read(location, canonical)
        except CorruptHistory as error:
            raise BadRequest(f"Cannot register {location}: it is not a metadata file") from error

    def write(self, folder: str, number: int, document: Json) -> str:
        """Write a metadata file, whole and durable; its location."""
        location = f"{folder}/{number:05d}-{uuid.uuid4()}.metadata.json"
        content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        self._storage.write(location, content)
        return location

    def discard(self, locations: list[str]) -> None:
        """Delete files that were written here and that nothing names."""
        self._storage.delete(locations)

    def _bytes(self, location: str) -> bytes:
        try:
            return self._storage.read(location)
        except FileMissing as error:
            # The words that Java's clients look for.
            raise NoSuchFile(f"Failed to open input stream for file: {location}", hint=error.hint) from error

    def _keep(self, location: str, document: Json) -> None:
        with self._lock:
            self._kept[location] = document
            self._kept.move_to_end(location)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)


def number_of(location: str) -> int:
    """The number in a metadata file's name, such as `00003-<uuid>.metadata.json`; 0 if it has none."""
    number = location.rpartition("/")[2].partition("-")[0].removeprefix("v")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 0
