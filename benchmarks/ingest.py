"""TPC-H `lineitem` from CSV into bronze, beside DuckDB's plain `COPY` to Parquet and dlt, each a process of its own.

Run with `python benchmarks/ingest.py [--json FILE] [--scale N] [--rounds N] [--rows N]`. Once as the machine allows,
and once with 1 GB of memory for DuckDB, for the peak of the process. dlt gets Arrow of the whole file, and rows of its
start: `--rows` of them to Parquet, a fifth of that to DuckDB.
"""

from __future__ import annotations

import functools
import json
import shutil
import sys
import tempfile
from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from measure import Figure, Peer, Taken, alternate, process, program
from tpch import data

import headgate
from headgate.ingest.csvfile import group_rows
from headgate.ingest.plain import PlainFile

HEADGATE = str(Path(sys.executable).with_name("headgate"))
PART = "ingest"
PEER = "COPY (FROM read_csv) TO Parquet"
# The same once more with the row groups that headgate chooses.
ALIGNED = "COPY with row groups of {rows:,} rows"
GOAL, GOAL_ROWS = 1.2, 10.0
LIMIT = "1GB"
DUCKDB_GROUP = 122_880
SUMS = "SELECT count(*), sum(l_extendedprice), max(l_comment) FROM"
# As TPC-H defines them.
COLUMNS = {
    "l_orderkey": "bigint",
    "l_partkey": "bigint",
    "l_suppkey": "bigint",
    "l_linenumber": "bigint",
    "l_quantity": "decimal(15,2)",
    "l_extendedprice": "decimal(15,2)",
    "l_discount": "decimal(15,2)",
    "l_tax": "decimal(15,2)",
    "l_returnflag": "varchar",
    "l_linestatus": "varchar",
    "l_shipdate": "date",
    "l_commitdate": "date",
    "l_receiptdate": "date",
    "l_shipinstruct": "varchar",
    "l_shipmode": "varchar",
    "l_comment": "varchar",
}


def figures(options: Namespace) -> list[Figure]:
    """Time and peak memory without a limit, rows per second, and time and peak memory with a limit."""
    file = data(options.scale) / "lineitem.csv"
    with tempfile.TemporaryDirectory(dir=file.parents[1], prefix="ingest-") as scratch:
        folder = Path(scratch)
        rows, _, _ = wanted(file)
        groups = group_rows(PlainFile(file, file.name, "utf-8", file.stat().st_size)) or DUCKDB_GROUP
        free = alternate(
            options.rounds,
            {
                "ours": partial(load, folder, file, None),
                "copy": partial(copy, folder, file, None),
                "aligned": partial(copy, folder, file, None, groups),
                "arrow": partial(dlt, "arrow", folder, file, rows),
            },
        )
        limited = alternate(1, {"ours": partial(load, folder, file, LIMIT), "copy": partial(copy, folder, file, LIMIT)})
        by_rows = {way: min(rows, options.rows // part) for way, part in (("rows", 1), ("duckdb", 5))}
        dlt_rows = {
            f"dlt, {count:,} rows to {'DuckDB' if way == 'duckdb' else 'Parquet'}": count
            / dlt(way, folder, file, count).wall
            for way, count in by_rows.items()
        }
    ours = free["ours"]
    return [
        Figure.beside(
            PART,
            "time",
            ours,
            Peer.took(PEER, free["copy"], GOAL),
            Peer.took(ALIGNED.format(rows=groups), free["aligned"]),
            Peer.took("dlt, Arrow to Parquet", free["arrow"]),
        ),
        Figure(
            PART,
            "rows per second",
            "/s",
            rows / ours.wall,
            tuple(Peer(name, rate, goal=GOAL_ROWS) for name, rate in dlt_rows.items()),
            more=True,
        ),
        _peak("peak memory", ours, {PEER: free["copy"], "dlt, Arrow to Parquet": free["arrow"]}),
        Figure.beside(PART, f"time, memory_limit {LIMIT}", limited["ours"], Peer.took(PEER, limited["copy"])),
        _peak(f"peak memory, memory_limit {LIMIT}", limited["ours"], {PEER: limited["copy"]}),
    ]


def _peak(name: str, ours: Taken, peers: dict[str, Taken]) -> Figure:
    return Figure(PART, name, "MB", ours.peak, tuple(Peer(who, taken.peak) for who, taken in peers.items()))


@functools.cache
def wanted(file: Path, rows: int | None = None) -> tuple[Any, ...]:
    """Rows, sum of prices and greatest comment of the file's first rows, from DuckDB reading it as text."""
    first = "" if rows is None else f" LIMIT {rows}"
    query = (
        "SELECT count(*), sum(l_extendedprice::DECIMAL(15,2)), max(l_comment)"
        f" FROM (FROM read_csv('{file}', all_varchar = true){first})"
    )
    with duckdb.connect() as connection:
        found: tuple[Any, ...] = connection.execute(query).fetchall()[0]
        return found


def same(found: tuple[Any, ...], expected: tuple[Any, ...], who: str) -> None:
    """Raise unless what was loaded is what the file holds."""
    if tuple(found) != expected:
        raise RuntimeError(f"{who} loaded {found}, the file has {expected}")


def load(folder: Path, file: Path, limit: str | None) -> Taken:
    """A new project with the file as its only source, run to the end."""
    lake = folder / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    (lake / "ingestion").mkdir(parents=True)
    engine = f"engine: {{memory_limit: {limit}}}\n" if limit else ""
    (lake / "headgate.yml").write_text(f"name: bench\n{engine}", encoding="utf-8")
    columns = "".join(f"  {name}: {{type: '{kind}', required: true}}\n" for name, kind in COLUMNS.items())
    contract = f"table: lineitem\nfiles: {file}\ncolumns:\n{columns}"
    (lake / "ingestion" / "lineitem.yml").write_text(contract, encoding="utf-8")
    taken = process([HEADGATE, "run", "--json"], cwd=lake)
    with headgate.open(lake) as lakehouse:
        (found,) = lakehouse.query(f"{SUMS} bronze.lineitem").rows()
    same(tuple(found), wanted(file), "headgate")
    return taken


def copy(folder: Path, file: Path, limit: str | None, groups: int = DUCKDB_GROUP) -> Taken:
    """The same file to Parquet with the same types, nothing else."""
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    settings = {"memory_limit": limit, "temp_directory": str(folder / "spill")} if limit else {}
    statement = (
        f"COPY (FROM read_csv('{file}', header = true, columns = {{{types}}})) TO '{folder / 'plain.parquet'}'"
        f" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {groups})"
    )
    code = "import duckdb, json, sys; duckdb.connect(config=json.loads(sys.argv[1])).execute(sys.argv[2])"
    return process([sys.executable, "-c", code, json.dumps(settings), statement])


def dlt(way: str, folder: Path, file: Path, rows: int) -> Taken:
    """The first rows of the same file with the same types, through dlt."""
    place = folder / "dlt"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    program = str(Path(__file__).with_name("dlt_load.py"))
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
    command = [sys.executable, program, way, str(file), str(rows), str(place), json.dumps(COLUMNS)]
    taken = process(command, settings=quiet)
    with duckdb.connect() as connection:
        if way == "duckdb":
            connection.execute(f"ATTACH '{place}/dlt.duckdb' AS made (READ_ONLY)")
        table = "made.bronze.lineitem" if way == "duckdb" else f"'{place}/bronze/lineitem/*.parquet'"
        same(connection.execute(f"{SUMS} {table}").fetchall()[0], wanted(file, rows), "dlt")
    return taken


if __name__ == "__main__":
    program(__doc__, figures, scale=1.0, rounds=3, rows=500_000)
