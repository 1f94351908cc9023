"""The 22 TPC-H queries through headgate, beside the same Parquet files read directly and beside DuckDB's own reader.

Run with `python benchmarks/reads.py [--json FILE] [--scale SF] [--rounds N]`. All are asked in turn; the best of the
rounds counts, because other work on the machine only ever adds to it. DuckDB's reader is attached to `headgate serve`,
whose CPU seconds are not counted. A whole table into Arrow stands beside PyIceberg's scan of it.
"""

from __future__ import annotations

import math
import tempfile
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
from measure import Figure, Peer, Taken, program, timed
from pyiceberg.table import StaticTable
from served import attached, served, workspace

from headgate.engines.workspace import Workspace
from headgate.types import Name

TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")
GOAL = 1.1
PART = "reads"
OURS, DIRECT, ATTACHED = "headgate", "read_parquet of the same files", "DuckDB's Iceberg reader"
SUMS = "SELECT count(*), sum(hash(l_orderkey, l_extendedprice, l_shipdate, l_comment)) FROM"

Rows = list[tuple[Any, ...]]
Answer = TypeVar("Answer")


def load(writer: Workspace, scale: float) -> None:
    """Fill a lake with TPC-H and put views over the very files of its tables beside it."""
    session = writer.session
    session.load("tpch")
    session.execute(f"CALL dbgen(sf = {scale})")
    session.execute("CREATE SCHEMA direct")
    for table in TABLES:
        name = Name.of("tpch", table)
        writer.replace(name, f"FROM main.{table}")
        session.execute(f"DROP TABLE main.{table}")
        paths = ", ".join(f"'{file.path}'" for file in writer.table(name).files())
        session.execute(f"CREATE VIEW direct.{table} AS FROM read_parquet([{paths}])")
    writer.commit("TPC-H")


def figures(options: Namespace) -> list[Figure]:
    """All queries together, the whole table, and each query."""
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder)) as server,
        workspace(server.project) as lake,
        attached(server) as other,
    ):
        load(lake, options.scale)
        other.execute("USE lake.tpch")
        queries = lake.session.rows("SELECT query_nr, query FROM tpch_queries() ORDER BY 1")
        asked = [asked_all_ways(lake, other, number, sql, options.rounds) for number, sql in queries]
        whole = into_arrow(lake, options.rounds)
    return [total(asked), whole, *(each_query(number, best) for (number, _), best in zip(queries, asked, strict=True))]


def asked_all_ways(
    lake: Workspace, other: duckdb.DuckDBPyConnection, number: int, sql: str, rounds: int
) -> dict[str, Taken]:
    """One query, in turn; the best of the rounds for each way."""

    def through_headgate() -> Rows:
        lake.session.execute("SET search_path = 'tpch'")
        lake.expose(*(Name.of("tpch", table) for table in TABLES))
        return lake.query(sql).fetchall()

    def directly() -> Rows:
        lake.session.execute("SET search_path = 'direct'")
        return lake.session.rows(sql)

    def through_the_server() -> Rows:
        return other.execute(sql).fetchall()

    ways = {OURS: through_headgate, DIRECT: directly, ATTACHED: through_the_server}
    best, answers = best_of(rounds, ways)
    wanted = comparable(answers[DIRECT])
    for way, answer in answers.items():
        if comparable(answer) != wanted:
            raise RuntimeError(f"The results of query {number} differ: {way}")
    return best


def best_of(rounds: int, ways: Mapping[str, Callable[[], Answer]]) -> tuple[dict[str, Taken], dict[str, Answer]]:
    """The fastest of the rounds and the last answer of each way, asked in turns."""
    taken: dict[str, list[Taken]] = {way: [] for way in ways}
    answers: dict[str, Answer] = {}

    def keep(way: str) -> None:
        answers[way] = ways[way]()

    for _ in range(rounds):
        for way in ways:
            answers.pop(way, None)
            taken[way].append(timed(partial(keep, way)))
    return {way: min(each, key=lambda one: one.wall) for way, each in taken.items()}, answers


def into_arrow(lake: Workspace, rounds: int) -> Figure:
    """All of `lineitem` as an Arrow table, beside PyIceberg reading the same metadata."""
    name = Name.of("tpch", "lineitem")
    location = lake.table(name).metadata_location

    def ours() -> pa.Table:
        return lake.query("FROM tpch.lineitem").to_arrow_table()

    def theirs() -> pa.Table:
        return StaticTable.from_metadata(location).scan().to_arrow()

    def plain() -> pa.Table:
        return lake.session.execute("FROM direct.lineitem").to_arrow_table()

    best, answers = best_of(min(rounds, 3), {OURS: ours, "pyiceberg": theirs, "plain": plain})
    with duckdb.connect() as connection:
        sums = [connection.from_arrow(rows).query("scanned", f"{SUMS} scanned").fetchone() for rows in answers.values()]
    if len(set(sums)) > 1:
        raise RuntimeError(f"The rows differ: {sums}")
    peers = Peer.took(DIRECT, best["plain"]), Peer.took("PyIceberg's scan to Arrow", best["pyiceberg"])
    return Figure.beside(PART, "the whole of `lineitem` into Arrow", best[OURS], *peers)


def comparable(rows: Rows) -> Rows:
    """Averages are sums of doubles, whose last digit depends on the order of the threads."""
    return [tuple(float(f"{value:.10g}") if isinstance(value, float) else value for value in row) for row in rows]


def total(asked: Sequence[dict[str, Taken]]) -> Figure:
    """Seconds of all queries together, and the geometric means of the ratios."""
    wall = {way: sum(best[way].wall for best in asked) for way in asked[0]}
    cpu = {way: sum(best[way].cpu for best in asked) for way in asked[0]}
    means = {
        way: math.exp(sum(math.log(best[OURS].wall / best[way].wall) for best in asked) / len(asked))
        for way in (DIRECT, ATTACHED)
    }
    peers = (
        Peer(DIRECT, wall[DIRECT], cpu[DIRECT], GOAL, means[DIRECT]),
        Peer(f"{ATTACHED}, attached", wall[ATTACHED], cpu[ATTACHED], None, means[ATTACHED]),
    )
    return Figure(PART, "22 queries in all; ratio: geometric mean", "s", wall[OURS], peers, cpu[OURS])


def each_query(number: int, best: dict[str, Taken]) -> Figure:
    return Figure.beside(PART, f"query {number}", best[OURS], Peer.took(DIRECT, best[DIRECT]))


if __name__ == "__main__":
    program(__doc__, figures, scale=1.0, rounds=5)
