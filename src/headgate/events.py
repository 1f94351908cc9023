"""What happens during a run, as values.

A run tells one stream of events to one consumer: `emit(event)`. The terminal, the JSON document, and whatever
orchestrates or records lineage are consumers of that stream and of nothing else. A consumer that raises
`Cancelled` stops the run at that point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headgate.types import CheckResult, LoadResult, ModelResult


@dataclass(frozen=True)
class Event:
    """Base of every event."""


@dataclass(frozen=True)
class Started(Event):
    """A run has its branch."""

    run_id: str
    branch: str
    base: str


@dataclass(frozen=True)
class Planned(Event):
    """What is to be done: how many files, models and checks, and why nothing else."""

    loads: int
    models: int
    checks: int
    skipped: int


@dataclass(frozen=True)
class LoadStarted(Event):
    """A file is being read."""

    source: str
    file: str
    bytes: int


@dataclass(frozen=True)
class LoadProgress(Event):
    """`fraction` is between 0 and 1."""

    source: str
    file: str
    fraction: float


@dataclass(frozen=True)
class Loaded(Event):
    """A file is in its table, and every row of it accounted for."""

    result: LoadResult


@dataclass(frozen=True)
class ModelStarted(Event):
    """A model is being built."""

    name: str


@dataclass(frozen=True)
class ModelFinished(Event):
    """A model was built, skipped, or failed."""

    result: ModelResult


@dataclass(frozen=True)
class Checked(Event):
    """A check was carried out."""

    result: CheckResult


@dataclass(frozen=True)
class Rebased(Event):
    """`main` moved during the run, or since the branch that is merged began, and was merged into the run's branch."""

    onto: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Merged(Event):
    """`main` has advanced to the run's state."""

    commit: str


@dataclass(frozen=True)
class RunRefused(Event):
    """A check said no; the branch is kept."""

    branch: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Failed(Event):
    """An error ended the run; `main` is as it was."""

    message: str


@dataclass(frozen=True)
class Note(Event):
    """Something worth telling a person, such as the clean-up of an interrupted run."""

    message: str


Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The consumer for callers that want only the result."""
