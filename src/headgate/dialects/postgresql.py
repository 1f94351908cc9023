"""PostgreSQL, through psycopg 3: any number of processes of any number of machines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Insert, Table, create_engine, event, literal_column, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from headgate.dialects.interface import MODE, Mode, Standing, keep_to_process, reason_of, taken
from headgate.dialects.liveness import WatchedConnection, silence_warnings
from headgate.errors import StorageError

# The oldest release that is let in.
_OLDEST = 14
_POLL = 0.1

# What holds unless the URL says otherwise. A peer that vanished without a word is noticed after a minute.
_CONNECTION = {
    "connect_timeout": "10",
    "application_name": "headgate",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# A process that hangs in a transaction, or a lock that is never let go, must not keep everyone else for ever.
_SESSION = (
    "-c statement_timeout=10min -c lock_timeout=60s -c idle_in_transaction_session_timeout=60s"
    " -c client_min_messages=warning"
)
_SECRET = ("password", "sslpassword")

_BEGIN = {
    Mode.READ: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    Mode.WRITE: "BEGIN ISOLATION LEVEL READ COMMITTED",
}

# Two lakes may share a database, each in its schema; advisory locks are the database's.
_KEY = "hashtextextended('headgate/' || current_schema() || '/' || :name, 0)"

_LOST_RACE = {"40001", "40P01"}
# Classes 08 (connection) and the states of a server that goes down or comes up.
_GONE = {"57P01", "57P02", "57P03"}
# What is said while connecting carries no SQLSTATE.
_GONE_SIGNS = (
    "connection refused",
    "closed the connection unexpectedly",
    "connection reset",
    "starting up",
    "shutting down",
    "not yet accepting connections",
    "in recovery mode",
    "timeout expired",
    "too many clients",
    "remaining connection slots",
)

# What a person can do, by SQLSTATE or its class, and by what is said while connecting.
_BY_STATE = {
    "3F000": "The schema that 'search_path' names does not exist: make it with CREATE SCHEMA",
    "42501": "Give the user its own schema, or: GRANT USAGE, CREATE ON SCHEMA public TO <user>",
    "25006": "It is a standby or set to read only: name the primary under 'catalog' in headgate.yml",
    "53100": "Make room on the server's disk and try again",
    "53": "The server is short of memory or connections: see its log",
    "55P03": "Another process keeps writing to it: wait for it, or end it, and try again",
    "57014": "The server is slow or another process keeps writing to it: see pg_stat_activity, and try again",
    "57": "The server was stopped or restarted: try again when it runs",
    "08": "The server was stopped or restarted, or the network failed: try again",
    "22P05": "The database's encoding cannot hold the text: make it with ENCODING 'UTF8'",
}
_BY_SIGN = (
    ("authentication failed", "Check the user and its password; ${NAME} in headgate.yml takes it from the environment"),
    ("no password supplied", "Name a password: postgresql://user:${PASSWORD}@host/name, or a file ~/.pgpass"),
    ("no pg_hba.conf entry", "Let pg_hba.conf of the server admit this machine, user and database; maybe it wants SSL"),
    ("database", "Make the database first: createdb --encoding UTF8 <name>"),
    ("no answer for", "The server hangs, or its machine is overloaded: see its log, and try again when it answers"),
    ("connection refused", "Start the server, or correct host and port under 'catalog' in headgate.yml"),
    ("translate host name", "Correct the host's name under 'catalog' in headgate.yml"),
    ("resolve host", "Correct the host's name under 'catalog' in headgate.yml"),
    ("timeout expired", "Check host, port and firewall; ?connect_timeout= in the URL waits longer"),
    ("ssl", "Correct ?sslmode= and its certificates in the URL under 'catalog'"),
    ("too many clients", "Raise max_connections of the server, or start fewer processes at once"),
    ("connection slots", "Raise max_connections of the server, or start fewer processes at once"),
    ("closed the connection", "The server was stopped or restarted: try again when it runs"),
    ("connection is lost", "The server was stopped or restarted: try again when it runs"),
)


class Postgresql:
    """Implements `Dialect`."""

    at_once = True
    on_this_machine = False

    def __init__(self, url: URL) -> None:
        self.place = _masked(url)
        given = {key: value for key, value in _CONNECTION.items() if key not in url.query}
        options = " ".join([_SESSION, *_texts(url.query, "options")])
        self.engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            # Transactions are begun by `_begin`: of the kind that is wanted, and so that a dead connection shows there.
            connect_args={**given, "options": options, "autocommit": True},
            hide_parameters=True,
            pool_size=5,
            max_overflow=15,
            pool_recycle=1800,
            pool_use_lifo=True,
            # Looking its type up costs every first connection two round trips.
            use_native_hstore=False,
        )
        event.listen(self.engine, "do_connect", _connect)
        event.listen(self.engine, "connect", self._admit)
        event.listen(self.engine, "begin", _begin)
        keep_to_process(self.engine)
        silence_warnings()

    def insert_new(self, table: Table) -> Insert:
        return postgresql.insert(table).on_conflict_do_nothing()

    def upsert(self, table: Table) -> Insert:
        keys = [column.name for column in table.primary_key]
        others = [column.name for column in table.columns if column.name not in keys]
        insert = postgresql.insert(table)
        return insert.on_conflict_do_update(index_elements=keys, set_={name: insert.excluded[name] for name in others})

    def now(self) -> ColumnElement[int]:
        # The clocks of the machines that share a lake differ; the server's is one.
        return literal_column("CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)", BigInteger)

    def version(self, connection: Connection) -> int | None:
        # Not to_regclass: it answers from what the session remembers, before it hears of another one's CREATE TABLE.
        visible = "tablename = 'schema_version' AND schemaname = ANY (current_schemas(false))"
        if connection.execute(text(f"SELECT FROM pg_tables WHERE {visible}")).first() is None:
            return None
        return int(connection.execute(text("SELECT version FROM schema_version")).scalar_one())

    def alone(self, connection: Connection) -> None:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_KEY})"), {"name": "schema"})

    @contextmanager
    def exclusive(self, name: str, patience: float) -> Iterator[_Held]:
        deadline = time.monotonic() + patience
        with self.engine.connect() as connection:
            connection.execution_options(**{MODE: Mode.STATEMENT})
            asked = text(f"SELECT pg_try_advisory_lock({_KEY})")
            while not connection.execute(asked, {"name": name}).all()[0][0]:
                if time.monotonic() >= deadline:
                    raise taken(name, self.place)
                time.sleep(_POLL)
            held = _Held(connection, name, self.place)
            try:
                yield held
            finally:
                held.release()

    @contextmanager
    def lane(self, name: str, patience: float) -> Iterator[None]:
        with self.engine.connect() as connection:
            connection.execution_options(**{MODE: Mode.STATEMENT})
            try:
                # Whoever comes first is first; `lock_timeout` of the session ends the wait.
                connection.execute(text(f"SELECT pg_advisory_lock({_KEY})"), {"name": f"lane/{name}"})
            except DBAPIError:
                yield
                return
            try:
                yield
            finally:
                _Held(connection, f"lane/{name}", self.place).release()

    def standing(self, error: DBAPIError) -> Standing:
        state = _state(error)
        if state in _LOST_RACE:
            return Standing.LOST_RACE
        if error.connection_invalidated or state in _GONE or state.startswith("08"):
            return Standing.OUT_OF_REACH
        if not state and any(sign in str(error.orig).lower() for sign in _GONE_SIGNS):
            return Standing.OUT_OF_REACH
        return Standing.REFUSED

    def error(self, error: DBAPIError) -> StorageError:
        state, said = _state(error), str(error.orig).lower()
        hint = _BY_STATE.get(state) or _BY_STATE.get(state[:2])
        if not hint:
            hint = next((hint for sign, hint in _BY_SIGN if sign in said), "Check that the database can be reached")
        return StorageError(f"The state database does not answer: {reason_of(error)}", place=self.place, hint=hint)

    def _admit(self, connection: Any, record: object) -> None:
        """Refuse a server or a database that cannot hold a lake's state."""
        version, encoding = connection.info.server_version, connection.info.parameter_status("server_encoding")
        if version >= _OLDEST * 10_000 and encoding == "UTF8":
            return
        connection.close()
        if encoding != "UTF8":
            raise StorageError(
                f"The state database has the encoding {encoding}, which cannot hold every name",
                place=self.place,
                hint="Make one with: createdb --encoding UTF8 --template template0 <name>",
            )
        raise StorageError(
            f"The server is PostgreSQL {version // 10_000}; headgate needs {_OLDEST} or newer",
            place=self.place,
            hint="Upgrade the server, or name another under 'catalog' in headgate.yml",
        )


class _Held:
    """A lock of the session: it lasts as long as the connection."""

    def __init__(self, connection: Connection, name: str, place: str) -> None:
        self._connection = connection
        self._name = name
        self._place = place

    def check(self) -> None:
        """Raise StorageError when the connection that held the lock was lost; another process may hold it now."""
        if not self._connection.invalidated:
            try:
                self._connection.execute(text("SELECT 1"))
            except DBAPIError as error:
                raise self._lost() from error
        if self._connection.invalidated:
            raise self._lost()

    def release(self) -> None:
        """Let go of the lock; with the connection, where that is all that can be done."""
        if self._connection.invalidated:
            return
        try:
            self._connection.execute(text(f"SELECT pg_advisory_unlock({_KEY})"), {"name": self._name})
        except DBAPIError:
            self._connection.invalidate()

    def _lost(self) -> StorageError:
        return StorageError(
            f"The connection that held '{self._name}' of the state database was lost",
            place=self._place,
            hint="Nothing more is done, as another process may have begun: try again",
        )


def _connect(dialect: object, record: object, arguments: Any, parameters: Any) -> WatchedConnection:
    return WatchedConnection.connect(*arguments, **parameters)


def _begin(connection: Connection) -> None:
    begin = _BEGIN.get(connection.get_execution_options().get(MODE, Mode.READ))
    if begin is not None:
        connection.exec_driver_sql(begin)


def _state(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _texts(query: Mapping[str, str | tuple[str, ...]], key: str) -> tuple[str, ...]:
    value = query.get(key, ())
    return (value,) if isinstance(value, str) else tuple(value)


def _masked(url: URL) -> str:
    return url.difference_update_query(_SECRET).render_as_string()
