"""Reading a version of a table: the query over its rows, and what DuckDB gets wrong about tables of other engines.

Where `iceberg_scan` would miss rows or break, it is given a copy of the metadata, among the session's temporary files,
that says the same in a way it understands. The table itself is never touched.
"""

from __future__ import annotations

import copy
import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headgate.catalog.metadata import (
    Json,
    check_version,
    current_schema,
    current_snapshot,
    fields_of,
    read_metadata,
    schemas,
)
from headgate.engines.duckdb import Session
from headgate.errors import DataError, HeadgateError, QueryError, StorageError
from headgate.types import Name, literal, quote

if TYPE_CHECKING:
    from headgate.catalog.iceberg import TableVersion

SOURCE_ROW = "_source_row"
"""The column that says which row of its source file a row was.

A bulk load leaves it out and writes the rows in their order; the position in the data file then says the same. Only
files whose name ends with `ORDERED` are of this kind: rows that another engine wrote or moved have no such position.
"""

ORDERED = "-ordered.parquet"

# What DuckDB says of a table that it cannot read, what that means and what helps.
_UNREADABLE = (
    (
        "not supported, only supports 'parquet'",
        "it has data files that are not Parquet",
        "Set write.format.default=parquet and rewrite the table with the engine that made it.",
    ),
    (
        "file system operations are disabled by configuration",
        "it has files outside of the lake's storage, and a query reads nothing else",
        "A model may read it: select from it there, and query the model's table.",
    ),
    (
        "is only allowed to be NULL for ADDED entries",
        "its manifests are of format version 1, though the table is not",
        "Rewrite its manifests with the engine that made it: in Spark, CALL system.rewrite_manifests('...').",
    ),
)

_FILE, _POSITION = "filename", "file_row_number"
_NUMBERED = 2
_STAND_IN = "_headgate_partition_"
_HIDDEN = "_headgate_hidden_"
_TIMES = ("date", "timestamp", "timestamptz")
# Types by transform that DuckDB prunes by as the specification has it; the tests of readers hold them.
_SAFE = {
    "year": _TIMES,
    "month": ("date",),
    "day": ("date",),
    "bucket": ("int", "long", "string", "decimal", *_TIMES),
    "truncate": ("int", "long", "string"),
}


def scan_sql(
    session: Session, metadata_location: str, *, file_as: str | None = None, position_as: str | None = None
) -> str:
    """A query over all rows of a version of a table.

    Args:
        session: Whose storage has the table.
        metadata_location: The version.
        file_as: Name of a further column with the data file of each row, as the metadata names it.
        position_as: Name of a further column with the row's place in that file, from 0.

    Raises:
        DataError: The table has a type or a format that DuckDB does not read.
        StorageError: The metadata cannot be read.
    """
    metadata = read_metadata(metadata_location, session.storage)
    check_version(metadata, metadata_location)
    columns = [str(each["name"]) for each in current_schema(metadata)["fields"]]
    virtual = ((_FILE, file_as), (_POSITION, position_as))
    _check_types(metadata, metadata_location)
    rows = SOURCE_ROW in columns
    needed = {name for name, label in virtual if label or rows}
    copied = _readable(metadata, needed)
    if copied is not None:
        metadata_location = _stored(session, copied.metadata)
    excluded = ", ".join(quote(name) for name in copied.stand_ins) if copied else ""
    renamed = ", ".join(f"{quote(now)} AS {quote(was)}" for was, now in copied.renamed.items()) if copied else ""
    star = f"* EXCLUDE ({excluded})" if excluded else "*"
    if rows:
        position = f"CASE WHEN ends_with({_FILE}, {literal(ORDERED)}) THEN {_POSITION} + 1 END"
        star += f" REPLACE (coalesce({SOURCE_ROW}, {position}) AS {SOURCE_ROW})"
    if renamed:
        star += f" RENAME ({renamed})"
    further = "".join(f", {name} AS {quote(label)}" for name, label in virtual if label)
    return f"SELECT {star}{further} FROM iceberg_scan({literal(metadata_location)})"


def explained(error: HeadgateError, name: Name, location: str) -> DataError | None:
    """An error of DuckDB's about a table that it cannot read, as one that says why; None for any other error."""
    for sign, what, hint in _UNREADABLE:
        if sign in error.message:
            return DataError(
                f"DuckDB cannot read table '{name}': {what}.", place=location, hint=hint, data={"table": str(name)}
            )
    return None


def count_rows(session: Session, version: TableVersion) -> int:
    """The number of rows of a stored version, scanned where delete files leave no other way."""
    rows = version.rows
    if rows is None:
        rows = int(session.value(f"SELECT count(*) FROM ({scan_sql(session, version.metadata_location)})"))
    return rows


def readable_rows(session: Session, version: TableVersion) -> int | None:
    """As `count_rows`; None where DuckDB does not read the table, so that nobody here can count."""
    try:
        return count_rows(session, version)
    except (DataError, QueryError):
        return None


@dataclass
class _Copy:
    """Metadata as DuckDB is to see it.

    Attributes:
        metadata: The copy.
        stand_ins: Columns that only the copy has.
        renamed: Columns that the copy calls otherwise, by their own names.
    """

    metadata: Json
    stand_ins: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)


def _readable(metadata: Json, needed: set[str]) -> _Copy | None:
    """The metadata as DuckDB has to see it; None where it is fine as it is.

    A column with the name of a virtual one that is needed hides it, and the option of `iceberg_scan` that gives the
    virtual one another name breaks on partitioned tables (DuckDB 1.5.5).
    """
    types = {each["id"]: each["type"] for each in fields_of(current_schema(metadata))}
    hiding = [each["name"] for each in current_schema(metadata)["fields"] if each["name"].lower() in needed]
    misled = any(_misleads(part, types) for spec in _specs(metadata) for part in spec["fields"])
    snapshot = current_snapshot(metadata)
    # A table that was raised to format version 2 and not written since: DuckDB 1.5.5 looks for sequence numbers.
    raised = metadata["format-version"] == _NUMBERED and snapshot is not None and not snapshot.get("sequence-number")
    if not hiding and not misled and not raised:
        return None
    copied = _Copy(copy.deepcopy(metadata))
    if raised:
        copied.metadata["format-version"] = 1
    schema = current_schema(copied.metadata)
    for each in schema["fields"]:
        if each["name"] in hiding:
            copied.renamed[each["name"]] = each["name"] = f"{_HIDDEN}{each['name']}"
    _stand_in(copied, schema, types)
    return copied


def _misleads(part: Json, types: dict[int, object]) -> bool:
    """Whether DuckDB 1.5.5 prunes by a partition field wrongly, or breaks on it.

    It aborts the process where the source column was dropped, takes months and days of timestamps before 1970 for the
    next, hashes UUIDs in another way, and fails on truncated decimals below zero. What is not known to be right is
    taken for wrong: then only the statistics of the files narrow a scan down.
    """
    source = part.get("source-id")
    if source not in types:
        return True
    name = _name_of(part["transform"])
    return name not in ("identity", "void") and str(types[source]).partition("(")[0] not in _SAFE.get(name, ())


def _stand_in(copied: _Copy, schema: Json, types: dict[int, object]) -> None:
    """Give partition fields that mislead DuckDB a source column of their own, of the same type, that no query names."""
    known = {each["id"]: each["type"] for old in schemas(copied.metadata) for each in fields_of(old)}
    number = max(int(copied.metadata.get("last-column-id", 0)), *known)
    for spec in _specs(copied.metadata):
        for part in spec["fields"]:
            if not _misleads(part, types):
                continue
            number += 1
            kind, name = known.get(part.get("source-id"), "string"), f"{_STAND_IN}{number}"
            schema["fields"].append({"id": number, "name": name, "required": False, "type": kind})
            part["source-id"] = number
            copied.stand_ins.append(name)
    copied.metadata["last-column-id"] = number


def _name_of(transform: str) -> str:
    """The name of a transform without its argument."""
    return transform.partition("[")[0]


def _specs(metadata: Json) -> list[Json]:
    """Every partition spec; format version 1 may only have the fields of the current one."""
    found: list[Json] | None = metadata.get("partition-specs")
    return found if found is not None else [{"spec-id": 0, "fields": metadata.get("partition-spec", [])}]


def _check_types(metadata: Json, location: str) -> None:
    for each in fields_of(current_schema(metadata)):
        if each["type"] == "unknown":
            raise DataError(
                f"Column '{each['name']}' of the table at {metadata.get('location')} has type unknown, which DuckDB"
                " does not read.",
                place=location,
                hint="Drop the column, or give it a type, with the engine that made the table.",
            )


def _stored(session: Session, metadata: Json) -> str:
    """A metadata file among the session's temporary files."""
    path = session.scratch_folder("versions") / f"{uuid.uuid4()}.metadata.json"
    try:
        path.write_text(json.dumps(metadata), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"Cannot write the temporary file '{path}': {error.strerror}.",
            hint="Set engine.temp_directory in headgate.yml to a folder with some room.",
        ) from error
    return str(path)
