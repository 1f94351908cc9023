"""P8: maintenance of `main` by other engines deletes no file that a branch, a tag or an older commit needs.

The engines delete files themselves, and each knows one branch only. What they were shown of a table is what holds them
back, so every statement here is one that would delete files of other states without it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.table import StaticTable

import headgate
from services import running
from services.engines import PyIceberg, SparkEngine, SqlEngine, TrinoEngine
from services.errors import ServiceError
from services.lake import ServedLake

pytestmark = pytest.mark.services

BRANCHES = ("early", "team/feature-1")
TABLE = "shop.orders"
DROPPED = "shop.dropped"
COLUMNS = pa.schema([("id", pa.int64()), ("amount", pa.decimal128(12, 2)), ("note", pa.string())])
# The most that engines may be told: keep nothing that is older than now.
TRINO_LIMITS = {
    "iceberg.remove-orphan-files.min-retention": "0s",
    "iceberg.expire-snapshots.min-retention": "0s",
}


@dataclass(frozen=True)
class Statement:
    """One statement on `main`, and the refusal that it has to meet; None where it is carried out."""

    sql: str
    refusal: str | None = None


_NO_GC = r"gc\.enabled|GC is disabled|deleting files may corrupt"
_ALL = "options => map('rewrite-all', 'true')"
SPARK = (
    Statement("ALTER TABLE {table} SET TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')"),
    Statement("DELETE FROM {table} WHERE id % 10 = 7"),
    Statement(f"CALL {{catalog}}.system.rewrite_position_delete_files(table => '{TABLE}', {_ALL})"),
    Statement(f"CALL {{catalog}}.system.rewrite_data_files(table => '{TABLE}', {_ALL})"),
    Statement(f"CALL {{catalog}}.system.rewrite_manifests(table => '{TABLE}')"),
    Statement(f"CALL {{catalog}}.system.expire_snapshots('{TABLE}', TIMESTAMP '2100-01-01', 1)", _NO_GC),
    Statement(f"CALL {{catalog}}.system.remove_orphan_files(table => '{TABLE}')", _NO_GC),
    Statement(f"CALL {{catalog}}.system.remove_orphan_files(table => '{TABLE}', location => '{{location}}')", _NO_GC),
    Statement("ALTER TABLE {table} SET TBLPROPERTIES ('gc.enabled' = 'true')", r"gc\.enabled"),
    Statement("ALTER TABLE {table} SET TBLPROPERTIES ('write.data.path' = '{location}/data')", r"write\.data\.path"),
    # A client deletes older metadata files after each commit where this is set.
    Statement("ALTER TABLE {table} SET TBLPROPERTIES ('write.metadata.delete-after-commit.enabled' = 'true')"),
    Statement("ALTER TABLE {table} SET TBLPROPERTIES ('write.metadata.previous-versions-max' = '1')"),
    Statement("INSERT INTO {table} VALUES (9001, 1.00, 'after')"),
    Statement("INSERT INTO {table} VALUES (9002, 1.00, 'after')"),
    Statement("DROP TABLE {catalog}.shop.dropped PURGE", _NO_GC),
    Statement("DROP TABLE {catalog}.shop.dropped"),
)
TRINO = (
    Statement("DELETE FROM {table} WHERE id % 10 = 7"),
    Statement("ANALYZE {table}"),
    Statement("ALTER TABLE {table} EXECUTE optimize"),
    Statement("ALTER TABLE {table} EXECUTE optimize_manifests"),
    Statement("ALTER TABLE {table} EXECUTE expire_snapshots(retention_threshold => '0s')", _NO_GC),
    Statement("ALTER TABLE {table} EXECUTE remove_orphan_files(retention_threshold => '0s')"),
    Statement("ALTER TABLE {table} EXECUTE drop_extended_stats"),
    Statement("INSERT INTO {table} VALUES (9001, DECIMAL '1.00', 'after')"),
    Statement("ALTER TABLE {table} EXECUTE remove_orphan_files(retention_threshold => '0s')"),
    Statement("TRUNCATE TABLE {table}"),
    Statement("ALTER TABLE {table} EXECUTE remove_orphan_files(retention_threshold => '0s')"),
    Statement("DROP TABLE {catalog}.shop.dropped"),
)


def rows(first: int, count: int, note: str) -> pa.Table:
    values = [{"id": key, "amount": Decimal(key) / 4, "note": f"{note} {key}"} for key in range(first, first + count)]
    return pa.Table.from_pylist(values, COLUMNS)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[ServedLake]:
    """Two tables whose older states live on in two branches, a tag and older commits; no file is young."""
    project = tmp_path / "lake"
    project.mkdir()
    settings = "name: lake\ncatalog:\n  url: sqlite:///.headgate/state.db\n  protect: false\n"
    (project / "headgate.yml").write_text(settings, encoding="utf-8")
    with running.lake(project, tmp_path) as served:
        client = PyIceberg(served)
        main = client.catalog("main")
        main.create_namespace("shop")
        for table in (TABLE, DROPPED):
            main.create_table(table, COLUMNS)
            main.load_table(table).append(rows(0, 100, "first"))
        with headgate.open(project) as opened:
            opened.create_branch("early")
        main.load_table(TABLE).append(rows(100, 100, "second"))
        with headgate.open(project) as opened:
            opened.create_tag("release")
        main.load_table(TABLE).delete("id < 20")
        with headgate.open(project) as opened:
            opened.create_branch("team/feature-1")
        main.load_table(TABLE).append(rows(200, 100, "third"))
        # What only a branch has is what `main` takes for orphans.
        branch = client.catalog("team/feature-1")
        branch.load_table(TABLE).append(rows(1000, 50, "branch"))
        branch.load_table(TABLE).delete("id < 40")
        branch.load_table(DROPPED).append(rows(1000, 50, "branch"))
        long_ago = time.time() - 10 * 86400
        for path in files(project):
            os.utime(path, (long_ago, long_ago))
        yield served


def files(project: Path) -> set[Path]:
    """Every file of the warehouse."""
    return {path for path in (project / ".headgate" / "warehouse").rglob("*") if path.is_file()}


def states(project: Path, table: str) -> dict[str, list[tuple[Any, ...]]]:
    """Count, sum and checksum of a table in every state but the newest of `main`; read by DuckDB."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    question = f"select count(*), sum(amount), sum(hash(id, amount, note)) from {table}"
    with headgate.open(project) as opened:
        commits = [commit.id for commit in opened.log()]
        for ref in ("early", "team/feature-1", "release", *commits):
            if str(table) in {str(info.name) for info in opened.tables(ref)}:
                found[ref] = opened.query(question, ref).rows()
    return found


def every_snapshot(project: Path) -> dict[str, int]:
    """Rows of each snapshot that any state knows, read by PyIceberg from the metadata files themselves."""
    counted = {}
    with headgate.open(project) as opened:
        refs = [ref.name for ref in opened.refs()]
        for ref in refs:
            for table in opened.tables(ref):
                location = opened.show(str(table.name), ref).metadata_location
                static = StaticTable.from_metadata(location)
                for snapshot in static.metadata.snapshots:
                    counted[f"{ref} {table.name} {snapshot.snapshot_id}"] = len(
                        static.scan(snapshot_id=snapshot.snapshot_id).to_arrow()
                    )
    return counted


def location_of(lake: ServedLake) -> str:
    """Where the table really lies, as somebody would find out who looks at the disk."""
    (folder,) = (lake.project / ".headgate" / "warehouse" / "shop").glob("orders-*")
    return folder.as_uri()


def maintain(engine: SqlEngine, lake: ServedLake, statements: tuple[Statement, ...]) -> None:
    before, snapshots = (states(lake.project, TABLE), states(lake.project, DROPPED)), every_snapshot(lake.project)
    # Two branches and a tag, and of the nine commits of `main` the seven since the table was made.
    assert len(before[0]) == 3 + 7
    counts = {ref: before[0][ref][0][0] for ref in ("early", "team/feature-1", "release")}
    assert counts == {"early": 100, "team/feature-1": 200 - 20 + 50 - 20, "release": 200}
    for statement in statements:
        present = files(lake.project)
        sql = statement.sql.replace("{location}", location_of(lake))
        refused = refusal(engine, sql)
        if statement.refusal is None:
            assert refused is None, f"{sql}: {refused}"
        else:
            assert refused is not None, f"{sql} was carried out"
            assert re.search(statement.refusal, refused), refused
        assert present - files(lake.project) == set(), sql
    now = states(lake.project, TABLE), states(lake.project, DROPPED)
    for was, found in zip(before, now, strict=True):
        assert {ref: found[ref] for ref in was} == was
    after = every_snapshot(lake.project)
    assert {key: after[key] for key in snapshots if not key.startswith("main ")} == {
        key: count for key, count in snapshots.items() if not key.startswith("main ")
    }


def refusal(engine: SqlEngine, sql: str) -> str | None:
    try:
        engine.execute(sql, "main", TABLE)
    except ServiceError as error:
        return str(error)
    return None


def test_spark_leaves_other_states_alone(lake: ServedLake, spark_session: running.Spark) -> None:
    maintain(SparkEngine(lake, spark_session, "p8"), lake, SPARK)


def test_trino_leaves_other_states_alone(lake: ServedLake, trino_server: running.Trino) -> None:
    maintain(TrinoEngine(lake, trino_server, "p8", TRINO_LIMITS), lake, TRINO)
