"""Source definitions for the tables of contracts, so that models can say `source('bronze', 'sales')`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from headgate.ingest.contract import Contract
from headgate.ingest.fields import name_in_lake
from headgate.ingest.sources import load_sources
from headgate.project import Project
from headgate.scratch import write_atomically
from headgate.transform.definition import Definition
from headgate.types import Name
from headgate.yaml import SAFE_LOADER

_FILE = "contracts.yml"


def write_source_definitions(project: Project, definition: Definition) -> None:
    """Write a definition for every contract's table that no YAML file of the project declares.

    They lie below `.headgate`, in a folder that is one more model path; the project's own files stay as they are.

    Raises:
        ProjectError: A contract does not validate.
    """
    declared = set(_declared(project))
    contracts = {source.table: source.contract for source in load_sources(project)}
    schemas: dict[str, list[dict[str, Any]]] = {}
    for name, contract in sorted(contracts.items()):
        if Name.of(name.schema, name.table) not in declared:
            schemas.setdefault(name.schema, []).append(_table(name, contract))
    sources = [{"name": schema, "schema": schema, "tables": tables} for schema, tables in schemas.items()]
    content = yaml.safe_dump({"version": 2, "sources": sources}, sort_keys=False, allow_unicode=True)
    write_atomically(definition.sources / _FILE, content.encode())


def _table(name: Name, contract: Contract) -> dict[str, Any]:
    columns = [
        _described({"name": name_in_lake(key, column), "data_type": column.type}, column.description)
        for key, column in contract.columns.items()
    ]
    columns += [
        _described({"name": name, "data_type": column.type}, column.description)
        for name, column in contract.computed.items()
    ]
    return _described({"name": name.table, "columns": columns}, contract.description)


def _described(entry: dict[str, Any], description: str | None) -> dict[str, Any]:
    """The entry with its description, in which dbt would otherwise read Jinja."""
    if not description:
        return entry
    is_jinja = "{{" in description or "{%" in description
    return {**entry, "description": f"{{% raw %}}{description}{{% endraw %}}" if is_jinja else description}


def _declared(project: Project) -> Iterator[Name]:
    """Source tables that YAML files of the project declare, by the names that `source` is called with."""
    for path in _yaml_files(project.root):
        try:
            documents = yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE_LOADER)  # noqa: S506  # which is a safe one
        except yaml.YAMLError:
            continue  # dbt says what is wrong with it, with the line
        sources = documents.get("sources") if isinstance(documents, dict) else None
        for source in sources if isinstance(sources, list) else []:
            for table in source.get("tables") or []:
                yield Name.of(str(source.get("name")), str(table.get("name")))


def _yaml_files(root: Path) -> Iterator[Path]:
    """YAML files of the project and its packages; folders of tools (`.git`, `.venv`) and outputs are left out."""
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and not entry.name.startswith(".") and entry.name not in ("target", "logs", "node_modules"):
            yield from (path for path in entry.rglob("*.y*ml") if path.suffix in (".yml", ".yaml"))
