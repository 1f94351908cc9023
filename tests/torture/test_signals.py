"""SIGINT and SIGTERM at any moment: the command ends with 130 or with its work done, and leaves nothing behind."""

from __future__ import annotations

import signal
import time
from collections import Counter

import pytest
from tests.torture.conftest import Record
from tests.torture.harness import Answer, Clean, Json, Lake, Scenario, begin, seeded, settled, undisturbed, wrong
from tests.torture.scenarios import SCENARIOS
from tests.torture.sizes import LONG, SEED, Part, drawn, pick, sample, seconds

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
NUMBERS = (int(signal.SIGINT), int(signal.SIGTERM))
STOPPED = 130


def signal_at(point: str, occurrence: int, number: int) -> Json:
    return {"point": point, "occurrence": occurrence, "act": "signal", "signal": number}


def stops(lake: Lake, scenario: Scenario, clean: Clean, request: Json) -> Answer:
    """Send signals to a command; it ends in order, what it says is true, and the next one finishes the work."""
    command = begin(lake, scenario)
    head = lake.heads[scenario.before]
    answer = lake.call(*command, **request)
    told = f"{scenario.name}, seed {SEED}, {request}: {answer}"
    assert not answer.hung, told
    # What comes before the command has begun ends the process as it ends any other.
    begun = bool(answer.points) or answer.signal is None
    assert (answer.code in (0, STOPPED)) if begun else (answer.signal in NUMBERS), told
    assert "Traceback" not in answer.err, told
    moved = lake.call("log").result["commits"][0]["id"] != head
    if answer.code == STOPPED:
        error = answer.result["error"]
        assert error["type"] == "Cancelled", told
        assert not (moved and "main is as it was" in str(error)), f"main has moved; {told}"
    repeated = lake.call(*command)
    assert repeated.code in (0, *scenario.again), told
    problems = wrong(settled(lake), clean, scenario)
    assert not problems, told + "\n" + "\n".join(problems)
    return answer


@pytest.mark.parametrize("name", sample("signals", ["first run", "replay", "merge", "revert"]))
def test_a_signal_at_a_point_ends_a_command_in_order(lake: Lake, name: str, record: Record) -> None:
    scenario = BY_NAME[name]
    until = time.monotonic() + seconds(Part.FAULTS, 0.05)
    clean = undisturbed(lake, scenario)
    rng = seeded(f"signals {name}")
    counts = Counter(clean.points)
    trials = [(point, rng.randint(1, count)) for point, count in counts.items()]
    rng.shuffle(trials)
    for point, occurrence in trials[: pick(1, len(trials))]:
        if LONG and time.monotonic() > until:
            break
        stops(lake, scenario, clean, {"actions": [signal_at(point, occurrence, rng.choice(NUMBERS))]})
        record(Part.FAULTS, "signals survived")


@pytest.mark.skipif(not LONG, reason="says less per second than signals at points, which the short run has")
def test_a_signal_at_a_random_moment_ends_a_run_in_order(lake: Lake, record: Record) -> None:
    scenario = BY_NAME["first run"]
    until = time.monotonic() + seconds(Part.FAULTS, 0.05)
    clean = undisturbed(lake, scenario)
    rng = seeded("signals at times")
    while time.monotonic() < until:
        times = sorted(rng.uniform(0, clean.seconds) for _ in range(rng.randint(1, 2)))
        stops(lake, scenario, clean, {"signals": [[each, rng.choice(NUMBERS)] for each in times]})
        record(Part.FAULTS, "signals survived", len(times))


# What happens after the first signal, while the run takes back what it did.
@pytest.mark.parametrize(
    "point", drawn("second signals", ["branch deleted", "statement due", "commit due", "committed"])
)
def test_a_second_signal_during_the_clean_up_leaves_it_to_the_next_run(lake: Lake, point: str, record: Record) -> None:
    scenario = BY_NAME["first run"]
    clean = undisturbed(lake, scenario)
    before = Counter(clean.points[: clean.points.index("ledger written")])
    actions = [
        signal_at("ledger written", 1, int(signal.SIGINT)),
        signal_at(point, before[point] + 1, int(signal.SIGINT)),
    ]
    stops(lake, scenario, clean, {"actions": actions})
    record(Part.FAULTS, "signals survived", 2)
