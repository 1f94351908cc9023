"""Running the function of a Python model."""

from __future__ import annotations

import types
from typing import Any

import duckdb

from headgate.transform.adapter.target import Target
from headgate.types import quote


def run_python_model(target: Target, alias: str, path: str, code: str) -> str:
    """Call `model(dbt, session)` of a compiled Python model.

    `session` is the DuckDB connection of the run; `dbt.ref` and `dbt.source` give relations of it. The function may
    return a relation, an Arrow table or reader, a pandas or polars frame. What it raises is raised.

    Args:
        target: Whose tables the model reads; keeps what it returned until `release`.
        alias: Name of its table.
        path: Its file, for tracebacks.
        code: What dbt compiled: the file, and after it the class of `dbt`.

    Returns:
        A query for the rows.
    """
    connection = target.workspace.session.connection

    def load(table: str) -> duckdb.DuckDBPyRelation:
        sql = f"select * from {table}"
        target.workspace.expose_for(sql)
        return connection.query(sql)

    module: Any = types.ModuleType(alias)
    exec(compile(code, path, "exec"), module.__dict__)  # noqa: S102  # the project's own code
    result = module.model(module.dbtObj(load), connection)
    name = f"__headgate_python_{alias}"
    connection.register(name, result)
    target.returned.append(name)
    return f"select * from {quote(name)}"
