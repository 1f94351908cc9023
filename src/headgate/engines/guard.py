"""Queries of people: they read the lake's tables, and nothing else of this machine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import duckdb

from headgate.engines.duckdb import Session
from headgate.engines.reader import Reader
from headgate.engines.readonly import check_reads
from headgate.errors import QueryError
from headgate.types import literal

# What DuckDB says of a file that a locked session may not read.
_FILE = re.compile(r'Cannot access file "(.+?)" - file system operations are disabled')


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
    checked = check_reads(reader.session, sql)
    try:
        return reader.query(checked, parameters)
    except QueryError as error:
        named = _FILE.search(error.message)
        if named is None:
            raise
        raise QueryError(
            f"A query reads the tables of the lake, and '{named[1]}' is a file.",
            place=error.place,
            hint=f"Make it a source, which the next run loads:\nheadgate sources add {shlex.quote(named[1])}",
            data=error.data,
        ) from error
