"""dbt's selection syntax."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dbt.compilation import Linker
from dbt.contracts.graph.manifest import Manifest
from dbt.graph import Graph, ResourceTypeSelector
from dbt.graph.cli import parse_difference
from dbt.node_types import NodeType
from dbt_common.events.contextvars import task_contextvars
from dbt_common.exceptions import DbtBaseException

from headgate.catalog.localfiles import disk_errors
from headgate.errors import UsageError, did_you_mean
from headgate.transform.manifest import read_manifest, scratch_folder
from headgate.transform.mentions import name_of_node
from headgate.transform.runtime import dbt_invocation
from headgate.transform.values import DbtProject
from headgate.types import Name

# They compare with artifacts of an earlier dbt run; what changed since then is what headgate's plan tells anyway.
_NEEDS_STATE = re.compile(r"(?:^|[\s,+@])(state|result|source_status):")
_RESOURCES = [NodeType.Model, NodeType.Seed, NodeType.Snapshot, NodeType.Test, NodeType.Unit, NodeType.Source]


@dataclass(frozen=True)
class Selection:
    """What a selection names: dbt's ids, and the tables of the sources among them."""

    ids: frozenset[str]
    sources: tuple[Name, ...]


def select_nodes(dbt: DbtProject, select: Sequence[str] = (), exclude: Sequence[str] = ()) -> Selection:
    """Resolve `--select` and `--exclude` as dbt does: names, paths, tags, graph operators, methods, unions.

    Tests come along with the models that they test, as in `dbt build`.

    Raises:
        UsageError: The selection does not parse, needs state that dbt does not have here, or names nothing.
    """
    for text in (*select, *exclude):
        method = _NEEDS_STATE.search(text)
        if method:
            raise UsageError(
                f"The selection '{text}' uses the method '{method[1]}:', which headgate has not.",
                hint="headgate builds what changed without being asked; leave it away.",
            )
    manifest = read_manifest(dbt.packed)
    linker = Linker()
    linker.link_graph(manifest)
    with (
        disk_errors(str(dbt.definition.folder)),
        scratch_folder(dbt.definition) as scratch,
        dbt_invocation(dbt.definition, scratch),
        task_contextvars(project_root=str(dbt.root)),
    ):
        selector = ResourceTypeSelector(
            graph=Graph(linker.graph),
            manifest=manifest,
            previous_state=None,
            resource_types=_RESOURCES,
        )
        try:
            for text in (*select, *exclude):
                if not selector.get_selected(parse_difference((text,), None), warn_on_no_nodes=False):
                    raise UsageError(
                        f"The selection '{text}' names no model, seed, snapshot, source or test.",
                        hint=_hint(text, manifest),
                    )
            spec = parse_difference(tuple(select) or None, tuple(exclude) or None)
            ids = frozenset(selector.get_selected(spec, warn_on_no_nodes=False))
        except DbtBaseException as error:
            raise UsageError(
                f"The selection does not parse: {error}",
                place=" ".join(select),
                hint="It is written as dbt's: names, +name, name+, tag:t, path:p.",
            ) from error
    sources = (name_of_node(node) for unique_id, node in manifest.sources.items() if unique_id in ids)
    return Selection(ids, tuple(sorted(sources)))


def _hint(text: str, manifest: Manifest) -> str | None:
    names = {node.name for node in manifest.nodes.values() if node.resource_type in ("model", "seed", "snapshot")}
    names |= {source.name for source in manifest.sources.values()}
    return did_you_mean(text.strip("+@").split(":")[-1], names)
