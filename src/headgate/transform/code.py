"""Hashes that tell whether a model or test means what it meant."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from dbt.contracts.graph.manifest import Manifest

from headgate.transform.definition import Definition

# What configures dbt, describes, or names people; none of it changes a row.
_WITHOUT_EFFECT = frozenset(
    {"access", "docs", "enabled", "group", "meta", "persist_docs", "tags", "grants", "static_analysis", "packages"}
)
_INTERNAL_PACKAGES = frozenset({"dbt", "dbt_duckdb", "dbt_headgate"})
# A name that is written out, and `env_var` also where it is handed on; a Python model reads the environment itself.
_LOOKUP = re.compile(
    r"""\b(env_var|environ|getenv|var(?=\s*\())\b(?:\s*\(\s*(?:(?:var|name)\s*=\s*)?(['"])([^'"]+)\2\s*[,)])?"""
)
_TEMPLATE = re.compile(r"\{[{%].*?[}%]\}", re.DOTALL)
_WORD = re.compile(r"\w+")
_QUOTED = re.compile(r"""(['"])(\w+)\1""")
_TARGET = re.compile(r"\btarget\b")
# Words by which a template asks for what its YAML says of a node: `model.columns`, `config.get('meta')`.
_OF_NODES = frozenset({"model", "meta", "meta_get", "meta_require", "tags"})
_OF_ALL_NODES = "graph"


class UsedMacros:
    """The macros of the project and its packages; dbt's own and those of the adapters are left out."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._by_name: dict[str, list[str]] = {}
        for macro in manifest.macros.values():
            if macro.package_name not in _INTERNAL_PACKAGES:
                self._by_name.setdefault(macro.name, []).append(macro.unique_id)

    def of(self, called: Iterable[str], code: Iterable[str]) -> list[str]:
        """The texts of the macros that code calls, through other macros too.

        dbt knows of those that it came through as it read a node, and not of what `is_incremental()` or `execute`
        keep from it, nor of macros that are handed on as values; those are known by their names.
        """
        used: dict[str, str] = {}
        waiting = [*called, *(own for text in code for own in self._named_in(text))]
        while waiting:
            macro = self._manifest.macros.get(waiting.pop())
            if macro is not None and macro.package_name not in _INTERNAL_PACKAGES and macro.unique_id not in used:
                used[macro.unique_id] = macro.macro_sql
                waiting += [*macro.depends_on.macros, *self._named_in(macro.macro_sql)]
        return [used[unique_id] for unique_id in sorted(used)]

    def _named_in(self, text: str) -> list[str]:
        """The macros whose names stand in the templates of a text."""
        names = sorted(_words(text) & self._by_name.keys())
        return [unique_id for name in names for unique_id in self._by_name[name]]


class CodeHasher:
    """Hashes nodes of one manifest.

    A hash covers a node's code and configuration, the macros that it uses, transitively and in full text, the
    variables and environment variables that this code names, the rows of a seed, and ephemeral models in between.
    dbt's own macros and those of the adapters are left out: an upgrade rebuilds nothing.
    """

    def __init__(self, manifest: Manifest, definition: Definition, variables: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._definition = definition
        self._variables = variables
        self._hashes: dict[str, str] = {}
        self._macros = UsedMacros(manifest)

    def of(self, unique_id: str) -> str:
        """The hash of a model, seed, snapshot, ephemeral model or test."""
        if unique_id not in self._hashes:
            node = self._manifest.unit_tests.get(unique_id) or self._manifest.nodes[unique_id]
            self._hashes[unique_id] = _hash(self._facts(node))
        return self._hashes[unique_id]

    def _facts(self, node: Any) -> dict[str, Any]:
        if node.resource_type == "unit_test":
            model = self._manifest.nodes[node.depends_on_nodes[0]]
            # A unit test that gives no rows for a seed takes the seed's own.
            seeds = [parent for parent in model.depends_on_nodes if parent.startswith("seed.")]
            return {
                "definition": _unit_test(node),
                "model": self.of(model.unique_id),
                "seeds": [self.of(seed) for seed in sorted(seeds)],
            }
        code = node.raw_code or ""
        hooks = [hook.sql for when in ("pre_hook", "post_hook") for hook in getattr(node.config, when, ())]
        macros = self._macros.of(node.depends_on.macros, [code, *hooks])
        facts: dict[str, Any] = {
            "code": code,
            "language": getattr(node, "language", "sql"),
            "config": _config(node),
            "macros": macros,
            "lookups": self._lookups([code, *hooks, *macros]),
            "said": self._said(node, [code, *hooks, *macros]),
            "ephemeral": [
                self.of(parent)
                for parent in node.depends_on_nodes
                if parent in self._manifest.nodes and self._manifest.nodes[parent].is_ephemeral_model
            ],
        }
        if node.resource_type == "seed":
            facts["rows"] = _file_hash(Path(node.root_path or self._definition.root, node.original_file_path))
        if node.resource_type == "test":
            facts["arguments"] = getattr(getattr(node, "test_metadata", None), "kwargs", None)
        contract = getattr(node, "contract", None)
        if contract is not None and contract.enforced:
            facts["contract"] = [contract.checksum, str(node.constraints)]
        return facts

    def _said(self, node: Any, code: Iterable[str]) -> list[Any]:
        """What YAML says of the nodes whose columns, `meta` and tags the code may ask for."""
        words = frozenset().union(*map(_words, code))
        if _OF_ALL_NODES in words:
            every = [*self._manifest.nodes.values(), *self._manifest.sources.values()]
            return [_yaml_of(each) for each in sorted(every, key=lambda each: str(each.unique_id))]
        return [_yaml_of(node)] if words & _OF_NODES else []

    def _lookups(self, code: Sequence[str]) -> dict[str, Any]:
        """Values of what the code asks for by name; where a name is computed, of all that it may be."""
        found: dict[str, Any] = {}
        for text in code:
            if _TARGET.search(text):
                found["target"] = self._definition.target
            for function, _, name in _LOOKUP.findall(text):
                if function == "var":
                    found["vars" if not name else f"var:{name}"] = (
                        self._variable(name) if name else dict(self._variables)
                    )
                else:
                    names = [name] if name else self._environment_names(code)
                    found.update({f"env:{each}": self._definition.environment.get(each) for each in names})
        return found

    def _environment_names(self, code: Iterable[str]) -> set[str]:
        """Variables that code may read which computes their names.

        They are those that any file of the project asked for while dbt read it, and those that the code has in quotes.
        The whole environment would not do: every shell and every job has something of its own in it.
        """
        quoted = {name for text in code for _, name in _QUOTED.findall(text)}
        return {*self._manifest.env_vars, *(name for name in quoted if name in self._definition.environment)}

    def _variable(self, name: str) -> Any:
        """Every value of that name: of the project, and of packages, which may have their own."""
        scoped = {
            key: value[name] for key, value in self._variables.items() if isinstance(value, dict) and name in value
        }
        return [self._variables.get(name), scoped]


def _config(node: Any) -> dict[str, Any]:
    config = node.config.to_dict(omit_none=True)
    config = {key: value for key, value in config.items() if key not in _WITHOUT_EFFECT}
    return {**config, "schema": node.schema, "alias": node.alias}


@lru_cache(maxsize=1024)
def _words(text: str) -> frozenset[str]:
    """The words in the templates of a text, of which many nodes may have the same."""
    return frozenset(word for template in _TEMPLATE.findall(text) for word in _WORD.findall(template))


def _yaml_of(node: Any) -> list[Any]:
    columns = [column.to_dict(omit_none=True) for column in node.columns.values()]
    config = node.config.to_dict(omit_none=True)
    return [node.unique_id, node.schema, node.name, node.description, columns, config.get("meta"), node.tags]


def _unit_test(node: Any) -> dict[str, Any]:
    keys = ("given", "expect", "overrides", "model", "name")
    definition = node.to_dict(omit_none=True)
    return {key: definition.get(key) for key in keys}


def _hash(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
