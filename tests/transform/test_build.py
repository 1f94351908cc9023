"""Materializations, and what is told while they are built."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from headgate.errors import Cancelled
from headgate.events import Event, ModelFinished, ModelStarted
from headgate.transform.build import build
from headgate.types import Kind, ModelStatus, Name

from .conftest import Lake

ORDERS = {
    "models/staging/orders.sql": "select * from (values (1, 'a', 10), (2, 'b', 20), (3, 'b', 30)) t(id, region, price)",
    "models/staging/recent.sql": "{{ config(materialized='view') }} select * from {{ ref('orders') }} where id > 1",
    "models/marts/totals.sql": "select region, sum(price) as total from {{ ref('recent') }} group by region",
}


def test_tables_and_views_land_in_their_schemas(lake: Lake) -> None:
    lake.write(ORDERS).built()
    assert lake.sql("select region, total from gold.totals") == [("b", 50)]
    assert lake.sql("select id from silver.recent order by id") == [(2,), (3,)]
    kinds = {str(name): lake.content(str(name)).kind for name in lake.workspace.names()}
    assert kinds == {"gold.totals": Kind.TABLE, "silver.orders": Kind.TABLE, "silver.recent": Kind.VIEW}
    assert [(model.name, model.rows) for model in lake.result.models] == [
        ("silver.orders", 3),
        ("silver.recent", None),
        ("gold.totals", 1),
    ]


def test_events_tell_each_model_as_it_starts_and_finishes(lake: Lake) -> None:
    lake.write(ORDERS).built()
    told = [
        (type(event).__name__, event.name if isinstance(event, ModelStarted) else event.result.name)
        for event in lake.events
        if isinstance(event, ModelStarted | ModelFinished)
    ]
    assert told == [
        ("ModelStarted", "silver.orders"),
        ("ModelFinished", "silver.orders"),
        ("ModelStarted", "silver.recent"),
        ("ModelFinished", "silver.recent"),
        ("ModelStarted", "gold.totals"),
        ("ModelFinished", "gold.totals"),
    ]


def test_a_build_can_be_repeated_twenty_times_in_one_process(lake: Lake) -> None:
    lake.write(ORDERS)
    for number in range(20):
        lake.table("bronze.raw", f"select {number} as n")
        lake.write({"models/raw.sql": f"-- {number}\nselect n from bronze.raw"})
        lake.built()
        assert lake.sql("select n from silver.raw") == [(number,)]
    # dbt left nothing open: the session is still ours to close.
    assert lake.session.value("select 1") == 1


def test_ephemeral_models_become_part_of_what_uses_them(lake: Lake) -> None:
    lake.write(
        {
            **ORDERS,
            "models/cheap.sql": """
            {{ config(materialized='ephemeral') }}
            select * from {{ ref('orders') }} where price < 25
            """,
            "models/count.sql": "select count(*) as n from {{ ref('cheap') }}",
        }
    ).built()
    assert lake.sql("select n from silver.count") == [(2,)]
    assert not lake.workspace.exists(Name.of("silver", "cheap"))


def test_descriptions_layout_and_fingerprint_are_written_to_the_table(lake: Lake) -> None:
    lake.write(
        {
            "models/sold.sql": "{{ config(partition_by=['month(day)'], sort_by='id desc') }}"
            "select range as id, date '2024-01-20' + range::int as day from range(20)",
            "models/sold.yml": """
            models:
              - name: sold
                description: What was sold.
                columns: [{name: day, description: When.}]
            """,
        }
    ).built()
    table = lake.workspace.table(Name.of("silver", "sold"))
    assert [str(field.transform) for field in table.spec.fields] == ["month"]
    assert table.schema.find_field("day").doc == "When."
    assert table.properties["comment"] == "What was sold."
    assert len(table.properties["headgate.fingerprint"]) == 64


def test_a_view_may_become_a_table_and_the_other_way_round(lake: Lake) -> None:
    lake.write({"models/it.sql": "{{ config(materialized='view') }} select 1 as n"}).built()
    lake.write({"models/it.sql": "{{ config(materialized='table') }} select 2 as n"}).built()
    assert lake.content("silver.it").kind is Kind.TABLE
    assert lake.sql("select n from silver.it") == [(2,)]
    lake.write({"models/it.sql": "{{ config(materialized='view') }} select 3 as n"}).built()
    assert lake.content("silver.it").kind is Kind.VIEW
    assert lake.sql("select n from silver.it") == [(3,)]


def test_a_rebuilt_table_keeps_its_identity(lake: Lake) -> None:
    lake.write({"models/it.sql": "select 1 as n"}).built()
    first = lake.content("silver.it")
    lake.write({"models/it.sql": "select 2 as n, 'x' as t"}).built()
    second = lake.content("silver.it")
    assert first.content_id == second.content_id
    assert first.metadata_location != second.metadata_location


def test_hooks_of_models_and_of_the_project_run(lake: Lake) -> None:
    lake.write(
        {
            "dbt_project.yml": """
            name: lake
            version: 1.0.0
            profile: lake
            on-run-start: ["create temp table told (what varchar)", "insert into told values ('start')"]
            on-run-end: ["insert into told values ('end {{ schemas | join }}')"]
            """,
            "models/it.sql": """
            {{ config(materialized='table', pre_hook="insert into told values ('before')",
                      post_hook="insert into told select 'after ' || n from {{ this }}") }}
            select 7 as n
            """,
        }
    ).built()
    assert lake.sql("select what from told") == [("start",), ("before",), ("after 7",), ("end silver",)]


def test_macros_vars_and_queries_while_compiling(lake: Lake) -> None:
    lake.write(
        {
            "headgate.yml": "name: lake\nvars: {floor: 15}\nprofiles: {prod: {vars: {floor: 25}}}\n",
            "macros/columns.sql": """
            {% macro columns_of(relation) %}
              {{ adapter.get_columns_in_relation(relation) | map(attribute='name') | join(', ') }}
            {% endmacro %}
            """,
            **ORDERS,
            "models/dear.sql": """
            {% set newest = run_query('select max(id) from silver.orders').columns[0].values()[0] if execute %}
            select {{ columns_of(ref('orders')) }}, {{ newest }} as newest, '{{ target.name }}' as target
            from {{ ref('orders') }} where price > {{ var('floor') }}
            """,
        }
    ).built()
    assert lake.sql("select id, region, price, newest, target from silver.dear order by id") == [
        (2, "b", 20, 3, "default"),
        (3, "b", 30, 3, "default"),
    ]


def test_an_enforced_contract_orders_columns_and_is_kept(lake: Lake) -> None:
    lake.write(
        {
            "models/it.sql": "select 'x'::varchar as name, 1::integer as id",
            "models/it.yml": """
            models:
              - name: it
                config: {contract: {enforced: true}}
                columns:
                  - {name: id, data_type: integer, constraints: [{type: not_null}, {type: check, expression: id > 0}]}
                  - {name: name, data_type: varchar, constraints: [{type: unique}]}
            """,
        }
    ).built()
    assert [row[0] for row in lake.sql("describe silver.it")] == ["id", "name"]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select 'x'::varchar as name, 'one'::varchar as id", "data type mismatch"),
        ("select 'x'::varchar as name, null::integer as id", "id must not be null"),
        ("select 'x'::varchar as name, 0::integer as id", "check id > 0"),
        ("select 'x'::varchar as name, unnest([1, 2])::integer as id", "name must be unique"),
    ],
)
def test_a_broken_contract_is_an_error(lake: Lake, sql: str, told: str) -> None:
    test_an_enforced_contract_orders_columns_and_is_kept(lake)
    lake.write({"models/it.sql": sql}).build()
    failed = lake.model("silver.it")
    assert failed.status is ModelStatus.ERROR
    assert told in (failed.message or "")
    assert "models/it.sql" in (failed.message or "")
    # Not taken for built, although rows may have been written.
    assert list(lake.reasons()) == ["silver.it"]


def test_files_are_found_from_the_project_s_folder(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.write({"data/it.csv": "n\n5\n", "models/it.sql": "select n from 'data/it.csv'"})
    monkeypatch.chdir("/")
    lake.built()
    assert lake.sql("select n from silver.it") == [(5,)]


def test_cancelling_between_models_stops_the_build(lake: Lake) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, ModelFinished):
            raise Cancelled("Enough.")

    dbt = lake.write(ORDERS).open()
    plan = lake.plan()
    with pytest.raises(Cancelled, match="Enough"):
        build(dbt, lake.workspace, plan.models, plan.tests, stop)
    assert [str(name) for name in lake.workspace.names()] == ["silver.orders"]
    lake.built()
    assert lake.sql("select total from gold.totals") == [(50,)]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, Cancelled])
@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) as n from range(100_000_000) a, range(100_000_000) b where a.range % 7 = b.range",
        # Whoever begins another statement after the signal works at this one to its end.
        "select count(*) as n, sum(sqrt(a.range * b.range)) as s from range(1_000_000) a, range(1_000_000) b",
    ],
    ids=["join", "cross join"],
)
def test_interrupting_a_statement_stops_the_build(lake: Lake, sql: str, stop: type[BaseException]) -> None:
    lake.write({"models/a.sql": sql, "models/b.sql": "select 1 as n"})
    dbt, plan = lake.open(), lake.plan()
    if stop is KeyboardInterrupt:
        timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    else:
        timer = threading.Timer(1.0, lake.session.interrupt)

    def start(event: Event) -> None:
        if isinstance(event, ModelStarted) and event.name == "silver.a":
            timer.start()

    planned = [entry for entry in plan.models if entry.model.name.table == "a"]
    with pytest.raises(stop):
        build(dbt, lake.workspace, planned, (), start)
    assert lake.workspace.names() == []
