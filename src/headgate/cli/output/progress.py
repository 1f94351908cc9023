"""The progress of a run, told from its events on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from headgate import events
from headgate.errors import counted
from headgate.events import Emit, Event

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Names of tables that a line has room for.
_MOST_TABLES = 5


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
        # Models and checks are planned when the loads are done: their number depends on what came.
        self._plan: events.Planned | None = None

    def consume(self, event: Event) -> None:
        if isinstance(event, events.Planned):
            self._plan = event
        elif isinstance(event, events.LoadStarted):
            self._tell("load", "Loading files")
        elif isinstance(event, events.ModelStarted) and self._plan:
            self._tell("build", f"Building {counted(self._plan.models, 'model')}")
        elif isinstance(event, events.Checked) and self._plan and self._plan.checks:
            self._tell("check", f"Running {counted(self._plan.checks, 'check')}")
        elif isinstance(event, events.Rebased):
            self._tell(event.onto, _moved(event))
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
        self._tasks: dict[str, TaskID] = {
            phase: self.progress.add_task(phase, total=None, start=False, visible=False, now="")
            for phase in ("Load", "Build", "Check")
        }
        self._fractions: dict[str, float] = {}
        self._begun: set[TaskID] = set()
        self._loaded = 0
        self._checked = 0
        self._checks: int | None = None

    def consume(self, event: Event) -> None:
        if isinstance(event, events.Planned):
            self.progress.update(self._tasks["Load"], total=self._loaded)
            self.progress.update(self._tasks["Build"], total=event.models)
            self._checks = self._checked + event.checks
            self.progress.update(self._tasks["Check"], total=self._checks)
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
            self._checked += 1
            if self._checks is not None and self._checked > self._checks:
                # The books are checked last, and only when something was loaded: no plan counts that.
                self.progress.update(self._tasks["Check"], total=self._checked)
            self._show("Check", now=event.result.name, completed=self._checked)
        elif isinstance(event, events.Rebased):
            self.progress.console.print(_moved(event), style="yellow", markup=False)
        elif isinstance(event, events.Note):
            self.progress.console.print(event.message, style="dim", markup=False)

    def _show(
        self, phase: str, *, now: str | None = None, completed: float | None = None, advance: float | None = None
    ) -> None:
        """Move a bar on, and show it when it is the first time."""
        task = self._tasks[phase]
        if task not in self._begun:
            self._begun.add(task)
            self.progress.start_task(task)
        self.progress.update(task, completed=completed, advance=advance, visible=True)
        if now is not None:
            self.progress.update(task, now=now)


def _moved(event: events.Rebased) -> str:
    shown = event.tables if len(event.tables) <= _MOST_TABLES else (*event.tables[: _MOST_TABLES - 1], "others")
    what = f"what {', '.join(shown)} changed is" if shown else "everything is"
    return f"main has moved on: {what} built and checked again"
