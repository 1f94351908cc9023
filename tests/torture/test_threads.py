"""Threads that share one lakehouse: each reader sees whole commits while runs replace tables under it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.torture.conftest import Record
from tests.torture.sizes import Part, pick

import headgate
from headgate.lakehouse import Lakehouse

ROWS = 100
RUNNERS = 2
READERS = 3
RUNS = pick(1, 12)

FILES = {
    "headgate.yml": "name: shared\n",
    "ingestion/visits.yml": (
        "table: visits\nfiles: data/visits-*.csv\ncolumns: {id: {type: bigint, required: true}, part: {type: bigint}}\n"
    ),
    "models/parts.sql": (
        "{{ config(schema='silver') }}\n"
        "select part, count(*) as visits from {{ source('bronze', 'visits') }} group by part\n"
    ),
}


def arrive(root: Path, part: int) -> None:
    lines = [f"{part * ROWS + row},{part}" for row in range(ROWS)]
    (root / f"data/visits-{part}.csv").write_text("\n".join(["id,part", *lines, ""]))


def read(lake: Lakehouse, stop: threading.Event) -> int:
    """Hold a table against what was made of it, both at the commit that is `main`'s head just now."""
    reads = 0
    while not stop.is_set():
        head = lake.log(limit=1)[0].id
        loaded = lake.query("select count(*), count(distinct part) from bronze.visits", ref=head).rows()
        made = lake.query("select sum(visits)::bigint, count(*) from silver.parts", ref=head).rows()
        assert loaded == made
        assert loaded[0][0] == ROWS * loaded[0][1]
        reads += 1
    return reads


def load(lake: Lakehouse, runner: int) -> None:
    for number in range(RUNS):
        arrive(lake.project.root, 1 + runner * RUNS + number)
        # The other runner may have loaded the file, and then this one has nothing to do.
        assert lake.run().status.value in ("merged", "unchanged")


def test_threads_share_a_lakehouse(tmp_path: Path, record: Record) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "data").mkdir()
    arrive(tmp_path, 0)
    stop = threading.Event()
    with headgate.open(tmp_path) as lake, ThreadPoolExecutor(READERS + RUNNERS) as threads:
        assert lake.run().status.value == "merged"
        readers = [threads.submit(read, lake, stop) for _ in range(READERS)]
        runners = [threads.submit(load, lake, runner) for runner in range(RUNNERS)]
        try:
            for runner in runners:
                runner.result()
        finally:
            stop.set()
        reads = [reader.result() for reader in readers]
        assert min(reads) > 0
        parts = 1 + RUNNERS * RUNS
        counted = "select count(*), count(distinct id), count(distinct part) from bronze.visits"
        assert lake.query(counted).rows() == [(parts * ROWS, parts * ROWS, parts)]
        assert lake.run().status.value == "unchanged"
        assert [finding for finding in lake.doctor() if finding.status != "ok"] == []
    record(Part.CONCURRENCY, "reads by threads of one lakehouse", sum(reads))
    record(Part.CONCURRENCY, "runs by threads of one lakehouse", RUNNERS * RUNS)
