"""Columns between DuckDB and Iceberg: types both ways, field ids for `COPY`, casts to a table's types."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from duckdb.sqltypes import DuckDBPyType
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from headgate.types import literal, quote

_TO_ICEBERG: dict[str, IcebergType] = {
    "boolean": BooleanType(),
    "tinyint": IntegerType(),
    "smallint": IntegerType(),
    "integer": IntegerType(),
    "bigint": LongType(),
    "utinyint": IntegerType(),
    "usmallint": IntegerType(),
    "uinteger": LongType(),
    "ubigint": DecimalType(20, 0),
    "hugeint": DecimalType(38, 0),
    "uhugeint": DecimalType(38, 0),
    "float": FloatType(),
    "double": DoubleType(),
    "varchar": StringType(),
    "blob": BinaryType(),
    "date": DateType(),
    "time": TimeType(),
    "time_ns": TimeType(),
    "timestamp": TimestampType(),
    "timestamp_s": TimestampType(),
    "timestamp_ms": TimestampType(),
    "timestamp_ns": TimestampType(),
    "timestamp with time zone": TimestamptzType(),
    "uuid": UUIDType(),
}
_TO_DUCKDB: dict[type[IcebergType], str] = {
    BooleanType: "BOOLEAN",
    IntegerType: "INTEGER",
    LongType: "BIGINT",
    FloatType: "FLOAT",
    DoubleType: "DOUBLE",
    StringType: "VARCHAR",
    BinaryType: "BLOB",
    FixedType: "BLOB",
    DateType: "DATE",
    TimeType: "TIME",
    TimestampType: "TIMESTAMP",
    TimestamptzType: "TIMESTAMP WITH TIME ZONE",
    UUIDType: "UUID",
}


def to_iceberg(columns: Sequence[tuple[str, DuckDBPyType]]) -> Schema:
    """The Iceberg schema for columns of a DuckDB query; its ids are only placeholders.

    A type without a twin in Iceberg becomes the narrowest that holds its values, else text.
    """
    ids = itertools.count(1)
    return Schema(*(NestedField(next(ids), name, _iceberg_type(kind, ids), required=False) for name, kind in columns))


def _iceberg_type(kind: DuckDBPyType, ids: Iterator[int]) -> IcebergType:
    if kind.id == "decimal":
        parts = dict(kind.children)
        return DecimalType(int(str(parts["precision"])), int(str(parts["scale"])))
    if kind.id == "struct":
        return StructType(
            *(
                NestedField(next(ids), name, _iceberg_type(_type(child), ids), required=False)
                for name, child in kind.children
            )
        )
    if kind.id in ("list", "array"):
        return ListType(next(ids), _iceberg_type(_type(kind.children[0][1]), ids), element_required=False)
    if kind.id == "map":
        parts = dict(kind.children)
        key, value = _type(parts["key"]), _type(parts["value"])
        return MapType(next(ids), _iceberg_type(key, ids), next(ids), _iceberg_type(value, ids), value_required=False)
    return _TO_ICEBERG.get(kind.id, StringType())


def _type(child: object) -> DuckDBPyType:
    assert isinstance(child, DuckDBPyType)
    return child


def to_duckdb(kind: IcebergType) -> str:
    """The DuckDB type that `iceberg_scan` reads a column of this type as."""
    match kind:
        case DecimalType():
            return f"DECIMAL({kind.precision}, {kind.scale})"
        case StructType():
            fields = ", ".join(f"{quote(field.name)} {to_duckdb(field.field_type)}" for field in kind.fields)
            return f"STRUCT({fields})"
        case ListType():
            return f"{to_duckdb(kind.element_type)}[]"
        case MapType():
            return f"MAP({to_duckdb(kind.key_type)}, {to_duckdb(kind.value_type)})"
        case _:
            return _TO_DUCKDB.get(type(kind), "VARCHAR")


def field_ids(schema: Schema) -> str:
    """The value of `COPY`'s option FIELD_IDS for a table's schema."""
    return _field_ids(schema.fields, None)


def _field_ids(fields: Sequence[NestedField], own: int | None) -> str:
    entries = [] if own is None else [f"__duckdb_field_id: {own}"]
    entries += [f"{quote(field.name)}: {_field_id(field.field_id, field.field_type)}" for field in fields]
    return "{" + ", ".join(entries) + "}"


def _field_id(own: int, kind: IcebergType) -> str:
    match kind:
        case StructType():
            return _field_ids(kind.fields, own)
        case ListType():
            return f"{{__duckdb_field_id: {own}, element: {_field_id(kind.element_id, kind.element_type)}}}"
        case MapType():
            key, value = _field_id(kind.key_id, kind.key_type), _field_id(kind.value_id, kind.value_type)
            return f"{{__duckdb_field_id: {own}, key: {key}, value: {value}}}"
        case _:
            return str(own)


def projection(schema: Schema, available: Sequence[str], constants: Mapping[str, str] | None = None) -> str:
    """Select items that turn rows with the available columns into rows of the table; what is missing is null.

    Args:
        schema: The table's.
        available: The columns that there are.
        constants: Columns of text in which every row has the same, by name. An ENUM of one value becomes the same
            column in the file, but DuckDB neither copies nor hashes its text for every row.
    """
    names = {name.lower() for name in available}
    items = []
    for field in schema.fields:
        value = quote(field.name) if field.name.lower() in names else "NULL"
        kind = to_duckdb(field.field_type)
        constant = (constants or {}).get(field.name)
        if constant is not None and isinstance(field.field_type, StringType):
            value, kind = literal(constant), f"ENUM({literal(constant)})"
        items.append(f"CAST({value} AS {kind}) AS {quote(field.name)}")
    return ", ".join(items)
