"""SIGKILL at every point, in every scenario, at random times, and in the runs that clean up: then it is as if never."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from tests.torture import lakes
from tests.torture.conftest import Record
from tests.torture.harness import (
    Clean,
    Driver,
    Json,
    Lake,
    Scenario,
    kill_after,
    kill_at,
    seeded,
    survives,
    undisturbed,
)
from tests.torture.scenarios import FRESH, SCENARIOS
from tests.torture.sizes import LONG, Part, sample, seconds

# Of the budget for faults; the first run has the most to kill.
SHARE = {"first run": 0.14, "branch create": 0.01, "branch delete": 0.01, "merge into a branch": 0.02}
OTHERS = 0.04
# Every scenario has one trial at least; a further one is not begun when the time is up.
CHAIN = 3


def single_kills(clean: Clean, name: str) -> list[list[Json]]:
    """Every point at its first, its last and a random occurrence, each a trial of its own, in random order."""
    rng = seeded(name)
    counts = Counter(clean.points)
    trials = [
        [kill_at(point, occurrence)]
        for point, count in counts.items()
        for occurrence in sorted({1, rng.randint(1, count), count})
    ]
    rng.shuffle(trials)
    return trials


def chains(clean: Clean, name: str, count: int) -> list[list[Json]]:
    """Chains of kills: the run, the one that cleans up after it, and the one after that; at points and at times."""
    rng = seeded(name)
    counts = Counter(clean.points)
    # What only those reach that find a dead run.
    later = [*counts, "clean up due", "files removed", "buried"]

    def kill(points: list[str]) -> Json:
        if rng.random() < 0.25:
            return kill_after(rng.uniform(0, clean.seconds))
        point = rng.choice(points)
        return kill_at(point, rng.randint(1, counts.get(point, 1)))

    return [[kill(list(counts)), *(kill(later) for _ in range(CHAIN - 1))] for _ in range(count)]


def tried(lake: Lake, scenario: Scenario, clean: Clean, trials: list[list[Json]], until: float, record: Record) -> None:
    for number, trial in enumerate(trials):
        if number and time.monotonic() > until:
            break
        kills = survives(lake, scenario, clean, trial, cold=LONG and number % 4 == 0)
        record(Part.FAULTS, "kills survived", kills)
        record(Part.FAULTS, "lakes compared with a clean one")


@pytest.mark.parametrize(
    "scenario",
    sample("kills", SCENARIOS),
    ids=lambda scenario: scenario.name.replace(" ", "-"),
)
def test_a_killed_command_leaves_nothing_that_a_later_one_trips_over(
    lake: Lake, scenario: Scenario, record: Record
) -> None:
    until = time.monotonic() + seconds(Part.FAULTS, SHARE.get(scenario.name, OTHERS))
    clean = undisturbed(lake, scenario)
    if not LONG:
        tried(lake, scenario, clean, chains(clean, scenario.name, 1), until + 300, record)
        return
    singles = single_kills(clean, scenario.name)
    some = chains(clean, scenario.name, len(singles))
    tried(lake, scenario, clean, [trial for pair in zip(singles, some, strict=True) for trial in pair], until, record)


@pytest.mark.skipif(not LONG, reason="the whole example takes as long as a dozen trials of its slice")
def test_the_whole_example_survives_kills(tmp_path: Path, driver: Driver, record: Record) -> None:
    until = time.monotonic() + seconds(Part.FAULTS, 0.2)
    lakes.whole(tmp_path / "lake")
    lake = Lake(tmp_path / "lake", driver, tmp_path / "kept")
    assert lake.call("branch", "list").code == 0
    lake.keep(FRESH)
    scenario = Scenario("whole example", FRESH, ("run",))
    clean = undisturbed(lake, scenario)
    tried(lake, scenario, clean, chains(clean, scenario.name, 100), until, record)
