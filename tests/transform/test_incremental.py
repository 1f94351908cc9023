"""Incremental models: every strategy, and columns that change."""

from __future__ import annotations

import pytest

from headgate.types import ModelStatus

from .conftest import Lake

FIRST = "select * from (values (1, 'a', 10), (2, 'b', 20)) t(id, name, price)"
SECOND = "select * from (values (2, 'B', 21), (3, 'c', 30)) t(id, name, price)"


def model(config: str) -> dict[str, str]:
    return {
        "models/sales.sql": "{{ config(materialized='incremental', " + config + ") }}\n"
        "select * from {{ source('bronze', 'raw') }}",
        "models/sources.yml": "sources:\n  - name: bronze\n    tables:\n      - name: raw\n",
    }


def twice(lake: Lake, config: str, first: str = FIRST, second: str = SECOND) -> list[tuple[object, ...]]:
    """The table after two builds, on the first and on the second state of the source."""
    lake.write(model(config))
    lake.table("bronze.raw", first)
    lake.built()
    lake.table("bronze.raw", second)
    lake.built()
    return lake.sql("select * from silver.sales order by all")


def test_append_adds_rows(lake: Lake) -> None:
    rows = twice(lake, "incremental_strategy='append'")
    assert rows == [(1, "a", 10), (2, "B", 21), (2, "b", 20), (3, "c", 30)]
    assert lake.model("silver.sales").rows == 4


def test_merge_updates_by_key_and_inserts_the_rest(lake: Lake) -> None:
    rows = twice(lake, "incremental_strategy='merge', unique_key='id'")
    assert rows == [(1, "a", 10), (2, "B", 21), (3, "c", 30)]


def test_merge_on_several_keys(lake: Lake) -> None:
    rows = twice(
        lake,
        "incremental_strategy='merge', unique_key=['id', 'name']",
        second="select * from (values (2, 'b', 21), (2, 'B', 22)) t(id, name, price)",
    )
    assert rows == [(1, "a", 10), (2, "B", 22), (2, "b", 21)]


def test_merge_without_a_key_appends(lake: Lake) -> None:
    assert len(twice(lake, "incremental_strategy='merge'")) == 4


def test_merge_of_some_columns(lake: Lake) -> None:
    rows = twice(lake, "incremental_strategy='merge', unique_key='id', merge_update_columns=['price']")
    assert rows == [(1, "a", 10), (2, "b", 21), (3, "c", 30)]


def test_merge_without_some_columns(lake: Lake) -> None:
    rows = twice(lake, "incremental_strategy='merge', unique_key='id', merge_exclude_columns=['price']")
    assert rows == [(1, "a", 10), (2, "B", 20), (3, "c", 30)]


def test_merge_under_a_condition(lake: Lake) -> None:
    condition = "DBT_INTERNAL_SOURCE.price > DBT_INTERNAL_DEST.price + 5"
    rows = twice(lake, f"incremental_strategy='merge', unique_key='id', merge_update_condition='{condition}'")
    assert rows == [(1, "a", 10), (2, "b", 20), (3, "c", 30)]


@pytest.mark.parametrize("config", ["unique_key='id'", "incremental_strategy='delete+insert', unique_key='id'"])
def test_delete_insert_replaces_rows_of_a_key_and_keeps_repeats(lake: Lake, config: str) -> None:
    second = "select * from (values (2, 'x', 21), (2, 'y', 22)) t(id, name, price)"
    assert twice(lake, config, second=second) == [(1, "a", 10), (2, "x", 21), (2, "y", 22)]


def test_delete_insert_on_several_keys(lake: Lake) -> None:
    rows = twice(
        lake,
        "incremental_strategy='delete+insert', unique_key=['id', 'name']",
        second="select * from (values (2, 'b', 21), (1, 'x', 1)) t(id, name, price)",
    )
    assert rows == [(1, "a", 10), (1, "x", 1), (2, "b", 21)]


def test_insert_overwrite_replaces_the_partitions_that_have_rows(lake: Lake) -> None:
    rows = twice(
        lake,
        "incremental_strategy='insert_overwrite', partition_by=['month(day)']",
        first="select * from (values (1, date '2024-01-05'), (2, date '2024-01-20'), (3, date '2024-02-01')) t(n, day)",
        second="select * from (values (4, date '2024-01-31')) t(n, day)",
    )
    assert [row[0] for row in rows] == [3, 4]


def test_insert_overwrite_wants_partitions(lake: Lake) -> None:
    lake.write(model("incremental_strategy='insert_overwrite'"))
    lake.table("bronze.raw", FIRST)
    lake.built()
    lake.table("bronze.raw", SECOND)
    lake.build()
    message = lake.model("silver.sales").message
    assert message is not None
    assert "partition_by" in message


def test_an_unknown_strategy_is_named(lake: Lake) -> None:
    lake.write(model("incremental_strategy='upsert'"))
    lake.table("bronze.raw", FIRST)
    lake.built()
    lake.table("bronze.raw", SECOND)
    lake.build()
    message = lake.model("silver.sales").message
    assert message is not None
    assert "'upsert'" in message
    assert "models/sales.sql" in message


def test_is_incremental_sees_what_is_there(lake: Lake) -> None:
    lake.write(model("incremental_strategy='append'"))
    lake.write(
        {
            "models/sales.sql": """
            {{ config(materialized='incremental') }}
            select id from {{ source('bronze', 'raw') }}
            {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}
            """
        }
    )
    lake.table("bronze.raw", FIRST)
    lake.built()
    lake.table("bronze.raw", "select 1 as id union all select 7")
    lake.built()
    assert lake.sql("select id from silver.sales order by id") == [(1,), (2,), (7,)]


def test_full_refresh_starts_from_nothing(lake: Lake) -> None:
    twice(lake, "incremental_strategy='append'")
    lake.built(full_refresh=True)
    assert lake.sql("select id from silver.sales order by id") == [(2,), (3,)]


def test_microbatch_replaces_the_rows_of_its_spans(lake: Lake) -> None:
    rows = "select * from (values (1, timestamp '2024-01-01 10:00'), (2, timestamp '2024-01-02 10:00')) t(id, happened)"
    spans = "event_time='happened', begin='2024-01-01', batch_size='year', lookback=9"
    lake.write(model(f"incremental_strategy='microbatch', {spans}"))
    lake.write(
        {
            "models/sources.yml": """
            sources:
              - name: bronze
                tables:
                  - name: raw
                    config: {event_time: happened}
            """
        }
    )
    lake.table("bronze.raw", rows)
    lake.built()
    lake.table("bronze.raw", rows.replace("(1,", "(5,"))
    lake.built()
    assert lake.sql("select id from silver.sales order by id") == [(2,), (5,)]


WIDER = "select 3 as id, 'c' as name, 30 as price, true as paid"
NARROWER = "select 3 as id, 'c' as name"
RETYPED = "select 3 as id, 'c' as name, 'thirty' as price"


def columns(lake: Lake) -> list[str]:
    return [row[0] for row in lake.sql("describe silver.sales")]


def test_new_columns_are_ignored_by_default(lake: Lake) -> None:
    assert twice(lake, "incremental_strategy='append'", second=WIDER)[-1] == (3, "c", 30)
    assert columns(lake) == ["id", "name", "price"]


@pytest.mark.parametrize("strategy", ["append", "merge", "delete+insert"])
def test_new_columns_are_appended(lake: Lake, strategy: str) -> None:
    config = f"incremental_strategy='{strategy}', unique_key='id', on_schema_change='append_new_columns'"
    assert twice(lake, config, second=WIDER) == [
        (1, "a", 10, None),
        (2, "b", 20, None),
        (3, "c", 30, True),
    ]


def test_appending_columns_keeps_those_that_are_gone(lake: Lake) -> None:
    config = "incremental_strategy='append', on_schema_change='append_new_columns'"
    assert twice(lake, config, second=NARROWER)[-1] == (3, "c", None)


@pytest.mark.parametrize("strategy", ["append", "merge", "delete+insert"])
def test_all_columns_are_synchronised(lake: Lake, strategy: str) -> None:
    config = f"incremental_strategy='{strategy}', unique_key='id', on_schema_change='sync_all_columns'"
    second = "select 3 as id, 'c' as name, true as paid"
    assert twice(lake, config, second=second) == [(1, "a", None), (2, "b", None), (3, "c", True)]
    assert columns(lake) == ["id", "name", "paid"]


def test_synchronising_changes_types(lake: Lake) -> None:
    config = "incremental_strategy='append', on_schema_change='sync_all_columns'"
    assert twice(lake, config, second=RETYPED)[-1] == (3, "c", "thirty")
    assert lake.sql("select price from silver.sales where id = 1") == [("10",)]


@pytest.mark.parametrize(
    ("setting", "second", "told"),
    [
        ("fail", WIDER, "new: paid"),
        ("fail", NARROWER, "missing: price"),
        ("fail", RETYPED, "of another type: price"),
        ("ignore", NARROWER, "no longer yields price"),
    ],
)
def test_columns_that_may_not_change(lake: Lake, setting: str, second: str, told: str) -> None:
    lake.write(model(f"incremental_strategy='append', on_schema_change='{setting}'"))
    lake.table("bronze.raw", FIRST)
    lake.built()
    lake.table("bronze.raw", second)
    lake.build()
    failed = lake.model("silver.sales")
    assert failed.status is ModelStatus.ERROR
    assert told in (failed.message or "")
    assert lake.sql("select count(*) from silver.sales") == [(2,)]
