"""Every benchmark, one after the other on an otherwise idle machine, and the page that shows what came out.

Run with `make bench`, or `python benchmarks/run.py [--only PART ...] [--quick]`. Each part is a process of its own, in
which headgate and its peer take turns. Writes `docs/benchmarks.md` and `benchmarks/results.json`; with `--quick`, which
takes little data and proves nothing, it writes both below `.bench/` instead. Parts left out keep their figures.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import Figure, machine, table

HERE = Path(__file__).parent
ROOT = HERE.parent
CACHE = ROOT / ".bench"


@dataclass(frozen=True)
class Part:
    """A script of this folder: how it is called, what its options are for a short look, and what it is about."""

    script: str
    title: str
    about: str
    quick: tuple[str, ...] = ()


PARTS = (
    Part(
        "ingest",
        "Loading a CSV file",
        "TPC-H `lineitem` of scale factor 1 (6 M rows, 773 MB) into `bronze` with a contract: every value checked,"
        " every row accounted for, the load in the ledger, a commit on `main`; beside DuckDB's plain"
        " `COPY (FROM read_csv)` to Parquet. Both are whole processes; peak memory is the process's.",
        ("--scale", "0.01", "--rounds", "1"),
    ),
    Part(
        "reads",
        "Reading",
        "The 22 queries of TPC-H, scale factor 1, through headgate's views, beside the same Parquet files read"
        " directly, best of the rounds; results compared. The ratio is the geometric mean over the queries.",
        ("--scale", "0.01", "--rounds", "1"),
    ),
    Part(
        "merge",
        "Merging by key",
        "1 M rows, half of them new, into a table of 5 M with a commit, beside the same join written to a new Parquet"
        " file by plain DuckDB. `spread`: the keys lie all over the table; `recent`: among its latest tenth.",
        ("--rows", "10000", "--into", "50000"),
    ),
    Part(
        "mobility",
        "The mobility example, whole processes",
        "15 files, 28 models, 179 checks. The peer reads the same files with the same types, carries out the SQL"
        " that dbt compiled, models and data tests, in memory, and keeps nothing: no bad rows, no history, no files."
        " What both"
        " built is compared row for row. With nothing to do, the peer is a Python that imports DuckDB and ends.",
        ("--rounds", "1"),
    ),
    Part(
        "catalog",
        "The catalog as tables grow",
        "SQLite, one operation at a time, medians.",
        ("--tables", "100", "1000"),
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[part.script for part in PARTS], help="parts to measure")
    parser.add_argument("--quick", action="store_true", help="little data, results below .bench/")
    options = parser.parse_args()
    page, results = ROOT / "docs" / "benchmarks.md", HERE / "results.json"
    if options.quick:
        page, results = CACHE / "quick.md", CACHE / "quick.json"
    CACHE.mkdir(exist_ok=True)
    document: dict[str, Any] = {"machine": {}, "parts": {}}
    if results.is_file():
        document = json.loads(results.read_text("utf-8"))
    document["machine"] = machine()
    for part in PARTS:
        if options.only and part.script not in options.only:
            continue
        found = measured(part, part.quick if options.quick else ())
        document["parts"][part.script] = [each.to_dict() for each in found]
    results.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    page.write_text(rendered(document), encoding="utf-8")
    missed = [each for found in document["parts"].values() for each in found if each["holds"] is False]
    for each in missed:
        print(f"Goal missed: {each['name']}: {each['ratio'] or each['ours']} of {each['goal']}", file=sys.stderr)
    print(f"Written: {page.relative_to(ROOT)} and {results.relative_to(ROOT)}")
    return 0


def measured(part: Part, arguments: Sequence[str]) -> list[Figure]:
    """Run a part in a process of its own; its tables are seen, its figures come in a file."""
    file = CACHE / f"{part.script}.json"
    file.unlink(missing_ok=True)
    print(f"{part.title} ...", flush=True)
    start = time.perf_counter()
    subprocess.run([sys.executable, str(HERE / f"{part.script}.py"), "--json", str(file), *arguments], check=True)
    print(f"  took {time.perf_counter() - start:.0f} s\n", flush=True)
    found = json.loads(file.read_text("utf-8"))
    adapt: Callable[[Any], list[Figure]] | None = {
        "catalog": catalog_figures,
        "merge": merge_figures,
        "reads": reads_figures,
    }.get(part.script)
    return adapt(found) if adapt else [Figure.of(each) for each in found]


def catalog_figures(document: Any) -> list[Figure]:
    """A figure per operation and number of tables."""
    return [
        Figure(
            part="catalog",
            name=f"{operation.removesuffix(', MB')}, {int(tables):,} tables",
            unit="MB" if operation.endswith(", MB") else "ms",
            ours=value,
        )
        for tables, operations in document["milliseconds"].items()
        for operation, value in operations.items()
    ]


def merge_figures(document: Any) -> list[Figure]:
    """A figure per pattern of keys."""
    return [
        Figure(
            part="merge",
            name=f"{each['rows']:,} rows into {each['into']:,}, keys {each['pattern']}:"
            f" {each['files_rewritten']} of {each['files']} files rewritten",
            unit="s",
            ours=each["seconds"],
            peer=each["duckdb_seconds"],
            peer_name="the join and COPY in plain DuckDB",
            cpu=each.get("cpu_seconds"),
            peer_cpu=each.get("duckdb_cpu_seconds"),
        )
        for each in document
    ]


def reads_figures(document: Any) -> list[Figure]:
    """A figure per query, after the one over all."""
    found = [
        Figure(
            part="reads",
            name=f"query {each['query']}",
            unit="s",
            ours=each["headgate_seconds"],
            peer=each["direct_seconds"],
            peer_name="read_parquet of the same files",
            cpu=each.get("cpu_seconds"),
            peer_cpu=each.get("direct_cpu_seconds"),
        )
        for each in document
    ]
    total = Figure(
        part="reads",
        name="22 queries in all; ratio: geometric mean",
        unit="s",
        ours=sum(each.ours for each in found),
        peer=sum(each.peer or 0 for each in found),
        peer_name="read_parquet of the same files",
        goal=1.1,
        ratio_of=math.exp(sum(math.log(each["ratio"]) for each in document) / len(document)),
    )
    return [total, *found]


def rendered(document: dict[str, Any]) -> str:
    """The page."""
    facts = document["machine"]
    lines = [
        "# Benchmarks",
        "",
        "<!-- Written by `make bench`. -->",
        "",
        (
            f"Measured on {facts['cores']} cores ({facts['processor']}), {facts['memory']} of memory,"
            f" {facts['system']}, Python {facts['python']}, DuckDB {facts['duckdb']}."
        ),
        "Both sides of a row ran in one go. Times are medians in wall seconds, with CPU seconds of all threads where",
        "they were taken. The ratio is what travels to other machines.",
        "",
    ]
    for part in PARTS:
        found = [Figure.of(each) for each in document["parts"].get(part.script, ())]
        if found:
            shown = by_size(found) if part.script == "catalog" else table(found)
            lines += [f"## {part.title}", "", part.about, "", shown, ""]
    lines += ["Every figure is in `benchmarks/results.json`; `make bench` takes them anew.", ""]
    return "\n".join(lines)


def by_size(figures: Sequence[Figure]) -> str:
    """A row per operation, a column per number of tables."""
    rows: dict[str, dict[str, str]] = {}
    for each in figures:
        operation, _, size = each.name.rpartition(", ")
        rows.setdefault(operation, {})[size] = f"{each.ours:,.{0 if each.ours >= 100 else 2}f} {each.unit}"
    sizes = list(next(iter(rows.values())))
    lines = ["| operation | " + " | ".join(sizes) + " |", "|---|" + "---:|" * len(sizes)]
    lines += [
        f"| {operation} | " + " | ".join(cells[size] for size in sizes) + " |" for operation, cells in rows.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
