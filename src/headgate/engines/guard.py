"""Queries of people: they read the lake's tables, and nothing else of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import duckdb

from headgate.engines.duckdb import Session, translate
from headgate.engines.reader import Reader
from headgate.engines.references import Word, words_of
from headgate.errors import QueryError, ReadOnly
from headgate.types import literal

_ALLOWED = "SELECT, FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN"
# Functions that may stand in a SELECT and do more than read; `query` runs text that cannot be looked at here.
_REFUSED = frozenset(
    {
        "checkpoint",
        "disable_logging",
        "duckdb_secrets",
        "enable_logging",
        "force_checkpoint",
        "query",
        "query_table",
        "truncate_duckdb_logs",
        "which_secret",
        "write_log",
    }
)


def lock(session: Session) -> None:
    """Shut a session off: it reads files of the warehouse only, and its settings stay. This cannot be undone."""
    # Copies of metadata that DuckDB would misread lie among the session's own files.
    folders = ", ".join(literal(f"{folder}/") for folder in (session.storage.warehouse, session.scratch))
    session.execute(f"SET allowed_directories = [{folders}]")
    session.execute("SET enable_external_access = false")
    session.execute("SET lock_configuration = true")


def guarded_query(reader: Reader, sql: str, parameters: Sequence[object] | None = None) -> duckdb.DuckDBPyConnection:
    """Run one statement that only reads, on a session that was locked.

    Raises:
        ReadOnly: The statement is not one that only reads.
        QueryError: It is none, or more than one, or fails.
    """
    check_reads(reader.session, sql)
    return reader.query(sql, parameters)


def check_reads(session: Session, sql: str) -> None:
    """Make sure that a SQL text is one statement that only reads; raises as `guarded_query` does."""
    statements = _statements(session, sql)
    words = list(words_of(sql))
    ends = [word for word in words[:-1] if word.text == ";"]
    if not statements or ends:
        raise QueryError(
            "There is more than one statement." if ends else "There is no statement to run.",
            hint="Give one query at a time.",
        )
    # PIVOT is one statement that DuckDB takes apart into several, of which the last one reads.
    statement = statements[-1]
    if statement.type == duckdb.StatementType.EXPLAIN:
        check_reads(session, _explained(sql, words))
    elif statement.type != duckdb.StatementType.SELECT or words[0].text.lower() == "create":
        raise ReadOnly(
            f"A query cannot {statement.type.name} anything: it only reads.", hint=f"Allowed are {_ALLOWED}."
        )
    for word, following in pairwise(words):
        if word.is_name and following.text.startswith("(") and word.text.lower() in _REFUSED:
            raise ReadOnly(f"The function {word.text} is not allowed in a query.")


def _explained(sql: str, words: list[Word]) -> str:
    """What an EXPLAIN explains; it may be anything, and ANALYZE runs it."""
    rest = words[1:]
    if rest and rest[0].text.startswith("("):
        closing = next(index for index, word in enumerate(rest) if word.text.startswith(")"))
        rest = rest[closing + 1 :]
    while rest and rest[0].text.lower() in ("analyze", "verbose"):
        rest = rest[1:]
    return sql.encode()[rest[0].start :].decode() if rest else ""


def _statements(session: Session, sql: str) -> list[duckdb.Statement]:
    try:
        return session.connection.extract_statements(sql)
    except duckdb.Error as error:
        raise translate(error, sql) from error
