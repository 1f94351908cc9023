"""Refused rows: read again under a corrected contract, or given up with a reason; both through the gate."""

from __future__ import annotations

from headgate.errors import NotFound, UsageError, did_you_mean
from headgate.events import Emit
from headgate.ingest import quarantine
from headgate.ingest.contract import Source, load_sources
from headgate.run.attempt import Attempt
from headgate.run.course import Course
from headgate.run.execute import EVERYTHING, clean_up
from headgate.run.lake import Lake
from headgate.run.planning import Work
from headgate.run.result import RunResult


def replay(lake: Lake, table: str, emit: Emit) -> RunResult:
    """Load the refused rows of a table that pass its contract as it is now."""
    clean_up(lake)
    sources = load_sources(lake.project)
    chosen = _sources_of(sources, table)

    def work(attempt: Attempt) -> None:
        for source in chosen:
            attempt.keep(quarantine.replay(source, attempt.workspace))

    return Course(lake, Work(lake.project, sources, EVERYTHING), emit).change(work, f"replay quarantine of {table}")


def discard(lake: Lake, table: str, reason: str, where: str | None, emit: Emit) -> RunResult:
    """Take refused rows of a table out of the quarantine for good; the reason stands in the log and with the rows."""
    if not reason.strip():
        raise UsageError("Discarding rows needs a reason.", hint='Say why: --reason "test records of the supplier"')
    clean_up(lake)
    sources = load_sources(lake.project)
    chosen = _sources_of(sources, table)

    def work(attempt: Attempt) -> None:
        for source in chosen:
            quarantine.discard(source, attempt.workspace, reason=reason, where=where)

    message = f"discard quarantine of {table}: {reason}"
    return Course(lake, Work(lake.project, sources, EVERYTHING), emit).change(work, message)


def _sources_of(sources: list[Source], table: str) -> list[Source]:
    """The sources that fill a table, named with or without its schema or by the source."""
    found = [s for s in sources if table in (s.name, str(s.table), s.table.table, str(s.quarantine))]
    if not found:
        names = [str(source.table) for source in sources]
        raise NotFound(
            f"No source fills a table '{table}'.", hint=did_you_mean(table, names) or "headgate sources list"
        )
    return found
