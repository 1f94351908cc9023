"""What `dbt docs` shows of tables and views: columns, types and comments, from the lake's own metadata."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headgate.engines.columns import to_duckdb
from headgate.engines.workspace import Workspace
from headgate.types import Kind, Name

COLUMNS = (
    "table_database",
    "table_schema",
    "table_name",
    "table_type",
    "table_comment",
    "column_name",
    "column_index",
    "column_type",
    "column_comment",
    "table_owner",
)
"""In dbt's words and order."""

Row = tuple[str | int | None, ...]


def catalog_rows(workspace: Workspace, names: Iterable[Name], database: str) -> Iterator[Row]:
    """One row per column of every table and view that there is, in the form of `COLUMNS`."""
    for name in names:
        content = workspace.content(name)
        if content is None:
            continue
        kind = "BASE TABLE" if content.kind is Kind.TABLE else "VIEW"
        comment = workspace.properties(name).get("comment")
        for position, (column, column_type, column_comment) in enumerate(_columns(workspace, name), start=1):
            about = (database, name.schema, name.table, kind, comment)
            yield (*about, column, position, column_type, column_comment, None)


def _columns(workspace: Workspace, name: Name) -> Iterator[tuple[str, str, str | None]]:
    content = workspace.content(name)
    if content is not None and content.kind is Kind.TABLE:
        for field in workspace.table(name).schema.fields:
            yield field.name, to_duckdb(field.field_type), field.doc
    else:
        for row in workspace.query(f"DESCRIBE {name.sql}").fetchall():
            yield row[0], row[1], None
