"""The sources of a project: listed, checked against their files, and begun from files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from headgate.errors import AlreadyExists, HeadgateError, counted
from headgate.ingest.addresses import shown
from headgate.ingest.contract import Source
from headgate.ingest.files import discover
from headgate.ingest.objects import copies_removed
from headgate.ingest.sources import load_sources
from headgate.run.findings import Finding
from headgate.run.lake import Lake

if TYPE_CHECKING:
    from headgate.engines.duckdb import Session


@dataclass(frozen=True)
class AddedSource:
    """A contract that was inferred and written; `notes` says what a person should look at."""

    name: str
    path: str
    notes: tuple[str, ...]


def list_sources(lake: Lake) -> list[dict[str, Any]]:
    """The contracts of the project, as they stand in their files, without secrets of addresses."""
    return [
        {
            "name": source.name,
            "table": str(source.table),
            "load": source.contract.load,
            "files": [shown(pattern) for pattern in source.contract.files],
            "columns": len(source.contract.columns),
            "path": lake.project.relative(source.path),
        }
        for source in load_sources(lake.project)
    ]


def check_sources(lake: Lake) -> list[Finding]:
    """Whether every contract reads, finds its files, and names columns that the first of them has."""
    from headgate.engines.duckdb import Session

    try:
        sources = load_sources(lake.project)
    except HeadgateError as error:
        place = f" (at {error.place})" if error.place else ""
        return [Finding("sources", "error", error.message + place, error.hint)]
    if not sources:
        return [Finding("sources", "warn", "There is no source yet.", "headgate sources add PATH")]
    with Session(lake.project.engine, lake.storage) as session, copies_removed(lake.project.temp_directory):
        return [_check(lake, session, source) for source in sources]


def _check(lake: Lake, session: Session, source: Source) -> Finding:
    from headgate.ingest.headers import check_header

    what = f"source {source.name}"
    try:
        files = discover(lake.project, source, lake.storage, lake.db)
    except HeadgateError as error:
        return Finding(what, "error", error.message, error.hint)
    if not files:
        return Finding(
            what, "warn", f"No file matches {', '.join(map(shown, source.contract.files))}.", "Put files there."
        )
    try:
        with TemporaryDirectory(dir=session.scratch_folder("check")) as scratch:
            slip = check_header(session, source, files[0], Path(scratch))
    except HeadgateError as error:
        place = f" (at {error.place})" if error.place else ""
        return Finding(what, "error", error.message + place, error.hint)
    if slip:
        return Finding(what, "warn", slip, f"Correct the name in {lake.project.relative(source.path)}.")
    size = sum(file.bytes for file in files)
    return Finding(what, "ok", f"{counted(len(files), 'file')}, {counted(size, 'byte')}, to {source.table}.")


def add_sources(lake: Lake, paths: Sequence[str | Path], name: str | None = None) -> list[AddedSource]:
    """Infer contracts from files and write them to `ingestion/`, for a person to read.

    Args:
        lake: The open project.
        paths: Files, folders, globs or addresses; a contract for each, or one for all of them when `name` is given.
        name: The source's name; default: made from the file's.

    Raises:
        AlreadyExists: There is a contract of that name.
        DataError: A file is not there or cannot be read.
    """
    from headgate.ingest.infer import infer_source

    folder = lake.project.root / "ingestion"
    added = []
    for group in [list(paths)] if name else [[path] for path in paths]:
        with copies_removed(lake.project.temp_directory):
            inferred = infer_source(lake.project, [str(path) for path in group], lake.storage, name)
        target = folder / f"{inferred.name}.yml"
        if target.exists():
            raise AlreadyExists(
                f"There is a contract '{inferred.name}' already.",
                place=lake.project.relative(target),
                hint="Choose another name with --name, or delete the file to infer it anew.",
            )
        folder.mkdir(parents=True, exist_ok=True)
        target.write_text(inferred.text, encoding="utf-8")
        added.append(AddedSource(inferred.name, lake.project.relative(target), tuple(inferred.doubts)))
    return added
