"""PyIceberg's `upsert`, a peer of `merge.py`, which starts it.

Run with `python benchmarks/upsert.py FOLDER BASE INCOMING SECONDS KEY...`: makes a table of the Parquet file BASE
below FOLDER, and merges the file INCOMING into it by its keys. What came out is written to `FOLDER/upsert.json`:
seconds and CPU seconds of the upsert alone, whether it was stopped after so many seconds, and where the table's
metadata is.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import pyarrow.parquet as pq
from measure import timed
from pyiceberg.catalog.sql import SqlCatalog


def main(folder: Path, base: Path, incoming: Path, seconds: float, keys: list[str]) -> None:
    answer = folder / "upsert.json"
    catalog = SqlCatalog("bench", uri=f"sqlite:///{folder}/pyiceberg.db", warehouse=f"file://{folder}/pyiceberg")
    catalog.create_namespace("bronze")
    rows = pq.read_table(base)
    table = catalog.create_table("bronze.orders", rows.schema)
    table.append(rows)
    changes = pq.read_table(incoming)

    def stop() -> None:
        answer.write_text(json.dumps({"wall": seconds, "cpu": None, "stopped": True}), encoding="utf-8")
        os._exit(0)

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    taken = timed(lambda: table.upsert(changes, join_cols=keys))
    timer.cancel()
    found = {"wall": taken.wall, "cpu": taken.cpu, "stopped": False, "metadata": table.metadata_location}
    answer.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]), sys.argv[5:])
