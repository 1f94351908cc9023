"""What each engine can do on a branch beyond the journeys, and what it is refused: the lists in docs/how-to/."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb as library
import pyarrow as pa
import pytest
from pyiceberg.exceptions import CommitFailedException, ForbiddenError

import headgate
from services import running
from services.engines import DuckDB, Engine, PyIceberg, SparkEngine, TrinoEngine, duckdb_engine
from services.errors import ServiceError
from services.lake import ServedLake
from services.running import SparkError, TrinoError

pytestmark = pytest.mark.services

BRANCH = "team/feature-1"
Engines = Callable[[str], Engine]


@dataclass(frozen=True)
class Feature:
    """Statements on a branch that all work, or whose last is refused; and a question with its answer."""

    engine: str
    name: str
    statements: tuple[str, ...]
    refusal: str | None = None
    question: str | None = None
    answer: list[list[Any]] = field(default_factory=list)


_TWO = "SELECT 1 AS id, 'a' AS note UNION ALL SELECT 2, 'b'"
_OTHER = "SELECT 3 AS id, 'c' AS note"
_COUNT = "SELECT count(*), max(id) FROM {table}"
FEATURES = (
    Feature("spark", "as_select", (f"CREATE TABLE {{table}} USING iceberg AS {_TWO}",), None, _COUNT, [[2, 2]]),
    Feature("trino", "as_select", (f"CREATE TABLE {{table}} AS {_TWO}",), None, _COUNT, [[2, 2]]),
    Feature("duckdb", "as_select", (f"CREATE TABLE {{table}} AS {_TWO}",), None, _COUNT, [[2, 2]]),
    Feature(
        "spark",
        "replace",
        (
            f"CREATE TABLE {{table}} USING iceberg AS {_TWO}",
            f"CREATE OR REPLACE TABLE {{table}} USING iceberg AS {_OTHER}",
        ),
        None,
        _COUNT,
        [[1, 3]],
    ),
    Feature(
        "trino",
        "replace",
        (f"CREATE TABLE {{table}} AS {_TWO}", f"CREATE OR REPLACE TABLE {{table}} AS {_OTHER}"),
        None,
        _COUNT,
        [[1, 3]],
    ),
    Feature(
        "duckdb",
        "replace",
        (f"CREATE TABLE {{table}} AS {_TWO}", f"CREATE OR REPLACE TABLE {{table}} AS {_OTHER}"),
        "CREATE OR REPLACE not supported",
    ),
    Feature("spark", "view", (f"CREATE VIEW {{table}} AS {_TWO}",), None, _COUNT, [[2, 2]]),
    Feature("trino", "view", (f"CREATE VIEW {{table}} AS {_TWO}",), None, _COUNT, [[2, 2]]),
    Feature("duckdb", "view", (f"CREATE VIEW {{table}} AS {_TWO}",), "(?i)not (yet )?(supported|implemented)"),
    Feature(
        "spark",
        "rename",
        (
            f"CREATE TABLE {{table}} USING iceberg AS {_TWO}",
            "ALTER TABLE {table} RENAME TO interop.renamed_by_spark",
        ),
        None,
        "SELECT count(*) FROM {catalog}.interop.renamed_by_spark",
        [[2]],
    ),
    Feature(
        "trino",
        "rename",
        (f"CREATE TABLE {{table}} AS {_TWO}", "ALTER TABLE {table} RENAME TO {catalog}.interop.renamed_by_trino"),
        None,
        "SELECT count(*) FROM {catalog}.interop.renamed_by_trino",
        [[2]],
    ),
    Feature(
        "duckdb",
        "rename",
        (f"CREATE TABLE {{table}} AS {_TWO}", "ALTER TABLE {table} RENAME TO renamed_by_duckdb"),
        None,
        "SELECT count(*) FROM {catalog}.interop.renamed_by_duckdb",
        [[2]],
    ),
    Feature(
        "spark",
        "nested",
        (
            "CREATE NAMESPACE IF NOT EXISTS {catalog}.outer_spark",
            "CREATE NAMESPACE IF NOT EXISTS {catalog}.outer_spark.inner",
            f"CREATE TABLE {{catalog}}.outer_spark.inner.t USING iceberg AS {_TWO}",
        ),
        None,
        "SELECT count(*) FROM {catalog}.outer_spark.inner.t",
        [[2]],
    ),
    Feature(
        "trino",
        "nested",
        (
            "CREATE SCHEMA IF NOT EXISTS {catalog}.outer_trino",
            'CREATE SCHEMA IF NOT EXISTS {catalog}."outer_trino.inner"',
            f'CREATE TABLE {{catalog}}."outer_trino.inner".t AS {_TWO}',
        ),
        None,
        'SELECT count(*) FROM {catalog}."outer_trino.inner".t',
        [[2]],
    ),
    Feature(
        "spark",
        "comments",
        (
            f"CREATE TABLE {{table}} USING iceberg COMMENT 'of a table' AS {_TWO}",
            "ALTER TABLE {table} ALTER COLUMN note COMMENT 'of a column'",
        ),
    ),
    Feature(
        "trino",
        "comments",
        (
            f"CREATE TABLE {{table}} COMMENT 'of a table' AS {_TWO}",
            "COMMENT ON COLUMN {table}.note IS 'of a column'",
        ),
    ),
    Feature(
        "spark",
        "own_branch",
        (f"CREATE TABLE {{table}} USING iceberg AS {_TWO}", "ALTER TABLE {table} CREATE BRANCH audit"),
    ),
    Feature(
        "duckdb",
        "transaction",
        (
            "CREATE TABLE {table} (id INTEGER, note VARCHAR)",
            "CREATE TABLE {table}_too (id INTEGER, note VARCHAR)",
            "BEGIN",
            f"INSERT INTO {{table}} {_TWO}",
            f"INSERT INTO {{table}}_too {_TWO}",
            "COMMIT",
        ),
        None,
        "SELECT count(*) FROM {table} JOIN {table}_too USING (id)",
        [[2]],
    ),
    Feature(
        "trino",
        "materialized_view",
        (f"CREATE MATERIALIZED VIEW {{table}} AS {_TWO}",),
        "(?i)not supported",
    ),
)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: f"{feature.engine}-{feature.name}")
def test_a_feature(feature: Feature, engine_named: Engines) -> None:
    engine = engine_named(feature.engine)
    assert isinstance(engine, DuckDB | SparkEngine | TrinoEngine)
    engine.execute("CREATE SCHEMA IF NOT EXISTS {catalog}.interop", BRANCH)
    table = f"interop.{feature.name}_by_{feature.engine}"
    *first, last = feature.statements
    for statement in first:
        engine.execute(statement, BRANCH, table)
    if feature.refusal is not None:
        with pytest.raises((ServiceError, library.Error), match=feature.refusal):
            engine.execute(last, BRANCH, table)
        return
    engine.execute(last, BRANCH, table)
    if feature.question is not None:
        assert engine.execute(feature.question, BRANCH, table) == feature.answer


def test_spark_cannot_read_a_time(spark: SparkEngine, trino: TrinoEngine, duckdb: DuckDB) -> None:
    table = "interop.with_a_time"
    trino.execute("CREATE SCHEMA IF NOT EXISTS {catalog}.interop", BRANCH)
    trino.execute("CREATE TABLE {table} AS SELECT 1 AS id, CAST(TIME '12:30:00' AS TIME(6)) AS at", BRANCH, table)
    with pytest.raises(SparkError, match="Spark does not support time fields"):
        spark.read(table, BRANCH)
    assert duckdb.read(table, BRANCH) == [{"id": 1, "at": "12:30:00"}]


def test_trino_cannot_read_a_view_of_spark(spark: SparkEngine, trino: TrinoEngine) -> None:
    view = "interop.seen_by_spark"
    spark.execute("CREATE SCHEMA IF NOT EXISTS {catalog}.interop", BRANCH)
    spark.execute(f"CREATE VIEW {{table}} AS {_TWO}", BRANCH, view)
    assert spark.execute("SELECT count(*) FROM {table}", BRANCH, view) == [[2]]
    with pytest.raises(TrinoError, match=r"(?i)dialect|unsupported"):
        trino.read(view, BRANCH)


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory, services_folder: Path) -> Iterator[ServedLake]:
    """A project as `headgate init` makes it: nothing is written to `main` from outside."""
    project = tmp_path_factory.mktemp("protected")
    (project / "headgate.yml").write_text("name: protected\n", encoding="utf-8")
    with headgate.open(project) as opened:
        opened.create_branch("work")
    with running.lake(project, services_folder / "protected") as served:
        catalog = PyIceberg(served).catalog("work")
        catalog.create_namespace("shop")
        catalog.create_table("shop.orders", pa.schema([("id", pa.int64())])).append(pa.table({"id": [1, 2, 3]}))
        with headgate.open(project) as opened:
            assert opened.merge("work").status == "merged"
            opened.create_tag("release")
        yield served


_REASONS = {"main": "'main' takes no writes from outside", "release": "'release' is a tag, which stays where it is"}


@pytest.mark.parametrize("state", ["main", "release"])
def test_main_and_a_tag_are_read_and_not_written(
    protected: ServedLake, spark_session: running.Spark, trino_server: running.Trino, state: str
) -> None:
    """The reason reaches whoever typed the statement, in every engine; Trino keeps that of a DROP to itself."""
    reason = f"{_REASONS[state]}|Failed to drop table 'orders'"
    refusals = {}
    with duckdb_engine(protected) as duckdb:
        engines = (SparkEngine(protected, spark_session, "p"), TrinoEngine(protected, trino_server, "p"), duckdb)
        for engine in engines:
            assert engine.execute("SELECT count(*) FROM {table}", state, "shop.orders") == [[3]]
            for sql in ("INSERT INTO {table} VALUES (4)", "DROP TABLE {table}"):
                try:
                    engine.execute(sql, state, "shop.orders")
                except (ServiceError, library.Error) as error:
                    refusals[engine.name, sql] = str(error)
    client = PyIceberg(protected).catalog(state)
    assert client.load_table("shop.orders").scan().to_arrow().num_rows == 3
    with pytest.raises((ForbiddenError, CommitFailedException)) as refused:
        client.load_table("shop.orders").append(pa.table({"id": [4]}))
    refusals["pyiceberg", "append"] = str(refused.value)
    assert len(refusals) == 7
    assert {key: text for key, text in refusals.items() if not re.search(reason, text)} == {}
    with headgate.open(protected.project) as opened:
        assert opened.query("select count(*) from shop.orders", state).rows() == [(3,)]
