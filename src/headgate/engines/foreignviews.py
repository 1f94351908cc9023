"""What the SQL of a view reads, for views that others wrote: tables of the lake are all that they may name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from headgate.engines.duckdb import Session
from headgate.errors import QueryError, ReadOnly
from headgate.types import literal

# All others are refused: most read files, and extensions bring more of them.
_HARMLESS = frozenset({"generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest"})
_SYSTEM = frozenset({"information_schema", "pg_catalog"})
# DuckDB takes a name with one of these for a file when there is no such table, and joins `a.csv` of two parts.
_OF_FILES = frozenset("./\\:*?")


def qualified_tables(session: Session, sql: str) -> list[tuple[str, str]]:
    """The tables with a schema that a SELECT reads, system tables left out.

    DuckDB reads a file of such a name if it has no such table: the caller makes sure that it has.

    Raises:
        ReadOnly: It reads what is not a table, such as a file.
        QueryError: It is no SELECT.
    """
    tables: list[tuple[str, str]] = []
    for node in _table_nodes(_tree(session, sql)):
        if node["type"] == "TABLE_FUNCTION":
            function = str(node["function"].get("function_name", "")).lower()
            if function not in _HARMLESS:
                raise ReadOnly(
                    f"The function {function} is not allowed in a view that another program made.",
                    hint="Let the view read tables, or make it as a model.",
                )
            continue
        catalog, schema, table = (str(node.get(f"{part}_name") or "") for part in ("catalog", "schema", "table"))
        if schema and not catalog and schema.lower() not in _SYSTEM:
            tables.append((schema, table))
        elif catalog or not _OF_FILES.isdisjoint(table):
            full = ".".join(part for part in (catalog, schema, table) if part)
            raise ReadOnly(f"'{full}' is not a table of the lake.", hint="A view reads tables and views, and no files.")
    return tables


def _tree(session: Session, sql: str) -> Any:
    tree = json.loads(str(session.value(f"SELECT json_serialize_sql({literal(sql)})")))
    if tree.get("error"):
        raise QueryError(str(tree.get("error_message", "It cannot be looked into.")), hint="Write it as one SELECT.")
    return tree


def _table_nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every table and table function of a syntax tree, however deep."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            if node.get("type") in ("BASE_TABLE", "TABLE_FUNCTION"):
                yield node
            left.extend(node.values())
        elif isinstance(node, list):
            left.extend(node)
