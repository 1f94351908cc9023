"""What a database behind the state database has to know how to do."""

from __future__ import annotations

import enum
import os
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Engine, Insert, Table, event
from sqlalchemy.exc import DBAPIError, DisconnectionError

from headgate.errors import StorageError

MODE = "headgate_mode"
"""The execution option that says what a connection is used for."""


class Mode(enum.Enum):
    """What a connection is used for."""

    READ = enum.auto()
    """Several statements that see one state of the database."""
    WRITE = enum.auto()
    """A transaction that writes."""
    STATEMENT = enum.auto()
    """One statement, which is a transaction by itself."""


class Standing(enum.Enum):
    """What has become of a transaction that failed."""

    REFUSED = enum.auto()
    """The database said no, and would say it again."""
    LOST_RACE = enum.auto()
    """It gave way to another transaction; nothing of it is there, and a second try may go through."""
    OUT_OF_REACH = enum.auto()
    """The database is not there, or not any more: a second try may find it, and what the first one left."""


class Exclusive(Protocol):
    """A name that nobody else holds."""

    def check(self) -> None:
        """Make sure that the name is still held, before something that must not happen twice at once.

        Raises:
            StorageError: It was lost along with the connection.
        """


class Dialect(Protocol):
    """One kind of database.

    Attributes:
        engine: Where connections come from.
        place: The database's URL without anything secret.
        at_once: Whether one statement can write to several tables.
        on_this_machine: Whether only processes of this machine use the database.
    """

    engine: Engine
    place: str
    at_once: bool
    on_this_machine: bool

    def insert_new(self, table: Table) -> Insert:
        """An INSERT that leaves out rows whose key is there already."""

    def upsert(self, table: Table) -> Insert:
        """An INSERT that replaces every other column of a row whose primary key is there already."""

    def now(self) -> ColumnElement[int]:
        """Microseconds since 1970, by one clock for everyone who uses the database."""

    def version(self, connection: Connection) -> int | None:
        """The number in the table `schema_version`; None without that table."""

    def alone(self, connection: Connection) -> None:
        """Wait until no other transaction makes or changes tables, and keep it so to the end of this one."""

    def exclusive(self, name: str, patience: float) -> AbstractContextManager[Exclusive]:
        """Hold a name while the body lasts; raises StorageError when somebody else holds it for longer."""

    def lane(self, name: str, patience: float) -> AbstractContextManager[None]:
        """Go through one after the other, as far as that goes: whoever waited for too long goes at the same time."""

    def standing(self, error: DBAPIError) -> Standing:
        """What has become of a transaction that failed with this error."""

    def error(self, error: DBAPIError) -> StorageError:
        """A driver's error as a sentence, with its place and the next step."""


def keep_to_process(engine: Engine) -> None:
    """Let a forked process make connections of its own: two that share one would read each other's answers."""

    def connected(connection: Any, record: Any) -> None:
        record.info["pid"] = os.getpid()

    def checked_out(connection: Any, record: Any, proxy: Any) -> None:
        if record.info["pid"] != os.getpid():
            record.dbapi_connection = proxy.dbapi_connection = None
            raise DisconnectionError("it belongs to the process that this one was forked from")

    event.listen(engine, "connect", connected)
    event.listen(engine, "checkout", checked_out)


def reason_of(error: DBAPIError) -> str:
    """The first line of what the driver says."""
    return str(error.orig).strip().partition("\n")[0] or type(error.orig).__name__


def taken(name: str, place: str) -> StorageError:
    """The error for a name that somebody else holds."""
    return StorageError(
        f"Another process holds '{name}' of the state database",
        place=place,
        hint="Wait for it to finish, or end it, and try again",
    )
