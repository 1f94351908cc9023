"""Opening projects: generated, of one's own, made for dbt-duckdb."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headgate.errors import ModelError, ProjectError
from headgate.transform import definition
from headgate.transform.values import Resource, TestKind
from headgate.types import Name, Severity

from .conftest import Lake


def contents(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and ".headgate" not in path.parts)
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def schemas(lake: Lake) -> dict[str, str]:
    return {model.name.table: model.name.schema for model in lake.open().models}


def test_without_a_project_file_folders_decide(lake: Lake) -> None:
    lake.write(
        {
            "models/staging/a.sql": "select 1 as n",
            "models/marts/finance/b.sql": "select 1 as n",
            "models/between/c.sql": "select 1 as n",
            "models/d.sql": "{{ config(schema='sandbox') }} select 1 as n",
            "seeds/e.csv": "n\n1\n",
            "snapshots/f.yml": "snapshots:\n  - name: f\n    relation: ref('a')\n"
            "    config: {strategy: check, check_cols: all, unique_key: n}\n",
        }
    )
    assert schemas(lake) == {
        "a": "silver",
        "b": "gold",
        "c": "silver",
        "d": "sandbox",
        "e": "silver",
        "f": "silver",
    }


@pytest.mark.parametrize("name", ["env", "source"])
def test_a_project_may_have_a_name_that_dbt_keeps_for_itself(lake: Lake, name: str) -> None:
    lake.write({"headgate.yml": f"name: {name}\n", "models/marts/a.sql": "select 1 as n"})
    assert schemas(lake) == {"a": "gold"}


def test_what_dbt_keeps_for_itself_is_known() -> None:
    from dbt.contracts.project import BANNED_PROJECT_NAMES  # dbt takes a second to import

    assert set(BANNED_PROJECT_NAMES) <= definition.RESERVED


def test_nobody_is_warned_of_a_file_that_headgate_wrote(lake: Lake) -> None:
    lake.write({"models/staging/a.sql": "select 1 as n"})
    (lake.root / "models" / "marts").mkdir()
    assert lake.open().warnings == ()
    own = "name: own\nmodels: {own: {marts: {+schema: gold}}}\n"
    (warning,) = lake.write({"dbt_project.yml": own}).open().warnings
    assert "models.own.marts" in warning


def test_models_and_tests_are_described(lake: Lake) -> None:
    lake.write(
        {
            "models/a.sql": "select * from {{ source('bronze', 'raw') }}",
            "models/b.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('a') }}",
            "models/c.sql": "{{ config(materialized='view') }} select * from {{ ref('b') }}",
            "models/all.yml": """
            sources: [{name: bronze, tables: [{name: raw}]}]
            models: [{name: c, columns: [{name: n, data_tests: [{unique: {config: {severity: warn}}}]}]}]
            unit_tests: [{name: u, model: c, given: [{input: ref('a'), rows: [{n: 1}]}], expect: {rows: [{n: 1}]}}]
            """,
            "tests/single.sql": "select * from {{ ref('a') }} join {{ ref('c') }} using (n)",
        }
    )
    dbt = lake.open()
    a, c = dbt.models
    assert (a.name, a.inputs, a.resource, a.path) == (
        Name.of("silver", "a"),
        (Name.of("bronze", "raw"),),
        Resource.MODEL,
        "models/a.sql",
    )
    assert (c.materialized, c.inputs) == ("view", (Name.of("silver", "a"),))
    assert [(test.name, test.kind, test.severity, str(test.table)) for test in dbt.tests] == [
        ("c.u", TestKind.UNIT, Severity.ERROR, "silver.c"),
        ("single", TestKind.SINGULAR, Severity.ERROR, "None"),
        ("unique_c_n", TestKind.GENERIC, Severity.WARN, "silver.c"),
    ]
    assert dbt.sources == (Name.of("bronze", "raw"),)


def test_a_project_file_of_ones_own_is_respected(lake: Lake) -> None:
    lake.write(
        {
            "dbt_project.yml": """
            name: shop
            version: 1.0.0
            profile: anything
            model-paths: [transform]
            seed-paths: [tables]
            vars: {floor: 5}
            models:
              shop:
                +schema: core
                raw: {+schema: landing, +materialized: view}
            """,
            "transform/raw/a.sql": "select {{ var('floor') }} as n",
            "transform/b.sql": "{{ config(materialized='table') }} select * from {{ ref('a') }}",
            "models/ignored.sql": "select 1",
            "tables/c.csv": "n\n1\n",
        }
    ).built()
    assert schemas(lake) == {"a": "landing", "b": "core", "c": "silver"}
    assert lake.sql("select n from core.b") == [(5,)]


def test_a_schema_macro_of_ones_own_comes_first(lake: Lake) -> None:
    lake.write(
        {
            "models/a.sql": "{{ config(schema='x') }} select 1 as n",
            "macros/names.sql": "{% macro generate_schema_name(custom_schema_name, node) %}"
            "{{ target.schema }}_{{ custom_schema_name }}{% endmacro %}",
        }
    )
    assert schemas(lake) == {"a": "silver_x"}


def test_an_existing_dbt_duckdb_project_runs_as_it_is(lake: Lake) -> None:
    lake.write(
        {
            "dbt_project.yml": """
            name: jaffle
            version: 1.0.0
            config-version: 2
            profile: jaffle
            model-paths: ["models"]
            seed-paths: ["seeds"]
            target-path: "target"
            clean-targets: ["target", "dbt_packages"]
            models:
              jaffle:
                materialized: table
                staging: {materialized: view}
            """,
            "profiles.yml": """
            jaffle: {target: dev, outputs: {dev: {type: duckdb, path: jaffle.duckdb}}}
            """,
            "seeds/raw_orders.csv": "id,customer,placed,amount\n1,7,2018-01-01,1000\n2,7,2018-01-05,250\n",
            "models/staging/stg_orders.sql": """
            with source as (select * from {{ ref('raw_orders') }})
            select id as order_id, customer as customer_id, placed::date as placed_on,
                   {{ cents_to_dollars('amount') }} as amount
            from source
            """,
            "models/customers.sql": """
            {{ config(materialized='incremental', unique_key='customer_id', indexes=[{'columns': ['customer_id']}]) }}
            select customer_id, count(*) as orders, sum(amount) as spent,
                   {{ dbt.datediff('min(placed_on)', 'max(placed_on)', 'day') }} as span
            from {{ ref('stg_orders') }} group by 1
            """,
            "macros/cents.sql": "{% macro cents_to_dollars(x) %}({{ x }} / 100)::numeric(16, 2){% endmacro %}",
            "models/schema.yml": """
            version: 2
            models:
              - name: customers
                columns: [{name: customer_id, data_tests: [unique, not_null]}]
            """,
            "tests/positive.sql": "select * from {{ ref('customers') }} where spent < 0",
        }
    )
    before = contents(lake.root)
    lake.built()
    assert lake.sql("select customer_id, orders, spent::text, span from silver.customers") == [(7, 2, "12.50", 4)]
    assert {check.status.value for check in lake.result.checks} == {"passed"}
    assert contents(lake.root) == before


def test_packages_in_the_folder_are_used(lake: Lake) -> None:
    lake.write(
        {
            "packages.yml": "packages: [{local: ../shared}]\n",
            "dbt_packages/shared/dbt_project.yml": "name: shared\nversion: 1.0.0\n",
            "dbt_packages/shared/macros/double.sql": "{% macro double(x) %}{{ x }} * 2{% endmacro %}",
            "dbt_packages/shared/models/base.sql": "{{ config(materialized='table') }} select 4 as n",
            "models/a.sql": "select {{ shared.double('n') }} as n from {{ ref('shared', 'base') }}",
        }
    ).built()
    assert lake.sql("select n from silver.a") == [(8,)]


def test_a_package_that_is_missing_is_an_error(lake: Lake) -> None:
    lake.write({"packages.yml": "packages: [{local: ../shared}]\n", "models/a.sql": "select 1 as n"})
    with pytest.raises(ModelError, match="dbt deps"):
        lake.open()


CONTRACTS = {
    "ingestion/sales.yml": """
    table: sales
    description: What was sold, as {{ it }} came.
    files: data/sales.csv
    columns:
      Sale Date: {name: sold_on, type: date, description: When.}
      Amount: decimal(10,2)
    """,
    "ingestion/shops.yml": "table: reference.shops\nfiles: data/shops.csv\ncolumns: {id: integer}\n",
    "models/a.sql": "select * from {{ source('bronze', 'sales') }} join {{ source('reference', 'shops') }} using (id)",
}


@pytest.mark.parametrize("own", [True, False])
def test_tables_of_contracts_are_sources(lake: Lake, own: bool) -> None:
    if own:
        lake.write({"dbt_project.yml": "name: shop\nversion: 1.0.0\nprofile: shop\n"})
    dbt = lake.write(CONTRACTS).open()
    assert dbt.sources == (Name.of("bronze", "sales"), Name.of("reference", "shops"))
    assert dbt.models[0].inputs == dbt.sources


def test_a_source_that_is_declared_is_left_to_its_declaration(lake: Lake) -> None:
    lake.write(CONTRACTS).write(
        {
            "models/sources.yml": """
            sources:
              - name: bronze
                schema: elsewhere
                tables: [{name: sales, description: Mine.}]
            """
        }
    )
    assert lake.open().models[0].inputs == (Name.of("elsewhere", "sales"), Name.of("reference", "shops"))
    generated = (lake.root / ".headgate/dbt/sources/contracts.yml").read_text()
    assert "sales" not in generated
    assert "shops" in generated


def test_a_contract_that_does_not_validate_is_told_as_such(lake: Lake) -> None:
    lake.write({"ingestion/sales.yml": "table: sales\nfile: x.csv\n"})
    with pytest.raises(ProjectError, match="'file' is not a key"):
        lake.open()


def test_the_profile_is_the_target_and_variables_follow_it(lake: Lake) -> None:
    lake.write(
        {
            "headgate.yml": "name: lake\nvars: {floor: 1, other: 2}\nprofiles: {prod: {vars: {floor: 9}}}\n",
            "models/a.sql": "select '{{ target.name }}' as target, {{ var('floor') }}, {{ var('other') }} as o",
        }
    )
    from headgate.transform.build import build
    from headgate.transform.plan import plan_models

    dbt = lake.open("prod")
    build(dbt, lake.workspace, plan_models(dbt, lake.workspace).models)
    assert lake.sql("select * from silver.a") == [("prod", 9, 2)]


def test_the_environment_file_is_read(lake: Lake) -> None:
    lake.write({".env": "REGION=north\n", "models/a.sql": "select '{{ env_var(\"REGION\") }}' as region"}).built()
    assert lake.sql("select * from silver.a") == [("north",)]
    lake.write({".env": "REGION=south\n"})
    assert lake.reasons() == {"silver.a": "code changed"}
    lake.built()
    assert lake.sql("select * from silver.a") == [("south",)]


@pytest.mark.parametrize(
    "asked",
    [
        "{{ env_var(var='REGION') }}",
        "{{ env('REGION') }}",
        "{{ env_var('REG' ~ 'ION') }}",
        "{% set ask = env_var %}{{ ask('REGION') }}",
        # dbt does not ask for it while it reads the file.
        "{% if execute %}{{ env('REGION') }}{% endif %}",
    ],
)
def test_a_variable_counts_however_it_is_asked_for(lake: Lake, asked: str) -> None:
    macro = "{% macro env(name) %}{{ env_var(name) }}{% endmacro %}"
    model = f"select '{asked}' as region"
    lake.write({".env": "REGION=north\nOTHER=1\n", "macros/env.sql": macro, "models/a.sql": model}).built()
    lake.write({".env": "REGION=north\nOTHER=2\n"})
    assert lake.reasons() == {}
    lake.write({".env": "REGION=south\n"})
    assert lake.reasons() == {"silver.a": "code changed"}


def test_a_macro_that_is_not_called_while_dbt_reads_counts(lake: Lake) -> None:
    model = "select 1 as n {% if is_incremental() %} where {{ cutoff() }} {% endif %}"
    lake.write({"macros/c.sql": "{% macro cutoff() %} 1 = 1 {% endmacro %}", "models/a.sql": model}).built()
    lake.write({"macros/c.sql": "{% macro cutoff() %} 1 = 2 {% endmacro %}"})
    assert lake.reasons() == {"silver.a": "code changed"}


def test_a_variable_of_a_hook_counts(lake: Lake) -> None:
    hook = "models: {+post-hook: \"select '{{ env_var('REGION') }}'\"}\n"
    project = f"name: p\nversion: 1.0.0\nprofile: p\n{hook}"
    lake.write({".env": "REGION=north\n", "dbt_project.yml": project, "models/a.sql": "select 1 as n"}).built()
    lake.write({".env": "REGION=south\n"})
    assert lake.reasons() == {"silver.a": "code changed"}


def test_a_variable_that_a_python_model_reads_counts(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    model = (
        "import os\n\n\ndef model(dbt, session):\n    return session.sql(f\"select '{os.environ['REGION']}' as r\")\n"
    )
    monkeypatch.setenv("REGION", "north")
    lake.write({"models/a.py": model}).built()
    monkeypatch.setenv("REGION", "south")
    assert lake.reasons() == {"silver.a": "code changed"}


@pytest.mark.parametrize(
    ("files", "told", "place"),
    [
        ({"models/a.sql": "select * from {{ ref('nope') }}"}, "nope", "models/a.sql:1"),
        ({"models/a.sql": "select 1\n{% if %}"}, "Expected an expression", "models/a.sql:2"),
        ({"models/a.yml": "models:\n  - name: a\n   columns: ["}, "Syntax error near line 3", "models/a.yml:3"),
        ({"models/a.sql": "select 1", "models/x/a.sql": "select 2"}, "two models with the name", None),
        ({"dbt_project.yml": "name: 5x\nversion: 1.0.0\nprofile: p\n"}, "5x", "dbt_project.yml"),
    ],
)
def test_what_does_not_parse_is_told_with_its_file(
    lake: Lake, files: dict[str, str], told: str, place: str | None
) -> None:
    with pytest.raises(ModelError) as caught:
        lake.write(files).open()
    assert told in caught.value.message
    if place:
        assert caught.value.place == place


def test_nothing_is_printed_and_nothing_is_written_outside(lake: Lake) -> None:
    lake.write({"models/a.sql": "{{ print('hello') }}{{ log('there', info=true) }} select 1 as n"})
    before = contents(lake.root)
    script = """
from headgate.project import Project
from headgate.catalog.loader import open_catalog
from headgate.catalog.storage import Storage
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.transform.build import build
from headgate.transform.plan import plan_models
from headgate.transform.project import open_project
project = Project.open(".")
with Session(project.settings.engine, Storage(project.warehouse)) as session:
    workspace = Workspace(open_catalog(project.catalog_url), "main", session)
    dbt = open_project(project)
    result = build(dbt, workspace, plan_models(dbt, workspace).models)
    assert result.models[0].rows == 1, result
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=lake.root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert contents(lake.root) == before
    assert [path.name for path in (lake.root / ".headgate/dbt/tmp").iterdir()] == []


def test_warnings_of_dbt_are_told_once(lake: Lake) -> None:
    lake.write(
        {
            "dbt_project.yml": "name: lake\nversion: 1.0.0\nprofile: p\nmodels: {lake: {nowhere: {+schema: x}}}\n",
            "models/a.sql": "select 1 as n",
        }
    )
    (warning,) = lake.open().warnings
    assert "models.lake.nowhere" in warning
    assert "\x1b" not in warning


@pytest.mark.parametrize("materialized", ["external", "table_function", "materialized_view"])
def test_a_materialization_that_leaves_the_lake_is_refused(lake: Lake, materialized: str) -> None:
    lake.write({"models/a.sql": f"{{{{ config(materialized='{materialized}') }}}} select 1 as n"})
    with pytest.raises(ModelError, match=f"materialized as '{materialized}'") as caught:
        lake.open()
    assert caught.value.place == "models/a.sql"


def test_the_target_is_duckdb_to_who_asks(lake: Lake) -> None:
    lake.write({"models/a.sql": "select '{{ target.type }}' as type, '{{ adapter.type() }}' as adapter"}).built()
    assert lake.sql("select * from silver.a") == [("duckdb", "headgate")]
