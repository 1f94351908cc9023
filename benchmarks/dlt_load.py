"""A CSV file through dlt, as its documentation does it: a peer of `ingest.py`, which starts it.

Run with `python benchmarks/dlt_load.py WAY FILE ROWS FOLDER TYPES`. WAY is `arrow` (record batches to Parquet), `rows`
(dictionaries to Parquet) or `duckdb` (dictionaries to its default destination); ROWS the number of rows from the start
of the file; TYPES a JSON object from column to type.
"""

from __future__ import annotations

import csv
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.csv as arrow_csv

_BATCH = 10_000
_DECIMAL = {"precision": 15, "scale": 2}
_ARROW = {"bigint": pa.int64(), "decimal(15,2)": pa.decimal128(15, 2), "date": pa.date32(), "varchar": pa.string()}
_HINTS: dict[str, dict[str, Any]] = {
    "bigint": {"data_type": "bigint"},
    "decimal(15,2)": {"data_type": "decimal", **_DECIMAL},
    "date": {"data_type": "date"},
    "varchar": {"data_type": "text"},
}


def batches(file: Path, rows: int, types: dict[str, str]) -> Iterator[pa.RecordBatch]:
    """Record batches with the columns' types, read as a stream."""
    options = arrow_csv.ConvertOptions(column_types={name: _ARROW[kind] for name, kind in types.items()})
    for batch in arrow_csv.open_csv(file, convert_options=options):
        yield batch.slice(0, rows)
        rows -= batch.num_rows
        if rows <= 0:
            return


def dictionaries(file: Path, rows: int) -> Iterator[list[dict[str, str]]]:
    """Lists of rows as Python reads them; dlt makes values of their texts."""
    with file.open(encoding="utf-8", newline="") as lines:
        reader = itertools.islice(csv.DictReader(lines), rows)
        while batch := list(itertools.islice(reader, _BATCH)):
            yield batch


def main(way: str, file: Path, rows: int, folder: Path, types: dict[str, str]) -> None:
    source = batches(file, rows, types) if way == "arrow" else dictionaries(file, rows)
    # dlt writes a name into each, so no two may be the same object.
    hints = {name: dict(_HINTS[kind]) for name, kind in types.items()}
    resource = dlt.resource(source, name="lineitem", columns=None if way == "arrow" else hints)
    to_files = way != "duckdb"
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(folder / "pipelines"),
        destination=(
            dlt.destinations.filesystem(bucket_url=str(folder))
            if to_files
            else dlt.destinations.duckdb(str(folder / "dlt.duckdb"))
        ),
        dataset_name="bronze",
    )
    pipeline.run(resource, loader_file_format="parquet" if to_files else None)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), json.loads(sys.argv[5]))
