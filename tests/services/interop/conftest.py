"""One lake, one of each engine, and journeys that are taken once, however many tests look at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.services.interop import dialects
from tests.services.interop.journeys import BRANCHES, STEPS, Taken, last_rows
from tests.services.interop.writers import NAMESPACE, PyIcebergWriter, SqlWriter, Writer

import headgate
from services import running
from services.engines import DuckDB, Engine, Headgate, PyIceberg, SparkEngine, TrinoEngine, duckdb_engine
from services.lake import ServedLake


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory, services_folder: Path) -> Iterator[ServedLake]:
    """A project whose `main` takes writes of engines, with a branch that is as old as it."""
    project = tmp_path_factory.mktemp("interop")
    settings = "name: interop\ncatalog:\n  url: sqlite:///.headgate/state.db\n  protect: false\n"
    (project / "headgate.yml").write_text(settings, encoding="utf-8")
    with headgate.open(project) as opened:
        for branch in BRANCHES[1:]:
            opened.create_branch(branch)
    with running.lake(project, services_folder) as served:
        yield served


@pytest.fixture(scope="session")
def duckdb(lake: ServedLake) -> Iterator[DuckDB]:
    with duckdb_engine(lake) as engine:
        yield engine


@pytest.fixture(scope="session")
def spark(lake: ServedLake, spark_session: running.Spark) -> SparkEngine:
    return SparkEngine(lake, spark_session, "interop")


@pytest.fixture(scope="session")
def trino(lake: ServedLake, trino_server: running.Trino) -> TrinoEngine:
    return TrinoEngine(lake, trino_server, "interop")


@pytest.fixture(scope="session")
def pyiceberg(lake: ServedLake) -> PyIceberg:
    return PyIceberg(lake)


@pytest.fixture(scope="session")
def engine_named(request: pytest.FixtureRequest, lake: ServedLake) -> Callable[[str], Engine]:
    """An engine by its name, started when it is first asked for."""

    def named(name: str) -> Engine:
        found: Engine = Headgate(lake) if name == "headgate" else request.getfixturevalue(name)
        return found

    return named


@pytest.fixture(scope="session")
def writer_named(request: pytest.FixtureRequest) -> Callable[[str], Writer]:
    """A writer by its name."""

    def named(name: str) -> Writer:
        ask = request.getfixturevalue
        if name == "pyiceberg":
            return PyIcebergWriter(ask("pyiceberg"))
        if name == "duckdb":
            return SqlWriter(ask("duckdb"), dialects.DUCKDB)
        if name == "trino":
            return SqlWriter(ask("trino"), dialects.TRINO)
        return SqlWriter(ask("spark"), dialects.spark(name.removeprefix("spark-")))

    return named


@pytest.fixture(scope="session")
def journey(writer_named: Callable[[str], Writer], pyiceberg: PyIceberg) -> Callable[[str, str], Taken]:
    """Take a table of a writer on a branch through its journey, once."""
    taken: dict[tuple[str, str], Taken | BaseException] = {}

    def take(name: str, branch: str) -> Taken:
        if (name, branch) not in taken:
            try:
                taken[name, branch] = _take(writer_named(name), name.replace("-", "_"), branch, pyiceberg)
            except Exception as error:  # noqa: BLE001  # it is raised again for every test that needs the table
                taken[name, branch] = error
        found = taken[name, branch]
        if isinstance(found, BaseException):
            raise found
        return found

    return take


def _take(writer: Writer, name: str, branch: str, pyiceberg: PyIceberg) -> Taken:
    table = f"{NAMESPACE}.{name}"
    writer.take("create", table, branch)
    writer.take("insert", table, branch)
    first = pyiceberg.catalog(branch).load_table(table).current_snapshot()
    assert first is not None
    for step in (step for step in STEPS if step.name not in writer.cannot):
        writer.take(step.name, table, branch)
    return Taken(table, first.snapshot_id, last_rows(branch, writer.cannot))
