"""The shorter ways through dbt lead where dbt's own lead, and are left alone where dbt is another."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from dbt.artifacts.resources import TestConfig
from dbt.clients.jinja import MacroGenerator
from dbt.context import base as contexts
from dbt.context.providers import generate_runtime_macro_context, generate_runtime_model_context
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.model_config import ModelConfig, SnapshotConfig
from dbt.contracts.graph.nodes import GenericTestNode, ModelNode, UnitTestDefinition
from dbt.contracts.project import Project as DbtProjectFile
from dbt.events.types import LogTestResult, NodeFinished, RunningOperationCaughtError
from dbt_common.behavior_flags import BehaviorFlagRendered
from dbt_common.clients import jinja
from jinja2 import UndefinedError
from mashumaro.jsonschema import build_json_schema

from headgate.transform import shortcuts
from headgate.transform.adapter import Target
from headgate.transform.macros import LazyMacros
from headgate.transform.manifest import read_manifest, scratch_folder
from headgate.transform.runtime import Invocation, dbt_invocation
from headgate.transform.shortcuts import Shortcut, shortcuts_taken
from headgate.types import CheckStatus

from .conftest import Lake

# What tells dbt's own macros from those of project and package, and one use of a macro from another.
INTRICATE = {
    "headgate.yml": "name: intricate\nvars: {unit: kWh, factor: 3}\n",
    ".env": "REGION=north\n",
    "dbt_packages/shared/dbt_project.yml": "name: shared\nversion: 1.0.0\nvars: {factor: 2}\n",
    "dbt_packages/shared/macros/macros.sql": """
        {% macro scale(x) %}{{ return(adapter.dispatch('scale', 'shared')(x)) }}{% endmacro %}
        {% macro default__scale(x) %}{{ x }} * {{ var('factor') }}{% endmacro %}
        {% macro duckdb__scale(x) %}{{ x }} * {{ var('factor') }} + {{ offset() }}{% endmacro %}
        {% macro offset() %}100{% endmacro %}
        {% macro named() %}package{% endmacro %}
        {% test below(model, column_name, ceiling) %}
        select {{ column_name }} from {{ model }} where {{ column_name }} >= {{ ceiling }}
        {% endtest %}
    """,
    "dbt_packages/shared/models/base.sql": """
        {{ config(materialized='table') }} select {{ scale('n') }} as n, '{{ named() }}' as named from range(4) t(n)
    """,
    "macros/macros.sql": """
        {% macro offset() %}7{% endmacro %}
        {% macro named() %}project{% endmacro %}
        {# Overrides one of dbt's, and calls it. #}
        {% macro current_timestamp() %}{{ return(dbt.current_timestamp() ~ '::date') }}{% endmacro %}
        {# Overrides what is no macro. #}
        {% macro ref(name) %}{% do return(builtins.ref(name).include(database=false)) %}{% endmacro %}
        {% macro looks(name) %}{{ name in context }} {{ context.get(name) is callable }}{% endmacro %}
        {% test not_null(model, column_name) %}
        select * from {{ model }} where {{ column_name }} is null and '{{ env_var("REGION") }}' = 'north'
        {% endtest %}
    """,
    "models/staging/readings.sql": """
        select n, named, {{ shared.scale('n') }} as scaled, '{{ named() }}{{ shared.named() }}' as names,
               '{{ var("unit") }}' as unit, '{{ env_var("REGION", "nowhere") }}' as region,
               {{ current_timestamp() }} is not null as today, '{{ looks("scale") }} {{ looks("offset") }}' as looks,
               '{{ context.keys() | length == context | list | length }}' as counted,
               '{{ "generate_schema_name" in (context.items() | map(attribute=0)) }}' as listed
        from {{ ref('base') }}
    """,
    "models/marts/total.sql": """
        {{ config(materialized='incremental', unique_key='k', incremental_strategy='merge') }}
        with r as (select * from {{ ref('readings') }})
        select 1 as k, sum(scaled) as total, any_value(unit) as unit from r
        {% if is_incremental() %} where true {% endif %}
    """,
    "models/_models.yml": """
        version: 2
        models:
          - name: readings
            description: "{{ doc('readings') }}"
            columns:
              - {name: n, data_tests: [not_null, unique, {shared.below: {arguments: {ceiling: 200}}}]}
              - {name: unit, data_tests: [{accepted_values: {arguments: {values: ['kWh', 'MWh']}}}]}
              - name: scaled
                data_tests: [{shared.below: {arguments: {ceiling: "{{ 2 + 2 }}"}, config: {severity: warn}}}]
          - name: total
            columns:
              - {name: k, data_tests: [{relationships: {arguments: {to: ref('readings'), field: n}}}]}
        unit_tests:
          - name: sums
            model: total
            overrides: {macros: {is_incremental: false, shared.named: x}, vars: {unit: W}}
            given: [{input: ref('readings'), rows: [{scaled: 2, unit: a}, {scaled: 3, unit: a}]}]
            expect: {rows: [{k: 1, total: 5, unit: a}]}
    """,
    "models/readings.md": "{% docs readings %}What meters say.{% enddocs %}\n",
    "tests/few.sql": "select * from {{ ref('total') }} where unit = '{{ var('unit') }}' and total > 1000",
    "snapshots/s.sql": """
        {% snapshot s %}{{ config(unique_key='n', strategy='check', check_cols=['unit']) }}
        select n, unit from {{ ref('readings') }}{% endsnapshot %}
    """,
    "seeds/units.csv": "unit,name\nkWh,kilowatt hour\n",
}


def facts(lake: Lake) -> dict[str, Any]:
    """What there is to know of a project after it was parsed and built; nothing in it tells when or where."""
    dbt = lake.open()
    manifest = read_manifest(dbt.packed).to_dict(omit_none=False)
    for nodes in ("nodes", "macros", "sources", "unit_tests", "docs"):
        for node in manifest[nodes].values():
            for key in ("created_at", "root_path", "build_path"):
                node.pop(key, None)
    built = lake.built()

    return {
        "manifest": {key: manifest[key] for key in ("nodes", "macros", "sources", "unit_tests", "docs", "env_vars")},
        "models": [replace(model, seconds=0) for model in built.models],
        "checks": sorted((replace(check, seconds=0) for check in built.checks), key=lambda check: check.name),
        "warnings": [re.sub(r"in [0-9.]+s", "", warning) for warning in built.warnings + dbt.warnings],
        "rows": [lake.sql(f"from {name} order by all") for name in ("silver.readings", "gold.total", "silver.base")],
    }


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets a test choose which shortcuts are taken."""

    def choose(*chosen: Shortcut) -> None:
        monkeypatch.setattr(shortcuts, "shortcuts", lambda: chosen)

    return choose


def test_a_project_is_parsed_and_built_as_dbt_does(lake: Lake, taken: Any) -> None:
    lake.write(INTRICATE)
    quick = facts(lake)
    # In the package a reading is 3 n + 100 for n from 0 to 3; the project makes 3 n + 7 of each.
    assert quick["rows"][1] == [(1, 3 * 418 + 4 * 7, "kWh")]
    taken()
    for manifest in (lake.root / ".headgate/dbt/manifests").rglob("*"):
        if manifest.is_file():
            manifest.unlink()
    lake.workspace.discard()
    assert facts(lake) == quick


@contextmanager
def invoked(lake: Lake) -> Iterator[tuple[Invocation, Manifest]]:
    """dbt as it is while it builds."""
    dbt = lake.open()
    target = Target(lake.workspace, lambda _: {})
    with (
        target.registered() as target_id,
        scratch_folder(dbt.definition) as scratch,
        dbt_invocation(dbt.definition, scratch, target_id=target_id) as invocation,
    ):
        manifest = read_manifest(dbt.packed)
        invocation.use(manifest)
        yield invocation, manifest


def bindings(lake: Lake) -> dict[tuple[str, str], Any]:
    """Which macro each name means in the contexts of an invocation, in packages too, and what else has a name."""
    found: dict[tuple[str, str], Any] = {}
    with invoked(lake) as (invocation, manifest):
        for node in manifest.nodes.values():
            context = generate_runtime_model_context(node, invocation.config, manifest)
            found |= {(node.unique_id, name): meaning(context, name) for name in context}
        macro = manifest.macros["macro.shared.scale"]
        context = generate_runtime_macro_context(macro, invocation.config, manifest, "shared")
        found |= {("macro", name): meaning(context, name) for name in context}
    return found


def meaning(context: dict[str, Any], name: str) -> Any:
    value = context[name]
    if isinstance(value, MacroGenerator):
        return value.macro.unique_id
    if name in ("dbt", "shared", "intricate"):
        return {key: each.macro.unique_id for key, each in value.items()}
    return type(value).__name__


def test_a_name_means_the_macro_that_dbt_would_find(lake: Lake, taken: Any) -> None:
    # Macros with the names of a package, of one of dbt's macros and of what dbt offers besides.
    clashes = "{% macro shared() %}{% endmacro %}{% macro log() %}{% endmacro %}{% macro run_query() %}{% endmacro %}"
    lake.write(INTRICATE).write({"macros/clashes.sql": clashes})
    quick = bindings(lake)
    taken()
    plain = bindings(lake)
    for context in {context for context, _ in plain}:
        plain[context, "context"] = plain[context, "context"].replace("dict", "LazyMacros")
    assert quick == plain
    readings = {name: value for (node, name), value in quick.items() if node == "model.intricate.readings"}
    assert readings["offset"] == readings["intricate"]["offset"] == "macro.intricate.offset"
    assert readings["shared"] == "macro.intricate.shared"
    assert readings["log"] == "macro.intricate.log"
    assert readings["dbt"]["run_query"] == "macro.dbt.run_query"
    assert readings["run_query"] == "macro.intricate.run_query"
    base = {name: value for (node, name), value in quick.items() if node == "model.shared.base"}
    assert (base["offset"], base["run_query"]) == ("macro.shared.offset", "macro.intricate.run_query")


def test_a_template_for_values_sees_what_jinja_would_show_it(lake: Lake) -> None:
    clashes = "{% macro range() %}{% endmacro %}{% macro lipsum() %}{% endmacro %}"
    with invoked(lake.write(INTRICATE).write({"macros/clashes.sql": clashes})) as (invocation, manifest):
        node = manifest.nodes["model.intricate.readings"]
        context = generate_runtime_model_context(node, invocation.config, manifest)
        template = jinja.get_template("{{ offset() }}", context, native=True)
        quick, taken = template.new_context(context), type(template).new_context
        assert isinstance(quick.parent, LazyMacros)
        assert not dict.__contains__(context, "offset"), "no macro was bound"
        context["changed"] = "afterwards"
        del context["changed"]
        plain = jinja2.Template.new_context(template, context)
        assert taken is not jinja2.Template.new_context
        assert quick.globals_keys == plain.globals_keys
        assert quick.parent.keys() == plain.parent.keys()
        assert [name for name in plain.parent if quick.resolve(name) is not plain.resolve(name)] == []
        assert quick.resolve("range").macro.unique_id == "macro.intricate.range"
        assert quick.resolve("cycler") is jinja2.defaults.DEFAULT_NAMESPACE["cycler"]
        context["later"] = 1
        assert "later" not in quick


def test_unknown_names_are_the_nodes_own_in_a_program_that_nodes_share() -> None:
    text = "{{ ref('trips') }} {{ unknown.name }}"
    with shortcuts_taken():
        for node in (SimpleNamespace(name="first", original_file_path="a"), SimpleNamespace(name="second")):
            template = jinja.get_template(text, {"ref": str.upper}, node, capture_macros=True)
            assert template.render({"ref": str.upper}).startswith("TRIPS ")
            missing = template.environment.undefined(name="unknown")
            assert missing.node is node
        with pytest.raises(UndefinedError, match="'unknown' is undefined"):
            jinja.get_template(text, {"ref": str.upper}).render({"ref": str.upper})


def test_what_dbt_bears_with_while_it_parses_is_an_error_in_the_build(lake: Lake) -> None:
    """Jinja evaluates constants as it compiles, with what stands for unknown names at the time."""
    wrong = "select k, '{{ {'dev': {'name': 'x'}}.prod.name }}' as n from {{ ref('src') }}"
    unit = "{name: u, model: a, given: [{input: ref('src'), rows: [{k: 1}]}], expect: {rows: [{k: 1}]}}"
    lake.write({"models/src.sql": "select 1 as k", "models/a.sql": wrong, "models/m.yml": f"unit_tests: [{unit}]"})
    built = lake.build()
    assert [check.status for check in built.checks] == [CheckStatus.ERROR]
    assert "'dict object' has no attribute 'prod'" in str(built.checks[0].message)


def test_events_say_what_they_would() -> None:
    node = {"node_name": "trips", "unique_id": "model.a.trips", "meta": {"owner": "ops"}, "node_status": "started"}
    events: list[tuple[type, dict[str, Any]]] = [
        (LogTestResult, {"name": "unique", "status": "fail", "index": 3, "num_failures": 2, "node_info": node}),
        (
            NodeFinished,
            {"node_info": node, "run_result": {"status": "success", "execution_time": 0.5, "timing_info": []}},
        ),
        (RunningOperationCaughtError, {"exc": "no"}),
        (NodeFinished, {"run_result": {"timing_info": [{"name": "execute", "started_at": "2026-01-31T10:00:00.5Z"}]}}),
        (NodeFinished, {"node_info": {**node, "node_started_at": "2026-01-31T10:00:00.5"}}),
        (NodeFinished, {"run_result": {"timing_info": [{"started_at": "2026-01-31T10:00:00.123456789Z"}]}}),
    ]
    refused: list[tuple[type, dict[str, Any]]] = [
        (NodeFinished, {"run_result": {"timing_info": [{"started_at": "2026-01-31T10:00:00"}]}}),
        (NodeFinished, {"run_result": {"timing_info": [{"started_at": "in the time of Z"}]}}),
        (NodeFinished, {"run_result": {"timing_info": [{"started_at": "20260131T000000Z"}]}}),
        (NodeFinished, {"run_result": {"timing_info": [{"started_at": 3}]}}),
    ]

    plain = [kind(**values).to_dict() for kind, values in events]
    with shortcuts_taken():
        assert [kind(**values).to_dict() for kind, values in events] == plain
        for kind, values in refused:
            with pytest.raises(Exception, match="Failed to parse started_at field"):
                kind(**values)
    assert plain[0]["node_info"]["meta"] == {"owner": "ops"}
    assert plain[3]["run_result"]["timing_info"][0]["started_at"] == "2026-01-31T10:00:00.500Z"


def test_modules_of_a_template_are_dbts_and_its_own() -> None:
    plain = contexts.get_context_modules()
    with shortcuts_taken():
        quick, other = contexts.get_context_modules(), contexts.get_context_modules()
    assert {name: [*members] for name, members in quick.items()} == {
        name: [*members] for name, members in plain.items()
    }
    assert {**quick, "itertools": 0} == {**plain, "itertools": 0}
    assert [*quick["itertools"]["chain"]("a", "b")] == ["a", "b"]
    quick["re"].clear()
    assert other["re"] == plain["re"]


METHODS: dict[str, Callable[[Any], Any]] = {
    "in": lambda macros: ("a" in macros, "z" in macros),
    "get": lambda macros: (macros.get("a"), macros.get("z"), macros.get("z", 0)),
    "bool": bool,
    "len": len,
    "list": sorted,
    "reversed": lambda macros: {*reversed(macros)},
    "dict": dict,
    "unpacked": lambda macros: {**macros},
    "keys": lambda macros: sorted(macros.keys()),
    "values": lambda macros: sorted(macros.values()),
    "items": lambda macros: sorted(macros.items()),
    "repr": lambda macros: len(repr(macros)),
    "copy": lambda macros: macros.copy(),
    "equal": lambda macros: (macros == {"a": "A", "b": "B"}, macros != {"a": "A", "b": "B"}),
    "or": lambda macros: macros | {"c": "C"},
    "ror": lambda macros: {"c": "C"} | macros,
    "ior": lambda macros: macros.__ior__({"c": "C"}),
    "set": lambda macros: (macros.__setitem__("a", 1), macros["a"], dict(macros)),
    "update": lambda macros: (macros.update(a=1, c=2), dict(macros)),
    "setdefault": lambda macros: (macros.setdefault("a", 1), macros.setdefault("c", 2), dict(macros)),
    "del": lambda macros: (macros.__delitem__("a"), "a" in macros, dict(macros)),
    "pop": lambda macros: (macros.pop("a"), macros.pop("z", 1), "a" in macros, dict(macros)),
    "popitem": lambda macros: (len(macros.popitem()), len(macros)),
    "clear": lambda macros: (macros.clear(), "a" in macros, len(macros)),
}


@pytest.mark.parametrize("method", METHODS)
def test_macros_that_are_bound_late_are_a_dict(method: str) -> None:
    late = LazyMacros({name: name for name in "ab"}, str.upper)
    assert METHODS[method](late) == METHODS[method]({"b": "B", "a": "A"})


def test_macros_that_are_bound_late_come_in_their_order() -> None:
    names = [*"headgate"]
    assert list(LazyMacros(dict.fromkeys(names), str)) == list(dict.fromkeys(names))


@pytest.mark.parametrize("shortcut", shortcuts.shortcuts(), ids=lambda shortcut: shortcut.name)
def test_the_shortcuts_are_for_the_locked_versions(shortcut: Shortcut) -> None:
    """After an upgrade: see what changed in the function, correct the shortcut, and then its digest."""
    assert shortcut.fits


def test_a_function_that_changed_goes_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def changed() -> str:
        return "changed"

    monkeypatch.setattr(BehaviorFlagRendered, "_default_source", staticmethod(changed))
    with shortcuts_taken():
        assert BehaviorFlagRendered._default_source is changed


def test_dbt_is_left_as_it_was(lake: Lake) -> None:
    before = [vars(shortcut.owner).get(shortcut.name) for shortcut in shortcuts.shortcuts()]
    with shortcuts_taken():
        during = [vars(shortcut.owner).get(shortcut.name) for shortcut in shortcuts.shortcuts()]
    after = [vars(shortcut.owner).get(shortcut.name) for shortcut in shortcuts.shortcuts()]
    assert after == before
    assert not [one for one, other in zip(before, during, strict=True) if one is other]


@pytest.mark.parametrize(
    "validated",
    [DbtProjectFile, ModelConfig, SnapshotConfig, TestConfig, ModelNode, GenericTestNode, UnitTestDefinition],
)
def test_what_is_validated_against_is_the_same(validated: type) -> None:
    plain = build_json_schema(validated).to_dict()
    with shortcuts_taken():
        quick = build_json_schema(validated).to_dict()
    assert json.dumps(quick) == json.dumps(plain)
    assert '"default"' in json.dumps(plain)
