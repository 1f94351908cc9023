"""TPC-H data, made once and kept in `.bench/`, which git ignores.

Run with `python benchmarks/tpch.py [--scale N]` to make it ahead. Scale factor 1 takes about 1.2 GB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import duckdb
from duckdb_extensions import import_extension

CACHE = Path(__file__).parents[1] / ".bench"
TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")


def connect(threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A database in memory that knows TPC-H."""
    connection = duckdb.connect(config={"threads": threads} if threads else {})
    import_extension("tpch", con=connection)
    connection.execute("LOAD tpch")
    return connection


def data(scale: float = 1, cache: Path = CACHE) -> Path:
    """The folder with `<table>.parquet` for every table and `lineitem.csv`, made if it is not there."""
    folder = cache / f"tpch-{scale:g}"
    if folder.is_dir():
        return folder
    print(f"Making TPC-H data of scale {scale:g} in .bench/, once.", file=sys.stderr)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="making-") as making, connect() as connection:
        connection.execute(f"CALL dbgen(sf = {scale})")
        made = Path(making, "tpch")
        made.mkdir()
        for table in TABLES:
            connection.execute(f"COPY {table} TO '{made}/{table}.parquet' (FORMAT parquet, COMPRESSION zstd)")
        connection.execute(f"COPY lineitem TO '{made}/lineitem.csv' (HEADER, DELIMITER ',')")
        made.rename(folder)
    return folder


def queries() -> dict[int, str]:
    """The 22 queries by number."""
    with connect() as connection:
        return dict(connection.execute("SELECT query_nr, query FROM tpch_queries() ORDER BY query_nr").fetchall())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1)
    folder = data(parser.parse_args().scale)
    for path in sorted(folder.iterdir()):
        print(f"{path.name:20} {path.stat().st_size / 1e6:10,.1f} MB")


if __name__ == "__main__":
    main()
