"""P9: an error names the thing, the value, the place and the next step."""

from __future__ import annotations

from pathlib import Path

import pytest

import headgate
from headgate.errors import HeadgateError, ProjectError, QueryError, ReadOnly, RefNotFound, TableNotFound
from headgate.run.result import RunStatus


def test_an_unknown_key_of_a_contract_names_file_line_and_the_closest_key(shop: Path) -> None:
    contract = shop / "ingestion/orders.yml"
    contract.write_text(contract.read_text().replace("load: append", "laod: append"))
    with headgate.open(shop) as lake, pytest.raises(ProjectError) as caught:
        lake.run()

    assert "laod" in caught.value.message
    assert caught.value.place is not None
    assert caught.value.place.endswith("orders.yml:9")
    assert caught.value.hint is not None
    assert "'load'" in caught.value.hint


def test_a_missing_column_names_the_file_and_what_the_file_has(shop: Path) -> None:
    (shop / "data/orders-1.csv").write_text("id,client,day,amount\n1,10,2026-01-05,1\n")
    with headgate.open(shop) as lake:
        result = lake.run()

        assert result.status is RunStatus.REFUSED
        assert lake.tables() == []
        text = " ".join(check.message or "" for check in result.checks if check.blocks)
        for part in ("customer", "data/orders-1.csv"):
            assert part in text


def test_a_file_that_is_not_there(shop: Path) -> None:
    (shop / "data/customers.csv").rename(shop / "data/customer.csv")
    with headgate.open(shop) as lake:
        result = lake.run()

        assert result.status is RunStatus.FAILED
        assert result.error is not None
        assert "customers.csv" in result.error.message
        assert "customer.csv" in str(result.error.hint)


def test_unknown_names_have_a_closest_match(shop: Path) -> None:
    with headgate.open(shop) as lake:
        lake.run()
        cases: list[tuple[type[HeadgateError], str, str]] = [
            (TableNotFound, "select * from silver.stg_order", "silver.stg_orders"),
            (QueryError, "select order_idd from silver.stg_orders", "order_id"),
        ]
        for kind, sql, closest in cases:
            with pytest.raises(kind) as caught:
                lake.query(sql)
            assert closest in str(caught.value)
        with pytest.raises(RefNotFound) as missing:
            lake.query("select 1", ref="mian")
        assert "main" in str(missing.value.hint)


@pytest.mark.parametrize(
    "sql",
    [
        "create table x as select 1",
        "insert into silver.stg_orders select * from silver.stg_orders",
        "copy (select 1) to 'stolen.csv'",
        "explain analyze copy (select 1) to 'stolen.csv'",
        "attach 'other.db'",
        "set threads = 1",
        "install spatial",
        "pragma database_list; select 1",
    ],
)
def test_a_question_changes_nothing(shop: Path, sql: str) -> None:
    with headgate.open(shop) as lake:
        lake.run()
        with pytest.raises((ReadOnly, QueryError)):
            lake.query(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('{shop}/data/orders-1.csv')",
        "select * from '{shop}/data/orders-1.csv'",
        "select * from read_text('{shop}/headgate.yml')",
        "select * from glob('{shop}/*')",
        "select * from read_csv('https://127.0.0.1:1/x.csv')",
    ],
)
def test_a_question_reads_only_the_lake(shop: Path, sql: str) -> None:
    with headgate.open(shop) as lake:
        lake.run()
        with pytest.raises(QueryError):
            lake.query(sql.format(shop=shop))
