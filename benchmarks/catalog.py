"""How the catalog's operations grow with the number of tables and commits.

Run with `python benchmarks/catalog.py [--json FILE] [--tables N ...] [--commits N]`. Each size is a new SQLite file
that is filled by one bulk commit; `--commits` adds that many commits of one table each before measuring.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from headgate.catalog import Catalog, MergeResult, Operation, open_catalog
from headgate.types import Content, Kind, Name

SIZES = (100, 10_000, 100_000)
ROUNDS = 100


def name(number: int) -> Name:
    return Name.of(f"schema_{number % 50}", f"table_{number}")


def content(number: int, version: int) -> Content:
    location = f"file:///data/lake/schema_{number % 50}/table_{number}-3fa9c2/metadata/{version:05d}-b7e1.metadata.json"
    return Content(Kind.TABLE, f"id-{number}", location)


def put(catalog: Catalog, branch: str, number: int, version: int) -> Operation:
    operation = Operation(name(number), catalog.state(branch).get(name(number)), content(number, version))
    catalog.commit(branch, [operation], message=f"load {number}", author="benchmark")
    return operation


def merge(catalog: Catalog, branch: str) -> MergeResult:
    return catalog.merge(branch, "main", message="merge", author="benchmark", rejoin=lambda *four: four[3])


def milliseconds(action: Callable[[int], object], rounds: int = ROUNDS) -> float:
    """Median of one call."""
    taken = []
    for number in range(rounds):
        start = time.perf_counter()
        action(number)
        taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken)


def measure(folder: Path, tables: int, commits: int) -> Iterator[tuple[str, float]]:
    """Name and milliseconds of each operation on a lake of so many tables."""
    url = f"sqlite:///{folder / 'state.db'}"
    catalog = open_catalog(url)
    chance = random.Random(tables)
    bulk = [Operation(name(number), None, content(number, 0)) for number in range(tables)]
    start = time.perf_counter()
    catalog.commit("main", bulk, message="all tables", author="benchmark")
    yield "bulk commit of all tables", 1000 * (time.perf_counter() - start)
    first = catalog.ref("main").commit_id
    if commits:
        start = time.perf_counter()
        for version in range(1, commits + 1):
            put(catalog, "main", chance.randrange(tables), version)
        yield f"each of {commits:,} commits before", 1000 * (time.perf_counter() - start) / commits
    catalog.close()
    start = time.perf_counter()
    catalog = open_catalog(url)
    catalog.state().get(name(0))
    yield "open and look up one table", 1000 * (time.perf_counter() - start)
    yield "look up one table", milliseconds(lambda _: catalog.state().get(name(chance.randrange(tables))))
    yield "commit one table", milliseconds(lambda n: put(catalog, "main", chance.randrange(tables), 10**6 + n))
    yield "create a branch", milliseconds(lambda n: catalog.create_branch(f"branch-{n}"))

    for number in range(ROUNDS // 2):
        put(catalog, f"branch-{number}", number, 2 * 10**6)
        put(catalog, "main", 50 + number % 50, 3 * 10**6 + number)
    yield "merge a branch of one commit", milliseconds(lambda n: merge(catalog, f"branch-{n}"), ROUNDS // 2)
    yield "diff of main and a branch", milliseconds(lambda n: catalog.diff(f"branch-{n}", "main"))
    yield "resolve main@<oldest commit>", milliseconds(lambda _: catalog.state(f"main@{first}"), 10)
    yield "log, 20 commits", milliseconds(lambda _: list(catalog.log(limit=20)), 20)
    yield "names of all tables", milliseconds(lambda _: catalog.state().names(), 3)
    yield "verify everything", milliseconds(lambda _: catalog.verify(), 1)
    catalog.close()
    yield "size of the file, MB", (folder / "state.db").stat().st_size / 1e6


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--commits", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    figures: dict[int, dict[str, float]] = {}
    for tables in options.tables:
        with tempfile.TemporaryDirectory() as folder:
            figures[tables] = dict(measure(Path(folder), tables, options.commits))
    print("| milliseconds (median) | " + " | ".join(f"{tables:,} tables" for tables in figures) + " |")
    print("|---|" + "---:|" * len(figures))
    for row in next(iter(figures.values())):
        print(f"| {row} | " + " | ".join(f"{figures[tables][row]:,.2f}" for tables in figures) + " |")
    document = {"commits_before": options.commits, "milliseconds": {str(size): rows for size, rows in figures.items()}}
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    else:
        print(json.dumps(document))


if __name__ == "__main__":
    main(sys.argv[1:])
