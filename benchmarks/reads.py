"""The 22 TPC-H queries through headgate, beside the same Parquet files read directly, query by query in one run.

Run with `python benchmarks/reads.py [--json FILE] [--scale SF] [--rounds N]`. Both sides are asked in turn; the best
of the rounds counts, because other work on the machine only ever adds to it.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headgate.catalog import open_catalog
from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.types import Name

TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")
ROUNDS = 5


def load(workspace: Workspace, scale: float) -> None:
    """Fill a lake with TPC-H and put views over the very files of its tables beside it."""
    session = workspace.session
    session.load("tpch")
    session.execute(f"CALL dbgen(sf = {scale})")
    session.execute("CREATE SCHEMA direct")
    for table in TABLES:
        name = Name.of("tpch", table)
        workspace.replace(name, f"FROM main.{table}")
        session.execute(f"DROP TABLE main.{table}")
        paths = ", ".join(f"'{file.path}'" for file in workspace.table(name).files())
        session.execute(f"CREATE VIEW direct.{table} AS FROM read_parquet([{paths}])")
    workspace.commit("TPC-H")


def comparable(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Averages are sums of doubles, whose last digit depends on the order of the threads."""
    return [tuple(float(f"{value:.10g}") if isinstance(value, float) else value for value in row) for row in rows]


def run(scale: float = 1, rounds: int = ROUNDS) -> list[dict[str, object]]:
    """One dictionary per query: seconds through headgate and directly, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        catalog = open_catalog(f"sqlite:///{folder}/state.db")
        with Session(EngineSettings(temp_directory=f"{folder}/tmp"), Storage(f"{folder}/warehouse")) as session:
            writer = Workspace(catalog, "main", session)
            load(writer, scale)
            queries = session.rows("SELECT query_nr, query FROM tpch_queries() ORDER BY 1")
            return [measure(Workspace(catalog, "main", session), number, sql, rounds) for number, sql in queries]


def measure(workspace: Workspace, number: int, sql: str, rounds: int) -> dict[str, object]:
    """One query both ways, in turn."""
    session = workspace.session

    def through_headgate() -> list[tuple[Any, ...]]:
        workspace.expose(*(Name.of("tpch", table) for table in TABLES))
        return workspace.query(sql).fetchall()

    def directly() -> list[tuple[Any, ...]]:
        return session.rows(sql)

    best = {"tpch": math.inf, "direct": math.inf}
    answers: dict[str, list[tuple[Any, ...]]] = {}
    ways: dict[str, Callable[[], list[tuple[Any, ...]]]] = {"tpch": through_headgate, "direct": directly}
    for _ in range(rounds):
        for schema, ask in ways.items():
            session.execute(f"SET search_path = '{schema}'")
            start = time.perf_counter()
            answers[schema] = ask()
            best[schema] = min(best[schema], time.perf_counter() - start)
    assert comparable(answers["tpch"]) == comparable(answers["direct"]), f"the results of query {number} differ"
    return {
        "query": number,
        "headgate_seconds": round(best["tpch"], 4),
        "direct_seconds": round(best["direct"], 4),
        "ratio": round(best["tpch"] / best["direct"], 3),
    }


def geometric_mean(results: list[dict[str, object]]) -> float:
    """Of the ratios of all queries."""
    return math.exp(sum(math.log(float(str(each["ratio"]))) for each in results) / len(results))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    results = run(arguments.scale, arguments.rounds)
    print(f"{'query':>5} {'headgate':>10} {'direct':>10} {'ratio':>7}")
    for each in results:
        print(f"{each['query']:>5} {each['headgate_seconds']:>8} s {each['direct_seconds']:>8} s {each['ratio']:>7}")
    print(f"geometric mean of the ratios: {geometric_mean(results):.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
