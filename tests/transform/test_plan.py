"""What is built and why; what is left alone."""

from __future__ import annotations

import pytest

from headgate.errors import UsageError
from headgate.transform.versions import Versions
from headgate.types import Name

from .conftest import Lake

# raw -> a -> v (view) -> b -> c;  other -> d
GRAPH = {
    "models/sources.yml": "sources: [{name: bronze, tables: [{name: raw}, {name: other}]}]",
    "models/a.sql": "select * from {{ source('bronze', 'raw') }}",
    "models/v.sql": "{{ config(materialized='view', tags=['night']) }} select * from {{ ref('a') }}",
    "models/marts/b.sql": "select * from {{ ref('v') }}",
    "models/marts/c.sql": "{{ config(tags=['night']) }} select * from {{ ref('b') }}",
    "models/d.sql": "select * from {{ source('bronze', 'other') }}",
    "models/tests.yml": "models: [{name: b, columns: [{name: n, data_tests: [unique]}]}]",
}


@pytest.fixture
def built(lake: Lake) -> Lake:
    lake.table("bronze.raw", "select 1 as n")
    lake.table("bronze.other", "select 1 as n")
    lake.write(GRAPH).built()
    return lake


def test_everything_is_new_at_first(lake: Lake) -> None:
    lake.table("bronze.raw", "select 1 as n")
    lake.table("bronze.other", "select 1 as n")
    reasons = lake.write(GRAPH).reasons()
    assert set(reasons.values()) == {"new"}
    assert list(reasons)[:2] != ["gold.c", "gold.b"]


def test_nothing_is_to_be_done_twice(built: Lake) -> None:
    plan = built.plan()
    assert plan.models == ()
    assert len(plan.unchanged) == 5
    assert [test.name for test in plan.tests] == ["unique_b_n"]
    assert plan.sources == (Name.of("bronze", "other"), Name.of("bronze", "raw"))


def test_a_changed_input_is_followed_through_views(built: Lake) -> None:
    built.table("bronze.raw", "select 2 as n")
    assert built.reasons() == {
        "silver.a": "input bronze.raw changed",
        "silver.v": "silver.a is rebuilt",
        "gold.b": "silver.v is rebuilt",
        "gold.c": "gold.b is rebuilt",
    }
    built.built()
    assert built.sql("select n from gold.c") == [(2,)]
    assert built.reasons() == {}


def test_a_view_over_a_changed_table_counts_as_changed(built: Lake) -> None:
    built.table("bronze.raw", "select 2 as n")
    built.built("a")
    assert built.reasons("b") == {"gold.b": "input silver.v changed"}


def test_changed_code_is_followed(built: Lake) -> None:
    built.write({"models/marts/b.sql": "select n + 1 as n from {{ ref('v') }}"})
    assert built.reasons() == {"gold.b": "code changed", "gold.c": "gold.b is rebuilt"}


def test_only_what_shapes_the_rows_counts_as_code(built: Lake) -> None:
    built.write(
        {
            "models/tests.yml": "models: [{name: b, description: Described., columns: [{name: n}]}]",
            "models/docs.yml": "models: [{name: d, config: {meta: {owner: me}, tags: [x]}}]",
            "headgate.yml": "name: lake\nvars: {unused: 1}\n",
            "macros/m.sql": "{% macro unused() %}1{% endmacro %}",
        }
    )
    assert built.reasons() == {}
    built.write({"models/docs.yml": "models: [{name: d, config: {materialized: view}}]"})
    assert built.reasons() == {"silver.d": "code changed"}


def test_macros_variables_and_ephemeral_models_are_part_of_the_code(lake: Lake) -> None:
    lake.write(
        {
            "macros/inner.sql": "{% macro inner() %}1{% endmacro %}",
            "macros/outer.sql": "{% macro outer() %}{{ inner() }} + {{ var('plus', 0) }}{% endmacro %}",
            "models/e.sql": "{{ config(materialized='ephemeral') }} select {{ outer() }} as n",
            "models/f.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('e') }}",
            "models/g.sql": "select * from {{ ref('f') }}",
            "models/h.sql": "select 1 as n",
        }
    ).built()
    for change in (
        {"macros/inner.sql": "{% macro inner() %}2{% endmacro %}"},
        {"headgate.yml": "name: lake\nvars: {plus: 5}\n"},
        {"models/e.sql": "{{ config(materialized='ephemeral') }} select {{ outer() }} * 2 as n"},
    ):
        assert lake.write(change).reasons() == {"silver.g": "code changed"}
        lake.built()
    assert lake.sql("select n from silver.g") == [(2 + 5 * 2,)]


def test_a_full_refresh_builds_all_that_is_selected(built: Lake) -> None:
    plan = built.plan("tag:night", full_refresh=True)
    assert {str(entry.model.name): entry.reason for entry in plan.models} == {
        "silver.v": "full refresh",
        "gold.c": "full refresh",
    }


def test_a_model_that_is_gone_leaves_an_orphan(built: Lake) -> None:
    (built.root / "models/marts/c.sql").unlink()
    plan = built.plan()
    assert plan.orphans == (Name.of("gold", "c"),)
    assert plan.models == ()


def test_a_table_that_somebody_wrote_is_built_over(built: Lake) -> None:
    built.workspace.drop(Name.of("gold", "c"))
    built.table("gold.c", "select 9 as n")
    assert built.reasons() == {"gold.c": "not built by headgate"}


SELECTIONS: dict[tuple[str, ...], str] = {
    ("b",): "b",
    ("+b",): "a v b",
    ("b+",): "b c",
    ("1+b",): "v b",
    ("@d",): "d",
    ("tag:night",): "v c",
    ("path:models/marts",): "b c",
    ("marts",): "b c",
    ("marts.b",): "b",
    ("source:bronze.raw+",): "a v b c",
    ("config.materialized:view",): "v",
    ("a d",): "a d",
    ("a", "d"): "a d",
    ("tag:night,path:models/marts",): "c",
    ("test_type:generic",): "",
}


def test_selections_are_dbt_s(built: Lake) -> None:
    def selected(*select: str, exclude: tuple[str, ...] = ()) -> set[str]:
        plan = built.plan(*select, exclude=exclude, full_refresh=True)
        return {entry.model.name.table for entry in plan.models}

    assert {select: selected(*select) for select in SELECTIONS} == {
        select: set(names.split()) for select, names in SELECTIONS.items()
    }
    assert selected("+c", exclude=("v",)) == {"a", "b", "c"}
    assert selected(exclude=("+c",)) == {"d"}


def test_a_selection_brings_the_tests_of_its_models_and_its_sources(built: Lake) -> None:
    assert [test.name for test in built.plan("b").tests] == ["unique_b_n"]
    assert built.plan("d").tests == ()
    assert built.plan("+b").sources == (Name.of("bronze", "raw"),)
    assert built.plan("b").sources == ()


def test_a_selection_that_names_nothing_is_an_error(built: Lake) -> None:
    with pytest.raises(UsageError, match="'bb' names no model") as caught:
        built.plan("bb")
    assert caught.value.hint == "Did you mean 'b'?"
    with pytest.raises(UsageError, match="'source:raaw' names no model") as caught:
        built.plan("source:raaw")
    assert caught.value.hint == "Did you mean 'raw'?"


def test_a_selection_by_state_is_not_there(lake: Lake) -> None:
    lake.write({"models/a.sql": "select 1 as n"})
    for select in ("state:modified+", "a+ result:error"):
        with pytest.raises(UsageError, match="which headgate has not"):
            lake.plan(select)


def test_the_fingerprint_of_a_test_follows_its_inputs(built: Lake) -> None:
    def fingerprint() -> str:
        (test,) = built.open().tests
        return Versions(built.workspace).test_fingerprint(test)

    first = fingerprint()
    assert fingerprint() == first
    built.table("bronze.other", "select 5 as n")
    built.built()
    assert fingerprint() == first
    built.table("bronze.raw", "select 5 as n")
    built.built()
    assert fingerprint() != first
