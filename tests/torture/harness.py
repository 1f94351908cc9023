"""The harness: a lake that is put back before each trial, commands with faults in them, and what has to hold."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.torture.sizes import SEED

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
_DBT = "dbt"
_STATE = (".headgate", "data", "ingestion")
_in_place = shutil.ignore_patterns(_DBT)


HEAD = "<head>"
"""Stands in a scenario's command for the commit of `main` that it starts from."""


@dataclass(frozen=True)
class Answer:
    """How a command ended: with a code, by a signal, or not at all; and the points that it came by."""

    code: int | None
    signal: int | None
    hung: bool
    points: tuple[str, ...]
    out: str
    err: str
    seconds: float

    @property
    def killed(self) -> bool:
        return self.signal == signal.SIGKILL

    @property
    def result(self) -> Json:
        """The JSON document that the command printed."""
        return dict(json.loads(self.out))


class Driver:
    """The process that forks one for each command.

    Args:
        folder: For what its children print and note.
        prefix: A command that starts it, such as one that mounts something first.
        environment: Further variables.
    """

    def __init__(self, folder: Path, prefix: Sequence[str] = (), **environment: str) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.torture.driver"],
            env={**os.environ, **environment},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **request: object) -> Answer:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"folder": str(self._folder), **request}) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line, "the driver has died"
        answer = json.loads(line)
        return Answer(**{**answer, "points": tuple(answer["points"])})

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@dataclass
class Lake:
    """A project whose state can be kept under a name and put back.

    What dbt has parsed is left in place unless it is asked for: it is known by the times of its files, which a copy
    does not have, and to parse takes as long as the rest of a run.
    """

    root: Path
    driver: Driver
    kept: Path
    heads: dict[str, str] = field(default_factory=dict)
    cleans: dict[Scenario, Clean] = field(default_factory=dict)

    def keep(self, name: str) -> None:
        """Remember state and source files as they are now."""
        for folder in _STATE:
            if (self.root / folder).exists():
                shutil.copytree(self.root / folder, self.kept / name / folder, ignore=_in_place)
        self.heads[name] = self.call("log").result["commits"][0]["id"]

    def restore(self, name: str, *, cold: bool = False) -> None:
        """Put them back; without anything that dbt has parsed if it is to be cold."""
        for folder in _STATE:
            target = self.root / folder
            for path in target.iterdir() if target.exists() else ():
                if path.name == _DBT and not cold:
                    continue
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            if (self.kept / name / folder).exists():
                shutil.copytree(self.kept / name / folder, target, dirs_exist_ok=True)

    def call(self, *arguments: str, **request: object) -> Answer:
        """Run a command, with `actions` at points and `signals` at times."""
        return self.driver.ask(arguments=[*arguments, "--project", str(self.root), "--json"], **request)

    def shell(self, command: str) -> Answer:
        """Run a command where the driver is, which may see other file systems than the tests do."""
        answer = self.driver.ask(shell=command)
        assert answer.code == 0, answer
        return answer

    def inspect(self) -> Json:
        answer = self.driver.ask(inspect=str(self.root))
        assert answer.code == 0, answer.err
        return answer.result


@dataclass(frozen=True)
class Scenario:
    """A command, and the lake that it is given.

    Attributes:
        name: What it is called in reports.
        before: The state that it starts from, kept under this name.
        command: What is run, and run again after it was killed.
        change: What happens to the project's files before.
        again: Exit codes of the command when it is repeated although its first try had come to its end.
        repeats: Whether a command that had come to its end does its work once more when it is repeated.
        refs: The refs that there are in the end.
    """

    name: str
    before: str
    command: tuple[str, ...]
    change: Callable[[Path], None] | None = None
    again: tuple[int, ...] = (0,)
    repeats: bool = False
    refs: tuple[str, ...] = ("main",)


@dataclass(frozen=True)
class Clean:
    """How a scenario goes when nobody disturbs it."""

    points: tuple[str, ...]
    seconds: float
    state: Json


def begin(lake: Lake, scenario: Scenario, *, cold: bool = False) -> tuple[str, ...]:
    """Put a lake in the state that a scenario starts from, and say what its command is there."""
    lake.restore(scenario.before, cold=cold)
    if scenario.change is not None:
        scenario.change(lake.root)
    return tuple(lake.heads[scenario.before] if part == HEAD else part for part in scenario.command)


def undisturbed(lake: Lake, scenario: Scenario) -> Clean:
    """How a scenario goes on a lake when nobody disturbs it, found out once."""
    if scenario in lake.cleans:
        return lake.cleans[scenario]
    answer = lake.call(*begin(lake, scenario))
    assert answer.code == 0, (scenario.name, answer)
    lake.cleans[scenario] = Clean(answer.points, answer.seconds, settled(lake))
    return lake.cleans[scenario]


def settled(lake: Lake) -> Json:
    """The state after a run that has nothing to do, which is checked to have had nothing to do."""
    code, result = run(lake)
    if code == 0 and result["status"] == "merged":
        code, result = run(lake)
    assert (code, result["status"]) == (0, "unchanged"), result
    return lake.inspect()


def run(lake: Lake) -> tuple[int | None, Json]:
    answer = lake.call("run")
    assert answer.out, answer
    return answer.code, answer.result


def wrong(found: Json, clean: Clean, scenario: Scenario, kills: int = 1) -> list[str]:
    """What differs from the state that an undisturbed command leaves, or must not be in any.

    Args:
        found: The state that there is.
        clean: The undisturbed command.
        scenario: What was done.
        kills: How many tries at most may have moved `main` before one that does so again.
    """
    expected = clean.state
    names = sorted({*found["tables"], *expected["tables"]})
    problems = [
        f"{name}: {found['tables'].get(name)} instead of {expected['tables'].get(name)} (rows, hash)"
        for name in names
        if found["tables"].get(name) != expected["tables"].get(name)
    ]
    problems += [f"{what}: {found[what]}" for what in ("unbalanced", "running", "doctor") if found[what]]
    for what in ("missing", "orphans"):
        files = sorted(set(found["files"][what]) - set(expected["files"][what]))
        problems += [f"{what}: {len(files)} files such as {files[0]}"] if files else []
    if sorted(found["refs"]) != sorted(scenario.refs):
        problems.append(f"refs: {found['refs']}")
    litter = sorted(set(found["litter"]) - set(expected["litter"]))
    if litter:
        problems.append(f"litter: {litter}")
    log = found["log"]
    more = min(kills, len(log) - len(expected["log"])) if scenario.repeats else 0
    if log != log[:1] * more + expected["log"]:
        problems.append(f"log: {log} instead of {expected['log']}")
    if len(set(found["run_ids"])) < len([each for each in found["run_ids"] if each]):
        problems.append(f"a run has two commits on main: {found['run_ids']}")
    return problems


def survives(lake: Lake, scenario: Scenario, clean: Clean, chain: Sequence[Json], *, cold: bool = False) -> int:
    """Kill the command, and those that come after it, at points or at times; then it is as if nobody had.

    Args:
        lake: The lake.
        scenario: What is done to it.
        clean: How that goes undisturbed.
        chain: What is sent along with each try.
        cold: Whether dbt starts without anything parsed.

    Returns:
        How many tries were killed.
    """
    command = begin(lake, scenario, cold=cold)
    kills = 0
    ended = False
    for disturbance in chain:
        answer = lake.call(*command, **disturbance)
        kills += answer.killed
        if not answer.killed:
            assert answer.code in ((*scenario.again, 0) if kills else (0,)), (scenario.name, SEED, chain, answer)
            ended = True
            break
    if not ended:
        answer = lake.call(*command)
        assert answer.code in (0, *scenario.again), (scenario.name, SEED, chain, answer)
    problems = wrong(settled(lake), clean, scenario, kills)
    assert not problems, f"{scenario.name}, seed {SEED}, {chain}:\n" + "\n".join(problems)
    return kills


def kill_at(point: str, occurrence: int) -> Json:
    return {"actions": [{"point": point, "occurrence": occurrence, "act": "kill"}]}


def kill_after(seconds: float) -> Json:
    return {"signals": [[seconds, int(signal.SIGKILL)]]}


def seeded(name: str) -> random.Random:
    """The random choices of one test, the same whatever other tests run beside it."""
    return random.Random(f"{SEED} {name}")
