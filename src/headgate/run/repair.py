"""Refused rows: read again under a corrected contract, or given up with a reason; both through the gate."""

from __future__ import annotations

from dataclasses import replace

from headgate.catalog.interface import MAIN
from headgate.engines.duckdb import Session
from headgate.engines.guard import lock
from headgate.engines.workspace import Workspace
from headgate.errors import NotFound, QueryError, ReadOnly, TableNotFound, UsageError, did_you_mean
from headgate.events import Emit
from headgate.ingest import quarantine
from headgate.ingest.contract import Source
from headgate.ingest.sources import load_sources
from headgate.run.attempt import Attempt
from headgate.run.course import Course
from headgate.run.execute import EVERYTHING, clean_up
from headgate.run.lake import Lake
from headgate.run.planning import Work
from headgate.run.result import Repair, RunResult, RunStatus


def replay(lake: Lake, table: str, emit: Emit) -> RunResult:
    """Load the refused rows of a table that pass its contract as it is now."""
    clean_up(lake)
    sources = load_sources(lake.project)
    chosen = _sources_of(sources, table)
    _check_refused(lake, chosen, table)

    repairs: list[Repair] = []

    def work(attempt: Attempt) -> None:
        tried = _count(chosen, attempt.workspace)
        for source in chosen:
            attempt.keep(quarantine.replay(source, attempt.workspace))
        left = _count(chosen, attempt.workspace)
        repairs.append(Repair(tried=tried, passed=tried - left, left=left))

    course = Course(lake, Work(lake.project, sources, EVERYTHING), emit)
    return _told(course.change(work, f"replay quarantine of {table}"), repairs)


def discard(lake: Lake, table: str, reason: str, where: str | None, emit: Emit) -> RunResult:
    """Take refused rows of a table out of the quarantine for good; the reason stands in the log and with the rows."""
    if not reason.strip():
        raise UsageError("Discarding rows needs a reason.", hint='Say why: --reason "test records of the supplier"')
    clean_up(lake)
    sources = load_sources(lake.project)
    chosen = _sources_of(sources, table)
    _check_refused(lake, chosen, table, where)

    repairs: list[Repair] = []

    def work(attempt: Attempt) -> None:
        given_up = sum(quarantine.discard(s, attempt.workspace, reason=reason, where=where) for s in chosen)
        repairs.append(Repair(discarded=given_up, left=_count(chosen, attempt.workspace)))

    message = f"discard quarantine of {table}: {reason}"
    return _told(Course(lake, Work(lake.project, sources, EVERYTHING), emit).change(work, message), repairs)


def _check_refused(lake: Lake, sources: list[Source], table: str, where: str | None = None) -> None:
    """Raise where `main` never refused a row of the sources, or for a condition that none meets or that is no SQL.

    Models would be built there, and nothing said of rows.
    """
    shown = f"headgate quarantine show {table}"
    with Session(lake.project.engine, lake.storage) as session:
        workspace = Workspace(lake.catalog, MAIN, session)
        if not any(workspace.exists(source.quarantine) for source in sources):
            raise NotFound(
                f"Nothing is in quarantine for {table} on main.",
                hint="The next run reads the rows of a refused one again: correct the contract, and headgate run.",
            )
        if where is None:
            return
        # As for a query: what the condition reads is tables of the lake.
        lock(session)
        try:
            found = _count(sources, workspace, where)
        except (QueryError, ReadOnly, TableNotFound) as error:
            reason = error.message.partition("\n\n")[0]
            raise UsageError(
                f"The condition cannot be asked of the refused rows: {reason}",
                place=f"--where {where}",
                hint=f"It is SQL over the columns of {shown} --json, such as \"rule = 'type'\".",
            ) from error
        if found:
            return
        names = {source.name for source in sources}
        groups = [group for group in quarantine.summary(workspace) if group["source"] in names]
    there = sorted({str(group["rule"]) for group in groups if group["status"] == "refused"})
    raise NotFound(
        f"No refused row of {table} meets the condition: nothing is discarded.",
        place=f"--where {where}",
        hint=f"Rows are refused by these rules: {', '.join(there)}.\n{shown}" if there else "headgate quarantine list",
    )


def _count(sources: list[Source], workspace: Workspace, where: str | None = None) -> int:
    return sum(quarantine.count(source, workspace, where) for source in sources)


def _told(result: RunResult, repairs: list[Repair]) -> RunResult:
    """The result with what its last attempt did to refused rows; one that failed has done nothing to them."""
    failed = result.status is RunStatus.FAILED or not repairs
    return result if failed else replace(result, repair=repairs[-1])


def _sources_of(sources: list[Source], table: str) -> list[Source]:
    """The sources that fill a table, named with its schema, without where that tells which it is, or by the source."""
    named = [s for s in sources if table in (s.table.table, str(s.quarantine))]
    tables = list(dict.fromkeys(str(s.table) for s in named))
    found = [s for s in sources if str(s.table) == table]
    if not found and len(tables) > 1:
        # They share a table of refused rows, and whoever means one must not reach those of the other.
        raise UsageError(f"Several tables are called '{table}': {', '.join(tables)}.", hint="Name one with its schema.")
    found = found or named or [s for s in sources if s.name == table]
    if not found:
        names = [str(source.table) for source in sources]
        raise NotFound(
            f"No source fills a table '{table}'.", hint=did_you_mean(table, names) or "headgate sources list"
        )
    return found
