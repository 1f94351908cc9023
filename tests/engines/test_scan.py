"""What DuckDB 1.5.5 gets wrong about tables of other engines, and that a scan of headgate's gets it right."""

from __future__ import annotations

import subprocess
import sys
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    Transform,
    TruncateTransform,
)
from pyiceberg.types import (
    BinaryType,
    DecimalType,
    IcebergType,
    LongType,
    NestedField,
    TimestampType,
    TimestamptzType,
    UUIDType,
)
from tests.engines.foreign import Foreign, edited, register, rows

from headgate.catalog import Catalog
from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.engines.duckdb import Session
from headgate.engines.guard import guarded_query, lock
from headgate.engines.reader import Reader
from headgate.engines.scan import scan_sql
from headgate.engines.workspace import Workspace
from headgate.types import Layout, Name

NAME = Name.of("silver", "t")


@pytest.fixture
def foreign(tmp_path: Path) -> Foreign:
    return Foreign(tmp_path / "elsewhere")


def _days(zone: Any = None) -> list[datetime]:
    return [
        datetime(1969, 12, 24, 21, tzinfo=zone),
        datetime(1970, 1, 1, tzinfo=zone),
        datetime(2026, 5, 5, tzinfo=zone),
    ]


KEYS = [uuid.UUID(int=number) for number in range(12)]
DECIMALS = [Decimal(text) for text in ("-5.00", "-3.56", "0.00", "3.56")]
PARTITIONS: list[tuple[IcebergType, Transform[Any, Any], list[Any]]] = [
    (TimestampType(), MonthTransform(), _days()),
    (TimestamptzType(), DayTransform(), _days(UTC)),
    (TimestampType(), HourTransform(), _days()),
    (UUIDType(), BucketTransform(4), [key.bytes for key in KEYS]),
    (DecimalType(9, 2), TruncateTransform(10), DECIMALS),
    (BinaryType(), BucketTransform(3), [b"", b"\x00\xff", b"abc"]),
]


@pytest.mark.parametrize(("kind", "transform", "values"), PARTITIONS, ids=[f"{t} of {k}" for k, t, _ in PARTITIONS])
def test_filters_find_every_row(
    foreign: Foreign,
    session: Session,
    kind: IcebergType,
    transform: Transform[Any, Any],
    values: list[Any],
) -> None:
    schema = Schema(NestedField(1, "id", LongType(), required=False), NestedField(2, "x", kind, required=False))
    spec = PartitionSpec(PartitionField(2, 1000, transform, "x_part"))
    batch = [{"id": number, "x": value} for number, value in enumerate(values)]
    table = foreign.table(batch, schema=schema, spec=spec)
    scan = scan_sql(session, table.metadata_location)
    assert session.rows(f"DESCRIBE {scan}")[-1][0] == "x"
    for number, value in enumerate(values):
        asked = uuid.UUID(bytes=value) if isinstance(kind, UUIDType) else value
        assert session.rows(f"SELECT id FROM ({scan}) WHERE x = $1", [asked]) == [(number,)]
        at_most = session.value(f"SELECT count(*) FROM ({scan}) WHERE x <= $1", [asked])
        assert at_most == sum(other <= value for other in values)


def _dropped(foreign: Foreign) -> str:
    """A table of which the files are partitioned by a column that is gone."""
    spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "kind"))
    table = foreign.table(rows(0, 9), spec=spec)
    with table.update_spec() as change:
        change.remove_field("kind")

    def drop(metadata: dict[str, Any]) -> None:
        fields = metadata["schemas"][-1]["fields"]
        metadata["schemas"].append(
            {"type": "struct", "schema-id": 7, "fields": [field for field in fields if field["name"] != "kind"]}
        )
        metadata["current-schema-id"] = 7

    return edited(table.metadata_location, drop)


def test_files_may_be_partitioned_by_a_column_that_is_gone(
    foreign: Foreign, catalog: Catalog, workspace: Workspace
) -> None:
    register(catalog, NAME, _dropped(foreign))
    workspace.refresh()
    assert workspace.query("select * from silver.t where id > 5 order by id").fetchall() == [(6,), (7,), (8,)]
    workspace.append(NAME, "select 100::bigint as id")
    workspace.delete(NAME, "id = 4")
    for number in range(30):
        workspace.append(NAME, f"select {200 + number}::bigint as id")
    ids = [*(n for n in range(9) if n != 4), 100, *range(200, 230)]
    assert [row[0] for row in workspace.query("select id from silver.t order by id").fetchall()] == ids
    table = StaticTable.from_metadata(str(workspace.version(NAME)))
    assert sorted(table.scan().to_arrow()["id"].to_pylist()) == ids
    # The partitions of the files that stay are what they were, also in manifests that were written again; the file of
    # k1 had a row that was deleted.
    kept = {file.partition[0] for file in workspace.table(NAME).data_files() if len(file.partition)}
    assert kept == {"k0", "k2"}


def test_headgate_drops_such_a_column_itself(workspace: Workspace) -> None:
    by_kind = Layout(partition_by=("kind",))
    workspace.append(NAME, "select i as id, 'k' || i % 3 as kind from range(9) t(i)", layout=by_kind)
    workspace.append(NAME, "select 9::bigint as id, 'x' as kind", layout=Layout())
    workspace.append(NAME, "select 10::bigint as id", schema_mode="sync")
    assert workspace.query("select count(*), sum(id) from silver.t").fetchone() == (11, 55)


def test_people_who_query_see_the_same(catalog: Catalog, tmp_path: Path) -> None:
    """A locked session may read the copies of metadata that it needs."""
    register(catalog, NAME, _dropped(Foreign(tmp_path / "warehouse")))
    with Session(EngineSettings(threads=1), Storage(str(tmp_path / "warehouse"))) as locked:
        lock(locked)
        assert guarded_query(Reader(catalog, "main", locked), "select count(*) from silver.t").fetchone() == (9,)


def test_duckdb_aborts_on_partitions_of_a_column_that_is_gone(foreign: Foreign) -> None:
    """Why it is given a copy; goes red when DuckDB's Iceberg extension survives such a table."""
    program = (
        "from headgate.catalog.storage import Storage; from headgate.config import EngineSettings;"
        "from headgate.engines.duckdb import Session;"
        f"Session(EngineSettings(), Storage('/')).rows(\"FROM iceberg_scan('{_dropped(foreign)}')\")"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode < 0
    assert "terminate called" in ended.stderr


def test_duckdb_fails_on_truncated_decimals_below_zero(foreign: Foreign, session: Session) -> None:
    """Why these are not pruned by; goes red when DuckDB's Iceberg extension truncates decimals below zero."""
    schema = Schema(NestedField(1, "x", DecimalType(9, 2), required=False))
    spec = PartitionSpec(PartitionField(1, 1000, TruncateTransform(10), "x_trunc"))
    table = foreign.table([{"x": value} for value in DECIMALS], schema=schema, spec=spec)
    scan = f"FROM iceberg_scan('{table.metadata_location}')"
    with pytest.raises(duckdb.InternalException):
        session.connection.execute(f"{scan} WHERE x = -3.56").fetchall()


def test_duckdb_looks_for_numbers_in_snapshots_of_version_1(foreign: Foreign, session: Session) -> None:
    """Why such a table is shown to it as one of version 1; goes red when it takes their absence for 0."""
    table = foreign.table(rows(0, 3), version=1)

    def raise_version(metadata: dict[str, Any]) -> None:
        metadata |= {"format-version": 2, "last-sequence-number": 0}

    location = edited(table.metadata_location, raise_version)
    assert session.value(f"SELECT count(*) FROM ({scan_sql(session, location)})") == 3
    with pytest.raises(duckdb.Error, match="required field 'sequence_number' is NULL"):
        session.connection.execute(f"FROM iceberg_scan('{location}')").fetchall()


def test_text_partitions_are_still_pruned_by(foreign: Foreign, session: Session) -> None:
    """A copy is made only where it is needed."""
    spec = PartitionSpec(PartitionField(2, 1000, TruncateTransform(2), "kind_trunc"))
    location = foreign.table(rows(0, 9), spec=spec).metadata_location
    assert location in scan_sql(session, location)
