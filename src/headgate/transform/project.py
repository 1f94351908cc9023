"""Opening a project's dbt side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from dbt.contracts.graph.manifest import Manifest
from dbt_common.exceptions import DbtBaseException

from headgate.catalog.localfiles import disk_errors
from headgate.errors import ModelError
from headgate.project import Project
from headgate.transform.code import CodeHasher
from headgate.transform.definition import Definition, find_definition
from headgate.transform.failures import as_model_error, origin_of
from headgate.transform.manifest import Parsed, pack_manifest, parse
from headgate.transform.mentions import Mentions, name_of_node
from headgate.transform.sources import write_source_definitions
from headgate.transform.values import DbtProject, Model, Resource, Test, TestKind
from headgate.types import Name, Severity

_BUILDING = frozenset({"model", "seed", "snapshot"})
_ELSEWHERE = {
    "external": "which writes files that no branch knows",
    "table_function": "which is a macro of one DuckDB database",
    "materialized_view": "which DuckDB does not have",
}


def open_project(project: Project) -> DbtProject:
    """Parse a project's models, seeds, snapshots and tests; only what changed since the last time.

    The project's own `dbt_project.yml` holds. Without one, models in `models/staging` go to schema silver, those in
    `models/marts` to gold, and everything else to silver. Writes below `.headgate` only.

    Raises:
        ModelError: Something does not parse; names the file.
        StorageError: The disk is full.
    """
    definition = find_definition(project)
    try:
        with disk_errors(str(definition.folder)):
            write_source_definitions(project, definition)
            parsed = parse(definition)
    except DbtBaseException as error:
        raise as_model_error(error, definition) from origin_of(error, definition)
    return _describe(definition, parsed)


def _describe(definition: Definition, parsed: Parsed) -> DbtProject:
    manifest = parsed.manifest
    hasher = CodeHasher(manifest, definition, parsed.variables)
    models = tuple(_model(manifest, unique_id, hasher) for unique_id in _in_order(manifest))
    _refuse_shared_names(models)
    _refuse_what_leaves_the_lake(models)
    data_tests = [node for node in manifest.nodes.values() if node.resource_type == "test"]
    mentions = Mentions(manifest)
    tests = [_data_test(manifest, node, hasher, mentions) for node in data_tests]
    tests += [_unit_test(manifest, node, hasher) for node in manifest.unit_tests.values()]
    return DbtProject(
        definition=definition,
        models=models,
        tests=tuple(sorted(_with_names_of_their_own(tests), key=lambda test: test.name)),
        sources=tuple(sorted({name_of_node(source) for source in manifest.sources.values()})),
        warnings=parsed.warnings,
        packed=pack_manifest(manifest),
    )


def inputs_of(manifest: Manifest, node: Any) -> tuple[Name, ...]:
    """The tables and views that a node reads; ephemeral models stand for what they read."""
    return tuple(sorted(set(_inputs(manifest, node))))


def _inputs(manifest: Manifest, node: Any) -> Iterator[Name]:
    for parent_id in node.depends_on_nodes:
        parent: Any = manifest.nodes.get(parent_id) or manifest.sources.get(parent_id)
        if parent is None:
            continue
        if parent.resource_type != "source" and parent.is_ephemeral_model:
            yield from _inputs(manifest, parent)
        else:
            yield name_of_node(parent)


def _in_order(manifest: Manifest) -> list[str]:
    """Ids of what builds a table or view, inputs before what reads them."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for node in sorted(manifest.nodes.values(), key=lambda node: node.unique_id):
        if node.resource_type in _BUILDING:
            sorter.add(node.unique_id, *(parent for parent in node.depends_on_nodes if parent in manifest.nodes))
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        # Each reads the one before it in the list, which begins and ends with the same.
        circle = [manifest.nodes[unique_id] for unique_id in reversed(error.args[1])]
        names = [str(name_of_node(node)) for node in circle]
        raise ModelError(
            f"Models read one another in a circle: {' reads '.join(names)}.",
            place=circle[0].original_file_path,
            hint="Let one of them read something else.",
        ) from error
    return [unique_id for unique_id in order if not manifest.nodes[unique_id].is_ephemeral_model]


def _model(manifest: Manifest, unique_id: str, hasher: CodeHasher) -> Model:
    node: Any = manifest.nodes[unique_id]
    return Model(
        unique_id=unique_id,
        name=name_of_node(node),
        resource=Resource(str(node.resource_type)),
        materialized=node.config.materialized,
        inputs=inputs_of(manifest, node),
        path=node.original_file_path,
        code_hash=hasher.of(unique_id),
    )


def _data_test(manifest: Manifest, node: Any, hasher: CodeHasher, mentions: Mentions) -> Test:
    attached = manifest.nodes.get(getattr(node, "attached_node", None) or "")
    inputs = inputs_of(manifest, node)
    table = name_of_node(attached) if attached is not None and not attached.is_ephemeral_model else None
    generic = getattr(node, "test_metadata", None) is not None
    return Test(
        unique_id=node.unique_id,
        name=node.name,
        kind=TestKind.GENERIC if generic else TestKind.SINGULAR,
        severity=Severity(str(node.config.severity).lower()),
        inputs=inputs,
        table=table or (inputs[0] if len(inputs) == 1 else None),
        path=node.original_file_path,
        code_hash=hasher.of(node.unique_id),
        mentions=tuple(name for name in mentions.of(node) if name not in inputs),
    )


def _unit_test(manifest: Manifest, node: Any, hasher: CodeHasher) -> Test:
    tested: Any = manifest.nodes[node.depends_on_nodes[0]]
    return Test(
        unique_id=node.unique_id,
        name=f"{node.model}.{node.name}",
        kind=TestKind.UNIT,
        severity=Severity.ERROR,
        inputs=(),
        table=None if tested.is_ephemeral_model else name_of_node(tested),
        path=node.original_file_path,
        code_hash=hasher.of(node.unique_id),
    )


def _with_names_of_their_own(tests: Sequence[Test]) -> Iterator[Test]:
    """The tests; of those that share a name, each with the hash that dbt tells them apart by."""
    shared = {name for name, count in Counter(test.name for test in tests).items() if count > 1}
    for test in tests:
        yield replace(test, name=f"{test.name}.{test.unique_id.rpartition('.')[2]}") if test.name in shared else test


def _refuse_what_leaves_the_lake(models: tuple[Model, ...]) -> None:
    """Raise for materializations of dbt and dbt-duckdb that write elsewhere, or what a lake cannot hold."""
    for model in models:
        if model.materialized in _ELSEWHERE:
            raise ModelError(
                f"{model.name} is materialized as '{model.materialized}', {_ELSEWHERE[model.materialized]}.",
                place=model.path,
                hint="Make it a table, a view or an incremental model.",
            )


def _refuse_shared_names(models: tuple[Model, ...]) -> None:
    """Raise when two models build the same table, which dbt allows across schemas that differ in case."""
    seen: dict[str, Model] = {}
    for model in models:
        other = seen.setdefault(str(model.name).lower(), model)
        if other is not model:
            raise ModelError(
                f"Two models build {model.name}.", place=model.path, hint=f"The other one is {other.path}."
            )
