"""Hashes that tell whether a model or test means what it meant."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dbt.contracts.graph.manifest import Manifest

from headgate.transform.definition import Definition

# What configures dbt, describes, or names people; none of it changes a row.
_WITHOUT_EFFECT = frozenset(
    {"access", "docs", "enabled", "group", "meta", "persist_docs", "tags", "grants", "static_analysis", "packages"}
)
_INTERNAL_PACKAGES = frozenset({"dbt", "dbt_duckdb", "dbt_headgate"})
_LOOKUP = re.compile(r"""\b(env_var|var)\s*\(\s*(?:(['"])([^'"]+)\2)?""")
_TARGET = re.compile(r"\btarget\b")


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
        macros = [self._manifest.macros[macro].macro_sql for macro in sorted(self._used_macros(node.depends_on))]
        facts: dict[str, Any] = {
            "code": code,
            "language": getattr(node, "language", "sql"),
            "config": _config(node),
            "macros": macros,
            "lookups": self._lookups([code, *macros]),
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

    def _used_macros(self, depends_on: Any) -> set[str]:
        """The macros of the project and its packages that a node calls, through other macros too."""
        used: set[str] = set()
        waiting = list(depends_on.macros)
        while waiting:
            macro = self._manifest.macros.get(waiting.pop())
            if macro is not None and macro.package_name not in _INTERNAL_PACKAGES and macro.unique_id not in used:
                used.add(macro.unique_id)
                waiting += macro.depends_on.macros
        return used

    def _lookups(self, code: Iterable[str]) -> dict[str, Any]:
        """Values of what the code asks for by name; all of them where a name is computed."""
        found: dict[str, Any] = {}
        for text in code:
            if _TARGET.search(text):
                found["target"] = self._definition.target
            for function, _, name in _LOOKUP.findall(text):
                if function == "env_var":
                    found[f"env:{name}"] = self._definition.environment.get(name)
                elif function == "var":
                    found["vars" if not name else f"var:{name}"] = (
                        self._variable(name) if name else dict(self._variables)
                    )
        return found

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


def _unit_test(node: Any) -> dict[str, Any]:
    keys = ("given", "expect", "overrides", "model", "name")
    definition = node.to_dict(omit_none=True)
    return {key: definition.get(key) for key in keys}


def _hash(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
