from __future__ import annotations

import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import DateType, LongType, NestedField, StringType, StructType

from headgate.catalog.iceberg.layout import partition_spec, same_partitioning, sort_order
from headgate.errors import ProjectError

SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "Start Date", DateType(), required=False),
    NestedField(3, "zip", StringType(), required=False),
    NestedField(4, "s", StructType(NestedField(5, "x", LongType(), required=False)), required=False),
)


@pytest.mark.parametrize(
    ("text", "source", "transform", "name"),
    [
        ("id", 1, "identity", "id"),
        ("ID", 1, "identity", "id"),
        ("identity(id)", 1, "identity", "id"),
        ("month(Start Date)", 2, "month", "Start_x20Date_month"),
        ('months("Start Date")', 2, "month", "Start_x20Date_month"),
        ("year(start date)", 2, "year", "Start_x20Date_year"),
        (" day ( Start Date ) ", 2, "day", "Start_x20Date_day"),
        ("bucket(16, id)", 1, "bucket[16]", "id_bucket"),
        ("bucket(id, 16)", 1, "bucket[16]", "id_bucket"),
        ("truncate(4,zip)", 3, "truncate[4]", "zip_trunc"),
        ("bucket(2, s.x)", 5, "bucket[2]", "s_x2Ex_bucket"),
    ],
)
def test_transforms_are_read(text: str, source: int, transform: str, name: str) -> None:
    (field,) = partition_spec(SCHEMA, (text,), 999, 3).fields
    assert (field.source_id, str(field.transform), field.name, field.field_id) == (source, transform, name, 1000)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("monht(Start Date)", "'monht(Start Date)' is not a partition transform", "month"),
        ("bucket(id)", "is not a partition transform", "bucket(16, c)"),
        ("month(Stat Date)", "Cannot partition by 'Stat Date'", "Did you mean 'Start Date'?"),
        ("hour(Start Date)", "column 'Start Date' is a date", None),
        ("month(id)", "column 'id' is a long", None),
        ("s", "column 's' is a struct", None),
    ],
)
def test_what_cannot_be_a_partition_is_told(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(ProjectError) as caught:
        partition_spec(SCHEMA, (text,), 999, 0)
    assert message in caught.value.message
    assert hint is None or hint in str(caught.value.hint)


def test_a_transform_comes_once() -> None:
    with pytest.raises(ProjectError, match="twice"):
        partition_spec(SCHEMA, ("id", "ID"), 999, 0)


def test_partitioning_is_compared_without_ids() -> None:
    one = partition_spec(SCHEMA, ("bucket(2, id)", "zip"), 999, 0)
    assert same_partitioning(one, partition_spec(SCHEMA, ("bucket(2, ID)", "zip"), 1005, 7))
    assert not same_partitioning(one, partition_spec(SCHEMA, ("bucket(3, id)", "zip"), 999, 0))
    assert not same_partitioning(one, partition_spec(SCHEMA, ("zip", "bucket(2, id)"), 999, 0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id", (1, "ASC", "NULLS_FIRST")),
        ("id DESC", (1, "DESC", "NULLS_LAST")),
        ("Start Date desc nulls first", (2, "DESC", "NULLS_FIRST")),
        ("zip nulls last", (3, "ASC", "NULLS_LAST")),
    ],
)
def test_sort_orders_are_read(text: str, expected: tuple[int, str, str]) -> None:
    (field,) = sort_order(SCHEMA, (text,), 1).fields
    assert (field.source_id, field.direction.name, field.null_order.name) == expected


def test_no_sort_order_is_iceberg_s_order_zero() -> None:
    assert sort_order(SCHEMA, (), 1).order_id == 0
    with pytest.raises(ProjectError, match="Cannot sort by 'nope'"):
        sort_order(SCHEMA, ("nope",), 1)
