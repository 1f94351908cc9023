"""Source files that somebody writes to while they are loaded: an error, or the rows of one version, never of two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.torture.conftest import Record
from tests.torture.harness import Json, Lake, begin, settled, undisturbed, wrong
from tests.torture.scenarios import LOADED, SCENARIOS
from tests.torture.sizes import Part, drawn

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
MOMENTS = ("source hashed", "load due", "source opened", "source read")

HEADER = "id,first_name,last_name,email,phone,address,city,state,country\n"
LINE = "2448,Ada,Lovelace,ada@example.com,N/A,1 Street,London,,UK\n"
HOW: dict[str, Json] = {
    "grows": {"how": "append", "text": LINE},
    "shrinks": {"how": "cut", "bytes": 20_000},
    "disappears": {"how": "remove"},
    "is replaced": {
        "how": "replace",
        "text": HEADER + LINE,
    },
    "is written over": {
        "how": "write",
        "text": HEADER + LINE,
    },
}
PAIRS = drawn("changing sources", [(moment, how) for moment in MOMENTS for how in HOW])


@pytest.mark.parametrize(("moment", "how"), PAIRS)
def test_a_file_that_changes_while_it_is_loaded_is_refused_or_loaded_as_one(
    lake: Lake, moment: str, how: str, record: Record
) -> None:
    scenario = BY_NAME["changed file"]
    begin(lake, scenario)
    path = lake.root / "data/customers.csv"
    before = path.read_bytes()
    action = {"point": moment, "occurrence": 1, "act": "change", "path": str(path), **HOW[how]}
    answer = lake.call("run", actions=[action])
    told = f"{moment}, {how}: {answer}"
    assert "Traceback" not in answer.err, told
    result = answer.result
    if answer.code == 0:
        # What was read before the change, or all of what is there now.
        (load,) = [load for load in result["loads"] if load["file"] == "data/customers.csv"]
        assert load["read"] in {rows(before), rows(path.read_bytes()) if path.exists() else -1}, told
    else:
        assert answer.code == 1, told
        error = result["error"]
        assert "customers.csv" in f"{error['message']} {error['place']}", told
        assert error["hint"], told
        assert "bug in headgate" not in str(error), told
        assert lake.call("log").result["commits"][0]["id"] == lake.heads[LOADED], told
    if how == "disappears":
        path.write_bytes(before)
    # The next run loads what is there now, as if it had never been otherwise.
    now = path.read_bytes()
    found = settled(lake)
    clean = undisturbed(lake, replace(scenario, change=lambda root: _write(root, now)))
    # A run that had read one version in full has a commit of its own.
    problems = wrong(found, clean, replace(scenario, repeats=answer.code == 0))
    problems = [problem for problem in problems if answer.code or not problem.startswith(("log", "headgate.loads"))]
    assert not problems, f"{told}\n{problems}"
    record(Part.FAULTS, "changing files survived")


def rows(content: bytes) -> int:
    """Of a file without line ends in values: its lines below the header, the last one perhaps cut off."""
    return len(content.splitlines()) - 1


def _write(root: Path, content: bytes) -> None:
    (root / "data/customers.csv").write_bytes(content)
