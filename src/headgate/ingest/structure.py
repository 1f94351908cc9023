"""Types of JSON values, told by the structure that DuckDB finds in all of them."""

from __future__ import annotations

import json
import re
from typing import Any

from headgate.ingest.columntypes import VARCHAR, ColumnType

_INTEGERS = ("BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT")
_NUMBER_KEY = re.compile(r"^\d+(\.\d+)?$")
# With more keys than this that are alike, keys are data.
_MANY_KEYS = 100


def type_of(structure: str) -> ColumnType:
    """The type for what `json_group_structure` says of a column.

    Objects with numbers for keys become maps; what is sometimes one thing and sometimes another stays JSON.
    """
    return _type(json.loads(structure))


def _type(found: Any) -> ColumnType:
    if isinstance(found, list):
        return ColumnType("LIST", items=(_type(found[0]) if found else VARCHAR,))
    if isinstance(found, dict):
        inner = {str(key): _type(value) for key, value in found.items()}
        keys_are_data = all(_NUMBER_KEY.match(key) for key in inner) or len(inner) > _MANY_KEYS
        if inner and keys_are_data:
            return ColumnType("MAP", items=(VARCHAR, _common(list(inner.values()))))
        if len({key.lower() for key in inner}) < len(inner) or not inner:
            # Two keys that differ only in case are one column to SQL.
            return ColumnType("JSON")
        return ColumnType("STRUCT", fields=tuple(inner.items()))
    if found in _INTEGERS:
        return ColumnType("BIGINT")
    return {"DOUBLE": ColumnType("DOUBLE"), "BOOLEAN": ColumnType("BOOLEAN"), "JSON": ColumnType("JSON")}.get(
        found, VARCHAR
    )


def _common(types: list[ColumnType]) -> ColumnType:
    """One type for the values of a map."""
    if len(set(types)) == 1:
        return types[0]
    if {kind.base for kind in types} <= {"BIGINT", "DOUBLE"}:
        return ColumnType("DOUBLE")
    return ColumnType("JSON")
