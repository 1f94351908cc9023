"""Every benchmark, one after the other on an otherwise idle machine, and the page that shows what came out.

Run with `make bench`, or `python benchmarks/run.py [--only PART ...] [--quick] [--large]`. Each part is a process of
its own, in which headgate and its peers take turns. Writes `docs/benchmarks.md` and `benchmarks/results.json`; with
`--quick`, which takes little data and proves nothing, it writes both below `.bench/` instead. Parts left out keep
their figures. Ends with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import Figure, machine
from page import Section, rendered

HERE = Path(__file__).parent
ROOT = HERE.parent
CACHE = ROOT / ".bench"


@dataclass(frozen=True)
class Part(Section):
    """A script of this folder: how it is called, and what it is about.

    Attributes:
        quick: Its options for a short look.
        large: Its options with `--large`.
        asked: Measured only when it is asked for with `--only`.
    """

    quick: tuple[str, ...] = ()
    large: tuple[str, ...] = ()
    asked: bool = False


PARTS = (
    Part(
        "ingest",
        "Loading a CSV file",
        "TPC-H `lineitem` of scale factor 1 (6 M rows, 773 MB) into `bronze` with a contract: every value checked,"
        " every row accounted for, the load in the ledger, a commit on `main`; beside DuckDB's plain"
        " `COPY (FROM read_csv)` to Parquet, compressed alike (zstd at level 1), and beside dlt, which is handed Arrow"
        " tables or rows with the same types."
        " All are whole processes; peak memory is the process's. dlt's rows get fewer of them, the first of the file,"
        " or they would take minutes.",
        ("--scale", "0.01", "--rounds", "1", "--rows", "10000"),
    ),
    Part(
        "reads",
        "Reading",
        "The 22 queries of TPC-H, scale factor 1, through headgate's views, beside the same Parquet files read"
        " directly and beside DuckDB's own Iceberg reader, attached to `headgate serve`; best of the rounds, results"
        " compared. The ratio is the geometric mean over the queries.",
        ("--scale", "0.01", "--rounds", "1"),
    ),
    Part(
        "writes",
        "Writing",
        "`lineitem` of scale factor 1 from Parquet into a new Iceberg table with a commit, beside DuckDB's own Iceberg"
        " writer, attached to `headgate serve`, and beside PyIceberg's `append` of the same rows as Arrow, which lie in"
        " memory already. What they wrote is compared.",
        ("--scale", "0.01", "--rounds", "1"),
    ),
    Part(
        "merge",
        "Merging by key",
        "1 M rows, half of them new, into a table of 5 M with a commit, beside the same join written to a new Parquet"
        " file by plain DuckDB. `spread`: the keys lie all over the table, so that deletes of a tenth of each file lie"
        " beside it; `recent`: among its latest tenth; `copy-on-write`: the table asks for whole files."
        " PyIceberg's `upsert` is given **100,000 rows**, a tenth of headgate's, into the same 5 M, spread; by a key of"
        " one column and of two. It is stopped after two minutes.",
        ("--rows", "10000", "--into", "50000"),
    ),
    Part(
        "writers",
        "Eight writers, one table",
        "8 processes append batches of 100 rows to one table, each batch a commit on SQLite; PyIceberg's `SqlCatalog`"
        " likewise, with its default retries. Afterwards every row that a writer was told of is there exactly once.",
        ("--seconds", "2"),
    ),
    Part(
        "mobility",
        "The mobility example, whole processes",
        "15 files, 28 models, 179 checks. The peer reads the same files with the same types, carries out the SQL"
        " that dbt compiled, models and data tests, in memory, and keeps nothing: no bad rows, no history, no files."
        " What both built is compared row for row. Cold also with 10 and 40 times the rows: what 40 times add is the"
        " cost of rows, and what is left of a cold run its fixed cost. With nothing to do, the peer is a Python that"
        " imports DuckDB and ends.",
        ("--rounds", "1", "--times", "4"),
    ),
    Part("catalog", "The catalog as tables grow", "SQLite, one operation at a time, medians.", ("--small",)),
    Part(
        "growth",
        "Growth",
        "Time and peak memory as one thing grows and the rest stays small. Whole processes, but for appends, which are"
        " the median of the last of so many. *Exponent*: of the last step; 0 is flat, 1 in proportion, above that the"
        " curve bends. A cell is empty where it would take more than two minutes; 60 M rows and 10,000 commits are"
        " measured with `--large`.",
        ("--small",),
        ("--large",),
    ),
    Part(
        "peers",
        "From files to marts, beside Spark",
        "TPC-H of scale factor 0.01 as 15 CSV files (87,000 rows) to 8 bronze tables, 28 models, 139 tests and 19"
        " reconciliations, as many of each as the mobility example has, by the same dbt project: headgate beside"
        " PySpark, Iceberg and dbt-spark, every start included. What both built is compared row by row.",
        ("--rounds", "1"),
        asked=True,
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[part.script for part in PARTS], help="parts to measure")
    parser.add_argument("--quick", action="store_true", help="little data, results below .bench/")
    parser.add_argument("--large", action="store_true", help="sizes that take an hour and 40 GB of disk as well")
    options = parser.parse_args()
    page, results = ROOT / "docs" / "benchmarks.md", HERE / "results.json"
    if options.quick:
        page, results = CACHE / "quick.md", CACHE / "quick.json"
    CACHE.mkdir(exist_ok=True)
    document: dict[str, Any] = json.loads(results.read_text("utf-8")) if results.is_file() else {"parts": {}}
    taken: list[str] = []
    failed = []
    for part in PARTS:
        if part.script not in options.only if options.only else part.asked:
            continue
        extra = part.quick if options.quick else part.large if options.large else ()
        try:
            found = measured(part, extra)
        except subprocess.CalledProcessError:
            failed.append(f"{part.script} ended with an error")
            continue
        taken.append(part.script)
        document["parts"][part.script] = {"machine": machine(), "figures": [each.to_dict() for each in found]}
        results.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        page.write_text(rendered(PARTS, document, page.parent), encoding="utf-8")
    print(f"Written: {page.relative_to(ROOT)} and {results.relative_to(ROOT)}")
    for line in (*failed, *(wrong := missed(document, taken))):
        print(line, file=sys.stderr)
    return 1 if failed or (wrong and not options.quick) else 0


def measured(part: Part, arguments: Sequence[str]) -> list[Figure]:
    """Run a part in a process of its own; its tables are seen, its figures come in a file."""
    file = CACHE / f"{part.script}.json"
    file.unlink(missing_ok=True)
    print(f"{part.title} ...", flush=True)
    start = time.perf_counter()
    subprocess.run([sys.executable, str(HERE / f"{part.script}.py"), "--json", str(file), *arguments], check=True)
    print(f"  took {time.perf_counter() - start:.0f} s\n", flush=True)
    return [Figure.of(each) for each in json.loads(file.read_text("utf-8"))]


def missed(document: dict[str, Any], parts: Sequence[str]) -> list[str]:
    """A line for every goal of these parts that is not met."""
    found = [Figure.of(each) for part in parts for each in document["parts"][part]["figures"]]
    return [
        f"Goal missed: {each.part}: {each.name}: {each.ratio(peer):.2f} times {peer.name},"
        f" and the goal is {'at least' if each.more else 'at most'} {peer.goal:g}"
        for each in found
        for peer in each.peers
        if each.meets(peer) is False
    ]


if __name__ == "__main__":
    sys.exit(main())
