"""What differs between SQLite and Postgres: URLs, connections, statements that only they know, and their errors."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Table, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from headgate.errors import MissingExtra, ProjectError, StorageError

# How long a writer waits for the write transaction of another process, unless the URL says `?timeout=`.
_BUSY_SECONDS = 60

# The execution option that says that a transaction is going to write.
WRITES = "headgate_writes"


def make_engine(url: str) -> Engine:
    """The engine for a database URL, with nothing connected yet; a SQLite file's folder is made.

    Raises:
        ProjectError: The URL is not one of a database on disk.
        MissingExtra: The database's driver is not installed.
        StorageError: The folder cannot be made.
    """
    parsed = _parse(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite:
        _make_folder(parsed)
    waits = {"timeout": _BUSY_SECONDS} if sqlite and "timeout" not in parsed.query else {}
    try:
        engine = create_engine(parsed, connect_args=waits)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"The state database '{parsed.render_as_string()}' needs the library '{error.name}'",
            hint="Install it with: pip install 'headgate[postgres]'",
        ) from error
    if sqlite:
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def insert_new(engine: Engine, table: Table) -> Insert:
    """An INSERT that leaves out rows whose primary key is there already."""
    if engine.dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table).on_conflict_do_nothing()


def upsert(engine: Engine, table: Table) -> Insert:
    """An INSERT that replaces every other column of a row whose primary key is there already."""
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if column.name not in keys]
    if engine.dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        lite = sqlite.insert(table)
        return lite.on_conflict_do_update(index_elements=keys, set_={name: lite.excluded[name] for name in others})
    from sqlalchemy.dialects import postgresql

    postgres = postgresql.insert(table)
    return postgres.on_conflict_do_update(index_elements=keys, set_={name: postgres.excluded[name] for name in others})


# What the databases say, and what a person can do about it.
_REMEDIES = (
    ("not a database", "Another file stands in its place: move it away, or name another under 'catalog'"),
    ("malformed", "The file is damaged: restore it from a copy, then run headgate doctor"),
    ("locked", "Another process keeps writing to it: wait for it, or end it, and try again"),
    ("readonly", "Make the file and its folder writable; SQLite also writes files beside it"),
    ("unable to open", "Make the folder writable, and check that the path names a file"),
    ("full", "Make room on the disk and try again"),
    ("disk i/o", "Check the disk; a network folder that cannot lock files does not work with SQLite"),
)


def storage_error(error: DBAPIError, place: str) -> StorageError:
    """A driver's error with its place and the next step."""
    reason = str(error.orig).strip().partition("\n")[0] or type(error.orig).__name__
    hint = next((hint for sign, hint in _REMEDIES if sign in reason.lower()), "Check that the database can be reached")
    return StorageError(f"The state database does not answer: {reason}", place=place, hint=hint)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ProjectError(
            # What stands before the @ may hold a password.
            f"'{url.rpartition('@')[2]}' is not the URL of a state database",
            hint="It is sqlite:///path/to/state.db or postgresql://user@host/name",
        )
    # SQLAlchemy's default for this scheme is psycopg2; headgate's extra brings psycopg 3.
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def _make_folder(url: URL) -> None:
    if not url.database or url.database == ":memory:":
        raise ProjectError(
            "A state database in memory is lost when the process ends",
            place=url.render_as_string(),
            hint="Name a file: sqlite:///path/to/state.db",
        )
    folder = Path(url.database.removeprefix("file:")).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The folder '{folder}' of the state database cannot be made: {error.strerror}",
            place=url.render_as_string(),
            hint="Choose another place under 'catalog' in headgate.yml, or make the folder writable",
        ) from error


def _configure_sqlite(connection: Any, record: object) -> None:
    # Transactions are begun by `_begin_sqlite`, not by the driver, which would begin them too late to lock.
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


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
