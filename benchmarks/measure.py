"""What every benchmark shares: figures, times in wall and CPU seconds, and the machine they were taken on."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb


@dataclass(frozen=True)
class Taken:
    """Seconds that something took, on the wall and on the processors, and the most memory of its process in MB."""

    wall: float
    cpu: float
    peak: float = 0.0


@dataclass(frozen=True)
class Figure:
    """One figure of headgate, beside a peer's when there is one.

    Attributes:
        part: The section of the page.
        name: What was measured.
        unit: Of `ours` and `peer`.
        ours: Headgate's figure.
        peer: The peer's.
        peer_name: Who the peer is.
        goal: The most that `ratio` may be, or `ours` where there is no peer.
        cpu: Headgate's CPU seconds.
        peer_cpu: The peer's CPU seconds.
        ratio_of: A ratio that is not `ours / peer`, such as a mean over queries.
    """

    part: str
    name: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str | None = None
    goal: float | None = None
    cpu: float | None = None
    peer_cpu: float | None = None
    ratio_of: float | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Figure:
        """What `to_dict` gave."""
        return cls(
            document["part"],
            document["name"],
            document["unit"],
            document["ours"],
            document["peer"],
            document["peer_name"],
            document["goal"],
            document["cpu_seconds"],
            document["peer_cpu_seconds"],
            document["ratio"],
        )

    @property
    def ratio(self) -> float | None:
        if self.ratio_of is not None:
            return self.ratio_of
        return self.ours / self.peer if self.peer else None

    @property
    def holds(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.goal is None:
            return None
        return (self.ours if self.ratio is None else self.ratio) <= self.goal

    @classmethod
    def beside(
        cls, part: str, name: str, ours: Taken, peer: Taken, peer_name: str, goal: float | None = None
    ) -> Figure:
        """Two times, in seconds."""
        return cls(part, name, "s", ours.wall, peer.wall, peer_name, goal, ours.cpu, peer.cpu)

    def to_dict(self) -> dict[str, Any]:
        return {
            "part": self.part,
            "name": self.name,
            "unit": self.unit,
            "ours": _rounded(self.ours),
            "peer": _rounded(self.peer),
            "peer_name": self.peer_name,
            "ratio": _rounded(self.ratio),
            "goal": self.goal,
            "holds": self.holds,
            "cpu_seconds": _rounded(self.cpu),
            "peer_cpu_seconds": _rounded(self.peer_cpu),
        }


def timed(action: Callable[[], object]) -> Taken:
    """Call it in this process; the CPU seconds are those of all its threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return Taken(time.perf_counter() - wall, time.process_time() - cpu)


def process(command: Sequence[str], cwd: Path | None = None, expected: Sequence[int] = (0,)) -> Taken:
    """Run a command to its end, its output unseen.

    Raises:
        RuntimeError: It ended with another exit code than the expected ones.
    """
    start = time.perf_counter()
    with subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment()
    ) as child:
        assert child.stderr is not None
        complaint = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in expected:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}:\n{complaint.decode()}")
    # Linux tells kilobytes, macOS bytes.
    unit = 1e6 if sys.platform == "darwin" else 1e6 / 1024
    return Taken(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


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
    **defaults: float,
) -> None:
    """A benchmark as a program of its own: prints its figures, or writes them with `--json FILE`.

    Args:
        about: Its docstring.
        measured: Takes the options, gives the figures.
        defaults: Options that are numbers, by name, each with its default.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=type(value), default=value, help=f"default: {value}")
    options = parser.parse_args()
    found = measured(options)
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps([each.to_dict() for each in found], indent=1) + "\n", encoding="utf-8")


def table(figures: Sequence[Figure]) -> str:
    """Figures as a table in Markdown."""
    lines = [
        "| what | headgate | CPU | beside | | CPU | ratio | goal | holds |",
        "|---|---:|---:|---|---:|---:|---:|---:|---|",
    ]
    for each in figures:
        cells = (
            each.name,
            _shown(each.ours, each.unit),
            _shown(each.cpu, "s"),
            each.peer_name or "",
            _shown(each.peer, each.unit),
            _shown(each.peer_cpu, "s"),
            "" if each.ratio is None else f"{each.ratio:.2f}",
            "" if each.goal is None else f"{each.goal:g}",
            {None: "", True: "yes", False: "**no**"}[each.holds],
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 0 if abs(value) >= 1000 else 2
    return f"{value:,.{digits}f} {unit}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _environment() -> dict[str, str]:
    """The environment without settings of headgate's, which would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}


def _rounded(value: float | None) -> float | None:
    """Three digits that count."""
    return None if value is None else float(f"{value:.4g}")
