"""Partition specs and sort orders from the text that projects and dbt models hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    Transform,
    TruncateTransform,
    YearTransform,
)
from pyiceberg.types import NestedField

from headgate.errors import ProjectError, did_you_mean

_CALL = re.compile(r"^\s*(\w+)\s*\(\s*(?:(\d+)\s*,\s*)?(.+?)\s*(?:,\s*(\d+)\s*)?\)\s*$")
_SORT = re.compile(r"^\s*(.+?)(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?\s*$", re.IGNORECASE)
_TIME: dict[str, Callable[[], Transform[Any, Any]]] = {
    "year": YearTransform,
    "month": MonthTransform,
    "day": DayTransform,
    "hour": HourTransform,
}
_WIDTH: dict[str, Callable[[int], Transform[Any, Any]]] = {"bucket": BucketTransform, "truncate": TruncateTransform}
# Spark writes the transforms of time in the plural.
_PLURALS = {f"{name}s": name for name in _TIME}


def find_column(schema: Schema, column: str, what: str) -> NestedField:
    """The column of that name, whatever its case.

    Raises:
        ProjectError: The schema has no such column.
    """
    name = column.strip().strip('"')
    try:
        return schema.find_field(name, case_sensitive=False)
    except ValueError as error:
        raise ProjectError(
            f"Cannot {what} '{name}': the table has no such column.",
            hint=did_you_mean(name, schema.column_names) or "`headgate show` lists the columns of a table.",
        ) from error


def _transform(text: str) -> tuple[Transform[Any, Any], str, str]:
    """The transform, its column and the suffix of the partition field's name."""
    match = _CALL.match(text)
    if match is None:
        return IdentityTransform(), text, ""
    name, width, column = match[1].lower(), match[2] or match[4], match[3]
    name = _PLURALS.get(name, name)
    if name in _TIME and width is None:
        return _TIME[name](), column, f"_{name}"
    if name in _WIDTH and width is not None:
        return _WIDTH[name](int(width)), column, {"bucket": "_bucket", "truncate": "_trunc"}[name]
    if name == "identity" and width is None:
        return IdentityTransform(), column, ""
    known = ["year(c)", "month(c)", "day(c)", "hour(c)", "bucket(16, c)", "truncate(4, c)"]
    raise ProjectError(
        f"'{text}' is not a partition transform.",
        hint=did_you_mean(text, known) or f"Use a column, or one of {', '.join(known)}.",
    )


def partition_spec(schema: Schema, partition_by: tuple[str, ...], last_field_id: int, spec_id: int) -> PartitionSpec:
    """The partition spec that the transforms describe.

    Args:
        schema: The table's schema.
        partition_by: Transforms as `Layout.partition_by` holds them.
        last_field_id: The highest partition field id the table has given out.
        spec_id: Id of the new spec.

    Raises:
        ProjectError: A transform is not known, its column is missing or of a type that it does not take.
    """
    fields: list[PartitionField] = []
    for text in partition_by:
        transform, column, suffix = _transform(text)
        source = find_column(schema, column, "partition by")
        if not transform.can_transform(source.field_type):
            raise ProjectError(
                f"Cannot partition by '{text}': column '{source.name}' is a {source.field_type}.",
                hint="Dates and times take year, month, day and hour, numbers and text bucket and truncate.",
            )
        name = _avro_name(schema.find_column_name(source.field_id) or source.name) + suffix
        if any(field.name == name for field in fields):
            raise ProjectError(f"The table would be partitioned twice by '{text}'.", hint="Leave it away once.")
        fields.append(PartitionField(source.field_id, last_field_id + 1 + len(fields), transform, name))
    return PartitionSpec(*fields, spec_id=spec_id)


def _avro_name(column: str) -> str:
    """The name as manifests can hold it, which are Avro files; the way of writing is that of Iceberg's Java library."""
    safe = "".join(
        char if char.isascii() and (char.isalnum() or char == "_") else f"_x{ord(char):X}" for char in column
    )
    return f"_{safe}" if safe[:1].isdigit() else safe


def same_partitioning(one: PartitionSpec, other: PartitionSpec) -> bool:
    """Whether two specs partition alike, whatever the ids of their fields."""

    def essence(spec: PartitionSpec) -> list[tuple[int, str]]:
        return [(field.source_id, str(field.transform)) for field in spec.fields]

    return essence(one) == essence(other)


def sort_order(schema: Schema, sort_by: tuple[str, ...], order_id: int) -> SortOrder:
    """The sort order that `Layout.sort_by` describes; nulls come first ascending, last descending."""
    fields = []
    for text in sort_by:
        match = _SORT.match(text)
        assert match is not None
        source = find_column(schema, match[1], "sort by")
        direction = SortDirection.DESC if (match[2] or "").lower() == "desc" else SortDirection.ASC
        nulls = match[3].lower() if match[3] else "first" if direction is SortDirection.ASC else "last"
        null_order = NullOrder.NULLS_FIRST if nulls == "first" else NullOrder.NULLS_LAST
        fields.append(SortField(source.field_id, IdentityTransform(), direction, null_order))
    return SortOrder(*fields, order_id=order_id if fields else 0)
