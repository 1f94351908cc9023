"""Metadata files as PyIceberg's models, types included that PyIceberg does not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyiceberg.exceptions import ValidationError
from pyiceberg.table.metadata import TableMetadata, TableMetadataUtil

from headgate.catalog.metadata import NEWEST, Json, check_version, fields_of, read_metadata, schemas
from headgate.catalog.storage import Storage
from headgate.errors import CorruptHistory, StorageError

# Types of format version 3 that PyIceberg 0.12 has no model of, or cannot read as Java writes them.
_UNKNOWN_TO_PYICEBERG = ("variant", "geometry", "geography")


@dataclass(frozen=True)
class Read:
    """A table's metadata, and the types that stand in it as `unknown`, by field id."""

    metadata: TableMetadata
    types: dict[int, str]


def read_table(metadata_location: str, storage: Storage) -> Read:
    """Read the metadata of a table.

    Raises:
        StorageError: The file cannot be read.
        CorruptHistory: The file is not Iceberg metadata.
        DataError: It is of a format version that headgate does not know.
    """
    try:
        content = read_metadata(metadata_location, storage)
    except StorageError as error:
        if isinstance(error.__cause__, ValueError):
            raise _not_metadata(metadata_location, error.__cause__) from error
        raise
    check_version(content, metadata_location)
    try:
        types = _take_out_types(content)
        return Read(TableMetadataUtil.parse_obj(content), types)
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise _not_metadata(metadata_location, error) from error


def _not_metadata(location: str, error: Exception) -> CorruptHistory:
    # pydantic's own words go over many lines and end with an address.
    reason = " ".join(str(error).partition("For further information")[0].split())
    return CorruptHistory(
        f"'{location}' is not the metadata of an Iceberg table: {reason}",
        place=location,
        hint="`headgate doctor` tells what else is wrong; a backup of the warehouse has the file as it was.",
    )


def _take_out_types(metadata: Json) -> dict[int, str]:
    """Put `unknown` in place of types that PyIceberg rejects; they are given back by field id."""
    if metadata.get("format-version") != NEWEST:
        return {}
    found: dict[int, str] = {}
    for schema in schemas(metadata):
        for field in fields_of(schema):
            if _is_unknown(field["type"]):
                found[field["id"]] = field["type"]
                field["type"] = "unknown"
            elif isinstance(field["type"], dict):
                _take_out_nested(field["type"])
    return found


def _take_out_nested(kind: dict[str, Any]) -> None:
    """The same inside lists and maps, whose items have no type of their own in a listing."""
    for part in ("element", "key", "value"):
        if _is_unknown(kind.get(part)):
            kind[part] = "unknown"
        elif isinstance(kind.get(part), dict):
            _take_out_nested(kind[part])


def _is_unknown(kind: object) -> bool:
    return isinstance(kind, str) and kind.startswith(_UNKNOWN_TO_PYICEBERG)
