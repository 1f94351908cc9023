"""P1: a check is carried out again when anything changed that it reads, however it names it."""

from __future__ import annotations

from pathlib import Path

import headgate
from headgate.lakehouse import Lakehouse
from headgate.run.result import RunResult, RunStatus


def blocked(result: RunResult) -> list[str]:
    assert result.status is RunStatus.REFUSED
    return sorted(check.name for check in result.checks if check.blocks)


def write(shop: Path, name: str, text: str) -> None:
    path = shop / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def grow(shop: Path, lake: Lakehouse) -> RunResult:
    """One more order, of 500.00."""
    write(shop, "data/orders-9.csv", "id,customer,day,amount\n9,10,2026-01-09,500.00\n")
    return lake.run()


def test_a_test_that_names_a_table_by_hand(shop: Path) -> None:
    write(shop, "tests/no_large_orders.sql", "select * from silver.stg_orders where amount > 100")
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED

        assert blocked(grow(shop, lake)) == ["no_large_orders"]


def test_a_model_that_names_a_table_by_hand_is_built_after_it_and_again(shop: Path) -> None:
    write(shop, "models/marts/a_count.sql", "select count(*) as orders from silver.stg_orders")
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        assert grow(shop, lake).status is RunStatus.MERGED

        assert lake.query("select orders from gold.a_count").rows() == [(3,)]


def test_a_condition_of_a_test_that_reads_another_table(shop: Path) -> None:
    write(
        shop,
        "models/marts/marts.yml",
        "models:\n  - name: mart_spending\n    columns:\n      - name: spent\n        data_tests:\n"
        "          - accepted_values:\n              arguments: {values: [12.50, 7.25]}\n"
        '              config: {where: "customer_id not in (select customer_id from silver.excused)"}\n',
    )
    write(shop, "models/staging/excused.sql", "select 10 as customer_id")
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        assert grow(shop, lake).status is RunStatus.MERGED  # customer 10 is excused
        write(shop, "models/staging/excused.sql", "select 11 as customer_id")

        assert len(blocked(lake.run())) == 1


def test_a_condition_of_a_reconciliation_that_reads_another_table(shop: Path) -> None:
    write(
        shop,
        "checks/all.yml",
        "checks:\n  - name: kept\n    kind: row_count\n    left: bronze.orders\n"
        '    right: {table: silver.stg_orders, where: "order_id not in (select order_id from silver.dropped)"}\n',
    )
    write(shop, "models/staging/dropped.sql", "select -1 as order_id")
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        write(shop, "models/staging/dropped.sql", "select 1 as order_id")

        assert blocked(lake.run()) == ["reconciliation:kept"]


def test_tables_that_macros_and_arguments_name(shop: Path) -> None:
    write(
        shop,
        "macros/named.sql",
        "{% macro dropped() %} {{ return('silver.dropped') }} {% endmacro %}\n"
        "{% macro not_dropped(rows) %} select * from {{ rows }}"
        " where order_id in (select order_id from {{ dropped() }}) {% endmacro %}\n"
        "{% test not_in(model, column_name, other) %} select * from {{ model }}"
        " where {{ column_name }} in (select {{ column_name }} from {{ other }}) {% endtest %}\n",
    )
    write(shop, "tests/by_macro.sql", "{{ not_dropped(ref('stg_orders')) }}")
    write(
        shop,
        "models/marts/kept.yml",
        "models:\n  - name: kept\n    columns:\n      - name: order_id\n        data_tests:\n"
        "          - not_in: {name: by_argument, arguments: {other: silver.dropped}}\n",
    )
    write(shop, "models/marts/kept.sql", "select order_id from {{ ref('stg_orders') }}")
    write(shop, "models/marts/a_count.sql", "select count(*) as dropped from {{ dropped() }} where order_id > 0")
    write(shop, "models/staging/dropped.sql", "select -1 as order_id")
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        write(shop, "models/staging/dropped.sql", "select 1 as order_id")

        refused = lake.run()

        assert blocked(refused) == ["by_argument", "by_macro"]
        assert refused.branch is not None
        assert lake.query("select dropped from gold.a_count", refused.branch).rows() == [(1,)]


def test_tables_that_are_named_in_another_case(shop: Path) -> None:
    write(
        shop,
        "checks/all.yml",
        "checks:\n  - name: kept\n    kind: row_count\n    left: bronze.orders\n"
        '    right: {table: silver.stg_orders, where: "order_id not in (select order_id from SILVER.Dropped)"}\n'
        "  - {name: same, kind: keys, left: Bronze.Orders, right: silver.stg_orders, columns: [order_id]}\n",
    )
    write(shop, "tests/none_dropped.sql", "select * from Silver.Dropped where order_id = 1")
    write(shop, "models/staging/dropped.sql", "select -1 as order_id")
    with headgate.open(shop) as lake:
        first = lake.run()
        assert first.status is RunStatus.MERGED
        assert "reconciliation:same" in [check.name for check in first.checks]
        write(shop, "models/staging/dropped.sql", "select 1 as order_id")

        assert blocked(lake.run()) == ["none_dropped", "reconciliation:kept"]


def test_a_view_that_names_a_table_in_another_case(shop: Path) -> None:
    write(
        shop,
        "models/marts/large.sql",
        "{{ config(materialized='view') }} select order_id from Bronze.Orders where amount > 100",
    )
    write(shop, "tests/none_large.sql", "select * from {{ ref('large') }}")
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        assert lake.query("select count(*) from gold.large").rows() == [(0,)]

        assert blocked(grow(shop, lake)) == ["none_large"]


def test_a_unit_test_that_takes_its_rows_from_a_seed(shop: Path) -> None:
    write(shop, "seeds/rates.csv", "id,rate\n1,10\n")
    write(shop, "models/marts/doubled.sql", "select id, rate * 2 as rate from {{ ref('rates') }}")
    write(
        shop,
        "models/marts/unit.yml",
        "unit_tests:\n  - name: doubles\n    model: doubled\n    given: [{input: ref('rates')}]\n"
        "    expect: {rows: [{id: 1, rate: 20}]}\n",
    )
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        write(shop, "seeds/rates.csv", "id,rate\n1,11\n")

        assert blocked(lake.run()) == ["doubled.doubles"]


def test_two_tests_of_one_name_are_two_tests(shop: Path) -> None:
    test = "{accepted_values: {name: known, arguments: {values: [%s]}}}"
    write(
        shop,
        "models/marts/marts.yml",
        "models:\n"
        f"  - {{name: mart_spending, columns: [{{name: customer_id, data_tests: [{test % '10, 11'}]}}]}}\n"
        f"  - {{name: second, columns: [{{name: id, data_tests: [{test % '1'}]}}]}}\n",
    )
    write(shop, "models/marts/second.sql", "select 1 as id")
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        write(shop, "data/customers.csv", "id,name\n10,Ada\n12,Edsger\n")
        write(shop, "models/marts/second.sql", "select 1 as id, 1 as more")

        assert len(blocked(lake.run())) == 1


def test_a_model_in_a_folder_that_is_called_data(shop: Path) -> None:
    write(shop, "models/data/here.sql", "select 1 as x")
    with headgate.open(shop) as lake:
        lake.run()
        write(shop, "models/data/here.sql", "select 2 as x")

        assert lake.run().status is RunStatus.MERGED


def test_a_file_that_broke_its_contract_keeps_the_branch_from_main(shop: Path) -> None:
    write(shop, "data/orders-2.csv", "id,client,day,amount\n4,10,2026-01-08,1.00\n")
    with headgate.open(shop) as lake:
        result = lake.run()
        assert blocked(result) == ["contract:orders:data/orders-2.csv"]
        assert result.branch is not None

        assert blocked(lake.merge(result.branch)) == ["contract:orders:data/orders-2.csv"]
        assert lake.merge(result.branch, override="the file comes later").status is RunStatus.MERGED


def test_macros_that_are_handed_on_as_values(shop: Path) -> None:
    ways = {
        "by_a_variable": "{% set found = most %}{{ found() }}",
        "by_the_context": "{{ context['most']() }}",
        "by_an_argument": "{{ outcome_of(most) }}",
    }
    write(shop, "macros/outcome_of.sql", "{% macro outcome_of(called) %}{{ called() }}{% endmacro %}")
    write(shop, "macros/most.sql", "{% macro most() %}1000{% endmacro %}")
    for name, way in ways.items():
        write(shop, f"macros/{name}.sql", f"{{% macro limit_{name}() %}}{way}{{% endmacro %}}")
        write(
            shop,
            f"tests/{name}.sql",
            f"select * from {{{{ ref('stg_orders') }}}} where amount > {{{{ limit_{name}() }}}}",
        )
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        write(shop, "macros/most.sql", "{% macro most() %}1{% endmacro %}")

        assert blocked(lake.run()) == sorted(ways)


def test_what_yaml_says_of_a_model_that_asks_for_it(shop: Path) -> None:
    by_columns = "select {% for c in model.columns.values() %}cast(1 as {{ c.data_type }}) as a{% endfor %}"
    write(shop, "models/marts/by_columns.sql", by_columns)
    write(shop, "models/marts/by_meta.sql", "select {{ told() }} as a")
    write(shop, "macros/told.sql", "{% macro told() %}{{ model.config.meta['k'] }}{% endmacro %}")
    tagged = "select {% if execute %}{{ graph.nodes.values() | map(attribute='tags') | sum(start=[]) | length }}"
    write(shop, "models/marts/by_graph.sql", f"{tagged}{{% endif %}} as a")
    said = (
        "models:\n  - {{name: by_columns, columns: [{{name: a, data_type: {type}}}]}}\n"
        "  - {{name: by_meta, config: {{meta: {{k: {k}}}}}}}\n  - {{name: mart_spending, config: {{tags: {tags}}}}}\n"
    )
    write(shop, "models/marts/marts.yml", said.format(type="integer", k=1, tags="[one]"))
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        write(shop, "models/marts/marts.yml", said.format(type="varchar", k=2, tags="[one, two]"))
        assert lake.run().status is RunStatus.MERGED

        tables = ("by_columns", "by_meta", "by_graph")
        assert [lake.query(f"from gold.{table}").rows() for table in tables] == [[("1",)], [(2,)], [(2,)]]


_COMPUTED = {
    "by_relation": "{{ api.Relation.create(schema='silver', identifier='stg_orders') }}",
    "by_set": "{% set table = 'stg_orders' %}silver.{{ table }}",
    "by_variable": "{{ var('orders') }}",
}


def compute_names(shop: Path) -> None:
    write(shop, "headgate.yml", "name: shop\nvars: {orders: silver.stg_orders}\n")
    for name, table in _COMPUTED.items():
        before, _, named = table.rpartition("%}")
        before = f"{before}%}}" if before else ""
        write(shop, f"tests/{name}.sql", f"{before} select * from {named} where amount > 100")


def test_tables_whose_names_templates_compute(shop: Path) -> None:
    compute_names(shop)
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED

        refused = grow(shop, lake)

        assert blocked(refused) == sorted(_COMPUTED)
        assert refused.branch is not None
        assert lake.merge(refused.branch, override="it was a large one").status is RunStatus.MERGED
        write(shop, "data/customers.csv", "id,name\n10,Ada\n11,Grace\n12,Joan\n")
        assert lake.run().status is RunStatus.MERGED
        write(shop, "models/staging/stg_orders.sql", "select * from {{ source('bronze', 'orders') }} where true")
        assert blocked(lake.run()) == sorted(_COMPUTED)


def test_a_test_under_a_computed_name_counts_on_what_is_built(shop: Path) -> None:
    write(shop, "headgate.yml", "name: shop\nvars: {mart: gold.mart_spending}\n")
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        assert grow(shop, lake).status is RunStatus.MERGED
        below = "select * from {{ source('bronze', 'orders') }} where amount <= 100"
        write(shop, "models/staging/stg_orders.sql", below)
        # It comes before the mart, and keeps what reads `stg_customers`, the mart among them, from being built.
        condition = "where spent > 100 and exists (from {{ ref('stg_customers') }})"
        write(shop, "tests/by_variable.sql", f"select * from {{{{ var('mart') }}}} {condition}")

        assert lake.run().status is RunStatus.MERGED
        assert lake.query("select sum(orders) from gold.mart_spending").rows() == [(2,)]


def test_a_model_that_reads_a_table_under_a_computed_name_is_told(shop: Path) -> None:
    named = "{{ api.Relation.create(schema='silver', identifier='stg_orders') }}"
    write(shop, "models/marts/z_count.sql", f"select count(*) as orders from {named}")
    with headgate.open(shop) as lake:
        (note,) = (note for note in lake.run().notes if "z_count" in note)
        assert note.startswith("gold.z_count reads silver.stg_orders under a name that its template computes")
        write(
            shop,
            "models/marts/z_count.sql",
            f"-- depends_on: {{{{ ref('stg_orders') }}}}\nselect count(*) from {named}",
        )

        assert lake.run().notes == ()


def test_a_view_above_the_one_model_that_is_selected(shop: Path) -> None:
    write(shop, "models/staging/base.sql", "select 1 as x")
    write(shop, "models/marts/above.sql", "{{ config(materialized='view') }} select x from {{ ref('base') }}")
    write(shop, "tests/small.sql", "select * from {{ ref('above') }} where x > 5")
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        write(shop, "models/staging/base.sql", "select 2 as x")
        assert lake.run(select=["base"]).status is RunStatus.MERGED
        write(shop, "models/staging/base.sql", "select 6 as x")

        assert blocked(lake.run(select=["base"])) == ["small"]
