"""What a person is told when a model does not run."""

from __future__ import annotations

import pytest

from headgate.errors import ModelError
from headgate.transform.build import build
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
