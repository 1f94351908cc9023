"""What every benchmark shares: figures, times in wall and CPU seconds, and the machine they were taken on."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import duckdb

_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Taken:
    """Seconds that something took, on the wall and on the processors, and the most memory of its process in MB."""

    wall: float
    cpu: float
    peak: float = 0.0


@dataclass(frozen=True)
class Peer:
    """What stands beside a figure of headgate's, in the same unit.

    Attributes:
        name: Who or what it is.
        value: Its figure.
        cpu: Its CPU seconds.
        goal: What headgate's figure may be at most as a multiple of `value`; at least, where more is better.
        ratio_of: A ratio that is not headgate's figure by `value`, such as a mean over queries.
        stopped: It reached its limit of time, and would have taken longer than `value`.
        rival: False for what is no other way of doing the same, such as headgate itself on a smaller lake.
    """

    name: str
    value: float
    cpu: float | None = None
    goal: float | None = None
    ratio_of: float | None = None
    stopped: bool = False
    rival: bool = True

    @classmethod
    def took(cls, name: str, taken: Taken, goal: float | None = None, *, rival: bool = True) -> Peer:
        """A time in seconds."""
        return cls(name, taken.wall, taken.cpu, goal, rival=rival)


@dataclass(frozen=True)
class Figure:
    """One figure of headgate's, and what stands beside it.

    Attributes:
        part: The section of the page.
        name: What was measured.
        unit: Of `ours` and of the peers' values.
        ours: Headgate's figure.
        peers: What stands beside it.
        cpu: Headgate's CPU seconds.
        more: Whether more is better, as of rows per second.
        axis: What grows, in a series of figures: rows, files, tables.
        at: How many of them there were.
    """

    part: str
    name: str
    unit: str
    ours: float
    peers: tuple[Peer, ...] = ()
    cpu: float | None = None
    more: bool = False
    axis: str | None = None
    at: float | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Figure:
        """What `to_dict` gave."""
        known = {field.name for field in fields(cls)} - {"peers", "cpu"}
        peers = tuple(
            Peer(
                each["name"],
                each["value"],
                each["cpu_seconds"],
                each["goal"],
                each["ratio"],
                each["stopped"],
                each["rival"],
            )
            for each in document["peers"]
        )
        return cls(**{name: document[name] for name in known}, peers=peers, cpu=document["cpu_seconds"])

    @classmethod
    def beside(cls, part: str, name: str, ours: Taken, *peers: Peer) -> Figure:
        """Times in seconds."""
        return cls(part, name, "s", ours.wall, peers, ours.cpu)

    def ratio(self, peer: Peer) -> float:
        """Headgate's figure as a multiple of the peer's; where both are none, that is as good as it gets."""
        if peer.ratio_of is not None:
            return peer.ratio_of
        return self.ours / peer.value if peer.value else math.inf if self.ours else 0.0

    def meets(self, peer: Peer) -> bool | None:
        """Whether the goal beside a peer is met; None without a goal.

        A peer that was stopped would have taken longer still, so what holds beside it holds.
        """
        if peer.goal is None:
            return None
        return self.ratio(peer) >= peer.goal if self.more else self.ratio(peer) <= peer.goal

    @property
    def holds(self) -> bool | None:
        """Whether every goal is met; None without a goal."""
        found = [met for met in map(self.meets, self.peers) if met is not None]
        return all(found) if found else None

    def slower(self, peer: Peer) -> bool:
        """Whether headgate is behind this peer."""
        return peer.rival and (self.ratio(peer) < 1 if self.more else self.ratio(peer) > 1)

    def to_dict(self) -> dict[str, Any]:
        document = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "cpu"}
        document["ours"], document["cpu_seconds"] = _rounded(self.ours), _rounded(self.cpu)
        document["peers"] = [
            {
                "name": each.name,
                "value": _rounded(each.value),
                "ratio": _rounded(self.ratio(each)),
                "goal": each.goal,
                "holds": self.meets(each),
                "cpu_seconds": _rounded(each.cpu),
                "stopped": each.stopped,
                "rival": each.rival,
            }
            for each in self.peers
        ]
        return {**document, "holds": self.holds}


class Stopped(Exception):
    """A process did not end within its limit of time."""


def timed(action: Callable[[], object]) -> Taken:
    """Call it in this process; the CPU seconds are those of all its threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return Taken(time.perf_counter() - wall, time.process_time() - cpu)


def process(
    command: Sequence[str],
    cwd: Path | None = None,
    expected: Sequence[int] = (0,),
    limit: float = 600,
    settings: Mapping[str, str] | None = None,
) -> Taken:
    """Run a command to its end, its output unseen.

    Args:
        command: Program and arguments.
        cwd: Where it runs.
        expected: Exit codes that are no errors.
        limit: Seconds after which it is stopped.
        settings: Variables of its environment beside this process's.

    Raises:
        RuntimeError: It ended with another exit code than the expected ones.
        Stopped: It reached the limit.
    """
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile() as complaint:
        answer = Path(scratch, "taken.json")
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LAUNCH), str(answer), *command],
            cwd=cwd,
            stdout=subprocess.DEVNULL,
            stderr=complaint,
            env={**_environment(), **(settings or {})},
            start_new_session=True,
        )
        try:
            code = child.wait(limit)
        except subprocess.TimeoutExpired as error:
            raise Stopped(f"{' '.join(command)} took more than {limit:g} s") from error
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        complaint.seek(0)
        if code not in expected:
            said = complaint.read().decode(errors="replace")
            raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{said[-4000:]}")
        return Taken(**json.loads(answer.read_text("utf-8")))


def alternate(rounds: int, actions: Mapping[str, Callable[[], Taken]]) -> dict[str, Taken]:
    """Medians of several actions, taken in turns, so that a slow spell of the machine meets them all."""
    taken: dict[str, list[Taken]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            taken[name].append(action())
    return {name: median(each) for name, each in taken.items()}


def median(taken: Sequence[Taken]) -> Taken:
    return Taken(
        statistics.median(each.wall for each in taken),
        statistics.median(each.cpu for each in taken),
        max(each.peak for each in taken),
    )


def machine() -> dict[str, str]:
    """What the figures depend on, without names or paths of the machine."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, {platform.machine()}",
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
    }


def program(
    about: str | None,
    measured: Callable[[argparse.Namespace], Sequence[Figure]],
    **defaults: float | bool,
) -> None:
    """A benchmark as a program of its own: prints its figures, or writes them with `--json FILE`.

    Args:
        about: Its docstring.
        measured: Takes the options, gives the figures.
        defaults: Options that are numbers, by name, each with its default; one that is False is a switch.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    for name, value in defaults.items():
        if isinstance(value, bool):
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(f"--{name}", type=type(value), default=value, help=f"default: {value}")
    options = parser.parse_args()
    found = measured(options)
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps([each.to_dict() for each in found], indent=1) + "\n", encoding="utf-8")


def table(figures: Sequence[Figure]) -> str:
    """Figures as a table in Markdown, a row for each that stands beside one."""
    lines = [
        "| what | headgate | CPU | beside | | CPU | ratio | goal | holds |",
        "|---|---:|---:|---|---:|---:|---:|---:|---|",
    ]
    for figure in figures:
        ours = (figure.name, shown(figure.ours, figure.unit), shown(figure.cpu, "s"))
        if not figure.peers:
            lines.append("| " + " | ".join((*ours, *[""] * 6)) + " |")
        for number, peer in enumerate(figure.peers):
            cells = (
                *(ours if number == 0 else ("", "", "")),
                peer.name,
                ("> " if peer.stopped else "") + shown(peer.value, figure.unit),
                shown(peer.cpu, "s"),
                ("< " if peer.stopped else "") + f"{figure.ratio(peer):.2f}",
                "" if peer.goal is None else f"{'≥' if figure.more else '≤'} {peer.goal:g}",
                {None: "", True: "yes", False: "**no**"}[figure.meets(peer)],
            )
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def shown(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 0 if abs(value) >= 1000 else 2 if abs(value) >= 0.1 or not value else 4
    return f"{value:,.{digits}f} {unit}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _environment() -> dict[str, str]:
    """The environment without what would change what is measured: settings of headgate's, and of Python's compiler.

    Where Python may not keep what it compiled, a start pays for compiling every library.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HEADGATE_") and name != "PYTHONDONTWRITEBYTECODE"
    }


def _rounded(value: float | None) -> float | None:
    """Three digits that count."""
    return None if value is None else float(f"{value:.4g}")
