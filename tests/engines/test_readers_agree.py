"""What headgate writes, plain PyIceberg and a bare `iceberg_scan` read alike, and as it was meant."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform, MonthTransform
from pyiceberg.types import NestedField, TimestampType, UUIDType

from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.errors import DataError, ProjectError
from headgate.types import Layout, Name

Read = Callable[..., list[dict[str, Any]]]
TABLE = Name.of("silver", "everything")

VALUES: list[tuple[str, str, str, Any]] = [
    ("a_boolean", "true", "BOOLEAN", True),
    ("a_tinyint", "(-7)::TINYINT", "INTEGER", -7),
    ("a_smallint", "300::SMALLINT", "INTEGER", 300),
    ("an_integer", "2147483647::INTEGER", "INTEGER", 2147483647),
    ("a_bigint", "(-9223372036854775808)::BIGINT", "BIGINT", -9223372036854775808),
    ("a_uinteger", "4294967295::UINTEGER", "BIGINT", 4294967295),
    ("a_ubigint", "18446744073709551615::UBIGINT", "DECIMAL(20,0)", Decimal(18446744073709551615)),
    ("a_hugeint", "123456789012345678901234567890::HUGEINT", "DECIMAL(38,0)", Decimal(123456789012345678901234567890)),
    ("a_float", "1.5::FLOAT", "FLOAT", 1.5),
    ("a_double", "0.1::DOUBLE", "DOUBLE", 0.1),
    ("a_small_decimal", "(-12.34)::DECIMAL(4, 2)", "DECIMAL(4,2)", Decimal("-12.34")),
    ("a_decimal", "1234567.89::DECIMAL(18, 2)", "DECIMAL(18,2)", Decimal("1234567.89")),
    ("a_wide_decimal", "0.00000000001::DECIMAL(38, 11)", "DECIMAL(38,11)", Decimal("0.00000000001")),
    ("a_text", "'Kläranlage 🚰 ''quoted'''", "VARCHAR", "Kläranlage 🚰 'quoted'"),
    ("a_blob", r"'\x00\xFFa'::BLOB", "BLOB", b"\x00\xffa"),
    ("a_date", "DATE '1969-12-31'", "DATE", date(1969, 12, 31)),
    ("a_time", "TIME '23:59:59.999999'", "TIME", time(23, 59, 59, 999999)),
    (
        "a_timestamp",
        "TIMESTAMP '1969-12-31 23:59:59.999999'",
        "TIMESTAMP",
        datetime.fromisoformat("1969-12-31 23:59:59.999999"),
    ),
    ("seconds", "TIMESTAMP_S '2024-02-29 12:00:00'", "TIMESTAMP", datetime.fromisoformat("2024-02-29 12:00")),
    (
        "nanoseconds",
        "TIMESTAMP_NS '2024-02-29 12:00:00.000001234'",
        "TIMESTAMP",
        datetime.fromisoformat("2024-02-29 12:00:00.000001"),
    ),
    (
        "a_moment",
        "TIMESTAMPTZ '2024-03-31 02:30:00+02:00'",
        "TIMESTAMP WITH TIME ZONE",
        datetime(2024, 3, 31, 0, 30, tzinfo=UTC),
    ),
    (
        "a_uuid",
        "'f79c3e09-677c-4bbd-a479-3f349cb785e7'::UUID",
        "UUID",
        uuid.UUID("f79c3e09-677c-4bbd-a479-3f349cb785e7"),
    ),
    ("an_enum", "'red'::ENUM('red', 'blue')", "VARCHAR", "red"),
    ("a_json", """'{"a": 1}'::JSON""", "VARCHAR", '{"a": 1}'),
    ("an_interval", "INTERVAL 3 DAYS", "VARCHAR", "3 days"),
    ("a_struct", "{'x': 1, 'n': {'y': 'z'}}", "STRUCT(x INTEGER, n STRUCT(y VARCHAR))", {"x": 1, "n": {"y": "z"}}),
    ("a_list", "[1, NULL, 3]::BIGINT[]", "BIGINT[]", [1, None, 3]),
    ("an_array", "array_value(1, 2)", "INTEGER[]", [1, 2]),
    ("a_map", "MAP {'k': 1.50::DECIMAL(9, 2)}", "MAP(VARCHAR, DECIMAL(9,2))", {"k": Decimal("1.50")}),
    (
        "deep",
        "[{'tags': ['a', 'b'], 'by': MAP {1: {'at': DATE '2020-01-01'}}}]",
        'STRUCT(tags VARCHAR[], "by" MAP(INTEGER, STRUCT("at" DATE)))[]',
        [{"tags": ["a", "b"], "by": {1: {"at": date(2020, 1, 1)}}}],
    ),
]


ROWS = """
    SELECT i AS id,
           CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN 'north' WHEN 2 THEN 'süd' WHEN 3 THEN '' ELSE 'a/b=%' END AS region,
           CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN true ELSE false END AS flag,
           DATE '1970-01-01' + (i * 17)::INTEGER AS day,
           TIMESTAMP '1970-01-01' + to_hours(i * 24) AS seen_at,
           TIMESTAMPTZ '1970-01-01 00:00:00+00' + to_hours(i * 24) AS moment,
           (i * 1.25)::DECIMAL(9, 2) - 0.75 AS amount,
           md5(i::VARCHAR)::UUID AS unique_id
    FROM range(-30, 31) AS t(i)
"""


def _select() -> str:
    """One row with every value and one with nulls, in this order of the key."""
    present = ", ".join(f"{sql} AS {name}" for name, sql, _, _ in VALUES)
    absent = ", ".join(f"NULL AS {name}" for name, _, _, _ in VALUES)
    return f"SELECT 1 AS key, {present} UNION ALL SELECT 2, {absent}"


@pytest.fixture
def everything(workspace: Workspace) -> Workspace:
    workspace.replace(TABLE, _select())
    return workspace


def test_both_readers_give_every_value_back(everything: Workspace, by_pyiceberg: Read, by_duckdb: Read) -> None:
    location = everything.version(TABLE)
    expected = {name: value for name, _, _, value in VALUES}
    row, empty = by_duckdb(location)
    assert row == {"key": 1, **expected}
    assert empty == {"key": 2, **dict.fromkeys(expected)}
    # PyIceberg 0.12 reads a null list of structs as an empty one.
    assert by_pyiceberg(location) == [row, {**empty, "deep": []}]


def test_duckdb_types_come_back_through_the_view(everything: Workspace) -> None:
    types = {str(row[0]): str(row[1]) for row in everything.query("DESCRIBE silver.everything").fetchall()}
    assert {name: types[name] for name, _, _, _ in VALUES} == {name: kind for name, _, kind, _ in VALUES}


def test_field_ids_reach_nested_fields(everything: Workspace) -> None:
    (file,) = everything.table(TABLE).files()
    ids = everything.session.rows(
        "SELECT field_id FROM parquet_schema(?) WHERE name NOT IN ('duckdb_schema', 'list', 'key_value')", [file.path]
    )
    expected = everything.table(TABLE).schema.field_ids
    assert sorted(row[0] for row in ids) == sorted(expected)


@pytest.mark.parametrize(
    ("partition_by", "filters"),
    [
        (("region",), ["region = 'north'", "region is null", "region <> 'north'"]),
        (("flag",), ["flag = true", "flag is null"]),
        (("year(day)",), ["day >= '1970-01-01'", "day < '1969-06-01'"]),
        (("month(seen_at)",), ["seen_at >= '1970-01-15T00:00:00'", "seen_at < '1970-02-15T00:00:00'"]),
        (("day(moment)",), ["moment >= '1970-01-02T00:00:00+00:00'", "moment < '1970-01-02T00:00:00+00:00'"]),
        (("hour(seen_at)",), ["seen_at >= '1970-01-01T05:00:00'", "seen_at < '1969-12-31T23:00:00'"]),
        (("bucket(4, id)",), ["id = 7", "id = -3"]),
        (("bucket(5, region)",), ["region = 'north'", "region = 'süd'"]),
        (("bucket(3, amount)",), ["amount = 1.75", "amount = -4.50"]),
        (("bucket(3, day)",), ["day = '1970-01-18'"]),
        (("bucket(3, seen_at)",), ["seen_at = '1970-01-02T00:00:00'"]),
        (("bucket(3, moment)",), ["moment = '1970-01-02T00:00:00+00:00'"]),
        (("truncate(10, id)",), ["id >= 10", "id < -10", "id = -11"]),
        (("truncate(2, region)",), ["region = 'north'", "region >= 's'"]),
        (("truncate(50, amount)",), ["amount >= 1.00", "amount < -2.00"]),
        (("region", "bucket(2, id)", "month(day)"), ["region = 'north' and id = 11", "day < '1970-01-01'"]),
    ],
    ids=str,
)
def test_partitioned_tables_answer_filters_alike(
    workspace: Workspace, by_pyiceberg: Read, by_duckdb: Read, partition_by: tuple[str, ...], filters: list[str]
) -> None:
    rows = f"{ROWS} WHERE i >= 0" if partition_by in (("month(seen_at)",), ("day(moment)",)) else ROWS
    workspace.replace(TABLE, rows, layout=Layout(partition_by=partition_by))
    workspace.session.execute(f"CREATE TEMP TABLE plain AS {rows}")
    location = workspace.version(TABLE)
    assert len(by_pyiceberg(location)) == workspace.session.value("SELECT count(*) FROM plain")
    for row_filter in filters:
        expected = workspace.session.value(f"SELECT count(*) FROM plain WHERE {row_filter}")
        assert expected > 0
        assert len(by_pyiceberg(location, row_filter)) == expected
        assert by_duckdb(location, row_filter) == by_pyiceberg(location, row_filter)


@pytest.mark.parametrize("column", ["id", "region", "day", "seen_at", "moment", "amount"])
@pytest.mark.parametrize("transform", ["{}", "bucket(7, {})", "truncate(3, {})", "year({})", "month({})", "day({})"])
def test_duckdb_finds_every_row_behind_a_partition_filter(workspace: Workspace, column: str, transform: str) -> None:
    """DuckDB prunes by transforms of its own, which have to agree with those that were written."""
    timely = column in ("day", "seen_at", "moment")
    if ("truncate" in transform) == timely and transform not in ("{}", "bucket(7, {})"):
        pytest.skip("the transform does not take the type")
    rows = ROWS
    if transform in ("month({})", "day({})") and column != "day":
        rows += " WHERE i >= 0"
    workspace.replace(TABLE, rows, layout=Layout(partition_by=(transform.format(column),)))
    workspace.session.execute(f"CREATE TEMP TABLE plain AS {rows}")
    values = workspace.session.rows(
        f"SELECT {column}, count(*) FROM plain WHERE {column} IS NOT NULL GROUP BY ALL ORDER BY 1"
    )
    assert len(values) > 3
    for value, count in values[:: max(1, len(values) // 8)]:
        for operator, expected in (("=", count), ("<=", None), (">", None)):
            sql = f"SELECT count(*) FROM {{}} WHERE {column} {operator} $1"
            plain = workspace.session.value(sql.format("plain"), [value])
            assert expected in (None, plain)
            assert workspace.query(sql.format("silver.everything"), [value]).fetchone() == (plain,)


def test_buckets_of_uuid_are_refused(workspace: Workspace) -> None:
    with pytest.raises(ProjectError, match="bucket"):
        workspace.replace(TABLE, ROWS, layout=Layout(partition_by=("bucket(4, unique_id)",)))


def test_duckdb_prunes_buckets_of_uuid_wrongly(session: Session, tmp_path: Path) -> None:
    """Why they are refused; goes red when DuckDB's Iceberg extension hashes a UUID as the specification has it."""
    iceberg = InMemoryCatalog("other", warehouse=f"file://{tmp_path}/other")
    iceberg.create_namespace("n")
    schema = Schema(NestedField(1, "u", UUIDType(), required=False))
    spec = PartitionSpec(PartitionField(1, 1000, BucketTransform(4), "u_bucket"))
    table = iceberg.create_table("n.t", schema, partition_spec=spec)
    values = [uuid.UUID(int=number) for number in range(20)]
    table.append(pa.table({"u": pa.array([value.bytes for value in values], pa.uuid())}))
    scan = f"SELECT count(*) FROM iceberg_scan('{table.metadata_location}')"
    assert session.value(scan) == 20
    assert sum(session.value(f"{scan} WHERE u = '{value}'") for value in values) < 20


@pytest.mark.parametrize("partition_by", ["month(seen_at)", "day(moment)"])
def test_months_and_days_of_timestamps_before_1970_are_refused(workspace: Workspace, partition_by: str) -> None:
    with pytest.raises(DataError, match="before 1970"):
        workspace.replace(TABLE, f"{ROWS} WHERE i < 0", layout=Layout(partition_by=(partition_by,)))


def test_duckdb_prunes_months_before_1970_wrongly(session: Session, tmp_path: Path) -> None:
    """Why they are refused; goes red when DuckDB's Iceberg extension rounds down before 1970."""
    iceberg = InMemoryCatalog("other", warehouse=f"file://{tmp_path}/other")
    iceberg.create_namespace("n")
    schema = Schema(NestedField(1, "t", TimestampType(), required=False))
    spec = PartitionSpec(PartitionField(1, 1000, MonthTransform(), "t_month"))
    table = iceberg.create_table("n.t", schema, partition_spec=spec)
    table.append(pa.table({"t": pa.array([datetime.fromisoformat("1969-12-24 21:00")], pa.timestamp("us"))}))
    scan = f"SELECT count(*) FROM iceberg_scan('{table.metadata_location}')"
    assert session.value(scan) == 1
    assert session.value(f"{scan} WHERE t = TIMESTAMP '1969-12-24 21:00:00'") == 0
