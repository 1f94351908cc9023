"""Processes that commit to `main` at once: `committers.py URL PROCESSES COMMITS`.

Each opens the catalog, waits for the others, and then, COMMITS times in one commit each, appends to one shared table,
whose location lists what was appended, and puts a table of its own.
"""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing.synchronize import Barrier

from headgate.catalog import Operation
from headgate.catalog.embedded import EmbeddedCatalog
from headgate.database import Database
from headgate.types import Content, Kind, Name

SHARED = Name.of("bronze", "shared")


def appended(content: Content | None, *more: str) -> Content:
    listed = content.metadata_location.split("+") if content else []
    return Content(Kind.TABLE, "shared", "+".join([*listed, *more]))


def rejoin(name: Name, base: Content | None, theirs: Content, ours: Content) -> Content:
    known = len(base.metadata_location.split("+")) if base else 0
    return appended(theirs, *ours.metadata_location.split("+")[known:])


def commit(url: str, name: str, commits: int, all_ready: Barrier) -> None:
    try:
        catalog = EmbeddedCatalog(Database.open(url))
    except BaseException:
        all_ready.abort()
        raise
    all_ready.wait()
    for number in range(commits):
        held = catalog.state().get(SHARED)
        own = Operation(Name.of("own", f"{name}-{number}"), None, Content(Kind.TABLE, name, str(number)))
        shared = Operation(SHARED, held, appended(held, f"{name}-{number}"))
        catalog.commit("main", [own, shared], message=f"{name} {number}", author=name, rejoin=rejoin)
    catalog.close()


def main(url: str, processes: int, commits: int) -> int:
    context = multiprocessing.get_context("fork")
    all_ready = context.Barrier(processes)
    started = [
        context.Process(target=commit, args=(url, f"p{number}", commits, all_ready)) for number in range(processes)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    return max(abs(process.exitcode or 0) for process in started)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
