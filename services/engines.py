"""One way to ask the engines that speak to a served lake, so that a test says what, and for whom."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any, Protocol, cast

import duckdb
import pyarrow as pa
from duckdb_extensions import import_extension
from pyiceberg.catalog import Catalog as IcebergCatalog
from pyiceberg.catalog import load_catalog

import headgate
from services.lake import ServedLake
from services.spark import Spark
from services.trino import Trino
from services.values import plain

Rows = list[dict[str, Any]]


class Engine(Protocol):
    """Reads tables of a branch; rows are in the form of `services.values`, in any order."""

    @property
    def name(self) -> str: ...

    def read(self, table: str, branch: str, snapshot: int | None = None) -> Rows:
        """All rows of `namespace.table`, as of a snapshot if one is named."""


class SqlEngine(Engine, Protocol):
    """Takes SQL, in which `{table}` is a full name and `{catalog}` the catalog of the branch."""

    def execute(self, sql: str, branch: str, table: str = "") -> list[list[Any]]:
        """Run one statement and return its rows."""


def identifier(branch: str) -> str:
    """A branch as the name of a catalog."""
    return re.sub(r"\W", "_", branch)


class DuckDB:
    """DuckDB with each branch attached."""

    name = "duckdb"

    def __init__(self, lake: ServedLake) -> None:
        self._lake = lake
        self._connection = duckdb.connect()
        self._attached: set[str] = set()
        for extension in ("httpfs", "avro", "iceberg"):
            import_extension(extension, con=self._connection)
            self._connection.execute(f"LOAD {extension}")
        self._connection.execute("SET TimeZone = 'UTC'")
        # A missing table is an error, not a variable of Python of the same name.
        self._connection.execute("SET python_enable_replacements = false")

    def close(self) -> None:
        self._connection.close()

    def execute(self, sql: str, branch: str, table: str = "") -> list[list[Any]]:
        catalog = self.catalog(branch)
        answer = self._table(sql.replace("{table}", f"{catalog}.{table}").replace("{catalog}", catalog))
        return (
            [] if answer is None else [[plain(row[key]) for key in answer.column_names] for row in answer.to_pylist()]
        )

    def read(self, table: str, branch: str, snapshot: int | None = None) -> Rows:
        at = f" AT (VERSION => {snapshot})" if snapshot is not None else ""
        answer = self._table(f"FROM {self.catalog(branch)}.{table}{at}")
        return _rows(answer) if answer is not None else []

    def _table(self, sql: str) -> pa.Table | None:
        # It is None for statements that return no rows, whatever its annotation says.
        relation = cast("duckdb.DuckDBPyRelation | None", self._connection.sql(sql))
        return None if relation is None else relation.to_arrow_table()

    def catalog(self, branch: str) -> str:
        """The name of the attached branch; `main` by itself is a word of DuckDB's own."""
        name = f"lake_{identifier(branch)}"
        if name not in self._attached:
            self._connection.execute(self._lake.duckdb(branch, name))
            self._attached.add(name)
        return name


class SparkEngine:
    """A session of Spark with a catalog per branch."""

    name = "spark"

    def __init__(self, lake: ServedLake, session: Spark, prefix: str) -> None:
        self._lake = lake
        self._session = session
        self._prefix = prefix
        self._known: set[str] = set()

    def catalog(self, branch: str) -> str:
        """The name of the catalog of a branch."""
        name = f"{self._prefix}_{identifier(branch)}"
        if name not in self._known:
            self._session.create_catalog(name, self._lake.spark(branch))
            self._known.add(name)
        return name

    def execute(self, sql: str, branch: str, table: str = "") -> list[list[Any]]:
        catalog = self.catalog(branch)
        return self._session.execute(sql.replace("{table}", f"{catalog}.{table}").replace("{catalog}", catalog))

    def read(self, table: str, branch: str, snapshot: int | None = None) -> Rows:
        at = f" VERSION AS OF {snapshot}" if snapshot is not None else ""
        full = f"{self.catalog(branch)}.{table}"
        columns, rows = self._session.select(f"SELECT * FROM {full}{at}")
        return [dict(zip(columns, row, strict=True)) for row in rows]


class TrinoEngine:
    """A Trino with a catalog per branch."""

    name = "trino"

    def __init__(self, lake: ServedLake, server: Trino, prefix: str, properties: dict[str, str] | None = None) -> None:
        self._lake = lake
        self._server = server
        self._prefix = prefix
        self._properties = properties or {}
        self._known: set[str] = set()

    def catalog(self, branch: str) -> str:
        """The name of the catalog of a branch."""
        name = f"{self._prefix}_{identifier(branch)}"
        if name not in self._known:
            self._server.create_catalog(name, {**self._lake.trino(branch), **self._properties})
            self._known.add(name)
        return name

    def execute(self, sql: str, branch: str, table: str = "") -> list[list[Any]]:
        catalog = self.catalog(branch)
        return self._server.execute(sql.replace("{table}", f"{catalog}.{table}").replace("{catalog}", catalog))

    def read(self, table: str, branch: str, snapshot: int | None = None) -> Rows:
        at = f" FOR VERSION AS OF {snapshot}" if snapshot is not None else ""
        full = f"{self.catalog(branch)}.{table}"
        columns, rows = self._server.select(f"SELECT * FROM {full}{at}")
        return [dict(zip(columns, row, strict=True)) for row in rows]


class PyIceberg:
    """PyIceberg's own REST client, with a catalog per branch."""

    name = "pyiceberg"

    def __init__(self, lake: ServedLake) -> None:
        self._lake = lake
        self._catalogs: dict[str, IcebergCatalog] = {}

    def catalog(self, branch: str) -> IcebergCatalog:
        """The catalog of a branch."""
        if branch not in self._catalogs:
            self._catalogs[branch] = load_catalog(identifier(branch), **self._lake.pyiceberg(branch))
        return self._catalogs[branch]

    def read(self, table: str, branch: str, snapshot: int | None = None) -> Rows:
        return _rows(self.catalog(branch).load_table(table).scan(snapshot_id=snapshot).to_arrow())


class Headgate:
    """headgate itself, on the project rather than through the server."""

    name = "headgate"

    def __init__(self, lake: ServedLake) -> None:
        self._project = lake.project

    def execute(self, sql: str, branch: str, table: str = "") -> list[list[Any]]:
        with headgate.open(self._project) as opened:
            answer = opened.query(sql.replace("{table}", table), ref=branch).arrow()
        return [[plain(row[key]) for key in answer.column_names] for row in answer.to_pylist()]

    def read(self, table: str, branch: str, snapshot: int | None = None) -> Rows:
        if snapshot is not None:
            raise NotImplementedError("headgate names states by commit, not by snapshot")
        with headgate.open(self._project) as opened:
            return _rows(opened.query(f"from {table}", ref=branch).arrow())


def _rows(table: pa.Table) -> Rows:
    maps = {field.name for field in table.schema if pa.types.is_map(field.type)}
    return [
        {key: plain(dict(value) if key in maps and value is not None else value) for key, value in row.items()}
        for row in table.to_pylist()
    ]


@contextlib.contextmanager
def duckdb_engine(lake: ServedLake) -> Iterator[DuckDB]:
    """DuckDB for as long as it is needed."""
    engine = DuckDB(lake)
    try:
        yield engine
    finally:
        engine.close()
