"""`lineitem` from Parquet into a new table: headgate beside DuckDB's own Iceberg writer and PyIceberg's `append`.

Run with `python benchmarks/writes.py [--json FILE] [--scale SF] [--rounds N]`. DuckDB's writer is attached to `headgate
serve`, whose CPU seconds are not counted. PyIceberg is handed the rows as Arrow, read before the clock starts.
"""

from __future__ import annotations

import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from measure import Figure, Peer, Taken, alternate, program, timed
from pyiceberg.catalog.sql import SqlCatalog
from served import attached, served, workspace
from tpch import data

from headgate.engines.workspace import Workspace
from headgate.types import Name

PART = "writes"
SUMS = "SELECT count(*), sum(hash(l_orderkey, l_linenumber, l_extendedprice, l_shipdate, l_comment)) FROM"


class Writers:
    """The ways to write the rows of a file; each call makes another table."""

    def __init__(self, lake: Workspace, other: duckdb.DuckDBPyConnection, folder: Path, file: Path) -> None:
        self.lake = lake
        self.other = other
        self.folder = folder
        self.file = file
        self.catalog = SqlCatalog(
            "bench", uri=f"sqlite:///{folder}/pyiceberg.db", warehouse=f"file://{folder}/pyiceberg"
        )
        self.catalog.create_namespace("bronze")
        self.other.execute("CREATE SCHEMA lake.attached")
        with duckdb.connect() as connection:
            self.rows: pa.Table = connection.execute(f"FROM '{file}'").to_arrow_table()
            self.wanted = connection.execute(f"{SUMS} '{file}'").fetchone()
        self.made: list[str] = []

    def headgate(self) -> Taken:
        table = self._name()
        name = Name.of("bronze", table)

        def write() -> None:
            self.lake.refresh()
            self.lake.replace(name, f"FROM '{self.file}'")
            self.lake.commit(f"write {table}")

        taken = timed(write)
        self._compare("headgate", self.lake.query(f"{SUMS} bronze.{table}").fetchone())
        return taken

    def duckdb(self) -> Taken:
        table = f"lake.attached.{self._name()}"
        taken = timed(lambda: self.other.execute(f"CREATE TABLE {table} AS FROM '{self.file}'"))
        self._compare("DuckDB's Iceberg writer", self.other.execute(f"{SUMS} {table}").fetchone())
        return taken

    def pyiceberg(self) -> Taken:
        name = f"bronze.{self._name()}"

        def write() -> None:
            self.catalog.create_table(name, self.rows.schema).append(self.rows)

        taken = timed(write)
        location = self.catalog.load_table(name).metadata_location
        self._compare("PyIceberg", self.lake.session.rows(f"{SUMS} iceberg_scan('{location}')")[0])
        return taken

    def parquet(self) -> Taken:
        """The same file, without any table format."""
        target = self.folder / f"{self._name()}.parquet"
        copy = f"COPY (FROM '{self.file}') TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
        with duckdb.connect() as connection:
            return timed(lambda: connection.execute(copy))

    def _name(self) -> str:
        self.made.append(f"lineitem_{len(self.made)}")
        return self.made[-1]

    def _compare(self, who: str, found: tuple[Any, ...] | None) -> None:
        if found != self.wanted:
            raise RuntimeError(f"{who} wrote {found}, the file has {self.wanted}")


def figures(options: Namespace) -> list[Figure]:
    """One figure, beside all."""
    file = data(options.scale) / "lineitem.parquet"
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder)) as server,
        workspace(server.project) as lake,
        attached(server) as other,
    ):
        ways = Writers(lake, other, Path(folder), file)
        taken = alternate(
            options.rounds,
            {"ours": ways.headgate, "duckdb": ways.duckdb, "pyiceberg": ways.pyiceberg, "parquet": ways.parquet},
        )
    peers = (
        Peer.took("DuckDB's Iceberg writer, attached", taken["duckdb"]),
        Peer.took("PyIceberg's append", taken["pyiceberg"]),
        Peer.took("COPY to one Parquet file", taken["parquet"]),
    )
    return [Figure.beside(PART, "write and commit", taken["ours"], *peers)]


if __name__ == "__main__":
    program(__doc__, figures, scale=1.0, rounds=3)
