"""Partition values in SQL: Iceberg's transforms as DuckDB expressions, and their results back as values."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from duckdb.func import FunctionNullHandling, PythonUDFType
from duckdb.sqltypes import DuckDBPyType
from pyiceberg.partitioning import PartitionField
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import NullOrder, SortDirection
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    TruncateTransform,
    VoidTransform,
    YearTransform,
)
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from headgate.catalog.iceberg import TableVersion
from headgate.engines.columns import to_duckdb
from headgate.engines.duckdb import Session
from headgate.errors import DataError, ProjectError
from headgate.types import literal, quote

# A folder's name holds at most 255 bytes, and the text of a partition becomes one, percent-encoded.
_TEXT_MAX = 60


def partition_expressions(session: Session, version: TableVersion) -> list[str]:
    """One SQL expression of type text per partition field, over the table's own columns.

    The text is what `partition_value` reads back; null is null.
    """
    return [_key(*_transformed(session, version.schema, field)) for field in version.spec.fields]


def sort_expressions(version: TableVersion) -> list[str]:
    """Items of an ORDER BY for the table's sort order."""
    items = []
    for field in version.sort_order.fields:
        column = column_sql(version.schema, field.source_id)
        direction = "DESC" if field.direction is SortDirection.DESC else "ASC"
        nulls = "FIRST" if field.null_order is NullOrder.NULLS_FIRST else "LAST"
        items.append(f"{column} {direction} NULLS {nulls}")
    return items


def column_sql(schema: Schema, field_id: int) -> str:
    """A column, or a field of a struct, as SQL names it."""
    name = schema.find_column_name(field_id)
    assert name is not None
    # A top-level column may have a dot in its name; it is no path.
    if any(field.field_id == field_id for field in schema.fields):
        return quote(name)
    return ".".join(quote(part) for part in name.split("."))


def _transformed(session: Session, schema: Schema, field: PartitionField) -> tuple[str, IcebergType]:
    """The expression for a partition field's value and the value's type."""
    column = column_sql(schema, field.source_id)
    source = schema.find_field(field.source_id).field_type
    moment = f"({column} AT TIME ZONE 'UTC')" if isinstance(source, TimestamptzType) else column
    match field.transform:
        case IdentityTransform():
            return column, source
        case VoidTransform():
            return "NULL", IntegerType()
        case YearTransform():
            return f"(year({moment}) - 1970)", IntegerType()
        case MonthTransform():
            return f"((year({moment}) - 1970) * 12 + month({moment}) - 1)", IntegerType()
        case DayTransform():
            return f"date_diff('day', DATE '1970-01-01', CAST({moment} AS DATE))", IntegerType()
        case HourTransform():
            return f"date_diff('hour', TIMESTAMP '1970-01-01', {moment})", IntegerType()
        case TruncateTransform() as transform:
            return _truncated(column, source, transform.width), source
        case BucketTransform() as transform:
            if isinstance(source, UUIDType):
                # DuckDB's Iceberg extension 1.5 hashes UUIDs in another way and skips files that it should read.
                raise ProjectError(
                    f"Cannot partition by a bucket of {column}: DuckDB would miss rows, because it is a UUID.",
                    hint="Store the column as text, or partition by another one.",
                )
            return f"{_bucket_function(session, source, transform.num_buckets)}({column})", IntegerType()
    raise ProjectError(
        f"Cannot write partitions by '{field.transform}'.",
        hint="Write it with the engine that made the table, or partition the table in another way.",
    )


def _truncated(column: str, source: IcebergType, width: int) -> str:
    match source:
        case IntegerType() | LongType():
            wide = f"CAST({column} AS HUGEINT)"
            return f"({wide} - ((({wide} % {width}) + {width}) % {width}))"
        case DecimalType():
            kind = to_duckdb(source)
            step = f"CAST({Decimal(width).scaleb(-source.scale):f} AS {kind})"
            return f"CAST({column} - ((({column} % {step}) + {step}) % {step}) AS {kind})"
        case StringType():
            return f"left({column}, {width})"
    raise ProjectError(
        f"Cannot write partitions by truncate({width}) of a {source}.",
        hint="Write it with the engine that made the table, or partition the table in another way.",
    )


def _bucket_function(session: Session, source: IcebergType, buckets: int) -> str:
    """The name of a SQL function for Iceberg's hash (32-bit Murmur3), which DuckDB lacks; defined on first use."""
    kind = to_duckdb(source)
    name = f"iceberg_bucket_{buckets}_{''.join(char if char.isalnum() else '_' for char in kind.lower())}"
    if name in session.functions:
        return name
    from pyiceberg_core import transform  # type: ignore[import-untyped]  # it ships no types

    # DuckDB evaluates the annotations, so they cannot name Arrow's types without importing it here.
    def bucket(values: Any) -> Any:
        return transform.bucket(values.combine_chunks(), buckets)

    session.connection.create_function(
        name,
        bucket,
        [DuckDBPyType(kind)],
        DuckDBPyType("INTEGER"),
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
    )
    session.functions.add(name)
    return name


def _key(expression: str, kind: IcebergType) -> str:
    """The value as text, in a form that survives a folder's name."""
    match kind:
        case DateType():
            return f"CAST(date_diff('day', DATE '1970-01-01', {expression}) AS VARCHAR)"
        case TimeType():
            return f"CAST(epoch_us({expression}) AS VARCHAR)"
        case TimestampType() | TimestamptzType():
            return f"CAST(epoch_us({expression}) AS VARCHAR)"
        case StringType():
            return _text_key(expression)
        case BinaryType():
            return _text_key(f"hex({expression})")
        case _:
            return f"CAST({expression} AS VARCHAR)"


def _text_key(text: str) -> str:
    """Text with a prefix that keeps the empty one from looking like null; what is too long is read from the file."""
    return f"CASE WHEN octet_length(encode({text})) <= {_TEXT_MAX} THEN '=' || {text} ELSE md5({text}) END"


def partition_values(
    session: Session, version: TableVersion, keys: Sequence[str | None], path: str
) -> tuple[object, ...]:
    """The values of a file's partition in Iceberg's internal form.

    Args:
        session: Reads the file where a value was too long for its key.
        version: The table the file was written for.
        keys: Texts of `partition_expressions`, in the order of the spec's fields.
        path: The file.
    """
    values = []
    for field, key in zip(version.spec.fields, keys, strict=True):
        source = version.schema.find_field(field.source_id).field_type
        kind = field.transform.result_type(source)
        if key is not None and isinstance(kind, StringType | BinaryType) and not key.startswith("="):
            expression, _ = _transformed(session, version.schema, field)
            values.append(session.value(f"SELECT {expression} FROM read_parquet({literal(path)}) LIMIT 1"))
        else:
            values.append(None if key is None else _value(kind, key))
            _check_prunable(field, source, values[-1])
    return tuple(values)


def _check_prunable(field: PartitionField, source: IcebergType, value: object) -> None:
    """Refuse what DuckDB's Iceberg extension 1.5 gets wrong: months and days of timestamps before 1970.

    It takes such a moment for one of the partition after its own, and skips files that hold what is asked for.
    """
    timestamp = isinstance(source, TimestampType | TimestamptzType)
    if (
        timestamp
        and isinstance(field.transform, MonthTransform | DayTransform)
        and isinstance(value, int)
        and value < 0
    ):
        raise DataError(
            f"Cannot keep a timestamp before 1970 in partition '{field.name}': DuckDB would miss it.",
            hint=f"Partition by the year, or by the {field.transform} of a date.",
        )


def _value(kind: IcebergType, key: str) -> object:
    match kind:
        case BooleanType():
            return key == "true"
        case FloatType() | DoubleType():
            return float(key)
        case DecimalType():
            return Decimal(key)
        case UUIDType():
            return uuid.UUID(key)
        case StringType():
            return key[1:]
        case BinaryType():
            return bytes.fromhex(key[1:])
        case _:
            return int(key)
