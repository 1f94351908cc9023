"""Tables that Spark itself writes, with all that it leaves behind: read, changed and refused as they should be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.table import StaticTable
from tests.engines.foreign import register

from headgate.catalog import Catalog, open_catalog
from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.engines.description import describe_table
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.errors import DataError
from headgate.types import Name
from services import running

pytestmark = pytest.mark.services

ON_READ = ", ".join(f"'write.{what}.mode' = 'merge-on-read'" for what in ("delete", "update", "merge"))
COLUMNS = "id bigint, kind string, amount decimal(9, 2)"
ROWS = "id, concat('k', id % 3), cast(id * 1.5 as decimal(9, 2))"

# By the name of the table: its columns, its clauses, and what becomes of it.
TABLES: dict[str, tuple[str, str, list[str]]] = {
    "positions": (
        COLUMNS,
        f"TBLPROPERTIES ('format-version' = '2', {ON_READ})",
        [
            f"INSERT INTO {{t}} SELECT {ROWS} FROM range(0, 10)",
            f"INSERT INTO {{t}} SELECT {ROWS} FROM range(10, 20)",
            "DELETE FROM {t} WHERE id % 4 = 0",
            "UPDATE {t} SET kind = 'u' WHERE id IN (1, 11)",
        ],
    ),
    "vectors": (
        COLUMNS,
        f"TBLPROPERTIES ('format-version' = '3', {ON_READ})",
        [
            f"INSERT INTO {{t}} SELECT {ROWS} FROM range(0, 20)",
            "DELETE FROM {t} WHERE id % 4 = 0",
            "UPDATE {t} SET kind = 'u' WHERE id IN (1, 11)",
        ],
    ),
    "raised": (
        COLUMNS,
        f"TBLPROPERTIES ('format-version' = '2', {ON_READ})",
        [
            f"INSERT INTO {{t}} SELECT {ROWS} FROM range(0, 20)",
            "DELETE FROM {t} WHERE id = 3",
            "ALTER TABLE {t} SET TBLPROPERTIES ('format-version' = '3')",
            "DELETE FROM {t} WHERE id = 4",
        ],
    ),
    "first": (
        COLUMNS,
        "PARTITIONED BY (kind) TBLPROPERTIES ('format-version' = '1')",
        [
            f"INSERT INTO {{t}} SELECT {ROWS} FROM range(0, 20)",
            "ALTER TABLE {t} DROP PARTITION FIELD kind",
            f"INSERT INTO {{t}} SELECT {ROWS} FROM range(20, 25)",
        ],
    ),
    "parted": (
        COLUMNS,
        f"PARTITIONED BY (kind, truncate(10, amount)) TBLPROPERTIES ('format-version' = '2', {ON_READ})",
        [
            f"INSERT INTO {{t}} SELECT {ROWS} FROM range(-6, 9)",
            "DELETE FROM {t} WHERE id = 4",
            "ALTER TABLE {t} DROP PARTITION FIELD kind",
            "ALTER TABLE {t} DROP COLUMN kind",
            "INSERT INTO {t} SELECT id, cast(id * 1.5 as decimal(9, 2)) FROM range(9, 12)",
        ],
    ),
    "compact": (
        COLUMNS,
        f"TBLPROPERTIES ('format-version' = '2', {ON_READ}, 'write.metadata.compression-codec' = 'gzip')",
        [
            f"INSERT INTO {{t}} SELECT {ROWS} FROM range(0, 10)",
            "DELETE FROM {t} WHERE id < 3",
            "CALL spark_tables.system.rewrite_data_files(table => '{t}', options => map('rewrite-all', 'true'))",
        ],
    ),
}


@pytest.fixture(scope="module")
def written(spark_session: running.Spark, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, list[Any]]]:
    """The metadata file of each table, and its rows as Spark sees them."""
    folder = tmp_path_factory.mktemp("spark")
    spark_session.create_catalog("spark_tables", {"type": "hadoop", "warehouse": str(folder), "cache-enabled": "false"})
    spark_session.execute("CREATE NAMESPACE spark_tables.n")
    found: dict[str, tuple[str, list[Any]]] = {}
    for name, (columns, clauses, statements) in TABLES.items():
        table = f"spark_tables.n.{name}"
        spark_session.execute(f"CREATE TABLE {table} ({columns}) USING iceberg {clauses}")
        for statement in statements:
            spark_session.execute(statement.format(t=table))
        metadata = folder / "n" / name / "metadata"
        number = (metadata / "version-hint.text").read_text().strip()
        (location,) = metadata.glob(f"v{number}.*metadata.json")
        rows = spark_session.execute(f"SELECT * FROM {table} ORDER BY id")
        found[name] = (str(location), [[_plain(value) for value in row] for row in rows])
    return found


def _plain(value: object) -> str | None:
    return None if value is None else str(value)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    catalog: Catalog = open_catalog(f"sqlite:///{tmp_path}/state.db")
    with Session(EngineSettings(threads=2), Storage(str(tmp_path / "warehouse"))) as session:
        yield Workspace(catalog, "main", session, run_id="run1")


def _rows(workspace: Workspace, name: Name) -> list[list[str | None]]:
    found = workspace.query(f"select * from {name.sql} order by id").fetchall()
    return [[_plain(value) for value in row] for row in found]


def _take(workspace: Workspace, name: str, location: str) -> Name:
    taken = Name.of("n", name)
    register(workspace.catalog, taken, location)
    workspace.refresh()
    return taken


@pytest.mark.parametrize("table", TABLES)
def test_what_spark_wrote_is_read_row_by_row(
    written: dict[str, tuple[str, list[Any]]], workspace: Workspace, table: str
) -> None:
    location, rows = written[table]
    name = _take(workspace, table, location)
    assert _rows(workspace, name) == rows
    assert describe_table(workspace, name).rows == len(rows)
    for row in rows[:3]:
        found = workspace.query(f"select id from {name.sql} where amount = {row[-1]}").fetchall()
        assert [str(each[0]) for each in found] == [row[0]]


@pytest.mark.parametrize("table", [name for name in TABLES if name not in ("vectors", "raised")])
def test_what_headgate_changes_in_it_pyiceberg_reads_alike(
    written: dict[str, tuple[str, list[Any]]], workspace: Workspace, table: str
) -> None:
    location, rows = written[table]
    name = _take(workspace, table, location)
    workspace.append(name, "select 100::bigint as id")
    workspace.delete(name, "id % 5 = 1")
    workspace.merge(name, "select unnest([2, 3, 200])::bigint as id, 7.5::decimal(9, 2) as amount", ["id"])
    held = {str(row[0]): row for row in rows if int(row[0] or 0) % 5 != 1}
    width = len(rows[0])
    held["100"] = ["100", *[None] * (width - 1)]
    for key in ("2", "3", "200"):
        held[key] = [*held.get(key, [key, *[None] * (width - 1)])[:-1], "7.50"]
    # The sign of a remainder is that of what is divided, in SQL.
    held |= {str(row[0]): row for row in rows if int(row[0]) < 0}
    expected = sorted(held.values(), key=lambda row: int(str(row[0])))
    assert _rows(workspace, name) == expected
    scan = StaticTable.from_metadata(str(workspace.version(name))).scan().to_arrow().sort_by("id").to_pylist()
    assert [[_plain(value) for value in row.values()] for row in scan] == expected
    assert describe_table(workspace, name).rows == len(expected)


@pytest.mark.parametrize("table", ["vectors", "raised"])
def test_deletion_vectors_are_read_and_left_alone(
    written: dict[str, tuple[str, list[Any]]], workspace: Workspace, table: str
) -> None:
    location, rows = written[table]
    name = _take(workspace, table, location)
    with pytest.raises(DataError, match="format version 3, which headgate reads and does not write"):
        workspace.delete(name, "id = 1")
    workspace.append(Name.of("gold", "copy"), f"select * from {name.sql}")
    assert _rows(workspace, Name.of("gold", "copy")) == rows
    assert any(file.content == "position deletes" for file in describe_table(workspace, name).files)
