"""Inferring a contract, and loading the files under it, as every test of an inference does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.ingest.infer import infer_source
from headgate.yaml import parse_yaml

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

    from headgate.ingest.infer import InferredSource
    from headgate.ingest.ledger import Load


def begin(lake: Lake, *paths: object, name: str | None = None) -> tuple[InferredSource, dict[str, Any], list[Load]]:
    """Infer a contract, and load the files under it."""
    found = infer_source(lake.project, [str(path) for path in paths], lake.session.storage, name)
    lake.file(f"ingestion/{found.name}.yml", found.text)
    return found, parse_yaml(found.text, Path("x.yml")).data, lake.load()


def types(contract: dict[str, Any]) -> dict[str, str]:
    return {name: column["type"] for name, column in contract["columns"].items()}


def inferred(lake: Lake, text: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    """The doubts, the options and the types that a `;` file gives; it loads without loss under them."""
    lake.file("data/a.csv", text)
    found, contract, (result,) = begin(lake, "data/a.csv")
    assert (result.loaded, result.quarantined) == (text.count("\n") - 1, 0)
    return "\n".join(found.doubts), contract["options"], types(contract)
