"""Schema evolution by field id: what becomes of a table's schema when data of another shape arrives."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pyiceberg.schema import Schema
from pyiceberg.types import (
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StructType,
    TimestampType,
    TimestamptzType,
    UnknownType,
)

from headgate.errors import DataError, UsageError, did_you_mean


class Mode(enum.StrEnum):
    """How far data of another shape may change a table's schema.

    `FAIL`: not at all; columns that the data lacks are null. `ADD`: new columns are added and types widened.
    `SYNC`: as `ADD`, and columns that the data lacks are dropped. `REPLACE`: as `SYNC`, and a column whose type does
    not widen becomes another column of that name; only where all rows are replaced.
    """

    FAIL = "fail"
    ADD = "add"
    SYNC = "sync"
    REPLACE = "replace"


@dataclass
class _Evolution:
    table: str
    mode: Mode
    ids: Iterator[int]

    def fields(self, current: tuple[NestedField, ...], wanted: tuple[NestedField, ...], path: str) -> list[NestedField]:
        known = {field.name.lower(): field for field in current}
        arriving = {field.name.lower(): field for field in wanted}
        kept = [
            self._joined(field, arriving.get(name), path)
            for name, field in known.items()
            if name in arriving or self.mode in (Mode.FAIL, Mode.ADD)
        ]
        added = [field for name, field in arriving.items() if name not in known]
        if added and self.mode is Mode.FAIL:
            names = ", ".join(f"'{path}{field.name}' ({field.field_type})" for field in added)
            raise DataError(
                f"Table '{self.table}' has no column {names}.",
                hint="Let new columns be added, or leave them out of the data.",
            )
        result = kept + [self._fresh(field) for field in added]
        if self.mode in (Mode.SYNC, Mode.REPLACE):
            position = {name: index for index, name in enumerate(arriving)}
            result.sort(key=lambda field: position[field.name.lower()])
        return result

    def _joined(self, current: NestedField, wanted: NestedField | None, path: str) -> NestedField:
        if wanted is None:
            return current
        try:
            joined = self._type(current.field_type, wanted.field_type, f"{path}{current.name}")
        except DataError:
            if self.mode is not Mode.REPLACE:
                raise
            return self._fresh(wanted)
        name = wanted.name if self.mode is Mode.REPLACE else current.name
        return current.model_copy(update={"field_type": joined, "name": name, "doc": wanted.doc or current.doc})

    def _type(self, current: IcebergType, wanted: IcebergType, path: str) -> IcebergType:
        if isinstance(current, StructType) and isinstance(wanted, StructType):
            return StructType(*self.fields(current.fields, wanted.fields, f"{path}."))
        if isinstance(current, ListType) and isinstance(wanted, ListType):
            element = self._type(current.element_type, wanted.element_type, f"{path}.element")
            return ListType(current.element_id, element, element_required=current.element_required)
        if isinstance(current, MapType) and isinstance(wanted, MapType):
            key = self._type(current.key_type, wanted.key_type, f"{path}.key")
            value = self._type(current.value_type, wanted.value_type, f"{path}.value")
            return MapType(current.key_id, key, current.value_id, value, value_required=current.value_required)
        if holds(current, wanted):
            return current
        if self.mode is not Mode.FAIL and widens(current, wanted):
            return wanted
        raise DataError(
            f"Column '{path}' of table '{self.table}' is {current} and the data has {wanted}, which it cannot become.",
            hint=f"Cast the column to {current}, give it another name, or make the table anew:"
            "\nheadgate run --select NAME --full-refresh",
            data={"table": self.table, "column": path, "type": str(current), "data_type": str(wanted)},
        )

    def _fresh(self, field: NestedField) -> NestedField:
        return NestedField(
            field_id=next(self.ids),
            name=field.name,
            field_type=self.fresh_type(field.field_type),
            required=False,
            doc=field.doc,
        )

    def fresh_type(self, field_type: IcebergType) -> IcebergType:
        if isinstance(field_type, StructType):
            return StructType(*(self._fresh(field) for field in field_type.fields))
        if isinstance(field_type, ListType):
            return ListType(next(self.ids), self.fresh_type(field_type.element_type), element_required=False)
        if isinstance(field_type, MapType):
            key, value = next(self.ids), next(self.ids)
            return MapType(
                key,
                self.fresh_type(field_type.key_type),
                value,
                self.fresh_type(field_type.value_type),
                value_required=False,
            )
        return IntegerType() if isinstance(field_type, UnknownType) else field_type


def holds(current: IcebergType, wanted: IcebergType) -> bool:
    """Whether a column of type `current` takes every value of type `wanted` without loss."""
    match current, wanted:
        case _, UnknownType():
            return True
        case LongType(), IntegerType():
            return True
        case DoubleType(), FloatType() | IntegerType():
            return True
        case DecimalType(), IntegerType() | LongType():
            return current.precision - current.scale >= (10 if isinstance(wanted, IntegerType) else 19)
        case DecimalType(), DecimalType():
            return (
                current.scale >= wanted.scale and current.precision - current.scale >= wanted.precision - wanted.scale
            )
        case TimestampType() | TimestamptzType(), DateType():
            return True
        case _:
            return current == wanted


def widens(current: IcebergType, wanted: IcebergType) -> bool:
    """Whether Iceberg lets a column of type `current` become `wanted` with the files as they are.

    The specification's "Schema evolution", format version 2. PyIceberg's `promote` also lets a decimal's scale change.
    """
    match current, wanted:
        case (IntegerType(), LongType()) | (FloatType(), DoubleType()):
            return True
        case DecimalType(), DecimalType():
            return wanted.scale == current.scale and wanted.precision >= current.precision
        case _:
            return False


def evolve_schema(current: Schema, wanted: Schema, last_column_id: int, *, table: str, mode: Mode) -> Schema:
    """The schema of a table that is to take rows of the wanted shape; the current one when nothing changes.

    Args:
        current: The table's schema.
        wanted: Columns as the data has them; ids do not count.
        last_column_id: The highest field id the table has given out.
        table: Name of the table, for errors.
        mode: How far the schema may change.

    Raises:
        DataError: The mode forbids the change, or a type cannot become the other.
    """
    evolution = _Evolution(table, mode, itertools.count(last_column_id + 1))
    fields = evolution.fields(current.fields, wanted.fields, "")
    identifiers = {field.field_id for field in fields} & set(current.identifier_field_ids)
    evolved = Schema(*fields, schema_id=current.schema_id, identifier_field_ids=sorted(identifiers))
    return current if evolved == current else evolved


def fresh_schema(wanted: Schema) -> Schema:
    """The schema of a new table: the wanted columns with ids counted from 1, top level first."""
    evolution = _Evolution("", Mode.ADD, itertools.count(len(wanted.fields) + 1))
    fields = [
        NestedField(number, field.name, evolution.fresh_type(field.field_type), required=False, doc=field.doc)
        for number, field in enumerate(wanted.fields, start=1)
    ]
    return Schema(*fields, schema_id=0)


def rename_columns(schema: Schema, renames: Mapping[str, str], *, table: str) -> Schema:
    """The schema with columns renamed, by their current names; field ids stay.

    Raises:
        UsageError: There is no such column, or the new name is taken.
    """
    new_names = {old.lower(): new for old, new in renames.items()}
    names = [field.name.lower() for field in schema.fields]
    for old in new_names:
        if old not in names:
            raise UsageError(f"Table '{table}' has no column '{old}' to rename.", hint=did_you_mean(old, names))
    after = [new_names.get(name, name).lower() for name in names]
    for new in new_names.values():
        if after.count(new.lower()) > 1:
            raise UsageError(f"Table '{table}' would have two columns '{new}'.", hint="Give one of them another name.")
    fields = [
        field.model_copy(update={"name": new_names.get(field.name.lower(), field.name)}) for field in schema.fields
    ]
    return Schema(*fields, schema_id=schema.schema_id, identifier_field_ids=schema.identifier_field_ids)
