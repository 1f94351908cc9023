"""The progress of a run, told from its events on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from headgate import events
from headgate.events import Emit, Event

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def consumer(*, quiet: bool) -> Iterator[Emit]:
    """A consumer of events: bars that vanish at the end on a terminal, a line per phase elsewhere, or nothing."""
    if quiet:
        yield events.ignore
    elif sys.stderr.isatty():
        bars = _Bars()
        with bars.progress:
            yield bars.consume
    else:
        yield _Lines().consume


class _Lines:
    """One line when a phase begins, whatever its length."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._plan = events.Planned(0, 0, 0, 0)

    def consume(self, event: Event) -> None:
        if isinstance(event, events.Planned):
            self._plan = event
        elif isinstance(event, events.LoadStarted):
            self._tell("load", f"Loading {_count(self._plan.loads, 'file')}")
        elif isinstance(event, events.ModelStarted):
            self._tell("build", f"Building {_count(self._plan.models, 'model')}")
        elif isinstance(event, events.Checked):
            self._tell("check", f"Checking {_count(self._plan.checks, 'check')}")
        elif isinstance(event, events.Rebased):
            self._tell(event.onto, f"main moved during the run: {', '.join(event.tables)} are built and checked again")
        elif isinstance(event, events.Note):
            self._tell(event.message, event.message)

    def _tell(self, phase: str, line: str) -> None:
        if phase not in self._told:
            self._told.add(phase)
            sys.stderr.write(line + "\n")
            sys.stderr.flush()


class _Bars:
    """A bar per phase with what is going on beside it."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        from headgate.cli.output.writer import console

        self.progress: Progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<8}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[now]}[/]"),
            console=console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._fractions: dict[str, float] = {}
        self._loaded = 0

    def consume(self, event: Event) -> None:
        if isinstance(event, events.Planned):
            for phase, total in (("Load", event.loads), ("Build", event.models), ("Check", event.checks)):
                if total:
                    self._tasks[phase] = self.progress.add_task(phase, total=total, now="")
        elif isinstance(event, events.LoadStarted):
            self._show("Load", now=event.file)
        elif isinstance(event, events.LoadProgress):
            self._fractions[event.file] = event.fraction
            self._show("Load", completed=self._loaded + sum(self._fractions.values()))
        elif isinstance(event, events.Loaded):
            self._fractions.pop(event.result.file, None)
            self._loaded += 1
            self._show("Load", completed=self._loaded)
        elif isinstance(event, events.ModelStarted):
            self._show("Build", now=event.name)
        elif isinstance(event, events.ModelFinished):
            self._show("Build", advance=1)
        elif isinstance(event, events.Checked):
            self._show("Check", now=event.result.name, advance=1)
        elif isinstance(event, events.Rebased):
            self.progress.console.print(
                f"main moved: {', '.join(event.tables)} are built and checked again", style="yellow"
            )
        elif isinstance(event, events.Note):
            self.progress.console.print(event.message, style="dim", markup=False)

    def _show(
        self, phase: str, *, now: str | None = None, completed: float | None = None, advance: float | None = None
    ) -> None:
        """Move a bar on; a phase that the plan did not foresee gets one."""
        if phase not in self._tasks:
            self._tasks[phase] = self.progress.add_task(phase, total=None, now="")
        self.progress.update(self._tasks[phase], completed=completed, advance=advance)
        if now is not None:
            self.progress.update(self._tasks[phase], now=now)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else f"{noun}s"
