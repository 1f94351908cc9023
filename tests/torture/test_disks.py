"""Disks that are full or cannot be written to: a clear error, nothing on `main`, and the next run is fine."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.torture import lakes
from tests.torture.conftest import Record
from tests.torture.harness import Answer, Driver, Json, Lake, begin, seeded, settled, undisturbed, wrong
from tests.torture.scenarios import LOADED, SCENARIOS
from tests.torture.sizes import SEED, Part, drawn, pick

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def refused(lake: Lake, answer: Answer, head: str, *words: str) -> Json:
    """The error of a run that could not write: it says what and what to do, and `main` is where it was."""
    told = f"seed {SEED}: {answer}"
    assert answer.code == 1, told
    assert "Traceback" not in answer.err, told
    error: Json = answer.result["error"]
    assert "bug in headgate" not in str(error), told
    assert error["hint"], told
    assert any(word.lower() in f"{error['message']} {error['hint']}".lower() for word in words), told
    now = lake.call("log").result["commits"][0]["id"]
    # What fails as the end is recorded has come to main, and has to say so.
    assert now == head or f"main has the run's commit {now[:10]}" in error["hint"], told
    return error


# Where a write that the operating system refuses is met, and how that is made to happen.
FULL = {
    "file begun": "no space",
    "commit due": "full database",
    "statement due": "full database",
    "ref due": "full database",
}


@pytest.mark.parametrize("point", pick(["file begun"], list(FULL)))
def test_no_space_at_a_point_is_an_error_and_the_next_run_is_fine(lake: Lake, point: str, record: Record) -> None:
    scenario = BY_NAME["changed file"]
    clean = undisturbed(lake, scenario)
    count = Counter(clean.points)[point]
    assert count, f"{point} is not reached"
    rng = seeded(f"no space {point}")
    for occurrence in sorted({rng.randint(1, count) for _ in range(pick(1, 12))}):
        begin(lake, scenario)
        action = {"point": point, "occurrence": occurrence, "act": FULL[point]}
        answer = lake.call("run", actions=[action])
        assert Counter(answer.points)[point] >= occurrence, answer
        if answer.code != 0:  # what only remembers, or ends a run that is merged, may do without
            refused(lake, answer, lake.heads[LOADED], "space", "room")
        problems = wrong(settled(lake), clean, scenario)
        assert not problems, f"seed {SEED}, {action}: {problems}"
        record(Part.FAULTS, "full disks survived")


# The limit holds for DuckDB's files as well, the temporary ones among them.
@pytest.mark.parametrize("point", drawn("limited files", ["data due", "source opened", "load due", "file begun"]))
def test_files_that_may_not_grow_are_an_error_and_the_next_run_is_fine(lake: Lake, point: str, record: Record) -> None:
    scenario = BY_NAME["changed file"]
    clean = undisturbed(lake, scenario)
    begin(lake, scenario)
    action = {"point": point, "occurrence": 1, "act": "limit files", "bytes": 20_000}
    refused(lake, lake.call("run", actions=[action]), lake.heads[LOADED], "space", "room", "large")
    problems = wrong(settled(lake), clean, scenario)
    assert not problems, f"seed {SEED}, {action}: {problems}"
    record(Part.FAULTS, "full disks survived")


# Each case needs a lake of its own.
READ_ONLY = (".headgate/warehouse", ".headgate")
SMALL = drawn("small disks", ["fills up", *READ_ONLY])


def namespaces() -> bool:
    """Whether this machine lets a user mount a file system of his own."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True).returncode == 0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Lake]:
    """A lake whose state lies on a file system of its own, which only its driver sees."""
    if not namespaces():
        pytest.skip("this machine does not let users mount; the errors that a mount would give are injected above")
    root = tmp_path / "lake"
    lakes.part(root)
    (root / ".headgate").mkdir()
    mount = f'mount -t tmpfs -o size=64m tmpfs {root}/.headgate && exec "$@"'
    driver = Driver(tmp_path / "driver", prefix=("unshare", "-rm", "sh", "-c", mount, "sh"))
    yield Lake(root, driver, tmp_path / "kept")
    driver.close()


@pytest.mark.skipif("fills up" not in SMALL, reason="another fault was drawn for the short run; the long one has all")
def test_a_disk_that_fills_up_is_an_error_and_with_room_again_all_is_fine(
    small: Lake, lake: Lake, record: Record
) -> None:
    clean = undisturbed(lake, BY_NAME["first run"])
    state = small.root / ".headgate"
    assert small.call("branch", "list").code == 0
    small.shell(f"cp -a {state} {small.root}/before")
    head = small.call("log").result["commits"][0]["id"]
    for kilobytes in pick([700], [100, 300, 500, 700, 900, 1100, 1300, 1500, 1800, 2100]):
        small.shell(f"rm -rf {state}/* && cp -a {small.root}/before/. {state}/")
        used = small.shell(f"df -k --output=used {state} | tail -1").out
        small.shell(f"mount -o remount,size={int(used) + kilobytes}k {state}")
        answer = small.call("run")
        if answer.code != 0:
            refused(small, answer, head, "space", "room")
            record(Part.FAULTS, "full disks survived")
        small.shell(f"mount -o remount,size=64m {state}")
        problems = wrong(settled(small), clean, BY_NAME["first run"])
        assert not problems, f"{kilobytes} kB: {problems}"


@pytest.mark.parametrize("folder", [folder for folder in READ_ONLY if folder in SMALL])
def test_a_folder_that_cannot_be_written_to_is_an_error_and_the_next_run_is_fine(
    small: Lake, lake: Lake, folder: str, record: Record
) -> None:
    clean = undisturbed(lake, BY_NAME["first run"])
    small.shell(f"mkdir -p {small.root}/{folder}")
    assert small.call("branch", "list").code == 0
    head = small.call("log").result["commits"][0]["id"]
    small.shell(f"mount --bind {small.root}/{folder} {small.root}/{folder}")
    small.shell(f"mount -o remount,bind,ro {small.root}/{folder}")
    answer = small.call("run")
    assert answer.code == 1, answer
    error = answer.result["error"]
    assert "bug in headgate" not in str(error), answer
    assert "Traceback" not in answer.err
    assert any(words in error["message"].lower() for words in ("read-only", "readonly", "unable to open")), error
    assert "writable" in error["hint"], error
    small.shell(f"umount {small.root}/{folder}")
    assert small.call("log").result["commits"][0]["id"] == head
    problems = wrong(settled(small), clean, BY_NAME["first run"])
    assert not problems, problems
    record(Part.FAULTS, "read-only folders survived")
