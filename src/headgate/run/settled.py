"""Whether a run has nothing to do, told by the times of files alone, without opening the project.

A run that settled a project (it merged, or found nothing to do) leaves a note of what it had read: every file and
folder with size, times and inode, and the variables of the environment. While all of them are as noted, and `main` is
where the run left it, the next run would come to the same. Where a file changed as the run began, times cannot tell
whether it did so again: there is no note then, and the next run finds out by content.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.project import FILE, STATE
from headgate.run.result import RunResult, RunStatus, new_run_id
from headgate.run.selection import Selection
from headgate.version import __version__

if TYPE_CHECKING:
    from headgate.ingest.contract import Source
    from headgate.project import Project

_NOTE = "settled.json"
_SQLITE = "sqlite:///"
# File systems tell times apart by this much at least: what changed as a run began may change again unseen.
_SETTLED_NS = 2_000_000_000
# Beyond it, looking at every path costs as much as what it saves.
_MOST_PATHS = 50_000
# Variables that headgate, dbt and object stores read by themselves.
_READ = ("HEADGATE_", "DBT_", "AWS_")


def unchanged(root: Path, profile: str | None, selection: Selection) -> RunResult | None:
    """The outcome of a run that has nothing to do; None where only a run can tell.

    Args:
        root: The project's folder.
        profile: The profile that was asked for by name.
        selection: What the run is about.
    """
    began = time.perf_counter()
    commit = _settled(root / STATE, profile, selection)
    if commit is None:
        return None
    return RunResult(new_run_id(), RunStatus.UNCHANGED, None, commit, time.perf_counter() - began)


def _settled(state_dir: Path, profile: str | None, selection: Selection) -> str | None:
    """The commit of `main` that holds all that a run would make of the project as it is."""
    try:
        note = json.loads((state_dir / _NOTE).read_bytes())
        asked = note["asked"] == _asked(profile, selection) and note["environment"] == _environment(note["variables"])
        if asked and all(_look(path) == seen for path, seen in note["seen"].items()):
            commit = str(note["commit"])
            return commit if _is_quiet_at(note["database"], commit) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, sqlite3.Error):
        # No note, one that another version wrote, a file that is gone: the run finds out.
        return None
    return None


def leave_note(project: Project, sources: Iterable[Source], selection: Selection, began: int, commit: str) -> None:
    """Note what a run that settled the project had read, if the next one can tell by it.

    Args:
        project: As the run opened it.
        sources: All sources of the project.
        selection: What the run was about.
        began: When it began to read, in nanoseconds since 1970.
        commit: Where it left `main`.
    """
    database = _database(project)
    patterns = [pattern for source in sources for pattern in source.contract.files]
    if database is None or selection.full_refresh or any("://" in pattern for pattern in patterns):
        return
    from headgate.run.definitions import definition_tree
    from headgate.scratch import write_atomically

    with suppress(OSError):
        tree = definition_tree(project.root)
        if tree is None:
            return
        files, folders = tree
        watched = (path for pattern in patterns for path in _watched(project, project.path(pattern)))
        paths = list(islice((str(path) for group in (files, folders, watched) for path in group), _MOST_PATHS + 1))
        seen = {path: _look(path) for path in paths}
        # Settings hold as they were when the project was opened, which may be long ago; the folder tells of a removal.
        settings = {str(path) for path in (project.root, project.root / FILE, project.root / ".env")}
        late = any(
            max(changed, altered) > (project.opened if path in settings else began) - _SETTLED_NS
            for path, (_, changed, altered, *_) in seen.items()
        )
        if len(paths) > _MOST_PATHS or late:
            return
        variables = _variables(files)
        note = {
            "asked": _asked(project.asked, selection),
            "database": database,
            "commit": commit,
            "variables": variables,
            "environment": _environment(variables),
            "seen": seen,
        }
        write_atomically(project.state_dir / _NOTE, json.dumps(note).encode())


def _asked(profile: str | None, selection: Selection) -> list[str | None]:
    return [__version__, profile, str(selection)]


def _environment(variables: Iterable[str] | None) -> str:
    """A hash over the variables that may matter; None stands for all of them."""
    read = os.environ if variables is None else {*variables, *(name for name in os.environ if name.startswith(_READ))}
    values = {name: os.environ.get(name) for name in sorted(read)}
    return hashlib.sha256(json.dumps(values).encode("utf-8", "surrogatepass")).hexdigest()


def _look(path: str) -> list[int]:
    found = os.stat(path)  # noqa: PTH116  # of 10,000 files, `Path` would take as long as their stats
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev]


def _variables(files: Iterable[Path]) -> list[str] | None:
    """The variables that files read; None if any of the environment may be one."""
    from headgate.run.definitions import variables_of

    found: set[str] = set()
    for file in files:
        if file.suffix.lower() != ".csv":
            names, others = variables_of(file, file.read_bytes())
            if others:
                return None
            found |= names
    return sorted(found)


def _watched(project: Project, path: Path) -> Iterator[Path]:
    """A source's file, or the folders and files in which those of its pattern lie."""
    if not path.is_dir() and project.is_pattern(path) and not path.exists():
        while project.is_pattern(path):
            path = path.parent
    if not path.is_dir():
        yield path
        return
    # Patterns follow links, as this does: in a circle of them the number of paths ends it.
    for folder, _, names in os.walk(path, followlinks=True):
        inside = Path(folder)
        yield inside
        yield from (inside / name for name in names)


def _database(project: Project) -> str | None:
    """The file of the state database, where that holds the catalog and lies on this machine."""
    url = project.catalog_url
    plain = url.startswith(_SQLITE) and url == project.state_url and "?" not in url
    return url.removeprefix(_SQLITE) if plain else None


def _is_quiet_at(database: str, commit: str) -> bool:
    """Whether `main` is at a commit, and no run is at work or has died."""
    query = (
        "SELECT (SELECT commit_id FROM refs WHERE name = 'main'), (SELECT count(*) FROM runs WHERE status = 'running')"
    )
    if not Path(database).is_file():
        return False  # SQLite would make one
    with closing(sqlite3.connect(database)) as connection:
        return tuple(connection.execute(query).fetchone()) == (commit, 0)
