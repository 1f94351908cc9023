"""SQLite: one file, one writer at a time, any number of processes of one machine."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Insert, Table, create_engine, event, literal_column, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from headgate.dialects.interface import MODE, Mode, Standing, keep_to_process, reason_of, taken
from headgate.errors import ProjectError, StorageError

# How long a writer waits for the write transaction of another process, unless the URL says `?timeout=`.
_BUSY_SECONDS = 60
_POLL = 0.05

# What SQLite says, and what a person can do about it.
_REMEDIES = (
    ("not a database", "Another file stands in its place: move it away, or name another under 'catalog'"),
    ("malformed", "The file is damaged: restore it from a copy, then run headgate doctor"),
    ("locked", "Another process keeps writing to it: wait for it, or end it, and try again"),
    ("readonly", "Make the file and its folder writable; SQLite also writes files beside it"),
    ("unable to open", "Make the folder writable, and check that the path names a file"),
    ("full", "Make room on the disk and try again"),
    ("disk i/o", "Check the disk; a network folder that cannot lock files does not work with SQLite"),
)


class Sqlite:
    """Implements `Dialect`."""

    at_once = False
    on_this_machine = True

    def __init__(self, url: URL) -> None:
        self.place = url.render_as_string()
        self._path = _file(url)
        waits = {} if "timeout" in url.query else {"timeout": _BUSY_SECONDS}
        self.engine = create_engine(url, connect_args=waits, hide_parameters=True)
        event.listen(self.engine, "connect", _configure)
        event.listen(self.engine, "begin", _begin)
        keep_to_process(self.engine)

    def insert_new(self, table: Table) -> Insert:
        return sqlite.insert(table).on_conflict_do_nothing()

    def upsert(self, table: Table) -> Insert:
        keys = [column.name for column in table.primary_key]
        others = [column.name for column in table.columns if column.name not in keys]
        insert = sqlite.insert(table)
        return insert.on_conflict_do_update(index_elements=keys, set_={name: insert.excluded[name] for name in others})

    def now(self) -> ColumnElement[int]:
        # To the millisecond, which is as much as SQLite tells.
        return literal_column("CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)", BigInteger)

    def version(self, connection: Connection) -> int | None:
        known = text("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'")
        if connection.execute(known).first() is None:
            return None
        return int(connection.execute(text("SELECT version FROM schema_version")).scalar_one())

    def alone(self, connection: Connection) -> None:
        """A write transaction is alone by itself."""

    @contextmanager
    def exclusive(self, name: str, patience: float) -> Iterator[_Held]:
        deadline = time.monotonic() + patience
        with self._lock_file(name) as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise taken(name, self.place) from None
                    time.sleep(_POLL)
            yield _Held()

    @contextmanager
    def lane(self, name: str, patience: float) -> Iterator[None]:
        # There is one writer at a time whatever it writes to, so there is one lane. Waiting here is cheaper than in
        # SQLite, which sleeps for up to a tenth of a second between two looks.
        file = self._lock_file("writers")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting = _Waiting(file)
            try:
                waiting.wait(patience)
                yield
            finally:
                waiting.leave()
        else:
            with file:
                yield

    def standing(self, error: DBAPIError) -> Standing:
        return Standing.REFUSED

    def error(self, error: DBAPIError) -> StorageError:
        reason = reason_of(error)
        hint = next((hint for sign, hint in _REMEDIES if sign in reason.lower()), "Check that the file can be read")
        return StorageError(f"The state database does not answer: {reason}", place=self.place, hint=hint)

    def _lock_file(self, name: str) -> IO[str]:
        path = self._path.with_name(f"{self._path.name}.{name}.lock")
        try:
            return path.open("w")
        except OSError as error:
            raise StorageError(
                f"The lock '{path}' cannot be made: {error.strerror}",
                place=self.place,
                hint="Make the file and its folder writable",
            ) from error


class _Waiting:
    """A place in the line for a lock, which the operating system gives to one after the other.

    It wakes up whoever is next, at once and at no cost until then, but cannot be told to wait no longer than so long:
    so a thread waits, and lets go of what it gets when nobody wants it any more.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._gone = False
        threading.Thread(target=self._get, daemon=True).start()

    def wait(self, patience: float) -> None:
        """Wait until it is this one's turn, or for as long as patience lasts."""
        self._done.wait(patience)

    def leave(self) -> None:
        """Let go of the lock, or of the place in the line."""
        with self._lock:
            self._gone = True
            if self._done.is_set():
                self._file.close()

    def _get(self) -> None:
        with suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_EX)
        with self._lock:
            self._done.set()
            if self._gone:
                self._file.close()


class _Held:
    """A lock of the operating system, which lasts as long as the process."""

    def check(self) -> None:
        """It cannot be lost."""


def _file(url: URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise ProjectError(
            "A state database in memory is lost when the process ends",
            place=url.render_as_string(),
            hint="Name a file: sqlite:///path/to/state.db",
        )
    path = Path(url.database.removeprefix("file:"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The folder '{path.parent}' of the state database cannot be made: {error.strerror}",
            place=url.render_as_string(),
            hint="Choose another place under 'catalog' in headgate.yml, or make the folder writable",
        ) from error
    return path


def _configure(connection: Any, record: object) -> None:
    # Transactions are begun by `_begin`, not by the driver, which would begin them too late to lock.
    connection.isolation_level = None
    cursor = connection.cursor()
    # Durable against a crash of the process; a power cut may lose the last commits but does not corrupt the file.
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        _switch_to_wal(cursor)
    cursor.close()


def _switch_to_wal(cursor: Any) -> None:
    # SQLite does not wait for its busy timeout when two connections switch the same new file at once.
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(connection: Connection) -> None:
    mode = connection.get_execution_options().get(MODE, Mode.READ)
    if mode is not Mode.STATEMENT:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if mode is Mode.WRITE else "BEGIN")
