"""A lake of one's own, and readers that know nothing of headgate to hold its tables against."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.table import StaticTable

from headgate.catalog import Catalog, open_catalog
from headgate.catalog.storage import Storage
from headgate.config import EngineSettings, StorageSettings
from headgate.engines.duckdb import Session
from headgate.engines.guard import lock
from headgate.engines.workspace import Workspace
from headgate.types import Name, quote

Rows = list[dict[str, Any]]
MakeSession = Callable[..., Session]
MakeWorkspace = Callable[..., Workspace]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return open_catalog(f"sqlite:///{tmp_path}/state.db")


@pytest.fixture(scope="session", params=["local", pytest.param("s3", marks=pytest.mark.services)])
def storage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Storage:
    """Where the warehouse of all tests is: what is done to a table does not depend on it."""
    if request.param == "local":
        return Storage(str(tmp_path_factory.mktemp("lake") / "warehouse"))
    server = request.getfixturevalue("versitygw_server")
    bucket = server.make_bucket(f"engines-{secrets.token_hex(4)}")
    return Storage(f"{bucket}/lake/warehouse", StorageSettings(**server.settings(bucket)))


@pytest.fixture(scope="session")
def make_session(tmp_path_factory: pytest.TempPathFactory, storage: Storage) -> Iterator[MakeSession]:
    """Sessions on one warehouse, closed when the tests end."""
    root = tmp_path_factory.mktemp("scratch")
    opened: list[Session] = []

    def make(**limits: Any) -> Session:
        settings = EngineSettings(**{"threads": 2, "temp_directory": str(root / "tmp"), **limits})
        opened.append(Session(settings, storage))
        return opened[-1]

    yield make
    for session in opened:
        session.close()


@pytest.fixture(scope="session")
def pool(storage: Storage) -> list[Session]:
    """Sessions of earlier tests: loading the extensions for every test would cost more than the test."""
    return []


@pytest.fixture
def next_session(pool: list[Session], make_session: MakeSession) -> Callable[[], Session]:
    """Another session without schemas and tables, at each call."""
    taken = itertools.count()

    def take() -> Session:
        number = next(taken)
        if number == len(pool):
            pool.append(make_session())
        session = pool[number]
        for (name,) in session.rows("SELECT DISTINCT schema_name FROM duckdb_views() WHERE NOT internal"):
            session.execute(f"DROP SCHEMA {quote(name)} CASCADE")
        for (name,) in session.rows("SELECT table_name FROM duckdb_tables() WHERE temporary"):
            session.execute(f"DROP TABLE {quote(name)}")
        return session

    return take


@pytest.fixture
def session(next_session: Callable[[], Session]) -> Session:
    return next_session()


@pytest.fixture
def make_workspace(catalog: Catalog, next_session: Callable[[], Session]) -> MakeWorkspace:
    """Workspaces on one catalog, each with a session of its own, as processes have."""

    def make(ref: str = "main", **options: Any) -> Workspace:
        return Workspace(catalog, ref, next_session(), **options)

    return make


@pytest.fixture
def workspace(catalog: Catalog, session: Session) -> Workspace:
    return Workspace(catalog, "main", session, run_id="run1")


def _ordered(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: [(value is None, str(value)) for value in row.values()])


@pytest.fixture
def by_pyiceberg(storage: Storage) -> Callable[..., Rows]:
    """Rows as plain PyIceberg reads them, in an order that does not depend on the reader."""

    def read(metadata_location: str, row_filter: str = "true") -> Rows:
        scan = StaticTable.from_metadata(metadata_location, storage.client_config()).scan()
        return _ordered(_plain((scan if row_filter == "true" else scan.filter(row_filter)).to_arrow().to_pylist()))

    return read


@pytest.fixture
def by_duckdb(session: Session) -> Callable[..., Rows]:
    """Rows as a bare `iceberg_scan` reads them."""

    def read(metadata_location: str, row_filter: str = "true") -> Rows:
        cursor = session.execute(f"SELECT * FROM iceberg_scan('{metadata_location}') WHERE {row_filter}")
        names = [column[0] for column in cursor.description]
        return _ordered([dict(zip(names, row, strict=True)) for row in cursor.fetchall()])

    return read


def _plain(value: Any) -> Any:
    """Arrow gives a map as a list of pairs, DuckDB as a dictionary."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        pairs = bool(value) and all(isinstance(item, tuple) for item in value)
        return {key: _plain(item) for key, item in value} if pairs else [_plain(item) for item in value]
    return value


@pytest.fixture(scope="module")
def locked(make_session: MakeSession) -> Session:
    lock(session := make_session())
    return session


@pytest.fixture
def guarded(workspace: Workspace, locked: Session) -> Workspace:
    workspace.replace(Name.of("silver", "orders"), "SELECT i AS id, i % 3 AS kind FROM range(6) AS t(i)")
    workspace.commit("orders")
    return Workspace(workspace.catalog, "main", locked)
