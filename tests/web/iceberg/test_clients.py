"""PyIceberg and DuckDB as they are, on a branch: each reads what the other wrote."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from duckdb_extensions import import_extension
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import ForbiddenError, NoSuchTableError, TableAlreadyExistsError, ValidationException
from pyiceberg.types import LongType
from tests.web.iceberg.asking import Asking
from tests.web.serving import Served

ROWS = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "price": pa.array([Decimal("1.10"), Decimal("2.20"), None], pa.decimal128(9, 2)),
        "tags": pa.array([["a", "b"], [], None], pa.list_(pa.string())),
    }
)


def rest(served: Served, warehouse: str) -> RestCatalog:
    return RestCatalog("lake", uri=f"{served.url}/iceberg", warehouse=warehouse, token=served.token)


@pytest.fixture
def catalog(branch: Asking) -> RestCatalog:
    found = rest(branch.served, branch.ref)
    found.create_namespace("ns")
    return found


def attach(connection: duckdb.DuckDBPyConnection, served: Served, warehouse: str, name: str) -> None:
    connection.execute(
        f"ATTACH '{warehouse}' AS {name} (TYPE iceberg, ENDPOINT '{served.url}/iceberg', TOKEN '{served.token}')"
    )


@pytest.fixture
def duck(branch: Asking) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"allow_unsigned_extensions": "true"}) as connection:
        for extension in ("httpfs", "avro", "iceberg"):
            import_extension(extension, con=connection)
        attach(connection, branch.served, branch.ref, "lake")
        yield connection


def test_pyiceberg_makes_changes_and_drops_a_table(catalog: RestCatalog) -> None:
    table = catalog.create_table("ns.t", ROWS.schema)
    with pytest.raises(TableAlreadyExistsError):
        catalog.create_table("ns.t", ROWS.schema)
    table.append(ROWS)
    with table.update_schema() as update:
        update.add_column("more", LongType())
        update.rename_column("price", "cost")
    with table.update_spec() as spec:
        spec.add_identity("id")
    table.delete("id = 2")
    with table.manage_snapshots() as snapshots:
        first = table.history()[0].snapshot_id
        snapshots.create_tag(first, "start")
    found = catalog.load_table("ns.t")
    assert sorted(found.scan().to_arrow().to_pydict()["id"]) == [1, 3]
    assert sorted(found.scan(snapshot_id=first).to_arrow().to_pydict()["id"]) == [1, 2, 3]
    assert [field.name for field in found.schema().fields] == ["id", "cost", "tags", "more"]
    catalog.rename_table("ns.t", "ns.u")
    catalog.purge_table("ns.u")
    with pytest.raises(NoSuchTableError):
        catalog.load_table("ns.u")


def test_pyiceberg_writes_a_table_as_it_makes_it(catalog: RestCatalog) -> None:
    with catalog.create_table_transaction("ns.t", ROWS.schema) as transaction:
        transaction.append(ROWS)
    assert catalog.load_table("ns.t").scan().to_arrow().num_rows == 3


def test_of_two_writers_from_one_snapshot_the_second_is_told(catalog: RestCatalog) -> None:
    catalog.create_table("ns.t", ROWS.schema).append(ROWS)
    one, other = catalog.load_table("ns.t"), catalog.load_table("ns.t")
    one.overwrite(ROWS)
    with pytest.raises(ValidationException):
        other.overwrite(ROWS)


def test_pyiceberg_is_kept_from_main(served: Served, catalog: RestCatalog) -> None:
    with pytest.raises(ForbiddenError, match="headgate merge"):
        rest(served, "main").create_namespace("ns")


def test_pyiceberg_deletes_no_metadata_that_another_branch_needs(served: Served, catalog: RestCatalog) -> None:
    """It deletes older files itself after a commit where a property of the table says so."""
    table = catalog.create_table(
        "ns.t",
        ROWS.schema,
        properties={
            "write.metadata.delete-after-commit.enabled": "true",
            "write.metadata.previous-versions-max": "1",
        },
    )
    served.lake.catalog.create_branch("other", "team/feature-1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            table.append(ROWS)
    assert rest(served, "other").load_table("ns.t").scan().to_arrow().num_rows == 0
    for commit in served.lake.catalog.log("team/feature-1", 5):
        rest(served, commit.id).load_table("ns.t")


def test_duckdb_makes_changes_and_drops_a_table(duck: duckdb.DuckDBPyConnection) -> None:
    duck.execute("CREATE SCHEMA lake.ns")
    duck.execute("CREATE TABLE lake.ns.t (id BIGINT, price DECIMAL(9, 2), seen TIMESTAMPTZ, tags VARCHAR[])")
    duck.execute("INSERT INTO lake.ns.t VALUES (1, 1.1, '2026-01-01 00:00:00+00', ['a']), (2, 2.2, NULL, NULL)")
    duck.execute("CREATE TABLE lake.ns.u AS SELECT range AS id FROM range(10)")
    duck.execute("UPDATE lake.ns.t SET price = 9.9 WHERE id = 2")
    duck.execute("DELETE FROM lake.ns.u WHERE id < 5")
    assert duck.execute("SELECT sum(price) FROM lake.ns.t").fetchone() == (Decimal("11.00"),)
    assert duck.execute("SELECT count(*), sum(id) FROM lake.ns.u").fetchone() == (5, 35)
    duck.execute("DROP TABLE lake.ns.u")
    assert [row[2] for row in duck.execute("SHOW ALL TABLES").fetchall()] == ["t"]


def test_each_reads_what_the_other_wrote(catalog: RestCatalog, duck: duckdb.DuckDBPyConnection) -> None:
    catalog.create_table("ns.p", ROWS.schema).append(ROWS)
    assert duck.execute("SELECT count(*), sum(price), sum(len(tags)) FROM lake.ns.p").fetchone() == (
        3,
        Decimal("3.30"),
        2,
    )
    duck.execute("INSERT INTO lake.ns.p VALUES (4, 4.40, ['c'])")
    found = catalog.load_table("ns.p").scan().to_arrow().to_pydict()
    assert sorted(found["id"]) == [1, 2, 3, 4]
    assert sum(price for price in found["price"] if price is not None) == Decimal("7.70")


def test_a_transaction_of_two_tables_lands_whole_or_not_at_all(
    served: Served, catalog: RestCatalog, duck: duckdb.DuckDBPyConnection
) -> None:
    for name in ("ns.a", "ns.b"):
        catalog.create_table(name, ROWS.schema)
    duck.execute("BEGIN")
    duck.execute("INSERT INTO lake.ns.a VALUES (1, 1, NULL)")
    duck.execute("INSERT INTO lake.ns.b VALUES (1, 1, NULL)")
    before = len(list(served.lake.catalog.log("team/feature-1")))
    duck.execute("COMMIT")
    assert len(list(served.lake.catalog.log("team/feature-1"))) == before + 1

    duck.execute("BEGIN")
    duck.execute("INSERT INTO lake.ns.a VALUES (2, 2, NULL)")
    duck.execute("INSERT INTO lake.ns.b VALUES (2, 2, NULL)")
    catalog.load_table("ns.b").append(ROWS)
    with pytest.raises(duckdb.Error):
        duck.execute("COMMIT")
    counts = {name: catalog.load_table(name).scan().to_arrow().num_rows for name in ("ns.a", "ns.b")}
    assert counts == {"ns.a": 1, "ns.b": 4}


def test_duckdb_reads_an_older_state_beside_a_branch(
    served: Served, catalog: RestCatalog, duck: duckdb.DuckDBPyConnection
) -> None:
    catalog.create_table("ns.t", ROWS.schema).append(ROWS)
    served.lake.catalog.create_tag("v1", "team/feature-1")
    duck.execute("INSERT INTO lake.ns.t VALUES (4, 4.40, ['c'])")
    attach(duck, served, "v1", "tagged")
    assert duck.execute("SELECT count(*) FROM lake.ns.t").fetchone() == (4,)
    assert duck.execute("SELECT count(*) FROM tagged.ns.t").fetchone() == (3,)
    with pytest.raises(duckdb.Error):
        duck.execute("INSERT INTO tagged.ns.t VALUES (5, 5, NULL)")
