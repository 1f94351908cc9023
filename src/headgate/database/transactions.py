"""An open state database, and transactions on it.

One database holds the embedded catalog, the history of runs and their checks, and the hashes of source files. It is
reached through SQLAlchemy Core, so that SQLite and Postgres serve alike; what differs is in `dialects`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Executable, Insert, RootTransaction, Row, Table, inspect, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from headgate.database.migrations import MIGRATIONS, Migration
from headgate.database.tables import Moment, metadata, schema_version
from headgate.dialects import MODE, Dialect, Exclusive, Mode, Standing, open_dialect
from headgate.errors import StorageError
from headgate.faults import Point, reached

# How often a transaction that gave way to others is tried.
_RACES = 20
# Seconds that a database which restarts is waited for.
_ABSENCE = 5.0
_PAUSE = 0.02
# Seconds after which a lane is no longer waited for.
_LANE = 10.0

_T = TypeVar("_T")


class Database:
    """An open state database; safe to share between threads, and a forked process makes connections of its own."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        # Whoever opens it wants to know at once that the server is down; whoever is at work can wait a moment.
        self._patience = 0.0
        self._local: Database | None = None
        self._opening = threading.Lock()
        self._lanes: dict[str, threading.Lock] = {}

    @classmethod
    def open(cls, url: str, *, migrations: Sequence[Migration] = MIGRATIONS) -> Database:
        """Open the state database, making it (and its folder) or bringing its schema up to date where needed.

        Args:
            url: `sqlite:///path/to/state.db`, or `postgresql://user@host/name`.
            migrations: The steps from schema version 1 to the newest.

        Raises:
            StorageError: It cannot be reached, is no database, or was written by a newer headgate.
            MissingExtra: The database's driver is not installed.
            ProjectError: The URL is not one of a database that can keep a lake's state.
        """
        database = cls(open_dialect(url))
        try:
            database._bring_up_to_date(migrations)
        except BaseException:
            database.close()
            raise
        database._patience = _ABSENCE
        return database

    @property
    def place(self) -> str:
        """The URL without its password, for messages."""
        return self._dialect.place

    @property
    def at_once(self) -> bool:
        """Whether one statement can write to several tables."""
        return self._dialect.at_once

    @property
    def on_this_machine(self) -> bool:
        """Whether only processes of this machine use it, so that a path means the same file to all."""
        return self._dialect.on_this_machine

    def local(self, folder: Path) -> Database:
        """Where to keep what concerns only this machine: here, or in a file in a folder when machines share this."""
        if self._dialect.on_this_machine:
            return self
        with self._opening:
            if self._local is None:
                self._local = Database.open(f"sqlite:///{folder}/local.db")
            return self._local

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database from its first query on; writes belong in `write`."""
        with self._errors_named():
            connection, transaction = self._begun(Mode.READ)
            with connection, transaction:
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a write transaction, committed at the end of the block, rolled back by an exception.

        On SQLite there is one writer at a time, so keep the block short: compute first, then write. A connection that
        breaks ends it with an error; `transact` tries again.
        """
        with self._errors_named(), self._transaction() as connection:
            yield connection

    def transact(self, work: Callable[[Connection, bool], _T], *, one_statement: bool = False) -> _T:
        """What `work` gives in a write transaction of its own, carried out again when that came to nothing.

        A transaction that gave way to others, or whose database went away, begins anew. When the connection broke
        while it was committed, nobody knows whether it landed: then `work` has to look for what it left.

        Args:
            work: Gets a connection, and whether an earlier try may have landed.
            one_statement: It writes with one statement and so needs nothing around it.
        """
        landed = False

        def once() -> _T:
            nonlocal landed
            try:
                with self._statement() if one_statement else self._transaction() as connection:
                    return work(connection, landed)
            except DBAPIError as error:
                landed = landed or self._dialect.standing(error) is Standing.OUT_OF_REACH
                raise

        return self._tried(once)

    def fetch(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """The rows of one reading statement: in one round trip, and asked again when the connection breaks."""

        def once() -> Sequence[Row[Any]]:
            with self._connect(Mode.STATEMENT) as connection:
                return connection.execute(statement, values).all()

        return self._tried(once)

    def execute(self, statement: Executable) -> None:
        """Carry out one writing statement, which must do no harm when it is carried out twice."""

        def work(connection: Connection, again: bool) -> None:
            connection.execute(statement)

        self.transact(work, one_statement=True)

    def alone(self, connection: Connection) -> None:
        """Wait, within a write transaction, until nobody else begins a lake or changes its tables, to its end."""
        self._dialect.alone(connection)

    @contextmanager
    def exclusive(self, name: str, patience: float = 0) -> Iterator[Exclusive]:
        """Hold a name, such as `maintenance`, while the body lasts, among all who use this database.

        It takes one connection, is let go of when the process dies, and keeps nobody from reading and writing.

        Args:
            name: Letters and dashes.
            patience: Seconds to wait for somebody else who holds it.

        Raises:
            StorageError: Somebody else holds it.
        """
        with self._errors_named(), self._dialect.exclusive(name, patience) as held:
            yield held

    @contextmanager
    def lane(self, name: str) -> Iterator[None]:
        """Go one after the other through what would be a race; it orders, and protects nothing."""
        with self._opening:
            mine = self._lanes.setdefault(name, threading.Lock())
        first = mine.acquire(timeout=_LANE)
        try:
            with self._errors_named(), self._dialect.lane(name, _LANE):
                yield
        finally:
            if first:
                mine.release()

    def close(self) -> None:
        """Close every connection."""
        self._dialect.engine.dispose()
        if self._local is not None:
            self._local.close()

    def insert_new(self, table: Table) -> Insert:
        """An INSERT that leaves out rows whose key is there already."""
        return self._dialect.insert_new(table)

    def upsert(self, table: Table) -> Insert:
        """An INSERT that replaces every other column of a row whose primary key is there already."""
        return self._dialect.upsert(table)

    def now(self) -> ColumnElement[datetime]:
        """The time, within a statement, by one clock for all machines that use this database."""
        return type_coerce(self._dialect.now(), Moment)

    def after(self, span: timedelta) -> ColumnElement[datetime]:
        """The time in a while, within a statement, by that clock."""
        return type_coerce(self._dialect.now() + span // timedelta(microseconds=1), Moment)

    def _connect(self, mode: Mode) -> Connection:
        return self._dialect.engine.connect().execution_options(**{MODE: mode})

    def _begun(self, mode: Mode) -> tuple[Connection, RootTransaction]:
        """A connection in a transaction; where the server was restarted since the last one, a new connection."""

        def once() -> tuple[Connection, RootTransaction]:
            connection = self._connect(mode)
            try:
                return connection, connection.begin()
            except BaseException:
                connection.close()
                raise

        return self._tried(once)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        connection, transaction = self._begun(Mode.WRITE)
        with connection, transaction:
            yield connection
            reached(Point.COMMIT_DUE)
        reached(Point.COMMITTED)

    @contextmanager
    def _statement(self) -> Iterator[Connection]:
        with self._connect(Mode.STATEMENT) as connection:
            reached(Point.STATEMENT_DUE)
            yield connection
            reached(Point.STATEMENT_DONE)

    def _tried(self, attempt: Callable[[], _T]) -> _T:
        """What an attempt gives, again after a lost race and while the database is away for a moment."""
        with self._errors_named():
            races, gone_since = 0, None
            while True:
                try:
                    return attempt()
                except DBAPIError as error:
                    standing = self._dialect.standing(error)
                    if standing is Standing.REFUSED:
                        raise
                    if standing is Standing.LOST_RACE:
                        races, gone_since = races + 1, None
                    else:
                        gone_since = gone_since or time.monotonic()
                    if races >= _RACES or (gone_since and time.monotonic() - gone_since >= self._patience):
                        raise
                    time.sleep(_PAUSE * random.uniform(0.5, 1.5) * (races or 1))  # noqa: S311  # not a secret

    def _bring_up_to_date(self, migrations: Sequence[Migration]) -> None:
        newest = 1 + len(migrations)
        with self.read() as connection:
            if self._dialect.version(connection) == newest:
                return
        with self.write() as connection:
            self.alone(connection)
            version = self._dialect.version(connection)
            if version is None:
                self._create(connection, newest)
                return
            if version > newest:
                raise StorageError(
                    f"The state database has schema version {version}; this headgate knows versions up to {newest}",
                    place=self.place,
                    hint="It was written by a newer headgate: upgrade this one with pip install --upgrade headgate",
                )
            for migrate in migrations[version - 1 :]:
                migrate(connection)
            connection.execute(schema_version.update().values(version=newest))

    def _create(self, connection: Connection, version: int) -> None:
        taken = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
        if taken:
            raise StorageError(
                f"The database holds tables named {', '.join(taken)} that are not headgate's",
                place=self.place,
                hint="Name a database of its own under 'catalog' in headgate.yml",
            )
        metadata.create_all(connection, checkfirst=False)
        connection.execute(schema_version.insert().values(version=version))

    def _errors_named(self) -> AbstractContextManager[None]:
        return _named(self._dialect)


@contextmanager
def _named(dialect: Dialect) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise dialect.error(error) from error
    except PoolTimeout as error:
        raise StorageError(
            "All connections to the state database are in use",
            place=dialect.place,
            hint="Ask less at once, or start a second process",
        ) from error
