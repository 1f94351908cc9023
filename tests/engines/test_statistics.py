"""Bounds of columns: never narrower than the values, and used by readers to skip files."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.table import StaticTable
from pyiceberg.types import (
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
)

from headgate.engines.statistics import bound
from headgate.engines.workspace import Workspace
from headgate.types import Layout, Name

Read = Callable[..., list[dict[str, Any]]]
TABLE = Name.of("silver", "t")


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    # The examples follow "Binary single-value serialization" of the specification, worked out by hand.
    [
        (BooleanType(), "1", b"\x01"),
        (BooleanType(), "0", b"\x00"),
        (IntegerType(), "-2", b"\xfe\xff\xff\xff"),
        (LongType(), "258", b"\x02\x01\x00\x00\x00\x00\x00\x00"),
        (FloatType(), "1.5", b"\x00\x00\xc0\x3f"),
        (DoubleType(), "-inf", b"\x00\x00\x00\x00\x00\x00\xf0\xff"),
        (DecimalType(9, 2), "-1.28", b"\x80"),
        (DecimalType(9, 2), "2.56", b"\x01\x00"),
        (StringType(), "é", b"\xc3\xa9"),
        (DateType(), "1970-01-03", b"\x02\x00\x00\x00"),
        (DateType(), "1969-12-31", b"\xff\xff\xff\xff"),
        (TimeType(), "00:00:00.000258", b"\x02\x01\x00\x00\x00\x00\x00\x00"),
        (TimestampType(), "1970-01-01 00:00:00.000258", b"\x02\x01\x00\x00\x00\x00\x00\x00"),
        (TimestampType(), "1969-12-31 23:59:59.999999", b"\xff" * 8),
        (TimestamptzType(), "1970-01-01 00:00:00.000258+00", b"\x02\x01\x00\x00\x00\x00\x00\x00"),
    ],
)
def test_bounds_are_serialised_as_the_specification_says(kind: IcebergType, text: str, expected: bytes) -> None:
    assert bound(kind, text, upper=True) == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (DateType(), "infinity"),
        (DateType(), "-infinity"),
        (DateType(), "0044-03-15 (BC)"),
        (DateType(), "5881580-07-10"),
        (TimestampType(), "infinity"),
        (TimestampType(), "0044-03-15 (BC) 00:00:00"),
        (TimestampType(), "0044-03-15 00:00:00 (BC)"),
        (TimestampType(), "294247-01-10 04:00:54.775806"),
        (TimeType(), "24:00:00"),
        (DecimalType(9, 2), "1.234"),
        (StringType(), chr(0x10FFFF) * 17),
    ],
)
def test_what_cannot_be_trusted_is_no_bound(kind: IcebergType, text: str) -> None:
    assert bound(kind, text, upper=True) is None


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_bounds_of_text_hold_the_text(text: str) -> None:
    lower, upper = bound(StringType(), text, upper=False), bound(StringType(), text, upper=True)
    assert lower is not None
    assert lower <= text.encode()
    assert upper is None or text.encode() <= upper
    assert len(lower.decode()) <= 16


def test_the_code_point_after_the_last_before_the_surrogates_is_a_character() -> None:
    assert bound(StringType(), "a" * 15 + "\ud7ff" + "b", upper=True) == ("a" * 15 + "\ue000").encode()


@given(st.floats(allow_nan=False))
def test_bounds_of_floats_hold_the_number(number: float) -> None:
    lower, upper = bound(DoubleType(), repr(number), upper=False), bound(DoubleType(), repr(number), upper=True)
    assert lower is not None
    assert upper is not None
    (least,), (greatest,) = struct.unpack("<d", lower), struct.unpack("<d", upper)
    assert least <= number <= greatest


VALUES = """
    SELECT i AS a_long, i::INTEGER AS an_int, (i * 0.5)::DOUBLE AS a_double, (i * 0.25)::FLOAT AS a_float,
           (i * 1.01)::DECIMAL(9, 2) AS a_decimal, (i * 10000000000.5)::DECIMAL(38, 5) AS a_wide_decimal,
           'name ' || lpad(i::VARCHAR, 4, '0') AS a_text, repeat('x', 20) || lpad(i::VARCHAR, 4, '0') AS a_long_text,
           DATE '1970-01-01' + i::INTEGER AS a_date, TIMESTAMP '1970-01-01' + to_seconds(i) AS a_timestamp,
           TIMESTAMPTZ '1970-01-01 00:00:00+00' + to_seconds(i) AS a_moment, TIME '12:00' + to_minutes(i) AS a_time,
           i >= 0 AS a_boolean, {{'inner': i}} AS a_struct
    FROM range({}, {}) AS t(i)
"""


@pytest.mark.parametrize(
    "row_filter",
    [
        "a_long = 150",
        "an_int = 150",
        "a_double = 75.0",
        "a_float = 37.5",
        "a_decimal = 151.50",
        "a_wide_decimal = 1500000000075.00000",
        "a_text = 'name 0150'",
        "a_date = '1970-05-31'",
        "a_timestamp = '1970-01-01T00:02:30'",
        "a_moment = '1970-01-01T00:02:30+00:00'",
        "a_boolean = true and a_long = 150",
    ],
)
def test_readers_skip_files_by_their_bounds(
    workspace: Workspace, by_pyiceberg: Read, by_duckdb: Read, row_filter: str
) -> None:
    for start in (-300, -100, 100, 300):
        workspace.append(TABLE, VALUES.format(start, start + 200))
    location = workspace.version(TABLE)
    assert location is not None
    assert [row["a_long"] for row in by_pyiceberg(location, row_filter)] == [150]
    assert [row["a_long"] for row in by_duckdb(location, row_filter)] == [150]
    planned = list(
        StaticTable.from_metadata(location, workspace.session.storage.client_config())
        .scan()
        .filter(row_filter)
        .plan_files()
    )
    assert len(planned) == 1
    plan = workspace.session.rows(f"EXPLAIN ANALYZE SELECT * FROM iceberg_scan('{location}') WHERE {row_filter}")
    assert "Total Files Read: 1" in plan[0][1]


def test_fields_of_structs_have_bounds_too(workspace: Workspace, by_pyiceberg: Read, by_duckdb: Read) -> None:
    for start in (0, 200):
        workspace.append(TABLE, VALUES.format(start, start + 200))
    location = workspace.version(TABLE)
    assert location is not None
    scan = (
        StaticTable.from_metadata(location, workspace.session.storage.client_config())
        .scan()
        .filter("a_struct.inner = 150")
    )
    assert len(list(scan.plan_files())) == 1
    assert by_pyiceberg(location, "a_struct.inner = 150") == by_duckdb(location, "a_struct.inner = 150") != []


def test_text_that_differs_only_behind_the_bound_is_found(
    workspace: Workspace, by_pyiceberg: Read, by_duckdb: Read
) -> None:
    workspace.append(TABLE, VALUES.format(0, 200))
    row_filter = "a_long_text = 'xxxxxxxxxxxxxxxxxxxx0150'"
    assert [row["a_long"] for row in by_pyiceberg(workspace.version(TABLE), row_filter)] == [150]
    assert [row["a_long"] for row in by_duckdb(workspace.version(TABLE), row_filter)] == [150]


@pytest.mark.parametrize(
    ("value", "row_filter"),
    [
        ("'nan'::DOUBLE", "v > 1e6"),
        ("'nan'::FLOAT", "v > 1e6"),
        ("'infinity'::DOUBLE", "v > 1e6"),
        ("'-infinity'::DOUBLE", "v < -1e6"),
        ("-0.0::DOUBLE", "v = 0.0"),
        ("0.0::DOUBLE", "v = -0.0"),
        ("'infinity'::TIMESTAMP", "v > TIMESTAMP '2100-01-01'"),
        ("'infinity'::DATE", "v > DATE '2100-01-01'"),
        ("DATE '0044-03-15 (BC)'", "v < DATE '0001-01-01'"),
        ("TIME '24:00:00'", "v > TIME '23:59:59'"),
        ("'a' || chr(0) || 'b'", "v = 'a' || chr(0) || 'b'"),
        ("repeat('z', 300)", "v > 'y'"),
        ("repeat('\U0010ffff', 20)", "v > 'y'"),
        (r"'\xFF\xFE'::BLOB", r"v = '\xFF\xFE'::BLOB"),
        ("'ffffffff-0000-0000-0000-000000000000'::UUID", "v = 'ffffffff-0000-0000-0000-000000000000'::UUID"),
        ("[1, 2]", "len(v) = 2"),
        ("NULL::INTEGER", "v IS NULL"),
    ],
)
def test_odd_values_are_found(workspace: Workspace, value: str, row_filter: str) -> None:
    workspace.append(TABLE, f"SELECT 1 AS id, {value} AS v")
    workspace.append(TABLE, "SELECT 2 AS id, NULL AS v")
    count = workspace.query(f"SELECT count(*) FROM silver.t WHERE id = 1 AND {row_filter}").fetchone()
    assert count == (1,)


def test_nulls_and_values_are_counted(workspace: Workspace) -> None:
    workspace.append(TABLE, "SELECT unnest([1, NULL, 3, NULL]) AS v, unnest([1.0::DOUBLE, 'nan', 2.0, NULL]) AS d")
    (file,) = workspace.table(TABLE).data_files()
    assert (file.value_counts, file.null_value_counts) == ({1: 4, 2: 4}, {1: 2, 2: 1})
    assert file.lower_bounds == {1: b"\x01\x00\x00\x00"}
    assert file.record_count == 4


def test_partitions_keep_long_and_odd_texts_apart(workspace: Workspace, by_pyiceberg: Read, by_duckdb: Read) -> None:
    values = ["", "=", "null", "__HIVE_DEFAULT_PARTITION__", "a/../b", "x" * 300, "x" * 301, "é" * 100, "%2F", None]
    rows = ", ".join("(NULL)" if value is None else f"('{value}')" for value in values)
    workspace.append(TABLE, f"FROM (VALUES {rows}) AS t(v)", layout=Layout(partition_by=("v",)))
    files = workspace.table(TABLE).files()
    assert {file.partition for file in files} == {(value,) for value in values}
    location = workspace.version(TABLE)
    for value in values:
        row_filter = "v is null" if value is None else f"v = '{value}'"
        assert by_pyiceberg(location, row_filter) == by_duckdb(location, row_filter) == [{"v": value}]


def test_partition_values_have_their_types(workspace: Workspace) -> None:
    sql = """SELECT 1.5::DOUBLE AS f, 1.50::DECIMAL(5, 2) AS n, TIMESTAMPTZ '1970-01-01 00:00:01+00' AS m,
             TIME '00:00:01' AS t, '\\xAB'::BLOB AS b, '00000000-0000-0000-0000-000000000001'::UUID AS u, false AS o"""
    workspace.append(TABLE, sql, layout=Layout(partition_by=("f", "n", "m", "t", "b", "u", "o")))
    (file,) = workspace.table(TABLE).files()
    f, n, m, t, b, u, o = file.partition
    assert (f, n, m, t, b, o) == (1.5, Decimal("1.50"), 1_000_000, 1_000_000, b"\xab", False)
    assert str(u) == "00000000-0000-0000-0000-000000000001"
    assert datetime.fromtimestamp(1, UTC).isoformat() == "1970-01-01T00:00:01+00:00"
