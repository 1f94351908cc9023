"""A project with sources, loaded without a gate: what is under test is what ingestion does to a state."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headgate.catalog import open_catalog
from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.database import Database
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.ingest.accounting import contract_checks
from headgate.ingest.contract import Source
from headgate.ingest.ledger import Load, known_loads, record
from headgate.ingest.plan import plan_loads
from headgate.ingest.sources import load_sources
from headgate.ingest.together import load_all
from headgate.project import Project
from headgate.types import CheckResult, quote

SHARED = Path(__file__).parents[3] / "shared" / "data"
EXAMPLES = Path(__file__).parents[2] / "examples" / "mobility" / "data"


class Lake:
    """A project folder, and a branch on which its sources are loaded."""

    def __init__(self, root: Path, session: Session) -> None:
        self.root = root
        self.session = session
        self.project = Project.open(root)
        self.project.make_state_dir()
        self.db = Database.open(self.project.catalog_url)
        self.ws = Workspace(open_catalog(self.project.catalog_url, self.db), "main", session)
        self.checks: list[CheckResult] = []
        self._before = set(Path(session.storage.warehouse).rglob("*.parquet"))

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        # A file of this very moment might still be written to, so its hash would not be remembered.
        os.utime(path, ns=(path.stat().st_mtime_ns - 10**10,) * 2)
        return path

    def source(self, name: str, yaml: str) -> None:
        self.file(f"ingestion/{name}.yml", yaml)

    def sources(self) -> list[Source]:
        return load_sources(self.project)

    def load(self, *, full_refresh: bool = False) -> list[Load]:
        """Load what is to be loaded, in one commit; the books of every load must add up."""
        known = known_loads(self.ws)
        planned = plan_loads(
            self.project, self.sources(), known, self.session.storage, self.db, full_refresh=full_refresh
        )
        loads = list(load_all(planned, self.ws))
        self.keep(loads)
        self.checks = [check for source in self.sources() for check in contract_checks(source, loads)]
        wrong = [check for check in self.checks if check.kind == "accounting" and check.blocks]
        assert not wrong, wrong
        return loads

    def keep(self, loads: list[Load]) -> None:
        record(self.ws, loads)
        if self.ws.changes:
            self.ws.commit("load")

    def data_files(self) -> list[Path]:
        """Data files that are new since the lake was made."""
        return sorted(set(Path(self.session.storage.warehouse).rglob("*.parquet")) - self._before)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.ws.query(sql).fetchall()

    def refused(self, table: str) -> list[tuple[Any, ...]]:
        """Row, rule, column and value of everything that is refused."""
        return self.rows(f'SELECT row, rule, "column", value FROM quarantine.{quote(table)} ORDER BY file, row')


@pytest.fixture(scope="session")
def _session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    root = tmp_path_factory.mktemp("engine")
    storage = Storage(str(root / "warehouse"))
    with Session(EngineSettings(threads=2, temp_directory=str(root / "tmp")), storage) as session:
        yield session


@pytest.fixture
def session(_session: Session) -> Session:
    """A session without schemas; loading the extensions anew for every test would cost more than the test."""
    for (name,) in _session.rows(
        "SELECT schema_name FROM duckdb_schemas() WHERE NOT internal AND schema_name <> 'main'"
    ):
        _session.execute(f"DROP SCHEMA {quote(name)} CASCADE")
    return _session


@pytest.fixture
def lake(project_dir: Path, session: Session) -> Iterator[Lake]:
    made = Lake(project_dir, session)
    yield made
    assert not session.rows("SELECT table_name FROM duckdb_tables() WHERE temporary"), "a load leaves its tables behind"
    made.db.close()


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """The path of real data by folder and name, wherever it is on this machine."""

    def find(name: str) -> Path:
        for root in (SHARED, EXAMPLES):
            if (root / name).exists():
                return root / name
        pytest.skip(f"{name} is not published with the repository, and is not on this machine")

    return find
