"""Questions to the lake: SQL on one state, read-only."""

from __future__ import annotations

from headgate.engines.answers import QueryResult, ResultColumn
from headgate.engines.duckdb import Session
from headgate.engines.guard import guarded_query, lock
from headgate.engines.reader import Reader
from headgate.run.lake import Lake
from headgate.run.system_tables import expose_system_tables


def ask(lake: Lake, sql: str, ref: str) -> QueryResult:
    """Run a statement that reads on the state that `ref` names.

    The session sees the lake's tables and nothing else: no other files, no network, no settings.

    Raises:
        QueryError: DuckDB rejects the statement.
        ReadOnly: It is not one that reads.
        RefNotFound: There is no such state.
    """
    state = lake.catalog.resolve(ref)
    with Session(lake.project.engine, lake.storage) as session:
        reader = Reader(lake.catalog, state.id, session)
        expose_system_tables(lake, reader, sql, ref)
        lock(session)
        cursor = guarded_query(reader, sql)
        columns = tuple(ResultColumn(str(name), str(kind)) for name, kind, *_ in cursor.description)
        return QueryResult(columns, cursor.to_arrow_table())
