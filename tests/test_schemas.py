"""The JSON Schemas accept what the models accept, and refuse what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from headgate import schemas
from headgate.yaml import read_yaml

EXAMPLES = Path(__file__).parents[1] / "examples"
KINDS = {"headgate": "headgate.yml", "source": "ingestion/*.yml", "checks": "checks/*.yml"}
FILES = [
    pytest.param(kind, path, id=path.relative_to(EXAMPLES).as_posix())
    for kind, pattern in KINDS.items()
    for path in sorted(EXAMPLES.glob(f"*/{pattern}"))
]


def validator(kind: str) -> jsonschema.Draft202012Validator:
    schema = schemas.json_schema(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize(("kind", "path"), FILES)
def test_the_files_of_the_examples_validate(kind: str, path: Path) -> None:
    errors = [error.message for error in validator(kind).iter_errors(json.loads(json.dumps(read_yaml(path).data)))]
    assert errors == []


@pytest.mark.parametrize(("kind", "path"), FILES)
def test_the_files_of_the_examples_name_their_schema(kind: str, path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    named = path.parent / first.split("$schema=")[1]
    assert (
        named.resolve() == (path.parents[0 if kind == "headgate" else 1] / "schemas" / f"{kind}.schema.json").resolve()
    )


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("headgate", {}),
        ("headgate", {"name": "a b"}),
        ("headgate", {"name": "a", "engin": {}}),
        ("headgate", {"name": "a", "engine": {"threads": 0}}),
        ("source", {"files": "a.csv"}),
        ("source", {"table": "a", "files": "a.csv", "load": "apend"}),
        ("source", {"table": "a", "files": "a.csv", "columns": {"x": {"typ": "integer"}}}),
        ("checks", {"checks": [{"name": "a", "kind": "rows", "left": "a", "right": "b"}]}),
    ],
)
def test_what_the_models_refuse_is_refused(kind: str, document: dict[str, object]) -> None:
    assert not validator(kind).is_valid(document)
    with pytest.raises(ValueError, match="validation error"):
        schemas.MODELS[kind].model_validate(document)


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("headgate", {"name": "a", "engine": {"memory_limit": "4GB"}, "profiles": {"prod": {"storage": "s3://b/c"}}}),
        ("source", {"table": "a", "files": "a.csv", "key": "id", "columns": {"id": "integer"}}),
        ("source", {"table": "a", "files": ["a.csv"], "key": ["id"], "columns": {"id": {"type": "integer"}}}),
        ("checks", {"checks": [{"name": "a", "kind": "row_count", "left": "b.a", "right": {"table": "b.b"}}]}),
    ],
)
def test_short_and_long_forms_are_accepted(kind: str, document: dict[str, object]) -> None:
    assert validator(kind).is_valid(document)
    schemas.MODELS[kind].model_validate(document)


def test_every_key_is_described() -> None:
    for kind in schemas.MODELS:
        schema = schemas.json_schema(kind)
        for part in [schema, *schema.get("$defs", {}).values()]:
            for key, value in part.get("properties", {}).items():
                section = schema["$defs"].get(value.get("$ref", "").rsplit("/", 1)[-1], {})
                assert value.get("description") or section.get("description"), f"{kind}: {key} has no description"


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    files = schemas.write(tmp_path)
    times = [path.stat().st_mtime_ns for path in files]
    assert [path.name for path in files] == ["headgate.schema.json", "source.schema.json", "checks.schema.json"]
    assert schemas.write(tmp_path) == files
    assert [path.stat().st_mtime_ns for path in files] == times
