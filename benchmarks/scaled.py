"""The mobility example with many times its rows: each file holds its rows again and again, with other keys.

What refers to a row of the first copy refers in the second to one of the second. Lists of the world (exchange rates,
models on the market, models that EcoRide sells) stay as they are.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

# Columns that number rows, of which no copy may have those of another, by file. Charging events in Dundee lie between
# 3 and 5 million, everything else far below.
STEP = 10_000_000
NUMBERED = {
    "customers.csv": ("id",),
    "sales/*.csv": ("id", "customer_id"),
    "charging_dundee/*.csv.gz": ("Charging event",),
    "charging_sessions.json.gz": ("id", "station_id"),
    "stations.json": ("id",),
    "product_reviews.json": ("ReviewID", "CustomerID"),
    "vehicle_health.json.gz": ("VehicleID",),
}


def multiply(project: Path, times: int) -> None:
    """Give the files of a copy of the example so many times their rows."""
    for pattern, columns in NUMBERED.items():
        for file in sorted((project / "data").glob(pattern)):
            content = file.read_bytes()
            packed = file.suffix == ".gz"
            text = (gzip.decompress(content) if packed else content).decode()
            again = _json if ".json" in file.suffixes else _csv
            written = again(text, partial(_renumbered, columns), times).encode()
            file.write_bytes(gzip.compress(written, 1) if packed else written)


def _renumbered(columns: Iterable[str], row: dict[str, Any], copy: int) -> dict[str, Any]:
    return row | {column: _number(row[column], copy) for column in columns if copy and column in row}


def _number(value: Any, copy: int) -> Any:
    """The same in another copy; what is no number, or not there, is as wrong in each."""
    if isinstance(value, int):
        return value + copy * STEP
    if isinstance(value, str) and value.isdecimal():
        return str(int(value) + copy * STEP)
    return f"{value}-{copy}" if isinstance(value, str) and value else value


def _csv(text: str, renumbered: Callable[[dict[str, Any], int], dict[str, Any]], times: int) -> str:
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    # Names may be empty, and come twice.
    names = [f"{name}{number if header.index(name) != number else ''}" for number, name in enumerate(header)]
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(header)
    for copy in range(times):
        for row in rows:
            known = dict(zip(names, row, strict=False))
            writer.writerow([*renumbered(known, copy).values(), *row[len(names) :]])
    return written.getvalue()


def _json(text: str, renumbered: Callable[[dict[str, Any], int], dict[str, Any]], times: int) -> str:
    """An array of rows, or an object that holds one."""
    document = json.loads(text)
    key = None if isinstance(document, list) else next(name for name in document if isinstance(document[name], list))
    rows = document if key is None else document[key]
    copies = [renumbered(row, copy) for copy in range(times) for row in rows]
    return json.dumps(copies if key is None else document | {key: copies}, ensure_ascii=False)
