"""Catalogs under several writers, and one operation at a time: headgate's beside Nessie's own and PyIceberg's.

Run with `make bench-services`, or `python benchmarks/catalogs.py [--json FILE] [--seconds S] [--rounds N]`. Servers are
started for it and ended. Writes `docs/benchmarks-catalogs.md` and `benchmarks/catalogs.json`, with `--quick` neither.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

from contenders import Client, Headgate, PyIcebergSql, RawNessie, landed  # noqa: E402  # beside this file
from measure import machine  # noqa: E402  # beside this file

from services import running  # noqa: E402  # found through the line above

WRITERS = 8
TABLES = 100
NESSIE = "Nessie's REST API"
OURS = ("headgate on SQLite", "headgate on Postgres")
# What these are, once, for the page.
ABOUT = {
    "headgate on SQLite": "a file, `synchronous=NORMAL`",
    "headgate on Postgres": "PostgreSQL 18 on this machine, `fsync` on: every commit waits for the disk",
    "headgate on Nessie": "headgate's back end over the Nessie below",
    NESSIE: "version store in memory: the fastest it has",
    "Nessie's REST API, store in Postgres": "version store `JDBC2` in the PostgreSQL above",
    "PyIceberg SqlCatalog on SQLite": "a commit changes one table property and so writes a metadata file",
    "PyIceberg SqlCatalog on Postgres": "likewise",
}

Open = Callable[[], Client]


@contextmanager
def contenders(folder: Path) -> Iterator[dict[str, Open]]:
    """How to open each catalog in a process; `main` of each has its tables."""
    with ExitStack() as stack:
        postgres = stack.enter_context(running.postgres(folder / "postgres", durable=True))
        nessie = stack.enter_context(running.nessie(folder / "nessie"))
        beside = stack.enter_context(running.nessie(folder / "beside"))
        postgres.create_database("nessie")
        stored = stack.enter_context(
            running.nessie(
                folder / "stored",
                options={
                    "nessie.version.store.type": "JDBC2",
                    "nessie.version.store.persist.jdbc.datasource": "postgresql",
                    "quarkus.datasource.postgresql.jdbc.url": f"jdbc:postgresql://127.0.0.1:{postgres.port}/nessie",
                    "quarkus.datasource.postgresql.username": "owner",
                    "quarkus.datasource.postgresql.password": postgres.password,
                },
            )
        )
        state = f"sqlite:///{folder}/nessie-state.db"
        warehouse = folder / "warehouse"
        of_postgres = postgres.create_database("pyiceberg").replace("postgresql:", "postgresql+psycopg:")
        opens: dict[str, Open] = {
            "headgate on SQLite": functools.partial(Headgate, f"sqlite:///{folder}/state.db"),
            "headgate on Postgres": functools.partial(Headgate, postgres.create_database("headgate")),
            "headgate on Nessie": functools.partial(Headgate, f"nessie+{beside.url}", state),
            NESSIE: functools.partial(RawNessie, nessie.url),
            "Nessie's REST API, store in Postgres": functools.partial(RawNessie, stored.url),
            "PyIceberg SqlCatalog on SQLite": functools.partial(
                PyIcebergSql, f"sqlite:///{folder}/pyiceberg.db", warehouse
            ),
            "PyIceberg SqlCatalog on Postgres": functools.partial(PyIcebergSql, of_postgres, warehouse / "postgres"),
        }
        for name, start in opens.items():
            fill(name, start)
        yield opens


def fill(name: str, start: Open) -> None:
    client = start()
    if isinstance(client, PyIcebergSql):
        client.make(WRITERS)
    else:
        client.put("main", list(range(TABLES)))
    client.close()


def write(start: Open, table: int, seconds: float, ready: Barrier, answers: Any) -> None:
    """What a writer does; it reports how many commits landed and how many were refused."""
    client = start()
    landed(client, "main", [table])
    ready.wait()
    deadline = time.perf_counter() + seconds
    commits = refusals = 0
    while time.perf_counter() < deadline:
        refusals += landed(client, "main", [table])
        commits += 1
    answers.put((commits, refusals, time.perf_counter() - deadline + seconds))
    client.close()


def throughput(start: Open, tables: int, seconds: float) -> dict[str, float]:
    """Commits per second of all writers together, and how many were refused."""
    context = multiprocessing.get_context("spawn")
    ready, answers = context.Barrier(WRITERS), context.Queue()
    writers = [
        context.Process(target=write, args=(start, number % tables, seconds, ready, answers))
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    found = [answers.get(timeout=seconds * 20 + 120) for _ in writers]
    for writer in writers:
        writer.join()
    return {
        "commits_per_second": sum(commits for commits, _, _ in found) / max(span for _, _, span in found),
        "commits": sum(commits for commits, _, _ in found),
        "refused": sum(refusals for _, refusals, _ in found),
        "least_of_a_writer": min(commits for commits, _, _ in found),
    }


def latencies(clients: dict[str, Client], rounds: int, work: str = "work") -> dict[str, dict[str, list[float]]]:
    """Milliseconds of each operation of each catalog, in turns, so that a slow spell of the machine meets them all."""
    taken: dict[str, dict[str, list[float]]] = {name: {} for name in clients}
    for number in range(rounds):
        for name, client in clients.items():
            times = taken[name]
            branch = f"{work}/{number}"
            ten = [10 + (number * 10 + each) % (TABLES - 10) for each in range(10)]
            _time(times, "create a branch", functools.partial(client.branch, branch))
            _time(times, "commit one table", functools.partial(client.put, branch, ten[:1]))
            _time(times, "commit ten tables", functools.partial(client.put, branch, ten))
            client.put("main", [number % 10])
            _time(times, "merge ten changed tables into a main that moved", functools.partial(client.merge, branch))
    return taken


def _time(times: dict[str, list[float]], name: str, action: Callable[[], None]) -> None:
    start = time.perf_counter()
    action()
    times.setdefault(name, []).append(1000 * (time.perf_counter() - start))


def measured(rounds: int, seconds: float) -> dict[str, Any]:
    document: dict[str, Any] = {"machine": machine(), "rounds": rounds, "seconds": seconds}
    with tempfile.TemporaryDirectory() as folder, contenders(Path(folder)) as opens:
        clients = {name: start() for name, start in opens.items() if "PyIceberg" not in name}
        latencies(clients, 5, "warm")
        found = latencies(clients, rounds)
        for client in clients.values():
            client.close()
        document["latencies"] = {
            name: {
                operation: {"p50": quantile(times, 50), "p95": quantile(times, 95)} for operation, times in each.items()
            }
            for name, each in found.items()
        }
        document["throughput"] = {}
        for name, start in opens.items():
            print(f"{WRITERS} writers: {name} ...", file=sys.stderr, flush=True)
            document["throughput"][name] = {str(tables): throughput(start, tables, seconds) for tables in (WRITERS, 1)}
    return document


def quantile(times: list[float], percent: int) -> float:
    return round(statistics.quantiles(times, n=100, method="inclusive")[percent - 1], 2)


def rendered(document: dict[str, Any]) -> str:
    """The page."""
    facts = document["machine"]
    slower = [*missed(document)]
    lines = [
        "# Catalogs beside one another",
        "",
        "<!-- Written by `make bench-services`. -->",
        "",
        f"Measured on {facts['cores']} cores ({facts['processor']}), {facts['memory']} of memory, {facts['system']},",
        f"Python {facts['python']}; servers and writers on the same cores. All in one go, operations in turns.",
        "",
        *(f"- *{name}*: {what}." for name, what in ABOUT.items()),
        "",
        "## One operation at a time",
        "",
        f"Milliseconds, p50 / p95 of {document['rounds']}, {TABLES} tables. A commit reads where its tables are first.",
        "",
    ]
    operations = list(next(iter(document["latencies"].values())))
    lines += ["| | " + " | ".join(operations) + " |", "|---|" + "---:|" * len(operations)]
    for name, each in document["latencies"].items():
        cells = [f"{each[operation]['p50']:.1f} / {each[operation]['p95']:.1f}" for operation in operations]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Goal: headgate on SQLite and on Postgres at most Nessie's. "
        + (f"Missed: {'; '.join(slower)}." if slower else "Met."),
        "",
        f"## {WRITERS} processes at once",
        "",
        f"Commits per second of all together over {document['seconds']:g} s. *Refused* counts tries that somebody else",
        "was faster than and that the writer repeated; all landed in the end. *Least* is the slowest writer's share.",
        "",
        f"| | {WRITERS} tables, one each | refused | least | one table for all | refused | least |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, each in document["throughput"].items():
        cells = [
            cell
            for tables in (str(WRITERS), "1")
            for cell in (
                f"{each[tables]['commits_per_second']:,.1f}",
                f"{each[tables]['refused']:,}",
                f"{each[tables]['least_of_a_writer'] * WRITERS / max(each[tables]['commits'], 1):.0%}",
            )
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", "Every figure is in `benchmarks/catalogs.json`.", ""])


def missed(document: dict[str, Any]) -> Iterator[str]:
    """Where headgate on SQLite or Postgres takes longer than Nessie."""
    for name in OURS:
        for operation, ours in document["latencies"][name].items():
            theirs = document["latencies"][NESSIE][operation]
            for part in ("p50", "p95"):
                if ours[part] > theirs[part]:
                    yield f"{name}, {operation}, {part}: {ours[part]:.1f} ms beside {theirs[part]:.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200, help="of each operation; default: 200")
    parser.add_argument("--seconds", type=float, default=10, help="that writers write; default: 10")
    parser.add_argument("--json", type=Path, help="write the figures to this file and no page")
    parser.add_argument("--quick", action="store_true", help="a short look, which proves nothing; writes no page")
    options = parser.parse_args()
    document = measured(10 if options.quick else options.rounds, 1.5 if options.quick else options.seconds)
    page = rendered(document)
    print(page)
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    elif not options.quick:
        (HERE / "catalogs.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        (ROOT / "docs" / "benchmarks-catalogs.md").write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
