"""Files to marts, end to end: headgate beside PySpark with Iceberg and dbt-spark, the same models and tests.

Run with `python benchmarks/peers.py [--json FILE] [--scale SF] [--rounds N]`. TPC-H as CSV to 3 bronze tables, 3 silver
and 3 gold models, 8 tests. Each side is a process that begins with nothing and ends when all is checked. What both
built is compared, row by row. Once with next to no rows as well, for what starting costs.
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

from measure import Figure, Peer, Taken, alternate, process, program
from served import with_iceberg
from tpch import CACHE, connect

import headgate
from services import artifacts, java

HERE = Path(__file__).parent
HEADGATE = str(Path(sys.executable).with_name("headgate"))
PART, PEER = "peers", "PySpark, Iceberg, dbt-spark"
GOAL = 0.1
SMALL = 0.001
LIMIT = 420
MODELS = HERE / "tpch_models"
TABLES = ("customer", "orders", "lineitem")
NAMES = """
{% macro generate_schema_name(custom_schema_name, node) %}{{ custom_schema_name or target.schema }}{% endmacro %}
"""

Columns = dict[str, str]


def files(scale: float) -> dict[str, tuple[Path, Columns]]:
    """Each table's CSV file and the types of its columns, made once."""
    folder = CACHE / f"tpch-{scale:g}-csv"
    with connect() as connection:
        if not folder.is_dir():
            connection.execute(f"CALL dbgen(sf = {scale})")
            with tempfile.TemporaryDirectory(dir=CACHE, prefix="making-") as making:
                made = Path(making, "csv")
                made.mkdir()
                for table in TABLES:
                    connection.execute(f"COPY {table} TO '{made}/{table}.csv' (HEADER, DELIMITER ',')")
                made.rename(folder)
        else:
            connection.execute("CALL dbgen(sf = 0)")
        return {
            table: (
                folder / f"{table}.csv",
                {str(name): str(kind).lower() for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall()},
            )
            for table in TABLES
        }


def lakehouse(folder: Path, tables: dict[str, tuple[Path, Columns]]) -> Taken:
    """A new project with these files and the models, run to the end."""
    lake = folder / "headgate"
    shutil.rmtree(lake, ignore_errors=True)
    (lake / "ingestion").mkdir(parents=True)
    (lake / "headgate.yml").write_text("name: bench\n", encoding="utf-8")
    for table, (file, columns) in tables.items():
        listed = "".join(f"  {name}: {{type: '{kind}', required: true}}\n" for name, kind in columns.items())
        contract = f"table: {table}\nfiles: {file}\ncolumns:\n{listed}"
        (lake / "ingestion" / f"{table}.yml").write_text(contract, encoding="utf-8")
    shutil.copytree(MODELS, lake / "models")
    return process([HEADGATE, "run", "--json"], cwd=lake)


def spark(folder: Path, tables: dict[str, tuple[Path, Columns]], phases: list[dict[str, float]]) -> Taken:
    """The same in one process of Spark's, with Iceberg's catalog in a folder."""
    place = folder / "spark"
    shutil.rmtree(place, ignore_errors=True)
    dbt = place / "dbt"
    shutil.copytree(MODELS, dbt / "models")
    (dbt / "macros").mkdir()
    (dbt / "macros" / "names.sql").write_text(NAMES, encoding="utf-8")
    sources = [{"name": "bronze", "schema": "bronze", "tables": [{"name": table} for table in tables]}]
    layers = {"staging": {"+schema": "silver"}, "marts": {"+schema": "gold"}}
    # JSON is YAML.
    documents = {
        "models/sources.yml": {"version": 2, "sources": sources},
        "dbt_project.yml": {
            "name": "bench",
            "version": 1.0,
            "profile": "bench",
            "models": {"+file_format": "iceberg", "bench": layers},
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
    answer = place / "phases.json"
    listed = {
        table: (str(file), {name: kind.replace("varchar", "string") for name, kind in columns.items()})
        for table, (file, columns) in tables.items()
    }
    job = [str(HERE / "spark_job.py"), json.dumps(settings(place)), json.dumps(listed), str(dbt), str(answer)]
    command = [str(artifacts.environment("peers")), "-P", *job]
    taken = process(command, cwd=place, limit=LIMIT, settings=environment)
    phases.append(json.loads(answer.read_text("utf-8")))
    return taken


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
    """Raise if the two disagree on a row of silver or gold."""
    with headgate.open(folder / "headgate") as lakehouse, with_iceberg() as connection:
        for model in sorted(MODELS.rglob("*.sql")):
            name = f"{'silver' if model.parent.name == 'staging' else 'gold'}.{model.stem}"
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
    """The job, its peak memory, and what starting costs."""
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="peers-") as scratch:
        # Python compiles what it has not met before; nobody is to pay for that.
        spark(Path(scratch), files(SMALL), [])
        lakehouse(Path(scratch), files(SMALL))
    for scale, rounds in ((options.scale, options.rounds), (SMALL, 1)):
        tables = files(scale)
        phases: list[dict[str, float]] = []
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="peers-") as scratch:
            folder = Path(scratch)
            ways = {"ours": partial(lakehouse, folder, tables), "spark": partial(spark, folder, tables, phases)}
            taken = alternate(rounds, ways)
            compare(folder)
        ours, peer = taken["ours"], taken["spark"]
        spent = ", ".join(f"{phase} {seconds:.0f} s" for phase, seconds in phases[-1].items())
        who = f"{PEER} ({spent})"
        if scale == options.scale:
            found.append(Figure.beside(PART, "the whole job", ours, Peer.took(who, peer, GOAL)))
            found.append(Figure(PART, "peak memory", "MB", ours.peak, (Peer(PEER, peer.peak),)))
        else:
            name = f"the same at scale {SMALL}: what starting costs"
            found.append(Figure.beside(PART, name, ours, Peer.took(who, peer)))
    return found


if __name__ == "__main__":
    program(__doc__, figures, scale=0.3, rounds=2)
