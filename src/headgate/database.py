"""The state database: its tables, its schema version, and transactions on it.

One database holds the embedded catalog, the history of runs and their checks, and the hashes of source files. It is
reached through SQLAlchemy Core, so that SQLite and Postgres serve alike; what differs is in `dialects`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Dialect,
    Engine,
    Float,
    ForeignKey,
    Index,
    Insert,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    inspect,
    select,
)
from sqlalchemy.exc import DBAPIError

from headgate import dialects
from headgate.errors import StorageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

metadata = MetaData()


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 in UTC: how the state database keeps a time."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The time in UTC that `to_micros` made a number of."""
    return _EPOCH + micros * _MICROSECOND


class Moment(TypeDecorator[datetime]):
    """A time with zone, kept as microseconds since 1970: exact, ordered and the same in both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

# The catalog. Nodes, commits, their parents and operations are only ever added; refs and turns change.
nodes = Table("nodes", metadata, Column("hash", Text, primary_key=True), Column("body", Text, nullable=False))

commits = Table(
    "commits",
    metadata,
    Column("id", Text, primary_key=True),
    Column("root", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("time", Moment, nullable=False),
    Column("properties", JSON, nullable=False),
    Column("generation", Integer, nullable=False),
)

commit_parents = Table(
    "commit_parents",
    metadata,
    Column("commit_id", Text, ForeignKey("commits.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("parent_id", Text, ForeignKey("commits.id"), nullable=False),
)

operations = Table(
    "operations",
    metadata,
    Column("commit_id", Text, ForeignKey("commits.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("key", Text, nullable=False),
    Column("before_kind", Text),
    Column("before_id", Text),
    Column("before_location", Text),
    Column("after_kind", Text),
    Column("after_id", Text),
    Column("after_location", Text),
    Index("operations_by_key", "key"),
)

refs = Table(
    "refs",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("commit_id", Text, ForeignKey("commits.id"), nullable=False),
)

# Where each ref has pointed since when; both ids are null-able: a ref is created from nothing and deleted to nothing.
reflog = Table(
    "reflog",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ref", Text, nullable=False),
    Column("before_id", Text),
    Column("after_id", Text),
    Column("time", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Index("reflog_by_ref", "ref", "id"),
    Index("reflog_by_commit", "ref", "after_id"),
)

turns = Table(
    "turns",
    metadata,
    Column("ticket", Integer, primary_key=True),
    Column("ref", Text, nullable=False),
    Column("token", Text, nullable=False, unique=True),
    Column("holder", Text, nullable=False),
    Column("expires", Moment, nullable=False),
)

# Runs, their checks, and what is known about source files; summary, error, columns and sample are JSON text.
runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("branch", Text),
    Column("base_commit", Text),
    Column("commit_id", Text),
    Column("started", Moment, nullable=False),
    Column("finished", Moment),
    Column("pid", Integer),
    Column("host", Text),
    Column("heartbeat", Moment),
    Column("selection", Text),
    Column("fingerprint", Text),
    Column("summary", Text),
    Column("error", Text),
    Index("runs_by_start", "started"),
)

checks = Table(
    "checks",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("table_name", Text),
    Column("message", Text),
    Column("columns", Text),
    Column("sample", Text),
    Column("evidence", Text),
    Column("seconds", Float),
    Column("checked_at", Moment, nullable=False),
)

check_outcomes = Table(
    "check_outcomes",
    metadata,
    Column("check_name", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("severity", Text, nullable=False),
    Column("run_id", Text),
    Column("checked_at", Moment, nullable=False),
)

file_hashes = Table(
    "file_hashes",
    metadata,
    Column("path", Text, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
)

# Who may ask a server; `hash` is of the secret, which is shown once. Values that a server keeps to itself.
tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("hash", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("expires", Moment),
    Column("revoked", Moment),
)

secrets = Table("secrets", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

# What was answered to requests that carry a key, so that a repeated one is answered again and not done again.
idempotency = Table(
    "idempotency",
    metadata,
    Column("key", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created", Moment, nullable=False),
)

Migration = Callable[[Connection], None]


def _add_server(connection: Connection) -> None:
    metadata.create_all(connection, tables=[tokens, secrets, idempotency])


# The first of these takes a database from schema version 1 to 2, and so on. A new database is made from the tables
# above and starts at the newest version, so whoever changes a table above adds the step for existing ones here.
MIGRATIONS: tuple[Migration, ...] = (_add_server,)


class Database:
    """An open state database; safe to share between threads, one per process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str, *, migrations: Sequence[Migration] = MIGRATIONS) -> Database:
        """Open the state database, making it (and its folder) or bringing its schema up to date where needed.

        Args:
            url: `sqlite:///path/to/state.db`, or `postgresql://user@host/name`.
            migrations: The steps from schema version 1 to the newest.

        Raises:
            StorageError: It cannot be reached, is no database, or was written by a newer headgate.
            MissingExtra: The database's driver is not installed.
            ProjectError: The URL is not one of a database on disk.
        """
        database = cls(dialects.make_engine(url))
        try:
            database._bring_up_to_date(migrations)
        except BaseException:
            database.close()
            raise
        return database

    @property
    def place(self) -> str:
        """The URL without its password, for messages."""
        return self._engine.url.render_as_string()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database from its first query on; writes belong in `write`."""
        with self._errors_named(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a write transaction, committed at the end of the block, rolled back by an exception.

        On SQLite there is one writer at a time, so keep the block short: compute first, then write.
        """
        with self._errors_named(), self._engine.connect() as connection:
            connection.execution_options(**{dialects.WRITES: True})
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def insert_new(self, table: Table) -> Insert:
        """An INSERT that leaves out rows whose primary key is there already."""
        return dialects.insert_new(self._engine, table)

    def upsert(self, table: Table) -> Insert:
        """An INSERT that replaces every other column of a row whose primary key is there already."""
        return dialects.upsert(self._engine, table)

    def _bring_up_to_date(self, migrations: Sequence[Migration]) -> None:
        newest = 1 + len(migrations)
        with self.read() as connection:
            if _version(connection) == newest:
                return
        with self.write() as connection:
            version = _version(connection)
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

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise dialects.storage_error(error, self.place) from error


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(schema_version.name):
        return None
    return connection.execute(select(schema_version.c.version)).scalar_one()
