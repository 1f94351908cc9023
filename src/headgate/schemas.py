"""JSON Schemas of the files that a person writes, for editors to complete and check them.

They are made from the models that read the files, so they say the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import BeforeValidatorFunctionSchema

from headgate.config import Settings
from headgate.ingest.contract import Contract
from headgate.project import SCHEMAS
from headgate.quality.reconciliation import ReconciliationFile

MODELS: Mapping[str, type[BaseModel]] = {"headgate": Settings, "source": Contract, "checks": ReconciliationFile}
"""Model by kind of file: `headgate.yml`, `ingestion/*.yml`, `checks/*.yml`."""


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, which knows that a short form exists.

    A validator that runs before a value is read is there to accept a text in place of a list or of a section.
    """

    def function_before_schema(self, schema: BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        full = super().function_before_schema(schema)
        has_short_form = "$ref" in full or full.get("type") == "array"
        if "json_schema_input_schema" in schema or not has_short_form:
            return full
        return {"anyOf": [{"type": "string"}, full]}


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of one kind of file, as JSON Schema 2020-12."""
    schema = MODELS[kind].model_json_schema(by_alias=True, schema_generator=_Generator)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def texts() -> dict[str, str]:
    """The content of every schema file by its name."""
    return {
        f"{kind}.schema.json": json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n" for kind in MODELS
    }


def write(root: Path) -> list[Path]:
    """Write the schemas into a project, and return the files; those that are right already are left alone."""
    folder = root / SCHEMAS
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, text in texts().items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        files.append(path)
    return files
