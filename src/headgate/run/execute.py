"""A run from start to end, and the merge by hand, which takes the same way through the gate."""

from __future__ import annotations

import functools
import importlib
import threading
import time
from contextlib import closing

from headgate.catalog.interface import MAIN
from headgate.errors import DataError, StorageError, UsageError
from headgate.events import Emit, Note, ignore
from headgate.faults import Point, reached
from headgate.ingest.addresses import is_address
from headgate.ingest.ahead import Hashing
from headgate.ingest.contract import Source
from headgate.ingest.files import HashCache, discover
from headgate.ingest.objects import copies_removed
from headgate.ingest.sources import load_sources
from headgate.run.ahead import Ahead
from headgate.run.definitions import Stamps, definition_stamps
from headgate.run.fingerprint import Inputs, project_fingerprint
from headgate.run.lake import Lake
from headgate.run.leftovers import take_away
from headgate.run.result import RunResult, RunStatus, new_run_id
from headgate.run.selection import Selection
from headgate.run.settled import leave_note
from headgate.transform.ahead import Parsing

EVERYTHING = Selection()


def run(lake: Lake, selection: Selection = EVERYTHING, emit: Emit = ignore, ahead: Ahead | None = None) -> RunResult:
    """Load what is new, build what that changed, check it, and advance `main`; or leave `main` as it was and say why.

    Args:
        lake: The open project.
        selection: What the run is about.
        emit: Consumer of events.
        ahead: What was begun before the project was open; it ends with the run.

    Raises:
        ProjectError: A file of the project is wrong; nothing was begun.
        UsageError: The selection names nothing; nothing was begun.
    """
    with copies_removed(lake.project.temp_directory), closing(ahead or Ahead()) as begun:
        return _run(lake, selection, emit, begun)


def _run(lake: Lake, selection: Selection, emit: Emit, ahead: Ahead) -> RunResult:
    started, began = time.perf_counter(), time.time_ns()
    clean_up(lake, emit)
    definitions = definition_stamps(lake.project.root)
    if ahead.models is not None:
        ahead.models.begin(lake.project)
    sources = load_sources(lake.project)
    inputs = _inputs(lake, sources, selection, ahead.files, definitions)
    head = lake.catalog.ref(MAIN).commit_id
    empty = not sources and _builds_nothing(lake, ahead.models)
    if empty:
        emit(Note("There is no source yet: headgate sources add FILE"))
    if inputs and not empty and not selection.full_refresh and lake.history.settled(inputs.fingerprint) == head:
        leave_note(lake.project, sources, selection, began, head)
        return RunResult(new_run_id(), RunStatus.UNCHANGED, None, head, time.perf_counter() - started)

    from headgate.run.course import Course
    from headgate.run.planning import Work

    work = Work(lake.project, sources, selection, ahead.models)
    work.check_names()
    result = Course(lake, work, emit).run(inputs)
    if inputs and not empty and lake.history.settled(inputs.fingerprint) == result.commit:
        leave_note(lake.project, sources, selection, began, result.commit)
    return result


def _builds_nothing(lake: Lake, parsing: Parsing | None) -> bool:
    """Whether a project has no model, seed or snapshot either."""
    from headgate.run.planning import Work

    dbt = Work(lake.project, [], EVERYTHING, parsing).dbt
    return dbt is None or not dbt.models


def merge(lake: Lake, source: str, into: str = MAIN, override: str | None = None, emit: Emit = ignore) -> RunResult:
    """Merge a branch; into `main` only through the checks, or with an override that has a reason.

    Args:
        lake: The open project.
        source: Branch, tag or commit.
        into: The branch to merge into.
        override: Why failing checks are to be passed over; it stands in the log for good.
        emit: Consumer of events.
    """
    if override is not None and not override.strip():
        raise UsageError("An override needs a reason.", hint='Say why: --override "the supplier confirmed the gap"')
    from headgate.run.course import Course
    from headgate.run.planning import Work

    clean_up(lake, emit)
    course = Course(lake, Work(lake.project, load_sources(lake.project), EVERYTHING), emit)
    return course.merge(source, override) if into == MAIN else course.merge_unchecked(source, into)


def clean_up(lake: Lake, emit: Emit = ignore) -> None:
    """Take away what runs left behind whose process died."""
    for record in lake.history.dead():
        reached(Point.CLEAN_UP_DUE)
        published = take_away(lake, record.run_id, record.branch or "", record.base or "")
        reached(Point.FILES_REMOVED)
        lake.history.bury(record.run_id, published)
        became = f"its commit {published[:10]} had reached main" if published else "main was not touched"
        emit(Note(f"Run {record.run_id} had been interrupted; its branch is gone and {became}."))
    lake.history.sweep()


@functools.cache
def _warm_up() -> None:
    """Import in a thread what a run will need: a file that has to be hashed will mostly have to be loaded."""
    threading.Thread(target=importlib.import_module, args=("headgate.run.course",), daemon=True).start()


def _remember(lake: Lake, hashing: Hashing) -> None:
    """Wait for the files that are being hashed; what looks for their hashes next finds them remembered."""
    _warm_up()
    cache = HashCache(lake.db.local(lake.project.state_dir))
    for path, now, found in hashing.found():
        cache.remember(str(path), now, found)


def _inputs(
    lake: Lake,
    sources: list[Source],
    selection: Selection,
    hashing: Hashing | None,
    definitions: Stamps | None,
) -> Inputs | None:
    """What a run would work on; None when only the network or dbt could tell, or a file is not there."""
    try:
        if hashing is not None:
            _remember(lake, hashing)
        if any(is_address(pattern) for source in sources for pattern in source.contract.files):
            return None
        files = tuple(
            (source.name, file.name, file.sha256)
            for source in sources
            for file in discover(lake.project, source, lake.storage, lake.db, meanwhile=_warm_up)
        )
    except (DataError, StorageError):
        return None  # the run meets it again, and tells of it as a run that failed
    fingerprint = project_fingerprint(lake.project, files, str(selection))
    return None if fingerprint is None else Inputs(fingerprint, files, definitions)
