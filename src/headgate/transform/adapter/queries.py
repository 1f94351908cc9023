"""Reading the SQL of models."""

from __future__ import annotations

import duckdb


def ends_with_semicolon(sql: str) -> bool:
    """Whether a statement carries the `;` that a query inside parentheses must not have, comments after it or not."""
    source = sql.encode()
    tokens = [start for start, kind in duckdb.tokenize(sql) if kind != duckdb.token_type.comment]
    return bool(tokens) and source[tokens[-1] : tokens[-1] + 1] == b";"
