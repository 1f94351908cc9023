"""The points themselves: all are reached, each lies where its name says, and nothing but the harness arms them."""

from __future__ import annotations

import ast
import re
import sqlite3
from pathlib import Path

import pytest
from tests.torture.harness import Lake, begin, kill_at
from tests.torture.scenarios import BRANCHED, FRESH, LOADED, SCENARIOS
from tests.torture.sizes import sample

from headgate.faults import Point

ROOT = Path(__file__).parents[2]
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def test_every_point_is_reached(lake: Lake) -> None:
    reached: set[str] = set()
    begin(lake, BY_NAME["first run"], cold=True)
    for disturbance in (kill_at("publish due", 1), {}):
        reached |= set(lake.call("run", **disturbance).points)
    # The other scenarios come by no further points.
    for name in ("replay", "discard", "merge", "branch create"):
        command = begin(lake, BY_NAME[name])
        reached |= set(lake.call(*command).points)

    assert {point.value for point in Point} - reached == set()


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    called = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in called if getattr(call.func, "id", getattr(call.func, "attr", None)) == name]


def test_each_point_is_named_in_the_code_and_none_is_armed_there() -> None:
    used: set[str] = set()
    for path in sorted((ROOT / "src").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        used |= {ast.unparse(call.args[0]).removeprefix("Point.") for call in calls(tree, "reached") if call.args}
        if path.name != "faults.py":
            assert not [call for call in calls(tree, "arm") if call.args], path
    assert used - {"point"} == {point.name for point in Point}


def test_every_point_says_where_it_lies() -> None:
    source = (ROOT / "src/headgate/faults.py").read_text(encoding="utf-8")
    for point in Point:
        assert re.search(rf'    {point.name} = "{point.value}"\n    """[^"]+\."""\n', source), point


# What another process sees of a first run that stopped at a point: commits on main besides the first, the run's
# branch, the run's status, its lock.
SEEN = {
    "run locked": (0, 0, None, 1),
    "run recorded": (0, 0, "running", 1),
    "branch created": (0, 1, "running", 1),
    "state committed": (0, 1, "running", 1),
    "publish due": (0, 1, "running", 1),
    "published": (1, 1, "running", 1),
    "branch deleted": (1, 0, "running", 1),
    "run ended": (1, 0, "merged", 1),
    "run over": (1, 0, "merged", 0),
}


@pytest.mark.parametrize("point", sample("places of points", list(SEEN)))
def test_a_point_lies_where_its_name_says(lake: Lake, point: str) -> None:
    begin(lake, BY_NAME["first run"])
    assert lake.call("run", **kill_at(point, 1)).killed

    with sqlite3.connect(lake.root / ".headgate/state.db") as db:
        (moves,) = db.execute("SELECT count(*) FROM reflog WHERE ref = 'main' AND before_id IS NOT NULL").fetchone()
        (branches,) = db.execute("SELECT count(*) FROM refs WHERE name LIKE 'run/%'").fetchone()
        statuses = db.execute("SELECT status FROM runs").fetchall()
    locks = len(list((lake.root / ".headgate/runs").glob("*.lock")))
    assert (moves, branches, statuses[0][0] if statuses else None, locks) == SEEN[point]


# Transactions of the state database, seen from outside before and after their COMMIT.
@pytest.mark.parametrize(("point", "there"), [("ref due", 0), ("commit due", 0), ("committed", 1), ("ref moved", 1)])
def test_a_commit_is_there_for_others_when_its_point_says_so(lake: Lake, point: str, there: int) -> None:
    command = begin(lake, BY_NAME["revert"])
    assert lake.call(*command, **kill_at(point, 1)).killed

    with sqlite3.connect(lake.root / ".headgate/state.db") as db:
        (moves,) = db.execute("SELECT count(*) FROM reflog WHERE ref = 'main' AND reason = 'revert'").fetchone()
    assert moves == there


def test_a_metadata_file_is_empty_when_it_is_begun_and_whole_when_it_is_written(lake: Lake) -> None:
    sizes = {}
    for point in ("file begun", "file written"):
        begin(lake, BY_NAME["first run"])
        assert lake.call("run", **kill_at(point, 1)).killed
        found = [
            path for path in (lake.root / ".headgate").rglob("*") if path.name.endswith((".avro", ".metadata.json"))
        ]
        sizes[point] = [path.stat().st_size > 0 for path in found]
    # Others are written at its side, and may be at any stage.
    assert not all(sizes["file begun"]), sizes
    assert any(sizes["file written"]), sizes


def test_a_lake_that_is_put_back_is_what_it_was(lake: Lake) -> None:
    for state in (BRANCHED, FRESH, LOADED):
        lake.restore(state)
        assert lake.call("log").result["commits"][0]["id"] == lake.heads[state]
