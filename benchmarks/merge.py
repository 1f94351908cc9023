"""Merge of 1 M rows into a table of 5 M, beside the same join written by plain DuckDB without any table format.

Run with `python benchmarks/merge.py [--json FILE] [--rows N] [--into N]`. Half of the rows exist already, half are new.
`spread`: the keys lie all over the table, so every file has to be written again. `recent`: they lie among the
latest tenth of the table, as in most feeds, so most files stay.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from headgate.catalog import open_catalog
from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.engines.changes import WriteResult
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.types import Layout, Name

TABLE = Name.of("bronze", "orders")
ROWS, INTO = 1_000_000, 5_000_000
# The table has about 80 MB; smaller files than the default of 128 MB show which are written again.
FILE_BYTES = 16 * 1024 * 1024


def orders(keys: str, status: str) -> str:
    """A query for orders with these keys: seven columns, about 60 bytes a row."""
    return (
        f"SELECT k AS id, hash(k) % 100000 AS customer_id, DATE '2020-01-01' + (k // 3000)::INTEGER AS ordered_on,"
        f" ((hash(k * 7) % 100000) / 100)::DECIMAL(12, 2) AS amount, '{status}' AS status,"
        f" 'order number ' || k AS note, TIMESTAMP '2020-01-01' + to_seconds(k) AS changed_at FROM ({keys}) AS t(k)"
    )


def changes(pattern: str, rows: int, into: int) -> str:
    """Half updates, half inserts."""
    half = rows // 2
    step = into // half if pattern == "spread" else 1
    start = 0 if pattern == "spread" else into - half
    return orders(
        f"SELECT {start} + i * {step} FROM range({half}) AS u(i)"
        f" UNION ALL SELECT {into} + i FROM range({half}) AS n(i)",
        "changed",
    )


def timed(action: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def run(rows: int = ROWS, into: int = INTO) -> list[dict[str, object]]:
    """One dictionary per pattern: seconds of headgate and of DuckDB alone, and what was done."""
    with tempfile.TemporaryDirectory() as folder:
        catalog = open_catalog(f"sqlite:///{folder}/state.db")
        with Session(EngineSettings(temp_directory=f"{folder}/tmp"), Storage(f"{folder}/warehouse")) as session:
            return [
                measure(Workspace(catalog, "main", session), Path(folder), pattern, rows, into)
                for pattern in ("spread", "recent")
            ]


def measure(workspace: Workspace, folder: Path, pattern: str, rows: int, into: int) -> dict[str, object]:
    """Both ways on equal tables; the results are compared."""
    session = workspace.session
    base = orders(f"SELECT i FROM range({into}) AS t(i)", "new")
    workspace.replace(TABLE, base, layout=Layout(properties={"write.target-file-size-bytes": str(FILE_BYTES)}))
    workspace.commit("orders")
    files = len(workspace.table(TABLE).files())
    incoming = folder / f"{pattern}.parquet"
    session.execute(f"COPY ({changes(pattern, rows, into)}) TO '{incoming}' (FORMAT parquet)")

    def merge() -> WriteResult:
        result = workspace.merge(TABLE, f"FROM '{incoming}'", ["id"])
        workspace.commit("merge")
        return result

    seconds, result = timed(merge)
    assert isinstance(result, WriteResult)
    session.execute(f"COPY ({base}) TO '{folder}/plain.parquet' (FORMAT parquet, COMPRESSION zstd)")
    plain = (
        f"COPY (SELECT * FROM '{folder}/plain.parquet' ANTI JOIN '{incoming}' USING (id) UNION ALL FROM '{incoming}')"
        f" TO '{folder}/merged.parquet' (FORMAT parquet, COMPRESSION zstd)"
    )
    duckdb_seconds, _ = timed(lambda: session.execute(plain))
    checksum = "SELECT count(*), sum(hash(id, amount, status, note, changed_at)) FROM"
    merged = workspace.query(f"{checksum} bronze.orders").fetchone()
    assert merged == session.rows(f"{checksum} '{folder}/merged.parquet'")[0], "the results differ"
    return {
        "pattern": pattern,
        "rows": rows,
        "into": into,
        "updated": result.updated,
        "inserted": result.inserted,
        "files": files,
        "files_rewritten": result.files_removed,
        "seconds": round(seconds, 2),
        "duckdb_seconds": round(duckdb_seconds, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--into", type=int, default=INTO)
    arguments = parser.parse_args()
    results = run(arguments.rows, arguments.into)
    print(f"{'keys':8} {'updated':>9} {'inserted':>9} {'files':>12} {'headgate':>10} {'DuckDB':>10}")
    for each in results:
        rewritten = f"{each['files_rewritten']} of {each['files']}"
        print(
            f"{each['pattern']:8} {each['updated']:>9,} {each['inserted']:>9,} {rewritten:>12}"
            f" {each['seconds']:>8} s {each['duckdb_seconds']:>8} s"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
