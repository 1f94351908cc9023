"""Writers: an engine in one of its ways of writing, and how it takes each step of a journey."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Protocol

import pyarrow as pa
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import BucketTransform, MonthTransform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
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
)
from tests.services.interop.dialects import Dialect
from tests.services.interop.journeys import COLUMNS, MERGED, Row, first_rows, late_row

from services.engines import PyIceberg, SqlEngine

NAMESPACE = "interop"


class Writer(Protocol):
    """Takes a table through its journey, but for steps that it cannot take."""

    @property
    def cannot(self) -> frozenset[str]: ...

    def take(self, step: str, table: str, branch: str) -> None:
        """Take one step."""


class SqlWriter:
    """An engine that is told in SQL."""

    def __init__(self, engine: SqlEngine, dialect: Dialect) -> None:
        self._engine = engine
        self._dialect = dialect
        self.cannot = dialect.cannot

    def take(self, step: str, table: str, branch: str) -> None:
        if step == "create":
            self._engine.execute(f"CREATE SCHEMA IF NOT EXISTS {{catalog}}.{NAMESPACE}", branch)
        for statement in self._dialect.steps(branch)[step]:
            self._engine.execute(statement, branch, table)


_TYPES: dict[str, IcebergType] = {
    "long": LongType(),
    "int": IntegerType(),
    "double": DoubleType(),
    "decimal": DecimalType(12, 2),
    "date": DateType(),
    "timestamp": TimestampType(),
    "timestamptz": TimestamptzType(),
    "string": StringType(),
    "boolean": BooleanType(),
    "binary": BinaryType(),
    "list": ListType(100, StringType(), element_required=False),
    "struct": StructType(
        NestedField(101, "city", StringType(), required=False), NestedField(102, "zip", IntegerType(), required=False)
    ),
    "map": MapType(103, StringType(), 104, DecimalType(10, 2), value_required=False),
}


class PyIcebergWriter:
    """PyIceberg, which writes whole files anew (copy-on-write)."""

    cannot: frozenset[str] = frozenset()

    def __init__(self, engine: PyIceberg) -> None:
        self._engine = engine

    def take(self, step: str, table: str, branch: str) -> None:
        if step == "create":
            self._create(table, branch)
        else:
            getattr(self, f"_{step}")(self._engine.catalog(branch).load_table(table), branch)

    def _create(self, table: str, branch: str) -> None:
        catalog = self._engine.catalog(branch)
        catalog.create_namespace_if_not_exists(NAMESPACE)
        fields = (
            NestedField(number, name, _TYPES[kind], required=False)
            for number, (name, kind) in enumerate(COLUMNS.items(), start=1)
        )
        made = catalog.create_table(table, Schema(*fields))
        with made.update_spec() as spec:
            spec.add_field("day", MonthTransform(), "day_month")

    def _insert(self, table: Table, branch: str) -> None:
        table.append(_arrow(table, first_rows(branch)))

    def _update(self, table: Table, branch: str) -> None:
        (found,) = table.scan("id = 2").to_arrow().to_pylist()
        changed = {**found, "note": "updated", "amount": found["amount"] + 1}
        table.overwrite(pa.Table.from_pylist([changed], table.schema().as_arrow()), "id = 2")

    def _merge(self, table: Table, branch: str) -> None:
        # Its own upsert takes whole rows, so what a source row does not say is read first.
        known = {one["id"]: one for one in table.scan("id = 3").to_arrow().to_pylist()}
        rows = [{**known.get(one["id"], {}), **one, "amount": Decimal(str(one["amount"]))} for one in MERGED]
        done = table.upsert(pa.Table.from_pylist(rows, table.schema().as_arrow()), ["id"])
        assert (done.rows_updated, done.rows_inserted) == (1, 1)

    def _delete(self, table: Table, branch: str) -> None:
        table.delete("id = 4")

    def _add_column(self, table: Table, branch: str) -> None:
        with table.update_schema() as schema:
            schema.add_column("extra", LongType())

    def _rename_column(self, table: Table, branch: str) -> None:
        with table.update_schema() as schema:
            schema.rename_column("note", "remark")

    def _widen_columns(self, table: Table, branch: str) -> None:
        with table.update_schema() as schema:
            schema.update_column("small", LongType())
            schema.update_column("amount", DecimalType(14, 2))

    def _drop_column(self, table: Table, branch: str) -> None:
        with table.update_schema() as schema:
            schema.delete_column("flag")

    def _evolve_partitions(self, table: Table, branch: str) -> None:
        with table.update_spec() as spec:
            spec.add_field("id", BucketTransform(4), "id_bucket")

    def _insert_late(self, table: Table, branch: str) -> None:
        table.append(_arrow(table, [late_row()]))

    def _delete_late(self, table: Table, branch: str) -> None:
        table.delete("id = 5")

    def _update_late(self, table: Table, branch: str) -> None:
        (found,) = table.scan("id = 8").to_arrow().to_pylist()
        table.overwrite(pa.Table.from_pylist([{**found, "extra": 80}], table.schema().as_arrow()), "id = 8")


def _arrow(table: Table, rows: list[Row]) -> pa.Table:
    schema = table.schema().as_arrow()
    return pa.Table.from_pylist(
        [{field.name: _value(one[field.name], field.type) for field in schema} for one in rows], schema
    )


def _value(value: Any, kind: pa.DataType) -> Any:
    """What Arrow takes for a value in the plain form."""
    if value is None:
        return None
    if pa.types.is_decimal(kind):
        return Decimal(value)
    if pa.types.is_date(kind):
        return dt.date.fromisoformat(value)
    if pa.types.is_timestamp(kind):
        return dt.datetime.fromisoformat(value)
    if pa.types.is_large_binary(kind) or pa.types.is_binary(kind):
        return bytes.fromhex(value)
    if pa.types.is_map(kind):
        return [(key, _value(item, kind.item_type)) for key, item in value.items()]
    return value
