"""Files to marts, end to end: headgate beside PySpark with Iceberg and dbt-spark, the same models and tests.

Run with `python benchmarks/peers.py [--json FILE] [--scale SF] [--rounds N]`. All of TPC-H as 15 CSV files to 8 bronze
tables, 28 models (two of them seeds), 139 tests and 19 reconciliations: the project of `tpch_project/`, which has the
layers, the models, the kinds of checks and, at its own scale, the rows of the mobility example, each as often. A few
rows are wrong, and kept apart by both sides. Each side is a process that begins with nothing and ends when all is
checked. What both built is compared, row by row, and what they ran is counted. Once with 30 times the rows as well. The
SQL that dbt compiled is run as a plain DuckDB script, too, which keeps nothing: what DuckDB takes for it by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from argparse import Namespace
from functools import partial
from pathlib import Path

import duckdb
from measure import Figure, Peer, Taken, alternate, process, program
from mobility import PEER as SCRIPT
from mobility import plain, plain_script
from served import with_iceberg
from tpch import CACHE, TABLES, connect

import headgate
from headgate.config import load_model
from headgate.quality.reconciliation import Reconciliation, ReconciliationFile, Side
from services import artifacts, java

HERE = Path(__file__).parent
HEADGATE = str(Path(sys.executable).with_name("headgate"))
PART, PEER = "peers", "PySpark, Iceberg, dbt-spark"
GOAL = 0.1
# The mobility example has 94,572 raw rows, TPC-H at this scale 86,826.
SCALE = 0.01
LARGER = 30
LIMIT = 900
PROJECT = HERE / "tpch_project"
# Large tables come in several files; each but the first of the orders begins with the last ones of the file before.
SPLIT = {"lineitem": 4, "orders": 3, "partsupp": 2, "customer": 2}
AGAIN = {"orders": 50}
# Rows of the last file of customers that are to be refused: a balance that is no number, no name.
WRONG = [f"{9_000_000 + n},Customer#{n},Address,1,11-719,n/a,BUILDING,wrong" for n in range(5)]
WRONG += [f"{9_100_000 + n},,Address,1,11-719,1.00,BUILDING,wrong" for n in range(5)]
HOLDS = {"files": 15, "refused": len(WRONG), "models": 28, "checks": 139 + 19}
NAMES = """
{% macro generate_schema_name(custom_schema_name, node) %}{{ custom_schema_name or target.schema }}{% endmacro %}
"""

Columns = dict[str, str]


def files(scale: float) -> dict[str, tuple[str, Columns]]:
    """The pattern of each table's CSV files and the types of its columns; the files are made once."""
    folder = CACHE / f"tpch-{scale:g}-raw"
    CACHE.mkdir(exist_ok=True)
    with connect() as connection:
        if not folder.is_dir():
            connection.execute(f"CALL dbgen(sf = {scale})")
            with tempfile.TemporaryDirectory(dir=CACHE, prefix="making-") as making:
                made = Path(making, "raw")
                made.mkdir()
                for table in TABLES:
                    split(connection, table, made)
                with (made / f"customer-{SPLIT['customer']}.csv").open("a", encoding="utf-8") as last:
                    last.writelines(f"{line}\n" for line in WRONG)
                made.rename(folder)
        else:
            connection.execute("CALL dbgen(sf = 0)")
        return {
            table: (
                f"{folder}/{table}-*.csv",
                {str(name): str(kind).lower() for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall()},
            )
            for table in TABLES
        }


def split(connection: duckdb.DuckDBPyConnection, table: str, folder: Path) -> None:
    """Write a table's files, its rows in their order."""
    parts, again = SPLIT.get(table, 1), AGAIN.get(table, 0)
    rows = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
    for part in range(parts):
        first, end = rows * part // parts - again, rows * (part + 1) // parts
        chosen = f"FROM {table} WHERE rowid >= {first} AND rowid < {end} ORDER BY rowid"
        connection.execute(f"COPY ({chosen}) TO '{folder}/{table}-{part + 1}.csv' (HEADER, DELIMITER ',')")


def project(folder: Path, tables: dict[str, tuple[str, Columns]]) -> Path:
    """A new project with these files and the models."""
    lake = folder / "headgate"
    shutil.rmtree(lake, ignore_errors=True)
    shutil.copytree(PROJECT, lake)
    (lake / "ingestion").mkdir()
    (lake / "headgate.yml").write_text("name: bench\n", encoding="utf-8")
    for table, (pattern, columns) in tables.items():
        listed = "".join(f"  {name}: {{type: '{kind}', required: true}}\n" for name, kind in columns.items())
        contract = f"table: {table}\nfiles: {pattern}\ncolumns:\n{listed}"
        (lake / "ingestion" / f"{table}.yml").write_text(contract, encoding="utf-8")
    return lake


def compiled(folder: Path, tables: dict[str, tuple[str, Columns]]) -> partial[Taken]:
    """What runs the same SQL as a script."""
    lake = project(folder / "script", tables)
    return partial(plain, lake, plain_script(lake))


def lakehouse(folder: Path, tables: dict[str, tuple[str, Columns]]) -> Taken:
    """A new project, run to the end."""
    lake = project(folder, tables)
    taken = process([HEADGATE, "run", "--json"], cwd=lake)
    with headgate.open(lake) as opened:
        loads = opened.loads()
        counted(
            "headgate",
            files=len(loads),
            refused=sum(load["quarantined"] for load in loads),
            models=sum(str(table.name).partition(".")[0] in ("silver", "gold") for table in opened.tables()),
            checks=sum(
                check["kind"] in ("dbt", "reconciliation") and check["status"] == "passed" for check in opened.checks()
            ),
        )
    return taken


def spark(folder: Path, tables: dict[str, tuple[str, Columns]], phases: list[dict[str, float]]) -> Taken:
    """The same in one process of Spark's, with Iceberg's catalog in a folder."""
    place = folder / "spark"
    shutil.rmtree(place, ignore_errors=True)
    dbt = place / "dbt"
    shutil.copytree(PROJECT, dbt)
    (dbt / "macros" / "names.sql").write_text(NAMES, encoding="utf-8")
    for check in load_model(PROJECT / "checks" / "reconciliation.yml", ReconciliationFile, {}).checks:
        (dbt / "tests" / f"{check.name}.sql").write_text(as_test(check), encoding="utf-8")
    sources = [{"name": "bronze", "schema": "bronze", "tables": [{"name": table} for table in tables]}]
    layers = {"staging": {"+schema": "silver"}, "marts": {"+schema": "gold"}}
    # JSON is YAML.
    documents = {
        "models/sources.yml": {"version": 2, "sources": sources},
        "dbt_project.yml": {
            "name": "bench",
            "version": 1.0,
            "profile": "bench",
            "models": {"+file_format": "iceberg", "+materialized": "table", "bench": layers},
            "seeds": {"+file_format": "iceberg"},
            "flags": {"send_anonymous_usage_stats": False, "version_check": False},
        },
        "profiles.yml": {
            "bench": {
                "target": "spark",
                "outputs": {"spark": {"type": "spark", "method": "session", "host": "local", "schema": "silver"}},
            }
        },
    }
    for name, document in documents.items():
        (dbt / name).write_text(json.dumps(document), encoding="utf-8")
    environment = {
        "JAVA_HOME": str(java.without_vectors(java.for_spark(), place)),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "TZ": "UTC",
    }
    answer = place / "answer.json"
    listed = {
        table: (pattern, {name: kind.replace("varchar", "string") for name, kind in columns.items()})
        for table, (pattern, columns) in tables.items()
    }
    job = [str(HERE / "spark_job.py"), json.dumps(settings(place)), json.dumps(listed), str(dbt), str(answer)]
    command = [str(artifacts.environment("peers")), "-P", *job]
    taken = process(command, cwd=place, limit=LIMIT, settings=environment)
    found = json.loads(answer.read_text("utf-8"))
    counted(PEER, **found["counts"])
    phases.append(found["seconds"])
    return taken


def as_test(check: Reconciliation) -> str:
    """A reconciliation as whoever has dbt alone would write it: a test, in SQL."""
    names = check.columns or check.left.columns
    sides = (check.left, check.right)
    if check.kind in ("keys", "checksum"):
        both = [f"select {', '.join(side.columns or names)} {rows_of(side)}" for side in sides]
        without = "except all" if check.kind == "checksum" else "except"
        left, right = (f"({one} {without} {other})" for one, other in (both, reversed(both)))
        return f"{left} union all {right}"
    figures = []
    for side in sides:
        figure = "count(*)" if check.kind == "row_count" else f"coalesce(sum({side.column or check.column}), 0)"
        figures.append(f"select {figure} as figure {rows_of(side)}")
    return f"select * from ({figures[0]}) as one cross join ({figures[1]}) as other where one.figure <> other.figure"


def rows_of(side: Side) -> str:
    """Where a side's rows come from, in the words of dbt."""
    schema, _, table = side.table.partition(".")
    called = f"source('bronze', '{table}')" if schema == "bronze" else f"ref('{table}')"
    return f"from {{{{ {called} }}}} where {side.where or 'true'}"


def counted(who: str, **found: int) -> None:
    """Raise if a side did not do all that there is to do."""
    if found != HOLDS:
        raise RuntimeError(f"{who} did {found}, and there are {HOLDS}")


def settings(place: Path) -> dict[str, str]:
    """Spark on this machine's cores; the rest is what its own guides and Iceberg's say for one machine."""
    cores = str(os.cpu_count() or 1)
    return {
        "spark.master": f"local[{cores}]",
        "spark.jars": str(artifacts.maven("iceberg-spark-runtime")),
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.lake.type": "hadoop",
        "spark.sql.catalog.lake.warehouse": str(place / "warehouse"),
        "spark.sql.defaultCatalog": "lake",
        "spark.sql.warehouse.dir": str(place / "unused"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": cores,
        "spark.driver.memory": "2g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(place),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def compare(folder: Path) -> None:
    """Raise if the two disagree on a row of bronze, silver or gold."""
    with headgate.open(folder / "headgate") as lakehouse, with_iceberg() as connection:
        for table in lakehouse.tables():
            name = str(table.name)
            if name.partition(".")[0] not in ("bronze", "silver", "gold"):
                continue
            metadata = folder / "spark" / "warehouse" / name.replace(".", "/") / "metadata"
            newest = max(metadata.glob("v*.metadata.json"), key=lambda path: int(path.name[1:].partition(".")[0]))
            theirs = f"iceberg_scan('{newest}')"
            columns = sorted(str(column[0]) for column in connection.execute(f"DESCRIBE FROM {theirs}").fetchall())
            row = " || '|' || ".join(f"coalesce(\"{column}\"::VARCHAR, '')" for column in columns)
            query = f"SELECT count(*), sum(hash({row})) FROM "
            ours, wanted = lakehouse.query(query + name).rows(), connection.execute(query + theirs).fetchall()
            if [*map(tuple, ours)] != [*map(tuple, wanted)] or not wanted[0][0]:
                raise RuntimeError(f"{name} differs: {ours} in headgate, {wanted} in Spark")


def figures(options: Namespace) -> list[Figure]:
    """The job, the same with more rows, and their peak memory."""
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="peers-") as scratch:
        # Python compiles what it has not met before; nobody is to pay for that.
        spark(Path(scratch), files(SCALE), [])
        lakehouse(Path(scratch), files(SCALE))
    for scale, rounds in ((options.scale, options.rounds), (options.scale * LARGER, 1)):
        tables = files(scale)
        phases: list[dict[str, float]] = []
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="peers-") as scratch:
            folder = Path(scratch)
            ways = {
                "ours": partial(lakehouse, folder, tables),
                "script": compiled(folder, tables),
                "spark": partial(spark, folder, tables, phases),
            }
            taken = alternate(rounds, ways)
            compare(folder)
        ours, peer, least = taken["ours"], taken["spark"], Peer.took(SCRIPT, taken["script"])
        spent = ", ".join(f"{phase} {seconds:.0f} s" for phase, seconds in phases[-1].items())
        who = f"{PEER} ({spent})"
        if scale == options.scale:
            found.append(Figure.beside(PART, "the whole job", ours, Peer.took(who, peer, GOAL), least))
        else:
            name = f"the same with {LARGER} times the rows"
            found.append(Figure.beside(PART, name, ours, Peer.took(who, peer), least))
            found.append(Figure(PART, "peak memory, with these", "MB", ours.peak, (Peer(PEER, peer.peak),)))
    return found


if __name__ == "__main__":
    program(__doc__, figures, scale=SCALE, rounds=3)
