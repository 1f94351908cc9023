"""What DuckDB 1.5.5 gets wrong where the partitioning of a table changed. A test that fails here is good news."""

from __future__ import annotations

import duckdb as library
import pytest

from services.engines import DuckDB, PyIceberg, SparkEngine

pytestmark = pytest.mark.services

DAYS = "INSERT INTO {table} VALUES (1, DATE '2026-01-01'), (2, DATE '2026-02-01'), (3, NULL)"
LATER = "INSERT INTO {table} VALUES (4, DATE '2026-04-01'), (5, DATE '2026-05-01')"


def evolved(duckdb: DuckDB, table: str, spec: str) -> None:
    """A table partitioned by month, with files of that and of another spec."""
    duckdb.execute("CREATE SCHEMA IF NOT EXISTS {catalog}.duckdb_only", "main")
    duckdb.execute("CREATE TABLE {table} (id BIGINT, day DATE) PARTITIONED BY (month(day))", "main", table)
    duckdb.execute(DAYS, "main", table)
    duckdb.execute(f"ALTER TABLE {{table}} SET PARTITIONED BY ({spec})", "main", table)
    duckdb.execute(LATER, "main", table)


def test_a_kept_partition_field_keeps_its_id(duckdb: DuckDB, spark: SparkEngine, pyiceberg: PyIceberg) -> None:
    """DuckDB sends it under a new one; Spark's metadata tables then fail on two fields of one name."""
    table = "duckdb_only.kept"
    evolved(duckdb, table, "month(day), bucket(4, id)")
    specs = pyiceberg.catalog("main").load_table(table).specs()
    assert [[field.field_id for field in spec.fields] for spec in specs.values()] == [[1000], [1000, 1002]]
    assert spark.execute("SELECT count(*) FROM {table}.partitions", "main", table) == [[5]]
    assert sorted(row["id"] for row in spark.read(table, "main")) == [1, 2, 3, 4, 5]


def test_duckdb_cannot_delete_where_two_specs_share_a_field(duckdb: DuckDB) -> None:
    table = "duckdb_only.shared"
    evolved(duckdb, table, "month(day), bucket(4, id)")
    with pytest.raises(library.Error, match="duplicate name"):
        duckdb.execute("DELETE FROM {table} WHERE id = 2", "main", table)


@pytest.mark.parametrize("statement", ["DELETE FROM {table} WHERE id = 2", "UPDATE {table} SET id = 20 WHERE id = 2"])
def test_a_delete_that_others_would_not_see_is_refused(duckdb: DuckDB, pyiceberg: PyIceberg, statement: str) -> None:
    """DuckDB files deletes under the newest spec; by the specification one applies within its own partition."""
    table = f"duckdb_only.across_{statement[:6].lower()}"
    evolved(duckdb, table, "bucket(4, id)")
    with pytest.raises(library.Error, match="its partitioning changed, and DuckDB writes deletes"):
        duckdb.execute(statement, "main", table)
    for engine in (duckdb, pyiceberg):
        assert sorted(row["id"] for row in engine.read(table, "main")) == [1, 2, 3, 4, 5]


def test_a_table_that_was_empty_when_its_partitioning_changed_takes_deletes(
    duckdb: DuckDB, pyiceberg: PyIceberg
) -> None:
    table = "duckdb_only.early"
    duckdb.execute("CREATE SCHEMA IF NOT EXISTS {catalog}.duckdb_only", "main")
    duckdb.execute("CREATE TABLE {table} (id BIGINT, day DATE)", "main", table)
    duckdb.execute("ALTER TABLE {table} SET PARTITIONED BY (month(day))", "main", table)
    duckdb.execute(DAYS, "main", table)
    duckdb.execute("DELETE FROM {table} WHERE id = 2", "main", table)
    for engine in (duckdb, pyiceberg):
        assert sorted(row["id"] for row in engine.read(table, "main")) == [1, 3]
