"""The mobility example from its raw files: cold, with nothing to do, and with one changed file.

Beside the first and the last: the same reading and the same SQL as one plain script, each time a new process. Beside
the one with nothing to do: a Python that imports DuckDB and ends. What both sides built is compared, row for row.

Cold also with more rows: what both sides take longer then tells the cost of a row, and what is left the fixed cost of
a run.

Run with `python benchmarks/mobility.py [--json FILE] [--rounds N] [--times N]`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import duckdb
from measure import Figure, Peer, Taken, alternate, process, program
from plain import MODELS, script
from scaled import multiply

import headgate
from headgate.events import Checked, Event, ModelFinished
from headgate.project import Project

EXAMPLE = Path(__file__).parents[1] / "examples" / "mobility"
HEADGATE = str(Path(sys.executable).with_name("headgate"))
PART = "Mobility example, whole processes"
PEER = "the same SQL as a plain DuckDB script"
GOAL_WARM = 4.0
GOAL_ROWS = 1.5
# What tells loads apart, and has other values in a lake than in a script.
PROVENANCE = ("_load_id", "source_file")


def figures(rounds: int = 3, times: int = 40) -> list[Figure]:
    """All figures.

    Args:
        rounds: How often each is taken; the one with nothing to do five times at least.
        times: The most times the example's rows with which the cold run is taken, and a quarter of that.
    """
    with tempfile.TemporaryDirectory() as scratch:
        lake = copied(Path(scratch, "lake"))
        sql = plain_script(lake)
        colder = iter(range(rounds))
        cold = alternate(
            rounds,
            {
                "ours": lambda: run(copied(Path(scratch, f"cold-{next(colder)}"))),
                "plain": lambda: plain(lake, sql),
            },
        )
        larger = {size: with_rows(Path(scratch), size, sql, max(1, rounds // 2)) for size in (times // 4, times)}
        run(lake)
        import_duckdb = [sys.executable, "-c", "import duckdb"]
        warm = alternate(max(5, rounds), {"ours": lambda: run(lake), "duckdb": lambda: process(import_duckdb)})
        changes = iter(range(rounds))
        changed = alternate(
            rounds, {"ours": lambda: run_changed(lake, next(changes)), "plain": lambda: plain(lake, sql)}
        )
        compare(lake, sql)
    return [
        Figure.beside(PART, "cold: load, build, check, merge", cold["ours"], Peer.took(PEER, cold["plain"])),
        *(
            Figure.beside(PART, f"cold, {size} times the rows", taken["ours"], Peer.took(PEER, taken["plain"]))
            for size, taken in larger.items()
        ),
        *beyond(cold, larger[times], times),
        Figure.beside(
            PART,
            "nothing to do",
            warm["ours"],
            Peer.took('python -c "import duckdb"', warm["duckdb"], GOAL_WARM, rival=False),
        ),
        Figure.beside(PART, "one of 15 files changed", changed["ours"], Peer.took(PEER, changed["plain"])),
    ]


def with_rows(scratch: Path, times: int, sql: Path, rounds: int) -> dict[str, Taken]:
    """A cold run and the script with so many times the rows."""
    lake = copied(scratch / f"times-{times}")
    multiply(lake, times)

    def cold() -> Taken:
        shutil.rmtree(lake / ".headgate", ignore_errors=True)
        return run(lake)

    taken = alternate(rounds, {"ours": cold, "plain": lambda: plain(lake, sql)})
    compare(lake, sql)
    shutil.rmtree(lake)
    return taken


def beyond(once: dict[str, Taken], many: dict[str, Taken], times: int) -> Iterator[Figure]:
    """What more rows cost, and what a run costs whatever its rows: a line through the least and the most of them."""
    grown = {
        side: Taken(many[side].wall - once[side].wall, many[side].cpu - once[side].cpu) for side in ("ours", "plain")
    }
    rows = Figure.beside(
        PART, f"cold: what {times} times the rows add", grown["ours"], Peer.took(PEER, grown["plain"], GOAL_ROWS)
    )
    yield rows
    wall = once["ours"].wall - once["plain"].wall * grown["ours"].wall / grown["plain"].wall
    cpu = once["ours"].cpu - once["plain"].cpu * grown["ours"].cpu / grown["plain"].cpu
    yield Figure.beside(PART, "cold: fixed cost, whatever the rows", Taken(wall, cpu))


def copied(folder: Path) -> Path:
    """A project of one's own."""
    return Path(shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".headgate", "__pycache__")))


def run(lake: Path) -> Taken:
    return process([HEADGATE, "run", "--json"], cwd=lake)


def run_changed(lake: Path, number: int) -> Taken:
    """A run after one more sale came in the newest file of sales."""
    with (lake / "data" / "sales" / "sales_2023.csv").open("a", encoding="utf-8") as file:
        file.write(f"{900_000 + number},1,1,12/31/2023,40000.00,Lease\n")
    return run(lake)


def plain(lake: Path, sql: Path) -> Taken:
    """The script, in the folder whose files it names."""
    code = "import duckdb, pathlib, sys; duckdb.connect().execute(pathlib.Path(sys.argv[1]).read_text('utf-8'))"
    return process([sys.executable, "-c", code, str(sql)], cwd=lake)


def plain_script(lake: Path) -> Path:
    """Run the project, and write what it did as a script beside it, once both were seen to build the same."""
    sql = lake.parent / "plain.sql"
    sql.write_text(script(Project.open(lake), run_and_compile(lake)), encoding="utf-8")
    compare(lake, sql)
    return sql


def run_and_compile(lake: Path) -> list[tuple[str, str]]:
    """Run the project; path and SQL of what dbt compiled on the way, in its order.

    dbt left to its own way writes it below the project's state folder, where it lies until the build ends.
    """
    kept = lake.parent / "compiled"
    order: list[str] = []

    def keep(event: Event) -> None:
        if isinstance(event, ModelFinished):
            order.append(event.result.name.rpartition(".")[2])
        if isinstance(event, ModelFinished | Checked):
            for folder in (lake / ".headgate" / "dbt" / "tmp").glob("*/compiled/*"):
                shutil.copytree(folder, kept, dirs_exist_ok=True)

    with headgate.open(lake) as lakehouse, patch("headgate.transform.shortcuts.shortcuts", tuple):
        result = lakehouse.run(emit=keep)
    if result.status.value != "merged":
        raise RuntimeError(f"The run that was to be merged was {result.status.value}: {result.error}")
    found = {path.relative_to(kept).as_posix(): path.read_text("utf-8") for path in sorted(kept.rglob("*.sql"))}
    models = {Path(path).stem: path for path in found if str(Path(path).parent) in MODELS}
    in_order = [models.pop(name) for name in order if name in models]
    # Unit tests bring rows of their own, and are no part of a script that only builds.
    tests = [path for path in found if path not in in_order and "_unit_tests.yml" not in path]
    return [(path, found[path]) for path in (*in_order, *tests)]


def compare(lake: Path, sql: Path) -> None:
    """Raise if the lake and the script disagree on a row of silver or gold."""
    with duckdb.connect() as connection, headgate.open(lake) as lakehouse:
        connection.execute(f"SET file_search_path = '{lake}'")
        connection.execute(sql.read_text("utf-8"))
        for table in lakehouse.tables():
            name = str(table.name)
            if name.partition(".")[0] not in ("silver", "gold"):
                continue
            columns = connection.execute(f"DESCRIBE {name}").fetchall()
            shared = [str(column[0]) for column in columns if column[0] not in PROVENANCE]
            row = " || '|' || ".join(f"coalesce(\"{column}\"::VARCHAR, '')" for column in shared)
            query = f"SELECT count(*), sum(hash({row})) FROM {name}"
            theirs, ours = connection.execute(query).fetchall(), lakehouse.query(query).rows()
            if [*map(tuple, ours)] != [*map(tuple, theirs)]:
                raise RuntimeError(f"{name} differs: {ours} in the lake, {theirs} in the script")


if __name__ == "__main__":
    program(__doc__, lambda options: figures(int(options.rounds), int(options.times)), rounds=3, times=40)
