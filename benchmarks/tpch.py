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
_SCALES, _ROWS = (0.01, 1, 10), 6_000_000
TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")


def connect(database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """A database that knows TPC-H."""
    connection = duckdb.connect(database)
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
    with (
        tempfile.TemporaryDirectory(dir=cache, prefix="making-") as making,
        connect(database=f"{making}/tpch.duckdb") as connection,
    ):
        connection.execute(f"CALL dbgen(sf = {scale})")
        made = Path(making, "tpch")
        made.mkdir()
        for table in TABLES:
            connection.execute(f"COPY {table} TO '{made}/{table}.parquet' (FORMAT parquet, COMPRESSION zstd)")
        connection.execute(f"COPY lineitem TO '{made}/lineitem.csv' (HEADER, DELIMITER ',')")
        made.rename(folder)
    return folder


def lineitem(rows: int, cache: Path = CACHE) -> Path:
    """A CSV file with so many rows of `lineitem`, made if it is not there."""
    scale = next((scale for scale in _SCALES if rows <= scale * _ROWS), _SCALES[-1])
    file = cache / f"lineitem-{rows}.csv"
    if not file.is_file():
        making = file.with_suffix(".making")
        with duckdb.connect() as connection:
            source = data(scale, cache) / "lineitem.parquet"
            found = connection.execute(f"SELECT count(*) FROM '{source}'").fetchall()[0][0]
            # A scale factor has a few rows more or fewer than its round number.
            repeated = f"FROM '{source}' UNION ALL FROM '{source}'" if found < rows else f"FROM '{source}'"
            connection.execute(f"COPY (FROM ({repeated}) LIMIT {rows}) TO '{making}' (HEADER, DELIMITER ',')")
        making.rename(file)
    return file


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
