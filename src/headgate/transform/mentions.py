"""Tables that SQL names by hand, without `ref` or `source`.

dbt does not see them, so it would neither build them first nor know that a test depends on them; a check that is not
carried out again when its table changes would let through what it is there to stop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dbt.contracts.graph.manifest import Manifest

from headgate.engines.references import qualified_names
from headgate.transform.code import UsedMacros
from headgate.types import Name

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_STRING = re.compile(r"""(['"])(.*?)\1""", re.DOTALL)


class Mentions:
    """What the nodes of a manifest name by hand, in their own code, in that of macros, and in arguments."""

    def __init__(self, manifest: Manifest) -> None:
        self._macros = UsedMacros(manifest)
        self._found: dict[str, set[Name]] = {}

    def of(self, node: Any) -> tuple[Name, ...]:
        """Every `schema.table` that a node names; `alias.column` looks the same and is among them."""
        if getattr(node, "language", "sql") != "sql":
            return ()
        code = getattr(node, "raw_code", "") or ""
        arguments = getattr(getattr(node, "test_metadata", None), "kwargs", None) or {}
        texts = [code, str(getattr(node.config, "where", None) or ""), *_strings(arguments)]
        texts += self._macros.of(node.depends_on.macros, [code])
        return tuple(sorted(set().union(*map(self._in, texts))))

    def _in(self, text: str) -> set[Name]:
        """The names in a text, of which many nodes may have the same."""
        if text not in self._found:
            # A string in a template may be what a macro makes SQL of.
            templates = (block for block in _JINJA.findall(text) if not block.startswith("{#"))
            strings = (found[2] for block in templates for found in _STRING.finditer(block))
            pairs = (pair for part in (_JINJA.sub(" ", text), *strings) for pair in qualified_names(part))
            self._found[text] = {Name((*schema.split("."), table)) for schema, table in pairs}
        return self._found[text]


def _strings(value: object) -> Iterator[str]:
    """The texts in the arguments of a test."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


def link_named_tables(manifest: Manifest) -> None:
    """Make tables of the project that are named by hand dependencies, as if they had been named by `ref`."""
    known = {name_of_node(node): node.unique_id for node in manifest.nodes.values() if node.resource_type in _BUILT}
    known |= {name_of_node(source): source.unique_id for source in manifest.sources.values()}
    # DuckDB does not tell cases apart.
    folded = {str(name).lower(): unique_id for name, unique_id in known.items()}
    mentions = Mentions(manifest)
    for node in manifest.nodes.values():
        parents = getattr(getattr(node, "depends_on", None), "nodes", None)
        if parents is None:
            continue
        for name in mentions.of(node):
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
