"""The tables of the state database, the same in SQLite and in Postgres."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

metadata = MetaData()

# By code point, as SQLite compares: what a Postgres was set up to sort by must not change which ids follow one another.
_TEXT = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite numbers rows by itself only where the column is an INTEGER; it has 64 bits there too.
_SERIAL = BigInteger().with_variant(Integer(), "sqlite")


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
nodes = Table("nodes", metadata, Column("hash", _TEXT, primary_key=True), Column("body", _TEXT, nullable=False))

commits = Table(
    "commits",
    metadata,
    Column("id", _TEXT, primary_key=True),
    Column("root", _TEXT, nullable=False),
    Column("author", _TEXT, nullable=False),
    Column("message", _TEXT, nullable=False),
    Column("time", Moment, nullable=False),
    Column("properties", JSON, nullable=False),
    Column("generation", Integer, nullable=False),
)

commit_parents = Table(
    "commit_parents",
    metadata,
    Column("commit_id", _TEXT, ForeignKey("commits.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("parent_id", _TEXT, ForeignKey("commits.id"), nullable=False),
)

operations = Table(
    "operations",
    metadata,
    Column("commit_id", _TEXT, ForeignKey("commits.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("key", _TEXT, nullable=False),
    Column("before_kind", _TEXT),
    Column("before_id", _TEXT),
    Column("before_location", _TEXT),
    Column("after_kind", _TEXT),
    Column("after_id", _TEXT),
    Column("after_location", _TEXT),
    Index("operations_by_key", "key"),
)

refs = Table(
    "refs",
    metadata,
    Column("name", _TEXT, primary_key=True),
    Column("kind", _TEXT, nullable=False),
    Column("commit_id", _TEXT, ForeignKey("commits.id"), nullable=False),
)

# Where each ref has pointed since when; both ids are null-able: a ref is created from nothing and deleted to nothing.
reflog = Table(
    "reflog",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("ref", _TEXT, nullable=False),
    Column("before_id", _TEXT),
    Column("after_id", _TEXT),
    Column("time", Moment, nullable=False),
    Column("reason", _TEXT, nullable=False),
    Index("reflog_by_ref", "ref", "id"),
    Index("reflog_by_commit", "ref", "after_id"),
)

turns = Table(
    "turns",
    metadata,
    Column("ticket", _SERIAL, primary_key=True),
    Column("ref", _TEXT, nullable=False),
    Column("token", _TEXT, nullable=False, unique=True),
    Column("holder", _TEXT, nullable=False),
    Column("expires", Moment, nullable=False),
)

# Runs, their checks, and what is known about source files; summary, error, columns and sample are JSON text.
runs = Table(
    "runs",
    metadata,
    Column("run_id", _TEXT, primary_key=True),
    Column("status", _TEXT, nullable=False),
    Column("branch", _TEXT),
    Column("base_commit", _TEXT),
    Column("commit_id", _TEXT),
    Column("started", Moment, nullable=False),
    Column("finished", Moment),
    Column("pid", Integer),
    Column("host", _TEXT),
    Column("heartbeat", Moment),
    Column("selection", _TEXT),
    Column("fingerprint", _TEXT),
    Column("summary", _TEXT),
    Column("error", _TEXT),
    Index("runs_by_start", "started"),
)

checks = Table(
    "checks",
    metadata,
    Column("run_id", _TEXT, ForeignKey("runs.run_id"), primary_key=True),
    Column("name", _TEXT, primary_key=True),
    Column("kind", _TEXT, nullable=False),
    Column("severity", _TEXT, nullable=False),
    Column("status", _TEXT, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("table_name", _TEXT),
    Column("message", _TEXT),
    Column("columns", _TEXT),
    Column("sample", _TEXT),
    Column("evidence", _TEXT),
    Column("seconds", Float),
    Column("checked_at", Moment, nullable=False),
)

check_outcomes = Table(
    "check_outcomes",
    metadata,
    Column("check_name", _TEXT, primary_key=True),
    Column("fingerprint", _TEXT, primary_key=True),
    Column("status", _TEXT, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("severity", _TEXT, nullable=False),
    Column("run_id", _TEXT),
    Column("checked_at", Moment, nullable=False),
)

file_hashes = Table(
    "file_hashes",
    metadata,
    Column("path", _TEXT, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    # An older headgate that is still at work knows nothing of it.
    Column("ctime_ns", BigInteger),
    Column("sha256", _TEXT, nullable=False),
)

# Who may ask a server; `hash` is of the secret, which is shown once. Values that a server keeps to itself.
tokens = Table(
    "tokens",
    metadata,
    Column("id", _TEXT, primary_key=True),
    Column("name", _TEXT, nullable=False, unique=True),
    Column("hash", _TEXT, nullable=False),
    Column("created", Moment, nullable=False),
    Column("expires", Moment),
    Column("revoked", Moment),
)

secrets = Table("secrets", metadata, Column("name", _TEXT, primary_key=True), Column("value", _TEXT, nullable=False))

# Of a catalog that gives ids of its own to tables and views: which of them stands for which content id.
content_ids = Table(
    "content_ids",
    metadata,
    Column("nessie_id", _TEXT, primary_key=True),
    Column("content_id", _TEXT, nullable=False),
)

# What was answered to requests that carry a key, so that a repeated one is answered again and not done again.
idempotency = Table(
    "idempotency",
    metadata,
    Column("key", _TEXT, primary_key=True),
    Column("request_hash", _TEXT, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", _TEXT, nullable=False),
    Column("created", Moment, nullable=False),
)
