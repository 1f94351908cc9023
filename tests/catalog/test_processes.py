"""Many writers at one branch: nothing is lost, nothing lands twice, nobody starves."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from headgate.catalog import Operation, open_catalog
from headgate.errors import Conflict
from headgate.types import Content, Kind, Name

COMMITTERS = Path(__file__).with_name("committers.py")


def test_twenty_processes_that_commit_to_one_branch_at_once_all_land(state_url: str) -> None:
    done = subprocess.run(
        [sys.executable, COMMITTERS, state_url, "20", "5"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    catalog = open_catalog(state_url)
    expected = sorted(f"p{process}-{number}" for process in range(20) for number in range(5))
    state = catalog.state()
    assert sorted(name.table for name in state.names("own")) == expected
    shared = state.get(Name.of("bronze", "shared"))
    assert shared is not None
    assert sorted(shared.metadata_location.split("+")) == expected
    # One commit each, and the first one of the lake.
    assert len(list(catalog.log())) == 101
    assert catalog.verify() == []
    catalog.close()


def test_a_writer_whose_join_is_slow_lands_among_quick_ones(state_url: str) -> None:
    hot = Name.of("bronze", "hot")
    stop, asked = threading.Event(), 0

    def content(text: str) -> Content:
        return Content(Kind.TABLE, "hot", text)

    def hammer() -> None:
        catalog, number = open_catalog(state_url), 0
        while not stop.is_set():
            before, number = catalog.state().get(hot), number + 1
            try:
                catalog.commit("main", [Operation(hot, before, content(f"quick {number}"))], message="", author="quick")
            except Conflict:
                assert asked
        catalog.close()

    def slow(name: Name, base: Content | None, theirs: Content, ours: Content) -> Content:
        nonlocal asked
        asked += 1
        # The first time too late for sure, and then for as long as a join takes.
        while asked == 1 and catalog.state().get(hot) == theirs:
            time.sleep(0.001)
        time.sleep(0.05)
        return content(theirs.metadata_location + " slow")

    quick = threading.Thread(target=hammer)
    quick.start()
    catalog = open_catalog(state_url)
    while catalog.state().get(hot) is None:
        time.sleep(0.001)
    try:
        operation = Operation(hot, content("long ago"), content("mine"))
        made = catalog.commit("main", [operation], message="", author="slow", rejoin=slow)
    finally:
        stop.set()
        quick.join()
    after = made.operations[0].after
    assert after is not None
    assert after.metadata_location.endswith(" slow")
    # The quick one commits every few milliseconds, so that without a turn every one of these joins comes too late.
    assert 2 <= asked <= 8
    catalog.close()
