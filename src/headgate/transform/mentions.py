"""Tables that SQL names by hand, without `ref` or `source`.

dbt does not see them, so it would neither build them first nor know that a test depends on them; a check that is not
carried out again when its table changes would let through what it is there to stop.
"""

from __future__ import annotations

import re
from typing import Any

from dbt.contracts.graph.manifest import Manifest

from headgate.engines.references import qualified_names
from headgate.types import Name

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


def mentioned(node: Any) -> tuple[Name, ...]:
    """Every `schema.table` that a node's SQL and its `where` name; `alias.column` looks the same and is among them."""
    if getattr(node, "language", "sql") != "sql":
        return ()
    texts = (getattr(node, "raw_code", "") or "", str(getattr(node.config, "where", None) or ""))
    pairs = (pair for text in texts for pair in qualified_names(_JINJA.sub(" ", text)))
    return tuple(sorted({Name((*schema.split("."), table)) for schema, table in pairs}))


def link_named_tables(manifest: Manifest) -> None:
    """Make tables of the project that are named by hand dependencies, as if they had been named by `ref`."""
    known = {name_of_node(node): node.unique_id for node in manifest.nodes.values() if node.resource_type in _BUILT}
    known |= {name_of_node(source): source.unique_id for source in manifest.sources.values()}
    # DuckDB does not tell cases apart.
    folded = {str(name).lower(): unique_id for name, unique_id in known.items()}
    for node in manifest.nodes.values():
        parents = getattr(getattr(node, "depends_on", None), "nodes", None)
        if parents is None:
            continue
        for name in mentioned(node):
            parent = known.get(name) or folded.get(str(name).lower())
            if (
                parent
                and parent != node.unique_id
                and parent not in parents
                and not _reads(manifest, parent, node.unique_id)
            ):
                parents.append(parent)


_BUILT = frozenset({"model", "seed", "snapshot"})


def _reads(manifest: Manifest, node_id: str, other_id: str) -> bool:
    """Whether a node depends on another, through others too; naming each other by hand as well would be a cycle."""
    waiting, seen = [node_id], set()
    while waiting:
        node: Any = manifest.nodes.get(waiting.pop())
        for parent in getattr(getattr(node, "depends_on", None), "nodes", None) or ():
            if parent == other_id:
                return True
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return False


def name_of_node(node: Any) -> Name:
    """The table or view that a node of the manifest stands for."""
    table = node.identifier if node.resource_type == "source" else node.alias
    return Name((*node.schema.split("."), table))
