"""From what `COPY ... RETURN_STATS` says about a file to Iceberg's column statistics.

DuckDB gives bounds as text. Only what can be read back exactly becomes a bound: a missing bound costs a reader some
pruning, a wrong one costs rows.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal

from pyiceberg.conversions import to_bytes
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    PrimitiveType,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
)

from headgate.types import ColumnStats

# Iceberg's own default, truncate(16): long values would bloat every manifest.
_TEXT_BOUND_LENGTH = 16
_FIRST_SURROGATE, _LAST_SURROGATE = 0xD800, 0xDFFF
_DATE = re.compile(r"^\d{4}-\d\d-\d\d$")
_TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?(\+00)?$")
_MICROSECONDS = 1_000_000


def column_stats(schema: Schema, reported: Mapping[str, Mapping[str, str]]) -> dict[int, ColumnStats]:
    """Statistics of a file by field id.

    Args:
        schema: The table's schema, whose column names the file has.
        reported: `column_statistics` of `RETURN_STATS`: by quoted path (`"a"."b"`), each a map of names to text.
    """
    return {
        field.field_id: _stats(field.field_type, reported[path])
        for path, field in _leaves(schema.fields, "")
        if path in reported
    }


def _leaves(fields: tuple[NestedField, ...], prefix: str) -> Iterator[tuple[str, NestedField]]:
    """Primitive fields by path; those inside lists and maps have no bounds in Iceberg and are left out."""
    for field in fields:
        path = f'{prefix}"{field.name.replace(chr(34), chr(34) * 2)}"'
        if isinstance(field.field_type, StructType):
            yield from _leaves(field.field_type.fields, f"{path}.")
        elif isinstance(field.field_type, PrimitiveType):
            yield path, field


def _stats(kind: IcebergType, reported: Mapping[str, str]) -> ColumnStats:
    # DuckDB says only whether there are NaNs, and sorts them above everything: no bound holds for such a column.
    has_nan = reported.get("has_nan") == "true"
    bounded = "min" in reported and "max" in reported and not has_nan
    return ColumnStats(
        size=_count(reported, "column_size_bytes"),
        values=_count(reported, "num_values"),
        nulls=_count(reported, "null_count"),
        nans=0 if reported.get("has_nan") == "false" else None,
        lower=bound(kind, reported["min"], upper=False) if bounded else None,
        upper=bound(kind, reported["max"], upper=True) if bounded else None,
    )


def _count(reported: Mapping[str, str], name: str) -> int | None:
    return int(reported[name]) if name in reported else None


def bound(kind: IcebergType, text: str, *, upper: bool) -> bytes | None:
    """A bound in Iceberg's single-value binary form; None where the text cannot be trusted to be one."""
    match kind:
        case BooleanType():
            return to_bytes(kind, text in ("1", "true"))
        case IntegerType() | LongType():
            return to_bytes(kind, int(text))
        case FloatType() | DoubleType():
            return _float_bound(kind, text, upper=upper)
        case DecimalType():
            value = Decimal(text)
            return to_bytes(kind, value) if value.as_tuple().exponent == -kind.scale else None
        case StringType():
            return _text_bound(text, upper=upper)
        case DateType():
            days = _days(text)
            return None if days is None else to_bytes(kind, days)
        case TimeType():
            return _time_bound(kind, text)
        case TimestampType() | TimestamptzType():
            micros = _micros(text)
            return None if micros is None else to_bytes(kind, micros)
        case _:
            # UUID: the order of bytes differs between implementations. Binary: not worth the risk.
            return None


def _float_bound(kind: FloatType | DoubleType, text: str, *, upper: bool) -> bytes | None:
    value = float(text)
    if value == 0:
        # -0.0 and 0.0 are equal but have an order as bounds.
        value = 0.0 if upper else -0.0
    bound = to_bytes(kind, value)
    exact = struct.unpack("<f" if isinstance(kind, FloatType) else "<d", bound)[0] == value
    return bound if exact or isinstance(kind, FloatType) else None


def _text_bound(text: str, *, upper: bool) -> bytes | None:
    if not upper or len(text) <= _TEXT_BOUND_LENGTH:
        return text[:_TEXT_BOUND_LENGTH].encode()
    for length in range(_TEXT_BOUND_LENGTH, 0, -1):
        following = ord(text[length - 1]) + 1
        if following == _FIRST_SURROGATE:
            following = _LAST_SURROGATE + 1
        if following <= sys.maxunicode:
            return (text[: length - 1] + chr(following)).encode()
    return None


def _days(text: str) -> int | None:
    """Days since 1970; None for infinity, years before Christ and beyond 9999."""
    if not _DATE.match(text):
        return None
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def _micros(text: str) -> int | None:
    """Microseconds since 1970 of `2020-01-31 12:00:00.123456`, with or without `+00`."""
    if not _TIMESTAMP.match(text):
        return None
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _MICROSECONDS + since.microseconds


def _time_bound(kind: TimeType, text: str) -> bytes | None:
    if text.startswith("24:"):
        return None
    moment = time.fromisoformat(text)
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return to_bytes(kind, seconds * _MICROSECONDS + moment.microsecond)
