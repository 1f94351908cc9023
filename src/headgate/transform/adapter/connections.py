"""dbt's connection: the workspace's own, lent and never closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dbt.adapters.contracts.connection import AdapterResponse, Connection, ConnectionState
from dbt.adapters.duckdb.connections import DuckDBConnectionManager

from headgate.transform.adapter.target import find_target

if TYPE_CHECKING:
    import duckdb

    from headgate.engines.workspace import Workspace


class LentConnection:
    """The connection of a workspace's session, as dbt wants to hold one.

    Tables are exposed as statements name them.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._connection = workspace.session.connection

    def cursor(self) -> LentConnection:
        return self

    def close(self) -> None:
        """The session closes it."""

    def rollback(self) -> None:
        """There is no transaction: what is written counts when the workspace commits."""

    def execute(self, sql: str, bindings: Sequence[object] | None = None) -> duckdb.DuckDBPyConnection:
        return self._workspace.query(sql, bindings)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class HeadgateConnectionManager(DuckDBConnectionManager):
    """Hands out the connection of the target that the credentials name."""

    TYPE = "headgate"

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        if connection.state != ConnectionState.OPEN:
            target = find_target(connection.credentials.target_id)
            connection.handle = LentConnection(target.workspace)
            connection.state = ConnectionState.OPEN
        return connection

    def cancel(self, connection: Connection) -> None:
        connection.handle.interrupt()

    def add_begin_query(self) -> None:
        """Nothing: a table becomes visible when it is written, and lasting when the workspace commits."""

    def add_commit_query(self) -> None:
        """Nothing, as nothing was begun."""

    @classmethod
    def get_response(cls, cursor: Any) -> AdapterResponse:
        return AdapterResponse(_message="OK")
