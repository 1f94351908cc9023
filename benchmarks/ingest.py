"""TPC-H `lineitem` from CSV into bronze, beside DuckDB's plain `COPY` to Parquet, each a process of its own.

Run with `python benchmarks/ingest.py [--json FILE] [--scale N] [--rounds N]`. Once as the machine allows, and once with
1 GB of memory for DuckDB, for the peak of the process.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from argparse import Namespace
from functools import partial
from pathlib import Path

import duckdb
from measure import Figure, Taken, alternate, process, program
from tpch import data

import headgate

HEADGATE = str(Path(sys.executable).with_name("headgate"))
PART = "ingest"
PEER = "COPY (FROM read_csv) TO Parquet"
GOAL = 1.5
LIMIT = "1GB"
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
    """Time without a limit, and time and peak memory with one."""
    file = data(options.scale) / "lineitem.csv"
    found = []
    with tempfile.TemporaryDirectory(dir=file.parents[1], prefix="ingest-") as scratch:
        for limit in (None, LIMIT):
            folder = Path(scratch, limit or "free")
            folder.mkdir()
            times = alternate(
                options.rounds if limit is None else 1,
                {"ours": partial(load, folder, file, limit), "copy": partial(copy, folder, file, limit)},
            )
            ours, peer = times["ours"], times["copy"]
            suffix = f", memory_limit {limit}" if limit else ""
            found.append(Figure.beside(PART, f"time{suffix}", ours, peer, PEER, None if limit else GOAL))
            found.append(Figure(PART, f"peak memory{suffix}", "MB", ours.peak, peer.peak, PEER))
    return found


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
    with headgate.open(lake) as lakehouse, duckdb.connect() as connection:
        query = "SELECT count(*), sum(l_extendedprice), max(l_comment) FROM"
        ours = lakehouse.query(f"{query} bronze.lineitem").rows()
        wanted = connection.execute(f"{query} '{file.parent}/lineitem.parquet'").fetchall()
        if [*map(tuple, ours)] != wanted:
            raise RuntimeError(f"The lake has {ours}, the file {wanted}")
    return taken


def copy(folder: Path, file: Path, limit: str | None) -> Taken:
    """The same file to Parquet with the same types, nothing else."""
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    settings = {"memory_limit": limit, "temp_directory": str(folder / "spill")} if limit else {}
    statement = (
        f"COPY (FROM read_csv('{file}', header = true, columns = {{{types}}})) TO '{folder / 'plain.parquet'}'"
        " (FORMAT parquet, COMPRESSION zstd)"
    )
    code = "import duckdb, json, sys; duckdb.connect(config=json.loads(sys.argv[1])).execute(sys.argv[2])"
    return process([sys.executable, "-c", code, json.dumps(settings), statement])


if __name__ == "__main__":
    program(__doc__, figures, scale=1.0, rounds=3)
