"""Appends whose metadata is written when they are committed: on what the table is then, once, and not before."""

from __future__ import annotations

from collections.abc import Mapping

from headgate.catalog import Operation
from headgate.catalog.iceberg import TableVersion, append_onto, prepare
from headgate.catalog.storage import Storage
from headgate.engines.writer import Written
from headgate.types import Content, Kind, Name


class PendingAppend:
    """Data files that a table is to get.

    Args:
        name: The table.
        base: What the name stands for in the state that the files were written for; None for a new table.
        version: The table as it is there.
        written: The files, and the table as it has to be to take them.
        summary: Further entries of the snapshot's summary.

    Attributes:
        latest: The version of the table that was stored last.
    """

    def __init__(
        self,
        name: Name,
        base: Content | None,
        version: TableVersion | None,
        written: Written,
        summary: Mapping[str, str] | None,
    ) -> None:
        self.base = base
        self.latest: TableVersion | None = None
        self._name = name
        self._version = version
        self._written = written
        self._summary = summary
        # Before anybody waits for the commit.
        self._prepared = prepare(written.version.metadata, written.version.storage, written.files)
        # What was stored for a head that was lost may do for the next one, if that differs in other tables.
        self._stored: dict[Content | None, Content] = {}

    def content(self) -> Content:
        """The table with the files, on what they were written for."""
        if self.base not in self._stored:
            self._store(self.base, self._written.version.append(self._written.files, self._summary, self._prepared))
        return self._stored[self.base]

    def operation(self, theirs: Content | None, storage: Storage) -> Operation:
        """What adds the files to what the name stands for now; to what it stood for, where that cannot be.

        Raises:
            StorageError: The metadata cannot be read or written.
        """
        if theirs != self.base and theirs is not None and theirs.kind is Kind.TABLE and theirs not in self._stored:
            current = TableVersion.load(theirs.metadata_location, storage)
            ours = self._written
            joined = append_onto(self._version, current, ours.version, ours.files, self._summary, self._prepared)
            if joined is not None:
                self._store(theirs, joined)
        if theirs in self._stored:
            return Operation(self._name, theirs, self._stored[theirs])
        return Operation(self._name, self.base, self.content())

    def _store(self, before: Content | None, version: TableVersion) -> None:
        stored = version.store()
        self.latest = stored
        self._stored[before] = Content(Kind.TABLE, stored.table_id, stored.metadata_location)
