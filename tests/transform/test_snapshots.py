"""Snapshots: the history of rows, by timestamp and by comparison."""

from __future__ import annotations

import pytest

from .conftest import Lake

SOURCES = "sources:\n  - name: bronze\n    tables:\n      - name: raw\n"


def snapshot(**config: str) -> dict[str, str]:
    lines = "".join(f"      {key}: {value}\n" for key, value in config.items())
    return {
        "snapshots/history.yml": "snapshots:\n  - name: history\n    relation: source('bronze', 'raw')\n"
        f"    config:\n      unique_key: id\n{lines}",
        "models/sources.yml": SOURCES,
    }


def rows(*values: tuple[int, str, str]) -> str:
    listed = ", ".join(f"({number}, '{name}', timestamp '{at}')" for number, name, at in values)
    return f"select * from (values {listed}) t(id, name, changed)"


def test_by_timestamp_three_times(lake: Lake) -> None:
    lake.write(snapshot(strategy="timestamp", updated_at="changed"))
    lake.table("bronze.raw", rows((1, "a", "2024-01-01"), (2, "b", "2024-01-01")))
    lake.built()
    lake.table("bronze.raw", rows((1, "A", "2024-01-02"), (2, "b", "2024-01-01"), (3, "c", "2024-01-02")))
    lake.built()
    lake.table("bronze.raw", rows((1, "AA", "2024-01-03"), (2, "b", "2024-01-01"), (3, "c", "2024-01-02")))
    lake.built()
    history = lake.sql(
        "select id, name, dbt_valid_from::date::text, dbt_valid_to::date::text from silver.history order by 1, 3"
    )
    assert history == [
        (1, "a", "2024-01-01", "2024-01-02"),
        (1, "A", "2024-01-02", "2024-01-03"),
        (1, "AA", "2024-01-03", None),
        (2, "b", "2024-01-01", None),
        (3, "c", "2024-01-02", None),
    ]


def test_by_comparison_three_times(lake: Lake) -> None:
    lake.write(snapshot(strategy="check", check_cols="[name]"))
    for values in (
        [(1, "a", "2024-01-01"), (2, "b", "2024-01-01")],
        [(1, "a", "2024-01-09"), (2, "B", "2024-01-09")],
        [(1, "A", "2024-01-10"), (2, "B", "2024-01-10")],
    ):
        lake.table("bronze.raw", rows(*values))
        lake.built()
    history = lake.sql("select id, name, dbt_valid_to is null from silver.history order by 1, dbt_valid_from")
    assert history == [(1, "a", False), (1, "A", True), (2, "b", False), (2, "B", True)]


def test_an_equal_input_adds_nothing(lake: Lake) -> None:
    lake.write(snapshot(strategy="check", check_cols="all"))
    lake.table("bronze.raw", rows((1, "a", "2024-01-01")))
    lake.built()
    assert lake.reasons() == {}
    lake.table("bronze.raw", rows((1, "a", "2024-01-01")))
    lake.built()
    assert lake.sql("select count(*) from silver.history") == [(1,)]


@pytest.mark.parametrize(("deletes", "left"), [("ignore", [(1, True)]), ("invalidate", [(1, False)])])
def test_rows_that_are_gone(lake: Lake, deletes: str, left: list[tuple[int, bool]]) -> None:
    lake.write(snapshot(strategy="timestamp", updated_at="changed", hard_deletes=deletes))
    lake.table("bronze.raw", rows((1, "a", "2024-01-01"), (2, "b", "2024-01-01")))
    lake.built()
    lake.table("bronze.raw", rows((2, "b", "2024-01-01")))
    lake.built()
    assert lake.sql("select id, dbt_valid_to is null from silver.history where id = 1") == left


def test_rows_that_are_gone_as_new_records(lake: Lake) -> None:
    lake.write(snapshot(strategy="timestamp", updated_at="changed", hard_deletes="new_record"))
    lake.table("bronze.raw", rows((1, "a", "2024-01-01"), (2, "b", "2024-01-01")))
    lake.built()
    lake.table("bronze.raw", rows((2, "b", "2024-01-01")))
    lake.built()
    history = lake.sql("select dbt_is_deleted, dbt_valid_to is null from silver.history where id = 1 order by 1")
    assert history == [("False", False), ("True", True)]


def test_columns_that_are_new(lake: Lake) -> None:
    lake.write(snapshot(strategy="timestamp", updated_at="changed"))
    lake.table("bronze.raw", rows((1, "a", "2024-01-01")))
    lake.built()
    lake.table("bronze.raw", "select 1 as id, 'a' as name, timestamp '2024-01-02' as changed, 'x' as colour")
    lake.built()
    assert lake.sql("select name, colour from silver.history order by dbt_valid_from") == [("a", None), ("a", "x")]


def test_a_full_refresh_keeps_the_history(lake: Lake) -> None:
    lake.write(snapshot(strategy="timestamp", updated_at="changed"))
    lake.table("bronze.raw", rows((1, "a", "2024-01-01")))
    lake.built()
    lake.table("bronze.raw", rows((1, "b", "2024-01-02")))
    lake.built(full_refresh=True)
    assert lake.sql("select name from silver.history order by 1") == [("a",), ("b",)]


def test_as_a_block_of_jinja_with_a_current_date_and_several_keys(lake: Lake) -> None:
    lake.write(
        {
            "snapshots/pairs.sql": """
            {% snapshot pairs %}
            {{ config(strategy='check', unique_key=['id', 'name'], check_cols=['changed'], target_schema='gold',
                      dbt_valid_to_current="timestamp '9999-12-31'") }}
            select * from {{ source('bronze', 'raw') }}
            {% endsnapshot %}
            """,
            "models/sources.yml": SOURCES,
        }
    )
    for day in ("2024-01-01", "2024-01-02"):
        lake.table("bronze.raw", rows((1, "a", day), (1, "b", "2024-01-01")))
        lake.built()
    history = lake.sql("select id, name, changed::date::text, year(dbt_valid_to) = 9999 from gold.pairs order by all")
    assert history == [(1, "a", "2024-01-01", False), (1, "a", "2024-01-02", True), (1, "b", "2024-01-01", True)]
