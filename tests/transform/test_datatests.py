"""Data tests come out the same whether they are asked here or dbt's way."""

from __future__ import annotations

from typing import Any

import pytest
from dbt.task import test as dbt_test

from headgate.engines.workspace import Workspace
from headgate.errors import Cancelled
from headgate.transform import task
from headgate.transform.datatests import are_plain
from headgate.transform.manifest import read_manifest
from headgate.types import CheckResult, CheckStatus

from .conftest import Lake

MODEL = {"models/nums.sql": "select n, case when n <> 3 then n end as m from range(10) t(n) -- the last line"}
# What comes of each: passed, or the rows that fail.
TESTS: dict[str, tuple[str, int | None]] = {
    "passes": ("select n from {{ ref('nums') }} where n > 9", None),
    "ends_with_a_comment": ("select n from {{ ref('nums') }} where n > 9 -- none", None),
    "fails": ("select n from {{ ref('nums') }} where n > 7", 2),
    "summed_passes": (
        "{{ config(fail_calc='coalesce(sum(n), 0)') }} select n from {{ ref('nums') }} where n > 9",
        None,
    ),
    "summed_fails": ("{{ config(fail_calc='sum(n)') }} select n from {{ ref('nums') }} where n > 7", 17),
    "may_fail_a_little": (
        "{{ config(error_if='> 2', warn_if='> 2') }} select n from {{ ref('nums') }} where n > 7",
        None,
    ),
    "may_fail_less": ("{{ config(error_if='> 1', warn_if='> 1') }} select n from {{ ref('nums') }} where n > 7", 2),
    "warns": ("{{ config(severity='warn') }} select n from {{ ref('nums') }} where n > 7", 2),
    "warns_before_it_fails": ("{{ config(error_if='> 5') }} select n from {{ ref('nums') }} where n > 7", 2),
    "limited": ("{{ config(limit=1) }} select n from {{ ref('nums') }} where n > 7", 1),
    "keeps": ("{{ config(store_failures=true) }} select n from {{ ref('nums') }} where n > 9", None),
    "keeps_a_view": ("{{ config(store_failures_as='view') }} select n from {{ ref('nums') }} where n > 7", 2),
}
BROKEN = {
    "no_such_column": "select nope from {{ ref('nums') }}",
    "two_statements": "select n from {{ ref('nums') }} where n > 9; select 1",
    "no_number": "{{ config(fail_calc='sum(n)') }} select n from {{ ref('nums') }} where n > 9",
    "a_failing_cast": "select n from {{ ref('nums') }} where cast('x' || n as int) > 9",
}
GENERIC = """
    version: 2
    models:
      - name: nums
        columns:
          - name: n
            data_tests:
              - not_null
              - unique
              - accepted_values: {arguments: {values: [0, 1, 2, 3, 4, 5, 6, 7, 8], quote: false}}
              - relationships: {arguments: {to: ref('nums'), field: m}}
          - name: m
            data_tests:
              - not_null
              - not_null: {name: beside_three, config: {where: n <> 3}}
              - unique
"""


def project(lake: Lake) -> Lake:
    singular = {f"tests/{name}.sql": sql for name, (sql, _) in TESTS.items()}
    broken = {f"tests/{name}.sql": sql for name, sql in BROKEN.items()}
    return lake.write(MODEL | singular | broken | {"models/nums.yml": GENERIC})


def outcome(check: CheckResult) -> tuple[Any, ...]:
    where = str(check.message).partition("\n")[0]
    return check.status, check.severity, check.failures, where, check.columns, sorted(check.sample), check.evidence


def outcomes(lake: Lake) -> dict[str, tuple[Any, ...]]:
    return {check.name: outcome(check) for check in lake.build().checks}


def test_what_comes_of_a_test_is_what_dbt_makes_of_it(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = outcomes(project(lake))
    kept = {str(name): lake.sql(f"from {name.sql} order by all") for name in lake.workspace.names("checks")}
    for name, (_, failures) in TESTS.items():
        assert asked[name][2] == (failures or 0), name
        assert asked[name][0] is (CheckStatus.PASSED if failures is None else CheckStatus.FAILED), name
    assert {asked[name][0] for name in BROKEN} == {CheckStatus.ERROR}
    assert len(asked) == len(TESTS) + len(BROKEN) + 7
    assert kept["checks.fails"] == [(8,), (9,)]
    assert kept["checks.keeps"] == []

    monkeypatch.setattr(task, "are_plain", lambda _: False)
    lake.workspace.discard()
    assert outcomes(lake) == asked
    assert {str(name): lake.sql(f"from {name.sql} order by all") for name in lake.workspace.names("checks")} == kept


def ways(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tests that were carried out dbt's way."""
    found: list[str] = []
    its_way = dbt_test.TestRunner.execute_data_test

    def noted(self: Any, data_test: Any, manifest: Any) -> Any:
        found.append(data_test.name)
        return its_way(self, data_test, manifest)

    monkeypatch.setattr(dbt_test.TestRunner, "execute_data_test", noted)
    monkeypatch.setattr("headgate.transform.datatests.digest_of", lambda _: "bf26eb926bd223a0")
    lake.build()
    return sorted(found)


def test_only_what_does_not_plainly_pass_goes_the_long_way(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    long = {name for name, (_, failures) in TESTS.items() if failures is not None} | {"keeps"} | BROKEN.keys()
    generic = {
        "accepted_values_nums_n__False__0__1__2__3__4__5__6__7__8",
        "not_null_nums_m",
        "relationships_nums_n__m__ref_nums_",
    }
    assert ways(project(lake), monkeypatch) == sorted(long | generic)


def test_failing_rows_are_gone_once_the_test_passes(lake: Lake) -> None:
    lake.write(MODEL | {"tests/few.sql": "select * from {{ ref('nums') }} where n > 8"}).build()
    assert lake.sql("select n from checks.few") == [(9,)]
    lake.write({"models/nums.sql": "select n, n as m from range(5) t(n)"})
    assert [check.status for check in lake.build().checks] == [CheckStatus.PASSED]
    assert lake.workspace.names("checks") == []


FAILS = "select 1 as failures, true as should_warn, true as should_error"
OWN = {
    "headgate__get_test_sql": f"(main_sql, fail_calc, warn_if, error_if, limit) %}}{FAILS}",
    "default__get_test_sql": f"(main_sql, fail_calc, warn_if, error_if, limit) %}}{FAILS}",
    "get_test_sql": f"(main_sql, fail_calc, warn_if, error_if, limit) %}}{FAILS}",
    "get_limit_subquery_sql": "(sql, limit) %}select 1 as n",
    "duckdb__get_limit_sql": "(sql, limit) %}select 1 as n",
    "should_store_failures": "() %}{{ return(true) }}",
}


@pytest.mark.parametrize("macro", OWN)
def test_a_project_has_macros_of_its_own_for_tests(lake: Lake, macro: str) -> None:
    lake.write(
        MODEL
        | {"tests/passes.sql": TESTS["passes"][0], "macros/own.sql": f"{{% macro {macro}{OWN[macro]}{{% endmacro %}}"}
    ).build()
    assert len(lake.result.checks) == 1
    # Each of them has it fail, or keep a table.
    assert [str(name) for name in lake.workspace.names("checks")] == ["checks.passes"]


@pytest.mark.parametrize("name", ["sql", "schema", "database"])
def test_a_macro_with_a_name_of_dbt_s_context_breaks_tests_as_it_does_in_dbt(lake: Lake, name: str) -> None:
    own = {"macros/own.sql": f"{{% macro {name}() %}}x{{% endmacro %}}"}
    lake.write(MODEL | own | {"tests/passes.sql": TESTS["passes"][0]}).build()
    assert [check.status for check in lake.result.checks] == [CheckStatus.ERROR]


def test_a_test_has_one_chance(lake: Lake) -> None:
    """dbt asks again for the rows, of which there may be none then: as of a sample."""
    lake.workspace.session.execute("create temp sequence asked")
    lake.write(
        MODEL | {"tests/once.sql": "select 1 from {{ ref('nums') }} where n = 0 and (select nextval('asked')) = 1"}
    )
    (check,) = lake.build().checks
    assert (check.status, check.failures, check.sample) == (CheckStatus.FAILED, 1, ())


def test_failures_of_all_tests_are_kept_where_dbt_is_told_so(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_STORE_FAILURES", "true")
    lake.write(MODEL | {"tests/passes.sql": TESTS["passes"][0]}).build()
    assert [str(name) for name in lake.workspace.names("checks")] == ["checks.passes"]


def test_the_macros_of_the_locked_versions_are_known(lake: Lake) -> None:
    """After an upgrade: see what changed in dbt's macros and runner, correct `datatests`, and then its digests."""
    assert are_plain(read_manifest(lake.write(MODEL).open().packed))


def test_a_query_that_is_stopped_is_not_asked_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    query = Workspace.query

    def stopped(self: Workspace, sql: str, parameters: Any = None) -> Any:
        if "dbt_internal_test" in sql:
            asked.append(sql)
            raise Cancelled("The query was stopped.")
        return query(self, sql, parameters)

    monkeypatch.setattr(Workspace, "query", stopped)
    with pytest.raises(Cancelled):
        lake.write(MODEL | {"tests/passes.sql": TESTS["passes"][0]}).build()
    assert len(asked) == 1
