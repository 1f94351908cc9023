"""Merge of 1 M rows into a table of 5 M, beside the same join written by plain DuckDB, and beside PyIceberg's `upsert`.

Run with `python benchmarks/merge.py [--json FILE] [--rows N] [--into N] [--seconds S]`. Half of the rows exist already,
half are new. PyIceberg is given a tenth of the rows, and is stopped after `--seconds`.
`spread`: the keys lie all over the table, a tenth of the rows of every file. `recent`: they lie among the latest
tenth of the table, as in most feeds, so most files stay. `copy-on-write`: the table asks for whole files.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from measure import Figure, Peer, alternate, process, program, timed

from headgate.catalog import open_catalog
from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.types import Layout, Name

TABLE = Name.of("bronze", "orders")
PART = "merge"
PLAIN, UPSERT = "the join and COPY in plain DuckDB", "PyIceberg's upsert"
READ = "read_parquet of the file that plain DuckDB wrote"
CRASHED = 128 + signal.SIGSEGV
GOAL = 0.1
CHECKSUM = "SELECT count(*), sum(hash(id, amount, status, note, changed_at)) FROM"
SUM = "SELECT sum(amount) FROM"
ROUNDS = 5
ON_WRITE = "copy-on-write"
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


def figures(options: Namespace) -> list[Figure]:
    """Figures per pattern of keys, on equal tables."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        catalog = open_catalog(f"sqlite:///{folder}/state.db")
        with Session(EngineSettings(temp_directory=f"{folder}/tmp"), Storage(f"{folder}/warehouse")) as session:
            base = orders(f"SELECT i FROM range({options.into}) AS t(i)", "new")
            session.execute(f"COPY ({base}) TO '{place}/base.parquet' (FORMAT parquet, COMPRESSION zstd)")
            workspace = Workspace(catalog, "main", session)
            found = []
            for pattern, keys in (("spread", ["id"]), ("recent", ["id"]), ("spread", ["id", "note"])):
                merge, read = measured(workspace, place, pattern, keys, options.rows, options.into)
                if pattern == "spread":
                    upsert = pyiceberg(session, place, keys, options.rows // 10, options.into, options.seconds)
                    merge = replace(merge, peers=(*merge.peers, upsert))
                found += [merge, read]
            # The table keeps the property: this comes last.
            found += measured(workspace, place, "spread", ["id"], options.rows, options.into, ON_WRITE)
        catalog.close()
    return found


def measured(
    workspace: Workspace, folder: Path, pattern: str, keys: Sequence[str], rows: int, into: int, mode: str = ""
) -> tuple[Figure, Figure]:
    """Headgate and DuckDB alone, merging and then reading; the results are compared."""
    session = workspace.session
    asked = {"write.merge.mode": mode} if mode else {}
    layout = Layout(properties={"write.target-file-size-bytes": str(FILE_BYTES), **asked})
    workspace.replace(TABLE, f"FROM '{folder}/base.parquet'", layout=layout)
    workspace.commit("orders")
    files = len(workspace.table(TABLE).files())
    incoming = folder / f"{pattern}.parquet"
    session.execute(f"COPY ({changes(pattern, rows, into)}) TO '{incoming}' (FORMAT parquet)")
    rewritten = 0

    def merge() -> None:
        nonlocal rewritten
        rewritten = workspace.merge(TABLE, f"FROM '{incoming}'", keys).files_removed
        workspace.commit("merge")

    merged = folder / "merged.parquet"
    ours = timed(merge)
    plain = timed(
        lambda: session.execute(
            f"COPY ({joined(folder, incoming, keys)}) TO '{merged}'"
            " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
        ).fetchall()
    )
    found, wanted = workspace.query(f"{CHECKSUM} bronze.orders").fetchone(), session.rows(f"{CHECKSUM} '{merged}'")[0]
    if found != wanted:
        raise RuntimeError(f"headgate merged {found}, DuckDB {wanted}")
    of = "" if len(keys) == 1 else f", of {len(keys)} columns"
    what = ", ".join(part for part in (f"keys {pattern}{of}", mode) if part)
    name = f"{rows:,} rows into {into:,}, {what}: {rewritten} of {files} files rewritten"
    read = alternate(
        ROUNDS,
        {
            "ours": lambda: timed(lambda: workspace.query(f"{SUM} bronze.orders").fetchall()),
            "plain": lambda: timed(lambda: session.rows(f"{SUM} '{merged}'")),
        },
    )
    reading = Figure.beside(PART, f"a sum over it, {what}", read["ours"], Peer.took(READ, read["plain"]))
    return Figure.beside(PART, name, ours, Peer.took(PLAIN, plain)), reading


def joined(folder: Path, incoming: Path, keys: Sequence[str]) -> str:
    """The table with the changes, as a query."""
    return (
        f"SELECT * FROM '{folder}/base.parquet' ANTI JOIN '{incoming}' USING ({', '.join(keys)})"
        f" UNION ALL BY NAME FROM '{incoming}'"
    )


def pyiceberg(session: Session, folder: Path, keys: Sequence[str], rows: int, into: int, seconds: float) -> Peer:
    """PyIceberg in a process of its own, with keys all over the table."""
    incoming = folder / "upsert.parquet"
    session.execute(f"COPY ({changes('spread', rows, into)}) TO '{incoming}' (FORMAT parquet)")
    program = Path(__file__).with_name("upsert.py")
    place = folder / f"upsert-by-{len(keys)}"
    place.mkdir()
    command = [sys.executable, str(program), str(place), f"{folder}/base.parquet", str(incoming), str(seconds), *keys]
    ran = process(command, expected=(0, CRASHED))
    file = place / "upsert.json"
    if not file.is_file():
        # Arrow's evaluator recurses as deep as the condition on so many keys is nested, and leaves the stack.
        return Peer(f"{UPSERT} of {rows:,} rows, crashed after", ran.wall, ran.cpu)
    answer = json.loads(file.read_text("utf-8"))
    if not answer["stopped"]:
        found = session.rows(f"{CHECKSUM} iceberg_scan('{answer['metadata']}')")
        wanted = session.rows(f"{CHECKSUM} ({joined(folder, incoming, keys)})")
        if found != wanted:
            raise RuntimeError(f"PyIceberg merged {found}, DuckDB {wanted}")
    name = f"{UPSERT} of {rows:,} rows"
    return Peer(name, answer["wall"], answer["cpu"], GOAL, stopped=answer["stopped"])


if __name__ == "__main__":
    program(__doc__, figures, rows=1_000_000, into=5_000_000, seconds=120.0)
