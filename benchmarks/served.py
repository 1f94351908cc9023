"""A lake of one's own, served for other engines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from duckdb_extensions import import_extension

from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.project import Project
from headgate.run.lake import Lake

sys.path.insert(0, str(Path(__file__).parents[1]))

from services.lake import ServedLake, lake


def project(folder: Path) -> Path:
    """A new project whose `main` takes what other engines write."""
    folder.mkdir(parents=True)
    (folder / "headgate.yml").write_text("name: bench\ncatalog: {protect: false}\n", encoding="utf-8")
    return folder


@contextmanager
def workspace(folder: Path) -> Iterator[Workspace]:
    """The state of a project's `main`, to be read and changed."""
    opened = Project.open(folder)
    state = Lake.open(opened)
    try:
        with Session(opened.engine, state.storage) as session:
            yield Workspace(state.catalog, "main", session)
    finally:
        state.close()


@contextmanager
def served(folder: Path) -> Iterator[ServedLake]:
    """A new project on a free port."""
    with lake(project(folder / "lake"), folder) as server:
        yield server


def attached(server: ServedLake) -> duckdb.DuckDBPyConnection:
    """A DuckDB to which `main` is attached as `lake`."""
    connection = with_iceberg()
    connection.execute(server.duckdb("main", "lake"))
    return connection


def with_iceberg() -> duckdb.DuckDBPyConnection:
    """A DuckDB that reads Iceberg."""
    connection = duckdb.connect()
    for extension in ("httpfs", "avro", "iceberg"):
        import_extension(extension, con=connection)
        connection.execute(f"LOAD {extension}")
    connection.execute("SET TimeZone = 'UTC'")
    return connection
