"""Eight processes append to one table at once: headgate beside PyIceberg's `SqlCatalog`, both on SQLite.

Run with `python benchmarks/writers.py [--json FILE] [--seconds S]`. A try is one batch of 100 rows; one that fails is
counted, and the writer goes on with the next batch. PyIceberg's retries are its defaults. At the end each row that a
writer was told of has to be there exactly once, and none of a try that failed.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
from measure import Figure, Peer, program
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from served import project, workspace
from sqlalchemy.exc import OperationalError

from headgate.engines.workspace import Workspace
from headgate.errors import HeadgateError
from headgate.types import Name

PART = "writers"
WRITERS, ROWS = 8, 100
GOAL = 10.0
TABLE = Name.of("bronze", "events")


class Writer(Protocol):
    """One process's way to the table."""

    def append(self, writer: int, batch: int) -> str | None:
        """Append a batch, and say why it did not land."""


class Headgate:
    """A workspace, which is refreshed when a try failed."""

    def __init__(self, lake: Workspace) -> None:
        self._lake = lake

    def append(self, writer: int, batch: int) -> str | None:
        try:
            self._lake.append(TABLE, rows(writer, batch))
            self._lake.commit(f"batch {batch} of writer {writer}")
        except HeadgateError as error:
            self._lake.discard()
            self._lake.refresh()
            return f"{type(error).__name__}: {error}"
        return None


class PyIceberg:
    """A table that is loaded anew for each batch."""

    def __init__(self, folder: Path) -> None:
        self._catalog = sql_catalog(folder)
        self._duckdb = duckdb.connect()

    def append(self, writer: int, batch: int) -> str | None:
        try:
            arrow = self._duckdb.execute(rows(writer, batch)).to_arrow_table()
            self._catalog.load_table(str(TABLE)).append(arrow)
        except (CommitFailedException, OperationalError) as error:
            return f"{type(error).__name__}: {error}"
        return None


def rows(writer: int, batch: int) -> str:
    return (
        f"SELECT {writer}::BIGINT AS writer, {batch}::BIGINT AS batch, i AS number, 'event ' || i AS note"
        f" FROM range({ROWS}) AS t(i)"
    )


def sql_catalog(folder: Path) -> SqlCatalog:
    return SqlCatalog("bench", uri=f"sqlite:///{folder}/pyiceberg.db", warehouse=f"file://{folder}/pyiceberg")


@dataclass(frozen=True)
class Outcome:
    """What all writers of a kind did."""

    landed: list[tuple[int, int]]
    first: list[tuple[int, int]]
    failed: int
    seconds: float
    cpu: float

    @property
    def per_second(self) -> float:
        return len(self.landed) / self.seconds

    @property
    def failing(self) -> float:
        """Per cent of the tries."""
        return 100 * self.failed / max(len(self.landed) + self.failed, 1)


def write_headgate(folder: Path, *rest: Any) -> None:
    with workspace(folder / "lake") as lake:
        write(Headgate(lake), *rest)


def write_pyiceberg(folder: Path, *rest: Any) -> None:
    write(PyIceberg(folder), *rest)


def write(way: Writer, number: int, seconds: float, ready: Barrier, answers: Any) -> None:
    """What a writer does; it reports the batches that landed, how many failed, and how long it took.

    The first batch is not counted: both sides import what they need on the way.
    """
    first = way.append(number, 0)
    ready.wait()
    start, cpu = time.perf_counter(), time.process_time()
    landed, failed, batch = [], [], 1
    while time.perf_counter() < start + seconds:
        reason = way.append(number, batch)
        if reason is None:
            landed.append((number, batch))
        else:
            failed.append(reason)
        batch += 1
    span, used = time.perf_counter() - start, time.process_time() - cpu
    answers.put((landed, [(number, 0)] if first is None else [], failed, span, used))


def together(target: Callable[..., None], folder: Path, seconds: float) -> Outcome:
    """All writers at once, each a process."""
    context = multiprocessing.get_context("spawn")
    ready, answers = context.Barrier(WRITERS), context.Queue()
    writers = [
        context.Process(target=target, args=(folder, number, seconds, ready, answers), daemon=True)
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    found = [answers.get(timeout=seconds * 5 + 120) for _ in writers]
    for writer in writers:
        writer.join()
    landed = [each for batches, *_ in found for each in batches]
    first = [each for _, batches, *_ in found for each in batches]
    reasons = [reason for _, _, failed, *_ in found for reason in failed]
    for reason, times in Counter(reason.splitlines()[0] for reason in reasons).most_common(5):
        print(f"  {times} times: {reason[:200]}", file=sys.stderr)
    return Outcome(landed, first, len(reasons), max(each[3] for each in found), sum(each[4] for each in found))


def check(who: str, outcome: Outcome, found: list[tuple[Any, ...]]) -> None:
    """Raise unless the table holds each batch that landed once, whole, and nothing else.

    Args:
        who: Wrote them.
        outcome: What its writers were told.
        found: Writer, batch, rows and distinct rows of every batch in the table.
    """
    held = {(writer, batch): counts for writer, batch, *counts in found}
    acknowledged = {*outcome.landed, *outcome.first}
    lost = [batch for batch in acknowledged if held.get(batch) != [ROWS, ROWS]]
    more = held.keys() - acknowledged
    if lost or more:
        raise RuntimeError(
            f"{who}: {len(lost)} batches were acknowledged and are not there once, {len(more)} are too many"
        )


def figures(options: Namespace) -> list[Figure]:
    """Commits per second, and tries that failed."""
    batches = "SELECT writer, batch, count(*), count(DISTINCT number) FROM {} GROUP BY ALL"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with workspace(project(folder / "lake")) as lake:
            lake.append(TABLE, f"{rows(0, 0)} LIMIT 0")
            lake.commit("an empty table")
            ours = together(write_headgate, folder, options.seconds)
            lake.refresh()
            check("headgate", ours, lake.query(batches.format(TABLE)).fetchall())
            catalog = sql_catalog(folder)
            catalog.create_namespace(TABLE.schema)
            with duckdb.connect() as connection:
                schema: pa.Schema = connection.execute(rows(0, 0)).to_arrow_table().schema
            table = catalog.create_table(str(TABLE), schema)
            theirs = together(write_pyiceberg, folder, options.seconds)
            scan = f"iceberg_scan('{table.refresh().metadata_location}')"
            check("PyIceberg", theirs, lake.session.rows(batches.format(scan)))
    name = "PyIceberg's SqlCatalog"
    told = f"{len(theirs.landed):,} landed, {theirs.failed:,} failed"
    rate = Peer(name, theirs.per_second, theirs.cpu, GOAL)
    return [
        Figure(PART, "commits per second", "/s", ours.per_second, (rate,), ours.cpu, more=True),
        Figure(
            PART,
            f"tries that failed: {len(ours.landed):,} landed, {ours.failed:,} failed",
            "%",
            ours.failing,
            (Peer(f"{name}: {told}", theirs.failing, goal=0.0),),
        ),
    ]


if __name__ == "__main__":
    program(__doc__, figures, seconds=20.0)
