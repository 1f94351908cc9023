"""Whether all is well: the project's files, the history, the tables, the runs."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator

from headgate.catalog.iceberg import TableVersion
from headgate.catalog.interface import MAIN
from headgate.catalog.storage import Storage
from headgate.catalog.views import read_view
from headgate.errors import DataError, FileMissing, FileTaken, HeadgateError, StorageError, counted
from headgate.run.execute import clean_up
from headgate.run.findings import Finding
from headgate.run.lake import Lake
from headgate.run.selection import Selection
from headgate.types import Content, Kind

# Below this a run is likely to meet a full disk.
_LOW_BYTES = 1_000_000_000


def examine(lake: Lake) -> list[Finding]:
    """Look at everything; nothing is changed but that interrupted runs are cleaned up after."""
    looks: list[Callable[[Lake], Iterator[Finding]]] = [_runs, _history, _tables, _sources, _models, _storage, _disk]
    found: list[Finding] = []
    for look in looks:
        try:
            found.extend(look(lake))
        except HeadgateError as error:
            name = look.__name__.strip("_")
            place = f" (at {error.place})" if error.place else ""
            found.append(Finding(name, "error", error.message + place, error.hint))
    return found


def _runs(lake: Lake) -> Iterator[Finding]:
    dead = lake.history.dead()
    clean_up(lake)
    for run in dead:
        yield Finding("runs", "warn", f"Run {run.run_id} had been interrupted.", "It was cleaned up after; run again.")
    kept = [ref.name for ref in lake.catalog.refs() if ref.name.startswith("run/")]
    busy = {record.branch for record in lake.history.runs(100) if record.finished is None}
    refused = [name for name in kept if name not in busy]
    if refused:
        yield Finding("runs", "ok", f"{len(refused)} branches of refused runs are kept.", "headgate branch delete NAME")
    else:
        yield Finding("runs", "ok", "No run was interrupted.")


def _history(lake: Lake) -> Iterator[Finding]:
    problems = lake.catalog.verify()
    for problem in problems:
        yield Finding(
            "history",
            "error",
            f"{problem.table} {problem.row}: {problem.message}",
            "Somebody changed the state database by hand: restore it from a backup.",
        )
    if not problems:
        commits = sum(1 for _ in lake.catalog.log(MAIN, first_parent=False))
        yield Finding("history", "ok", f"All hashes of main's {counted(commits, 'commit')} hold.")


def _tables(lake: Lake) -> Iterator[Finding]:
    broken = 0
    tables = 0
    foreign: list[str] = []
    # One that remembers nothing of what was there.
    storage = Storage(lake.storage.warehouse, lake.storage.access)
    for name, content in _contents(lake):
        tables += 1
        try:
            if content.kind is Kind.VIEW:
                view = read_view(content.metadata_location, storage)
                foreign += [] if view.is_readable else [f"{name} ({view.dialect})"]
                continue
            wrong = _problem(TableVersion.load(content.metadata_location, storage))
        except DataError as error:
            yield Finding("tables", "warn", f"{name}: {error.message}", error.hint)
            continue
        except HeadgateError as error:
            if isinstance(error, StorageError) and not isinstance(error, FileMissing) and not storage.is_local:
                # The server does not answer, and would not for every other table either, after a while each.
                raise
            wrong = error.message
        if wrong:
            broken += 1
            yield Finding("tables", "error", f"{name}: {wrong}", "Restore the file from a backup.")
    if foreign:
        yield Finding("tables", "ok", f"Views that only the engines that made them can query: {', '.join(foreign)}.")
    if not broken:
        yield Finding("tables", "ok", f"All files of {tables:,} tables and views on all refs are there, whole in size.")


def _contents(lake: Lake) -> Iterator[tuple[str, Content]]:
    """What every branch and tag has, each version once, with a name for a person; `main` comes first."""
    busy = {record.branch for record in lake.history.runs() if record.finished is None}
    seen: set[Content] = set()
    for ref in sorted(lake.catalog.refs(), key=lambda ref: (ref.name != MAIN, ref.name)):
        # What a run that is at work has may be gone as soon as it is over.
        for name, content in lake.catalog.state(ref.commit_id).items() if ref.name not in busy else ():
            if content not in seen:
                seen.add(content)
                yield (str(name) if ref.name == MAIN else f"{name} on {ref.name}"), content


def _problem(version: TableVersion) -> str | None:
    """What is wrong with the first file that is not as its name and size tell: of data, or of deletes."""
    listed = {file.location: file.bytes for file in version.storage.list(version.location)}
    files = [(file.path, file.bytes) for file in version.files()]
    files += [(file.file_path, file.file_size_in_bytes) for file in version.delete_files()]
    for location, expected in files:
        size = listed[location] if location in listed else version.storage.size(location)
        path = location.removeprefix("file://")
        if size is None:
            return f"{path} is missing."
        if size != expected:
            return f"{path} has {size:,} bytes and should have {expected:,}."
    return None


def _sources(lake: Lake) -> Iterator[Finding]:
    from headgate.run.sources import check_sources

    yield from check_sources(lake)


def _models(lake: Lake) -> Iterator[Finding]:
    from headgate.run.planning import Work

    work = Work(lake.project, [], Selection())
    checks = counted(len(work.reconciliations), "reconciliation")
    if work.dbt is None:
        yield Finding("models", "ok", f"There are no models; {checks}.")
        return
    for warning in work.dbt.warnings:
        yield Finding("models", "warn", warning)
    yield Finding(
        "models",
        "ok",
        f"{counted(len(work.dbt.models), 'model')}, {counted(len(work.dbt.tests), 'test')} and {checks} parse.",
    )


def _storage(lake: Lake) -> Iterator[Finding]:
    """Whether an object store takes, keeps and gives up a file."""
    lake.check_storage()
    storage = lake.storage
    if storage.is_local:
        return
    probe = f"{storage.warehouse}/.headgate-{uuid.uuid4().hex}"
    storage.write(probe, b"1")
    try:
        storage.write(probe, b"2")
        kept = False
    except FileTaken:
        kept = True
    finally:
        storage.delete([probe])
    if kept:
        yield Finding("storage", "ok", f"{storage.warehouse} can be read and written, and files in it are kept.")
    else:
        yield Finding(
            "storage",
            "warn",
            f"The server of {storage.warehouse} writes over a file although it was told not to (If-None-Match).",
            "headgate gives every file a name of its own; other engines may rely on it.",
        )


def _disk(lake: Lake) -> Iterator[Finding]:
    free = shutil.disk_usage(lake.project.root).free
    if free < _LOW_BYTES:
        yield Finding("disk", "warn", f"{free / 1e9:.1f} GB are free.", "Make room before the next run.")
    else:
        yield Finding("disk", "ok", f"{free / 1e9:,.0f} GB are free.")
