"""dbt's tests: generic, singular and unit tests, and what is kept of their failing rows."""

from __future__ import annotations

import pytest

from headgate.events import Checked
from headgate.types import CheckStatus, ModelStatus, Name, Severity

from .conftest import Lake

ORDERS = "select * from (values (1, 'new', 10), (2, 'old', 20), (2, null, -5)) t(id, state, price)"


def orders_with(*tests: str, column: str = "id") -> dict[str, str]:
    listed = "".join(f"          - {test}\n" for test in tests)
    return {
        "models/orders.sql": ORDERS,
        "models/orders.yml": f"models:\n  - name: orders\n    columns:\n      - name: {column}\n"
        f"        data_tests:\n{listed}",
    }


def test_failing_rows_are_counted_shown_and_kept(lake: Lake) -> None:
    lake.write(orders_with("not_null", "unique")).build()
    passed, failed = lake.check("not_null_orders_id"), lake.check("unique_orders_id")
    assert (passed.status, passed.failures, passed.evidence) == (CheckStatus.PASSED, 0, None)
    assert (failed.status, failed.failures, failed.blocks) == (CheckStatus.FAILED, 1, True)
    assert (failed.table, failed.evidence) == ("silver.orders", "checks.unique_orders_id")
    assert failed.columns == ("unique_field", "n_records")
    assert failed.sample == ((2, 2),)
    assert lake.sql("select * from checks.unique_orders_id") == [(2, 2)]
    assert [event.result for event in lake.events if isinstance(event, Checked)] == list(lake.result.checks)


def test_the_sample_has_ten_rows_and_the_table_all(lake: Lake) -> None:
    lake.write(
        {"models/many.sql": "select range as n from range(25)", "tests/none.sql": "select * from {{ ref('many') }}"}
    )
    lake.build()
    check = lake.check("none")
    assert (check.failures, len(check.sample)) == (25, 10)
    assert lake.sql("select count(*) from checks.none") == [(25,)]


def test_what_is_kept_goes_when_the_test_passes(lake: Lake) -> None:
    lake.write(orders_with("unique")).build()
    lake.write({"models/orders.sql": "select 1 as id"}).build()
    assert lake.check("unique_orders_id").status is CheckStatus.PASSED
    assert not lake.workspace.exists(Name.of("checks", "unique_orders_id"))


def test_a_blocking_test_skips_what_depends_on_its_model(lake: Lake) -> None:
    lake.write({**orders_with("unique"), "models/after.sql": "select * from {{ ref('orders') }}"}).build()
    assert lake.model("silver.after").status is ModelStatus.SKIPPED
    assert not lake.workspace.exists(Name.of("silver", "after"))


def test_a_warning_reports_and_lets_pass(lake: Lake) -> None:
    lake.write(orders_with("unique: {config: {severity: warn}}"))
    lake.write({"models/after.sql": "select * from {{ ref('orders') }}"}).build()
    check = lake.check("unique_orders_id")
    assert (check.status, check.severity, check.blocks) == (CheckStatus.FAILED, Severity.WARN, False)
    assert lake.model("silver.after").status is ModelStatus.BUILT
    assert lake.sql("select count(*) from checks.unique_orders_id") == [(1,)]


@pytest.mark.parametrize(
    ("config", "status", "severity"),
    [
        ("error_if: '> 1'", CheckStatus.FAILED, Severity.WARN),
        ("error_if: '> 1', warn_if: '> 1'", CheckStatus.PASSED, Severity.ERROR),
        ("error_if: '>= 1'", CheckStatus.FAILED, Severity.ERROR),
        ("where: 'price > 0'", CheckStatus.PASSED, Severity.ERROR),
    ],
)
def test_thresholds_and_filters(lake: Lake, config: str, status: CheckStatus, severity: Severity) -> None:
    lake.write(orders_with(f"unique: {{config: {{{config}}}}}")).build()
    check = lake.check("unique_orders_id")
    assert (check.status, check.severity) == (status, severity)


def test_a_limit_and_a_count_of_ones_own(lake: Lake) -> None:
    lake.write(
        {
            "models/many.sql": "select range as n from range(25)",
            "tests/limited.sql": "{{ config(limit=3) }} select * from {{ ref('many') }}",
            "tests/summed.sql": "{{ config(fail_calc='sum(n)') }} select * from {{ ref('many') }} where n > 22",
        }
    ).build()
    assert lake.check("limited").failures == 3
    assert lake.check("summed").failures == 47


def test_accepted_values_relationships_and_a_rule_of_the_project(lake: Lake) -> None:
    lake.write(
        {
            "models/states.sql": "select 'new' as state",
            "models/orders.sql": ORDERS,
            "tests/generic/positive.sql": """
            {% test positive(model, column_name) %}
            select * from {{ model }} where {{ column_name }} <= 0
            {% endtest %}
            """,
            "models/orders.yml": """
            models:
              - name: orders
                columns:
                  - name: state
                    data_tests:
                      - accepted_values: {arguments: {values: [new, old]}}
                      - relationships: {arguments: {to: ref('states'), field: state}}
                  - name: price
                    data_tests: [positive]
            """,
        }
    ).build()
    assert lake.check("accepted_values_orders_state__new__old").status is CheckStatus.PASSED
    relationship = lake.check("relationships_orders_state__state__ref_states_")
    assert relationship.sample == (("old",),)
    assert lake.check("positive_orders_price").sample == ((2, None, -5),)


def test_store_failures_keeps_a_table_even_of_none(lake: Lake) -> None:
    lake.write(orders_with("not_null: {config: {store_failures: true, schema: audit, alias: nulls}}")).build()
    assert lake.sql("select count(*) from audit.nulls") == [(0,)]


def test_a_test_that_cannot_run_is_an_error_and_blocks(lake: Lake) -> None:
    lake.write({"models/orders.sql": ORDERS, "tests/broken.sql": "select nope from {{ ref('orders') }}"}).build()
    check = lake.check("broken")
    assert (check.status, check.blocks) == (CheckStatus.ERROR, True)
    assert "nope" in (check.message or "")
    assert "tests/broken.sql:1" in (check.message or "")


UNIT = """
unit_tests:
  - name: adds_tax
    model: taxed
    given:
      - input: ref('orders')
        rows: [{id: 1, price: 10}, {id: 2, price: 20}]
    expect:
      rows: [{id: 1, total: 12}, {id: 2, total: 24}]
"""


def test_a_unit_test_runs_before_its_model(lake: Lake) -> None:
    lake.write({"models/orders.sql": ORDERS, "models/taxed.yml": UNIT})
    lake.write({"models/taxed.sql": "select id, price * 2 as total from {{ ref('orders') }}"}).build()
    check = lake.check("taxed.adds_tax")
    assert (check.status, check.table) == (CheckStatus.FAILED, "silver.taxed")
    assert "24" in (check.message or "")
    assert "\x1b" not in (check.message or "")
    assert lake.model("silver.taxed").status is ModelStatus.SKIPPED
    lake.write({"models/taxed.sql": "select id, price * 12 // 10 as total from {{ ref('orders') }}"}).build()
    assert lake.check("taxed.adds_tax").status is CheckStatus.PASSED
    assert lake.model("silver.taxed").status is ModelStatus.BUILT


def test_a_unit_test_runs_without_its_model_being_built(lake: Lake) -> None:
    lake.write({"models/orders.sql": ORDERS, "models/taxed.yml": UNIT})
    lake.write({"models/taxed.sql": "select id, price * 12 // 10 as total from {{ ref('orders') }}"}).build()
    lake.build()
    assert lake.result.models == ()
    assert lake.check("taxed.adds_tax").status is CheckStatus.PASSED


def test_fixtures_overrides_and_incremental_unit_tests(lake: Lake) -> None:
    lake.write(
        {
            "models/orders.sql": ORDERS,
            "models/latest.sql": """
            {{ config(materialized='incremental') }}
            select id, '{{ var("mark", "m") }}' as mark from {{ ref('orders') }}
            {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}
            """,
            "tests/fixtures/some_orders.csv": "id,price\n1,10\n5,50\n",
            "models/latest.yml": """
            unit_tests:
              - name: only_new
                model: latest
                overrides: {macros: {is_incremental: true}, vars: {mark: x}}
                given:
                  - input: ref('orders')
                    format: csv
                    fixture: some_orders
                  - input: this
                    rows: [{id: 4}]
                expect:
                  format: csv
                  rows: |
                    id,mark
                    5,x
            """,
        }
    ).build()
    assert lake.check("latest.only_new").status is CheckStatus.PASSED, lake.check("latest.only_new").message


def test_unit_tests_of_a_model_run_in_one_order(lake: Lake) -> None:
    names = [f"t{number}" for number in range(6)]
    listed = "".join(
        f"  - {{name: {name}, model: a, given: [], expect: {{rows: [{{k: 1}}]}}}}\n" for name in reversed(names)
    )
    result = lake.write({"models/a.sql": "select 1 as k", "models/a.yml": f"unit_tests:\n{listed}"}).build()
    assert [check.name for check in result.checks] == [f"a.{name}" for name in names]
