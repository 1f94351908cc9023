"""What there is of a lake, in a form that two lakes can be compared by: rows, history, files, and what lies about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import headgate
from headgate.catalog.iceberg import TableVersion
from headgate.catalog.locations import path_of
from headgate.engines.duckdb import Session
from headgate.engines.reader import Reader
from headgate.ingest.ledger import LEDGER
from headgate.lakehouse import Lakehouse
from headgate.types import Kind, quote

# What differs from run to run: when, in which run, and the names that follow from it.
_AUDIT = {"_loaded_at", "refused_at", "decided_at", "started", "finished", "run_id"}
# SQLite's own, that come and go with connections; cached manifests, named for times of files; the note that is left
# where the times of files allow it.
_COMES_AND_GOES = re.compile(r"^settled\.json$|\.db-(wal|shm)$|\.lock$|/manifests/[^/]+/[0-9a-f]{64}$")
_HELD = re.compile(r"^runs/.*\.lock$")


def inspect(root: Path) -> dict[str, Any]:
    """Tables of `main` by count and hash of their rows, the ledger, the history, the runs, the files."""
    with headgate.open(root) as lake:
        with Session(lake.project.engine, lake.lake.storage) as session:
            reader = Reader(lake.lake.catalog, "main", session)
            tables = dict(_tables(reader))
            unbalanced = _unbalanced(reader) if str(LEDGER) in tables else []
        return {
            "tables": tables,
            "unbalanced": unbalanced,
            "refs": [ref.name for ref in lake.refs()],
            "log": [commit.message for commit in lake.log()],
            "run_ids": [commit.properties.get("run_id") for commit in lake.log()],
            "running": [run.run_id for run in lake.runs() if run.status.value == "running"],
            "doctor": [
                f"{found.status} in {found.name}: {found.message}" for found in lake.doctor() if found.status != "ok"
            ],
            "files": _files(lake),
            "litter": sorted(_litter(root / ".headgate")),
        }


def _tables(reader: Reader) -> Iterator[tuple[str, list[Any]]]:
    for name in reader.names():
        columns = [str(row[0]) for row in reader.query(f"SELECT * FROM (DESCRIBE {name.sql})").fetchall()]
        kept = ", ".join(quote(column) for column in columns if column not in _AUDIT)
        query = f"SELECT count(*), sum(hash(t)::HUGEINT)::VARCHAR FROM (SELECT {kept} FROM {name.sql}) AS t"
        yield str(name), list(reader.query(query).fetchall()[0])


def _unbalanced(reader: Reader) -> list[str]:
    """Loads whose figures do not add up."""
    sound = '"read" = loaded + quarantined + duplicates'
    wrong = reader.query(f"SELECT load_id FROM {LEDGER.sql} WHERE NOT ({sound})").fetchall()
    return [str(row[0]) for row in wrong]


def _files(lake: Lakehouse) -> dict[str, list[str]]:
    """Files of the warehouse that no commit of a ref needs, and files that one needs and that are not there."""
    storage, catalog = lake.lake.storage, lake.lake.catalog
    needed: set[Path] = set()
    for ref in catalog.refs():
        for commit in catalog.log(ref.name, first_parent=False):
            for operation in commit.operations:
                if operation.after is not None and path_of(operation.after.metadata_location) not in needed:
                    needed |= _needed(operation.after.metadata_location, operation.after.kind, lake)
    # A run keeps the rows that failed its tests in tables of its branch; its commit on main leaves them out, and their
    # files lie there under new names in every lake, until maintenance takes them away.
    evidence = path_of(f"{storage.warehouse}/checks")
    there = {
        path for file in storage.list(storage.warehouse) if evidence not in (path := path_of(file.location)).parents
    }
    return {
        "missing": sorted(map(str, needed - there)),
        "orphans": sorted(map(str, there - needed)),
    }


def _needed(location: str, kind: Kind, lake: Lakehouse) -> set[Path]:
    found = {path_of(location)}
    if kind is not Kind.TABLE:
        return found
    version = TableVersion.load(location, lake.lake.storage)
    found |= {path_of(entry.metadata_file) for entry in version.metadata.metadata_log}
    for snapshot in version.metadata.snapshots:
        found.add(path_of(snapshot.manifest_list))
        for manifest in snapshot.manifests(version.io):
            found.add(path_of(manifest.manifest_path))
            entries = manifest.fetch_manifest_entry(version.io, discard_deleted=True)
            found |= {path_of(entry.data_file.file_path) for entry in entries}
    return found


def _litter(state: Path) -> Iterator[str]:
    for path in state.rglob("*"):
        name = path.relative_to(state).as_posix()
        if name.startswith("warehouse/") or (_COMES_AND_GOES.search(name) and not _HELD.search(name)):
            continue
        yield name
