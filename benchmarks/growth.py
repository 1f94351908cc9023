"""What runs and queries cost as one thing grows: rows, files, tables, commits, models. Time, and peak memory.

Run with `python benchmarks/growth.py [--json FILE] [--small | --large] [--seconds S]`. `--large` adds 60 M rows, which
need 8 GB of CSV, and 10,000 commits. What takes longer than `--seconds` is stopped, and its series ends there.
"""

from __future__ import annotations

import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import lakes
from measure import Figure, Stopped, Taken, median, process, program, timed
from served import workspace
from tpch import CACHE

import catalog

PART = "growth"
HEADGATE = str(Path(sys.executable).with_name("headgate"))
LAST = 20


@dataclass
class Series:
    """What was measured along one axis."""

    axis: str
    limit: float
    figures: list[Figure] = field(default_factory=list)

    def run(self, size: int, name: str, lake: Path, *command: str) -> None:
        """A command of headgate's as a whole process, its time and its peak memory."""
        self.add(size, name, process([HEADGATE, *command], cwd=lake, limit=self.limit))

    def add(self, size: int, name: str, taken: Taken) -> None:
        figure = partial(Figure, axis=self.axis, at=size)
        self.figures.append(figure(PART, name, "s", taken.wall, cpu=taken.cpu))
        if taken.peak:
            self.figures.append(figure(PART, name, "MB", taken.peak))


@contextmanager
def scratch() -> Iterator[Path]:
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="growth-") as folder:
        yield Path(folder)


def rows(series: Series, sizes: list[int]) -> None:
    """One CSV file of TPC-H `lineitem`, and a query that reads all of its table."""
    for size in sizes:
        with scratch() as folder:
            lake = lakes.with_lineitem(folder / "lake", size)
            series.run(size, "load a file", lake, "run")
            lakes.expect(lake, "bronze.lineitem", size)
            query = "SELECT l_returnflag, l_shipmode, sum(l_extendedprice) FROM bronze.lineitem GROUP BY ALL"
            series.run(size, "sum by two columns", lake, "query", query)


def files(series: Series, sizes: list[int]) -> None:
    """Small files in one folder."""
    for size in sizes:
        with scratch() as folder:
            lake = lakes.with_files(folder / "lake", range(size))
            series.run(size, "run, all new", lake, "run")
            lakes.expect(lake, "bronze.events", size * lakes.FILE_ROWS)
            series.run(size, "run, nothing to do", lake, "run")
            lakes.add_files(lake, range(size, size + 1))
            series.run(size, "run, one new file", lake, "run")
            lakes.expect(lake, "bronze.events", (size + 1) * lakes.FILE_ROWS)
            series.run(size, "query", lake, "query", "SELECT count(*) FROM bronze.events")


def tables(series: Series, sizes: list[int]) -> None:
    """One table of rows among others that the catalog holds."""
    for size in sizes:
        with scratch() as folder:
            lake = lakes.with_files(folder / "lake", range(1))
            process([HEADGATE, "run"], cwd=lake)
            with workspace(lake) as opened:
                catalog.fill(opened.catalog, size)
            series.run(size, "query one", lake, "query", "SELECT count(*) FROM bronze.events")
            series.run(size, "run, nothing to do", lake, "run")
            lakes.add_files(lake, range(1, 2))
            series.run(size, "run, one new file", lake, "run")
            lakes.expect(lake, "bronze.events", 2 * lakes.FILE_ROWS)


def commits(series: Series, sizes: list[int]) -> None:
    """Appends of 100 rows to one table, each a commit."""
    with scratch() as folder:
        lake = lakes.with_files(folder / "lake", range(1))
        process([HEADGATE, "run"], cwd=lake)
        done, start = 0, time.perf_counter()
        for size in sizes:
            last: list[Taken] = []
            with workspace(lake) as opened:
                for number in range(done, size):
                    last.append(timed(partial(lakes.append, opened, number)))
                    if time.perf_counter() - start > patience(series, size):
                        raise Stopped(f"{number:,} commits took more than {series.limit:g} s")
            done = size
            series.add(size, "append 100 rows", median(last[-LAST:]))
            series.run(size, "query", lake, "query", "SELECT count(*) FROM bronze.appended")
            lakes.expect(lake, "bronze.appended", 100 * size)
            series.run(size, "log, 20 commits", lake, "log", "--limit", "20")


def models(series: Series, sizes: list[int]) -> None:
    """Models of dbt over one small table, half of them joins of two others, a test for each."""
    for size in sizes:
        with scratch() as folder:
            lake = lakes.with_models(folder / "lake", size)
            series.run(size, "run, all new", lake, "run")
            lakes.expect(lake, lakes.last_model(size), lakes.FILE_ROWS)
            series.run(size, "run, nothing to do", lake, "run")
            lakes.change_model(lake, size)
            series.run(size, "run, one model changed", lake, "run")


def patience(series: Series, size: int) -> float:
    """Seconds that all commits up to a size may take; the largest size is asked for by somebody who waits."""
    return series.limit * max(1, size // 1_000)


@dataclass(frozen=True)
class Axis:
    """What grows, in steps: of a short look, of every run, and besides them of those who wait."""

    measure: Callable[[Series, list[int]], None]
    small: tuple[int, ...]
    usual: tuple[int, ...]
    large: tuple[int, ...] = ()


AXES = {
    "rows": Axis(rows, (1_000, 10_000), (1_000_000, 6_000_000), (60_000_000,)),
    "files": Axis(files, (1, 10), (1, 100, 1_000, 10_000)),
    "tables": Axis(tables, (10, 100), (100, 10_000, 100_000)),
    "commits": Axis(commits, (10, 30), (10, 100, 1_000), (10_000,)),
    "models": Axis(models, (4, 8), (10, 100, 500)),
}


def figures(options: Namespace) -> list[Figure]:
    """All series, one after the other."""
    found: list[Figure] = []
    for name, axis in AXES.items():
        sizes = axis.small if options.small else (*axis.usual, *(axis.large if options.large else ()))
        series = Series(name, options.seconds)
        start = time.perf_counter()
        try:
            axis.measure(series, list(sizes))
        except Stopped as error:
            print(f"{name}: the series ends early: {error}", file=sys.stderr, flush=True)
        for each in series.figures:
            print(f"    {each.at:,.0f} {name}: {each.name}: {each.ours:,.2f} {each.unit}", file=sys.stderr)
        print(f"  {name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        found += series.figures
    return found


if __name__ == "__main__":
    program(__doc__, figures, small=False, large=False, seconds=120.0)
