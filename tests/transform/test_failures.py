"""What a person is told when a model does not run."""

from __future__ import annotations

import errno
import os
import re
import traceback

import pytest

from headgate.errors import ModelError, StorageError
from headgate.transform.build import build
from headgate.transform.plan import plan_models
from headgate.types import ModelStatus, Name

from .conftest import Lake

BAD = """
{{ config(materialized='table') }}
select
    id,
    {{ 'nope' }} as x
from {{ ref('good') }}
"""


def test_the_model_its_file_the_line_and_the_database_s_words(lake: Lake) -> None:
    lake.write({"models/good.sql": "select 1 as id", "models/marts/bad.sql": BAD}).build()
    failed = lake.model("gold.bad")
    assert failed.status is ModelStatus.ERROR
    message = failed.message or ""
    assert message.startswith('Model bad: Binder Error: Referenced column "nope" not found')
    assert "models/marts/bad.sql:4" in message
    assert failed.rows is None


def test_a_failure_skips_what_is_below_and_nothing_else(lake: Lake) -> None:
    lake.write(
        {
            "models/bad.sql": "select nope",
            "models/below.sql": "select * from {{ ref('bad') }}",
            "models/beside.sql": "select 1 as n",
        }
    ).build()
    assert {model.name: model.status.value for model in lake.result.models} == {
        "silver.bad": "error",
        "silver.below": "skipped",
        "silver.beside": "built",
    }
    assert lake.result.failed
    assert [str(name) for name in lake.workspace.names()] == ["silver.beside"]


@pytest.mark.parametrize("end", [";", " ; -- done\n", ";\n/* the end; */\n"])
def test_a_semicolon_at_the_end_is_named(lake: Lake, end: str) -> None:
    lake.write({"models/bad.sql": f"select 1 as n{end}"}).build()
    message = lake.model("silver.bad").message or ""
    assert "ends with ';'" in message
    assert "models/bad.sql" in message


def test_a_comment_at_the_end_is_none(lake: Lake) -> None:
    lake.write({"models/good.sql": "select ';' as n -- not one;"}).built()
    assert lake.sql("select n from silver.good") == [(";",)]


def test_a_missing_table_comes_with_the_closest_name(lake: Lake) -> None:
    lake.table("bronze.sales", "select 1 as n")
    lake.write({"models/bad.sql": "select * from bronze.sale"}).build()
    message = lake.model("silver.bad").message or ""
    assert "bronze.sale" in message
    assert "Did you mean 'bronze.sales'?" in message


def test_a_missing_variable_names_it(lake: Lake) -> None:
    lake.write({"models/bad.sql": "select {{ var('absent') }}"}).build()
    message = lake.model("silver.bad").message or ""
    assert "'absent'" in message
    assert "models/bad.sql" in message


def test_a_macro_that_refuses_names_the_model(lake: Lake) -> None:
    lake.write({"models/bad.sql": "{{ exceptions.raise_compiler_error('No such year') if execute }} select 1"}).build()
    message = lake.model("silver.bad").message or ""
    assert "No such year" in message
    assert "models/bad.sql" in message


def test_a_failing_hook_of_the_project_is_an_error(lake: Lake) -> None:
    lake.write(
        {
            "dbt_project.yml": "name: lake\nversion: 1.0.0\nprofile: p\non-run-start: select nope\n",
            "models/a.sql": "select 1 as n",
        }
    )
    plan = lake.plan()
    with pytest.raises(ModelError, match="nope"):
        build(lake.open(), lake.workspace, plan.models)


def test_a_failing_post_hook_leaves_the_model_to_be_built(lake: Lake) -> None:
    lake.write({"models/a.sql": "{{ config(materialized='table', post_hook='select nope') }} select 1 as n"}).build()
    assert lake.model("silver.a").status is ModelStatus.ERROR
    assert lake.workspace.exists(Name.of("silver", "a"))
    assert lake.reasons() == {"silver.a": "failed the last time"}


@pytest.mark.parametrize(
    ("read", "told", "close"),
    [
        ("ref('stg_custmers')", "no model, seed or snapshot 'stg_custmers'", "stg_customers"),
        ("source('bronze', 'ordrs')", "no source 'bronze.ordrs'", "bronze.orders"),
    ],
)
def test_an_input_with_a_slip_names_the_line_and_the_closest(lake: Lake, read: str, told: str, close: str) -> None:
    lake.table("bronze.orders", "select 1 as n")
    sources = "sources: [{name: bronze, tables: [{name: orders}]}]"
    lake.write({"models/stg_customers.sql": "select 1 as n", "models/sources.yml": sources})
    lake.write({"models/marts/bad.sql": f"select *\n-- all of it\nfrom {{{{ {read} }}}}"})
    with pytest.raises(ModelError) as caught:
        lake.build()
    error = caught.value
    assert told in error.message
    assert "Model bad" in error.message
    assert error.place == "models/marts/bad.sql:3"
    assert error.hint == f"Did you mean '{close}'?"


def test_a_disabled_input_is_told_as_such(lake: Lake) -> None:
    lake.write({"models/off.sql": "{{ config(enabled=false) }} select 1 as n"})
    lake.write({"models/bad.sql": "select * from {{ ref('off') }}"})
    with pytest.raises(ModelError, match="'off' is disabled") as caught:
        lake.build()
    assert caught.value.place == "models/bad.sql:1"


def test_a_test_that_there_is_not_names_the_line_and_the_closest(lake: Lake) -> None:
    columns = "models:\n  - name: good\n    columns:\n      - name: id\n        data_tests:\n          - uniqe\n"
    lake.write({"models/good.sql": "select 1 as id", "models/models.yml": columns}).build()
    (check,) = lake.result.checks
    message = check.message or ""
    assert "There is no test 'uniqe'." in message
    assert "at models/models.yml:6" in message
    assert "Did you mean 'unique'?" in message


def test_the_parts_of_an_error_are_kept(lake: Lake) -> None:
    lake.write({"models/good.sql": "select 1 as id", "models/marts/bad.sql": BAD}).build()
    error = lake.model("gold.bad").error or {}
    assert error["place"] == "models/marts/bad.sql:4"
    assert "models/marts" not in str(error["message"])


@pytest.mark.parametrize(
    ("files", "circle"),
    [
        ({"models/a.sql": "from {{ ref('b') }}", "models/b.sql": "from {{ ref('a') }}"}, {"a", "b"}),
        ({"models/a.sql": "from {{ ref('a') }}"}, {"a"}),
    ],
    ids=["of two", "of one"],
)
def test_a_circle_of_models_is_named(lake: Lake, files: dict[str, str], circle: set[str]) -> None:
    with pytest.raises(ModelError, match="in a circle") as raised:
        lake.write(files).open()
    told = re.findall(r"silver\.(\w+)", raised.value.message)
    assert set(told) == circle
    assert told[0] == told[-1]
    assert str(raised.value.place) == f"models/{told[0]}.sql"


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "place", ["manifest.write_atomically", "sources.write_atomically", "manifest.TemporaryDirectory"]
)
def test_a_full_disk_is_told_as_one(lake: Lake, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    lake.write({"models/a.sql": "select 1 as n", "ingestion/t.yml": "table: t\nfiles: '*.csv'\ncolumns: {n: bigint}\n"})
    monkeypatch.setattr(f"headgate.transform.{place}", full)
    with pytest.raises(StorageError, match=r"No space left on the disk for '.*\.headgate"):
        lake.open()


def test_a_disk_that_is_full_when_models_are_built_is_told(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    dbt = lake.write({"models/a.sql": "select 1 as n"}).open()
    plan = plan_models(dbt, lake.workspace)
    monkeypatch.setattr("headgate.transform.manifest.TemporaryDirectory", full)
    with pytest.raises(StorageError, match="No space left"):
        build(dbt, lake.workspace, plan.models)
    with pytest.raises(StorageError, match="No space left"):
        plan_models(dbt, lake.workspace, ("a",))


def test_what_sql_takes_from_the_environment_is_not_told(lake: Lake) -> None:
    lake.write(
        {
            ".env": "SIG=planted-signature\nSTAGE=dev\nROW=expected-signature\nLONG=" + "planted" * 20 + "\n",
            "models/cast.sql": "select cast('{{ env_var(\"SIG\") }}' as int) as a, 'dev' as b",
            "models/cut.sql": "select 1 as a, 2 as b, 3 as c, nope, 4 as d, 5 as e, '{{ env_var(\"LONG\") }}' as f",
            "models/stage.sql": "select nope, '{{ env_var(\"STAGE\") }}' as dev",
            "models/computed.sql": "{{ exceptions.raise_compiler_error(env_var('S' ~ 'IG')) if execute }} select 1",
            "models/warned.sql": "{{ exceptions.warn(env_var('SIG')) if execute }} select 1",
            "models/sound.sql": "select 'expected-signature' as a",
            "models/unit.yml": """\
                unit_tests:
                  - name: same
                    model: sound
                    given: []
                    expect: {rows: [{a: "{{ env_var('ROW') }}?"}]}
                """,
            "tests/asks.sql": "select nope, '{{ env_var(\"SIG\") }}' as a from {{ ref('warned') }}",
        }
    )
    warnings: list[str] = []
    for _ in range(2):  # what was parsed, and what was kept of that
        result = lake.build()
        told = repr((result, lake.events))

        assert not [value for value in ("planted", "expected-signature") if value in told]
        found = {model.name.partition(".")[2]: model.message or "" for model in result.models}
        assert "'${SIG}'" in found["cast"]
        assert found["computed"].startswith("Model computed: ${SIG}")
        assert "'${LONG}..." in found["cut"]
        assert "'dev' as dev" in found["stage"]
        warnings += result.warnings
        assert "'${SIG}'" in str(next(check.message for check in result.checks if check.name == "asks"))
        assert "${ROW}" in str(next(check.message for check in result.checks if check.name == "sound.same"))
    assert warnings == ["${SIG}"]
    # What dbt renders in YAML, such as rows of unit tests, is part of what it parsed.
    assert not [
        path for path in (lake.root / ".headgate").rglob("*") if path.is_file() and b"planted" in path.read_bytes()
    ]


def test_a_name_from_the_environment_that_nothing_has_is_not_told(lake: Lake) -> None:
    lake.write({".env": "WHERE=planted-name\n", "models/a.sql": "select * from {{ ref(env_var('WHERE')) }}"})
    with pytest.raises(ModelError, match=r"There is no model, seed or snapshot '\$\{WHERE\}'") as caught:
        lake.open()
    assert "planted" not in "".join(traceback.format_exception(caught.value))
