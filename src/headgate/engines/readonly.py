"""Whether a SQL text only reads: that of a query, of a view, or of an expression, which become part of queries."""

from __future__ import annotations

from itertools import pairwise

import duckdb

from headgate.engines.duckdb import Session
from headgate.engines.references import Word, respaced, words_of
from headgate.errors import QueryError, ReadOnly

_ALLOWED = "SELECT, FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN"
# Of EXPLAIN; what it explains begins with none of them.
_OPTIONS = ("analyze", "format", "verbose")
_REPLACED = ("call", "export", "import", "pragma")
# Functions that may stand in a SELECT and do more than read. `query` and `json_execute_serialized_sql` run text that
# cannot be looked at here; the scans of Python's and Arrow's objects take addresses of memory.
_REFUSED = frozenset(
    {
        "arrow_scan",
        "arrow_scan_dumb",
        "checkpoint",
        "copy_database",
        "disable_logging",
        "disable_profile",
        "disable_profiling",
        "duckdb_secrets",
        "enable_logging",
        "enable_profile",
        "enable_profiling",
        "force_checkpoint",
        "iceberg_to_ducklake",
        "import_database",
        "json_execute_serialized_sql",
        "json_serialize_plan",
        "pandas_scan",
        "pg_sleep",
        "python_map_function",
        "query",
        "query_table",
        "remove_iceberg_schema_properties",
        "remove_iceberg_table_properties",
        "seq_scan",
        "set_iceberg_schema_properties",
        "set_iceberg_table_properties",
        "sleep_ms",
        "truncate_duckdb_logs",
        "which_secret",
        "write_log",
    }
)


def check_reads(session: Session, sql: str) -> str:
    """Make sure that a SQL text is one statement that only reads; raises as `guard.guarded_query` does.

    Returns:
        The text that was looked at. Run this one: DuckDB reads invisible characters of the other in its own way.
    """
    sql = respaced(sql)
    words = list(words_of(sql))
    ends = [word for word in words[:-1] if word.text == ";"]
    # DuckDB puts other statements in the place of these, some from files, while it only parses them.
    first = words[0].text.lower() if words else ""
    if not ends and first in _REPLACED:
        raise ReadOnly(f"A query cannot be {first.upper()}: it only reads.", hint=f"Allowed are {_ALLOWED}.")
    statements = [] if ends else _statements(session, sql)
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
            raise ReadOnly(
                f"The function {word.text} is not allowed in a query.", hint="It does more than read tables."
            )
    return sql


def check_expression(session: Session, text: str) -> str:
    """Make sure that a text is one SQL expression that only reads; raises as `check_reads` does.

    Returns:
        The expression in parentheses, to be put into a statement: it ends where they end, comments included.
    """
    inside = f"({respaced(text)}\n)"
    # In parentheses it is no list of clauses; without them, none that it closes itself are there.
    for sql in (inside[1:-1], inside):
        check_reads(session, f"SELECT {sql}")
    return inside


def _explained(sql: str, words: list[Word]) -> str:
    """What an EXPLAIN explains; it may be anything, and ANALYZE runs it."""
    rest = words[1:]
    if len(rest) > 1 and rest[0].text.startswith("(") and rest[1].text.lower() in _OPTIONS:
        closing = next(index for index, word in enumerate(rest) if word.text.startswith(")"))
        rest = rest[closing + 1 :]
    while rest and rest[0].text.lower() in _OPTIONS:
        rest = rest[1:]
    return sql.encode()[rest[0].start :].decode() if rest else ""


def _statements(session: Session, sql: str) -> list[duckdb.Statement]:
    try:
        return session.connection.extract_statements(sql)
    except duckdb.Error as error:
        raise session.translate(error, sql) from error
