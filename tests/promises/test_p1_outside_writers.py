"""P1 to P3: what other engines write to a branch reaches `main` through the checks, rebuilt and accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from tests.engines.foreign import Foreign, edited, rows
from tests.web.serving import Served, serving

from headgate.engines.duckdb import Session
from headgate.run.asking import asked
from headgate.run.execute import merge, run
from headgate.run.result import RunResult, RunStatus
from headgate.run.selection import Selection


@pytest.fixture
def served(shop: Path) -> Iterator[Served]:
    """The shop after its first run, with a branch `dev`."""
    with serving(shop) as found:
        assert run(found.lake).status is RunStatus.MERGED
        found.lake.catalog.create_branch("dev")
        yield found


def _client(served: Served) -> RestCatalog:
    return RestCatalog("outside", uri=f"{served.url}/iceberg", token=served.token, warehouse="dev")


def _merge(served: Served, source: str = "dev", override: str | None = None) -> RunResult:
    return merge(served.lake, source, override=override)


def _rows(served: Served, sql: str, ref: str = "main") -> list[tuple[object, ...]]:
    with asked(served.lake, sql, ref) as answer:
        return list(answer.rows())


def _prices(served: Served, prices: list[float | None]) -> None:
    client = _client(served)
    client.create_namespace_if_not_exists("outside")
    name = "outside.prices"
    if not client.table_exists(name):
        client.create_table(name, pa.schema([("price", pa.float64())]))
    client.load_table(name).append(pa.table({"price": pa.array(prices, pa.float64())}))


def _begin_to_use(served: Served) -> None:
    """From now on a model of the project reads the table, and a test guards it."""
    root = served.lake.project.root
    (root / "models/marts/mart_prices.sql").write_text(
        "select sum(price) as total from {{ source('outside', 'prices') }}\n"
    )
    (root / "models/outside.yml").write_text(
        "sources:\n  - name: outside\n    tables:\n      - name: prices\n        columns:\n"
        "          - name: price\n            data_tests: [not_null]\n"
    )


def test_models_downstream_of_an_outside_table_are_built_on_the_merged_state(served: Served) -> None:
    _prices(served, [1.5, 2.5])
    _begin_to_use(served)
    result = _merge(served)
    assert result.status is RunStatus.MERGED
    assert "not_null" in " ".join(check.name for check in result.checks)
    assert _rows(served, "select total from gold.mart_prices") == [(4.0,)]
    served.lake.catalog.delete_ref("dev")
    served.lake.catalog.create_branch("dev")
    _client(served).load_table("outside.prices").delete("price = 1.5")
    assert [model.name for model in _merge(served).models] == ["gold.mart_prices"]
    assert _rows(served, "select total from gold.mart_prices") == [(2.5,)]


def test_rows_that_break_a_check_stay_off_main(served: Served) -> None:
    _prices(served, [1.5, None])
    _begin_to_use(served)
    before = served.lake.catalog.ref("main").commit_id
    result = _merge(served)
    assert result.status is RunStatus.REFUSED
    assert served.lake.catalog.ref("main").commit_id == before
    assert _rows(served, "select count(*) from outside.prices", str(result.branch)) == [(2,)]


def test_rows_that_no_file_accounts_for_are_refused(served: Served) -> None:
    table = _client(served).load_table("bronze.orders")
    row = table.scan().to_arrow().slice(0, 1)
    table.append(row.set_column(0, row.schema.field(0), pa.array([99], pa.int64())))
    result = _merge(served)
    assert result.status is RunStatus.REFUSED
    (check,) = [check for check in result.checks if check.blocks]
    assert check.name == "accounting:bronze.orders"
    assert "append by another engine (+1 row)" in str(check.message)
    assert _rows(served, "select count(*) from bronze.orders") == [(2,)]
    # The branch of the refused merge tells the same, and an override settles it.
    assert _merge(served, str(result.branch)).status is RunStatus.REFUSED
    settled = _merge(served, override="a correction, ticket 42")
    assert settled.status is RunStatus.MERGED
    assert _rows(served, "select sum(orders) from gold.mart_spending") == [(3,)]
    assert run(served.lake).status is RunStatus.UNCHANGED


@pytest.mark.parametrize("table", ["bronze.customers", "quarantine.orders", "headgate.loads"])
def test_rows_that_are_taken_away_are_missed(served: Served, table: str) -> None:
    _client(served).load_table(table).delete()
    result = _merge(served)
    assert result.status is RunStatus.REFUSED
    assert f"accounting:{table}" in [check.name for check in result.checks if check.blocks]


def test_a_table_with_books_that_is_dropped_is_missed(served: Served) -> None:
    _client(served).drop_table("bronze.customers")
    result = _merge(served)
    assert result.status is not RunStatus.MERGED
    assert _rows(served, "select count(*) from bronze.customers") == [(2,)]


def test_a_models_table_is_what_the_model_computes(served: Served) -> None:
    """Another engine's rows in it are gone after the merge, not published."""
    table = _client(served).load_table("gold.mart_spending")
    table.append(table.scan().to_arrow().slice(0, 1))
    assert _rows(served, "select count(*) from gold.mart_spending", "dev") == [(3,)]
    result = _merge(served)
    assert result.status in (RunStatus.MERGED, RunStatus.UNCHANGED)
    assert [model.name for model in result.models] == ["gold.mart_spending"]
    assert _rows(served, "select count(*) from gold.mart_spending") == [(2,)]


def test_an_incremental_model_keeps_them_until_it_is_built_anew(served: Served) -> None:
    model = served.lake.project.root / "models/marts/mart_orders.sql"
    model.write_text(
        "{{ config(materialized='incremental', unique_key='order_id') }}"
        " select order_id, amount from {{ ref('stg_orders') }}\n"
    )
    assert run(served.lake).status is RunStatus.MERGED
    served.lake.catalog.delete_ref("dev")
    served.lake.catalog.create_branch("dev")
    table = _client(served).load_table("gold.mart_orders")
    row = table.scan().to_arrow().slice(0, 1)
    table.append(row.set_column(0, row.schema.field(0), pa.array([99], pa.int64())))
    assert [built.name for built in _merge(served).models] == ["gold.mart_orders"]
    orders = "select order_id from gold.mart_orders order by 1"
    assert _rows(served, orders) == [(1,), (2,), (99,)]
    run(served.lake, Selection(("mart_orders",), (), full_refresh=True))
    assert _rows(served, orders) == [(1,), (2,)]


def test_appends_of_both_sides_are_joined(served: Served, shop: Path) -> None:
    """An outside table that `main` has: rows of the branch join rows that came to `main` meanwhile."""
    _prices(served, [1.0])
    assert _merge(served).status is RunStatus.MERGED
    served.lake.catalog.delete_ref("dev")
    for branch in ("dev", "other"):
        served.lake.catalog.create_branch(branch)
    _prices(served, [2.0])
    client = RestCatalog("outside", uri=f"{served.url}/iceberg", token=served.token, warehouse="other")
    client.load_table("outside.prices").append(pa.table({"price": [4.0]}))
    assert _merge(served, "other").status is RunStatus.MERGED
    assert _merge(served, "dev").status is RunStatus.MERGED
    assert sorted(_rows(served, "select price from outside.prices")) == [(1.0,), (2.0,), (4.0,)]


def test_a_delete_and_an_append_are_a_conflict(served: Served) -> None:
    _prices(served, [1.0, 2.0])
    assert _merge(served).status is RunStatus.MERGED
    served.lake.catalog.delete_ref("dev")
    for branch in ("dev", "other"):
        served.lake.catalog.create_branch(branch)
    _prices(served, [4.0])
    client = RestCatalog("outside", uri=f"{served.url}/iceberg", token=served.token, warehouse="other")
    client.load_table("outside.prices").delete("price = 1.0")
    assert _merge(served, "other").status is RunStatus.MERGED
    result = _merge(served, "dev")
    assert result.status is RunStatus.CONFLICT
    assert "outside.prices" in str(result.error)
    assert sorted(_rows(served, "select price from outside.prices")) == [(2.0,)]


def test_a_table_with_compressed_metadata_is_registered(served: Served, tmp_path: Path) -> None:
    inside = Foreign(Path(served.lake.storage.warehouse) / "spark")
    location = edited(inside.table(rows(0, 5)).metadata_location, lambda _: None, compressed=True)
    client = _client(served)
    client.create_namespace_if_not_exists("outside")
    client.register_table("outside.prices", location).append(pa.table({"id": [5], "kind": ["k"]}))
    assert _merge(served).status is RunStatus.MERGED
    assert _rows(served, "select count(*), sum(id) from outside.prices") == [(6, 15)]


def test_duckdb_writes_deletes_to_a_branch(served: Served) -> None:
    """Its own writer leaves merge-on-read deletes and tells no totals."""
    _prices(served, [1.0, 2.0, 4.0, 8.0])
    with Session(served.lake.project.engine, served.lake.storage) as session:
        connection = session.connection
        connection.execute(f"CREATE SECRET token (TYPE iceberg, TOKEN '{served.token}')")
        connection.execute(f"ATTACH 'dev' AS lake (TYPE iceberg, ENDPOINT '{served.url}/iceberg', SECRET token)")
        connection.execute("DELETE FROM lake.outside.prices WHERE price = 2")
        connection.execute("UPDATE lake.outside.prices SET price = 16 WHERE price = 8")
    _begin_to_use(served)
    assert _merge(served).status is RunStatus.MERGED
    assert _rows(served, "select total from gold.mart_prices") == [(21.0,)]
    assert _rows(served, "select row_count from headgate.tables where table_name = 'prices'") == [(3,)]
