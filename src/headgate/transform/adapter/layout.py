"""A model's configuration as the layout of its table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbt_common.exceptions import DbtRuntimeError

from headgate.types import Layout


def layout_of(model: Mapping[str, Any], properties: dict[str, str]) -> Layout:
    """Read `partition_by`, `sort_by` and descriptions of a model, as dbt's macros hold it.

    `partitioned_by` and `sorted_by` are dbt-duckdb's names for the same.
    """
    config = model["config"]
    columns = model.get("columns") or {}
    return Layout(
        partition_by=_texts(config, "partition_by", "partitioned_by"),
        sort_by=_texts(config, "sort_by", "sorted_by"),
        properties=properties,
        comment=model.get("description") or None,
        column_comments={
            column["name"]: column["description"] for column in columns.values() if column.get("description")
        },
    )


def _texts(config: Mapping[str, Any], *keys: str) -> tuple[str, ...]:
    """The value of the first key that is set, a text or a list of texts, as a tuple."""
    for key in keys:
        value = config.get(key)
        if isinstance(value, str):
            return tuple(part.strip() for part in _split(value))
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return tuple(value)
        if value:
            raise DbtRuntimeError(f"{key} is {value!r}, where a text or a list of texts is wanted.")
    return ()


def _split(text: str) -> list[str]:
    """Split at commas that stand outside parentheses: `bucket(16, id), region` is two."""
    parts, depth, start = [], 0, 0
    for position, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [part for part in (*parts, text[start:]) if part.strip()]
