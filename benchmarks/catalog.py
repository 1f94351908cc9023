"""How the catalog's operations grow with the number of tables.

Run with `python benchmarks/catalog.py [--json FILE] [--small]`. Each size is a new SQLite file that is filled by one
bulk commit.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

from measure import Figure, Peer, program

from headgate.catalog import Catalog, MergeResult, Operation, open_catalog
from headgate.types import Content, Kind, Name

SIZES = (100, 10_000, 100_000)
ROUNDS = 100
COMMIT = "commit one table"
GOAL = 3.0


def name(number: int) -> Name:
    return Name.of(f"schema_{number % 50}", f"table_{number}")


def content(number: int, version: int) -> Content:
    location = f"file:///data/lake/schema_{number % 50}/table_{number}-3fa9c2/metadata/{version:05d}-b7e1.metadata.json"
    return Content(Kind.TABLE, f"id-{number}", location)


def fill(catalog: Catalog, tables: int) -> None:
    """So many tables in one commit; nothing lies where they say."""
    bulk = [Operation(name(number), None, content(number, 0)) for number in range(tables)]
    catalog.commit("main", bulk, message="all tables", author="benchmark")


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


def measure(folder: Path, tables: int) -> Iterator[tuple[str, float]]:
    """Name and milliseconds of each operation on a lake of so many tables."""
    url = f"sqlite:///{folder / 'state.db'}"
    catalog = open_catalog(url)
    chance = random.Random(tables)
    start = time.perf_counter()
    fill(catalog, tables)
    yield "bulk commit of all tables", 1000 * (time.perf_counter() - start)
    first = catalog.ref("main").commit_id
    catalog.close()
    start = time.perf_counter()
    catalog = open_catalog(url)
    catalog.state().get(name(0))
    yield "open and look up one table", 1000 * (time.perf_counter() - start)
    yield "look up one table", milliseconds(lambda _: catalog.state().get(name(chance.randrange(tables))))
    yield COMMIT, milliseconds(lambda n: put(catalog, "main", chance.randrange(tables), 10**6 + n))
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


def figures(options: Namespace) -> list[Figure]:
    """The goal first, then every operation at every size."""
    sizes = (100, 1_000) if options.small else SIZES
    found: dict[int, dict[str, float]] = {}
    for tables in sizes:
        with tempfile.TemporaryDirectory() as folder:
            found[tables] = dict(measure(Path(folder), tables))
    few, many = (found[size][COMMIT] for size in (sizes[0], sizes[-1]))
    least = Peer(f"the same at {sizes[0]}", few, goal=GOAL, rival=False)
    goal = Figure("catalog", f"{COMMIT} at {sizes[-1]:,} tables", "ms", many, (least,))
    series = [
        Figure("catalog", name, unit, value, axis="tables", at=tables)
        for tables, rows in found.items()
        for (name, unit), value in ((_unit(row), value) for row, value in rows.items())
    ]
    return [goal, *series]


def _unit(row: str) -> tuple[str, str]:
    name, _, unit = row.partition(", ")
    return (name, unit) if unit == "MB" else (row, "ms")


if __name__ == "__main__":
    program(__doc__, figures, small=False)
