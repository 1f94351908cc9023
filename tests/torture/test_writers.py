"""Processes that append, merge, replace and read at once leave a history as if they had taken turns."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.torture import writers
from tests.torture.conftest import Record
from tests.torture.histories import Answer, Append, Read, Step, violations
from tests.torture.sizes import SEED, Part, pick, seconds

from headgate.catalog import Catalog, open_catalog
from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace

PROCESSES = 4
ROUNDS = pick(1, 20)
# Starting and reading back take about as long as the work.
LASTS = seconds(Part.CONCURRENCY, 0.8) / ROUNDS / PROCESSES


def run(url: str, warehouse: str, seed: int) -> list[dict[str, Any]]:
    """What each of the processes says that it did."""
    open_catalog(url).close()
    started = [
        subprocess.Popen(
            [sys.executable, writers.__file__, url, warehouse, str(number), str(seed), str(LASTS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0] * PROCESSES
    return [json.loads(each) for each in told]


def steps(catalog: Catalog, session: Session) -> list[Step]:
    """The line of `main`, each commit with the rows that it brought and took, as DuckDB reads its files."""
    known: dict[str, Counter[int]] = {}
    before = {str(table): Counter[int]() for table in writers.TABLES}
    found = []
    for commit in reversed(list(catalog.log())):
        state, now = catalog.state(commit.id), {}
        for table in writers.TABLES:
            content = state.get(table)
            location = content.metadata_location if content is not None else ""
            if location not in known:
                rows = session.rows(f"SELECT id FROM iceberg_scan('{location}')") if location else []
                known[location] = Counter(row[0] for row in rows)
            now[str(table)] = known[location]
        added = {table: list((now[table] - before[table]).elements()) for table in now}
        removed = {table: list((before[table] - now[table]).elements()) for table in now}
        found.append(Step(commit.id, commit.parents[0] if commit.parents else None, added, removed))
        before = now
    return found


def recorded(told: Sequence[dict[str, Any]]) -> tuple[list[Append], list[Read]]:
    names = frozenset(map(str, writers.TABLES))
    appends = [
        Append(frozenset(rows), names, begun, ended, Answer[answer])
        for each in told
        for rows, begun, ended, answer in each["appends"]
    ]
    return appends, [Read(commit, rows, begun) for each in told for commit, rows, begun in each["reads"]]


def check(url: str, folder: Path, seed: int, record: Record) -> None:
    told = run(url, str(folder), seed)
    catalog = open_catalog(url)
    appends, reads = recorded(told)
    with Session(EngineSettings(threads=1), Storage.open(str(folder))) as session:
        line = steps(catalog, session)
        assert violations(line, appends, reads) == [], f"seed {seed}"
        assert [torn for each in told for torn in each["torn"]] == []
        # Nobody else changes a process's key, so what it last wrote there is there.
        workspace = Workspace(catalog, "main", session)
        last = {number: each["keyed"] for number, each in enumerate(told) if each["keyed"] is not None}
        if workspace.exists(writers.KEYED):
            assert dict(workspace.query(f"SELECT key, value FROM {writers.KEYED.sql}").fetchall()) == last
        else:
            assert last == {}
    assert catalog.verify() == []
    catalog.close()
    # Appends that only append are never refused.
    assert {append.answer for append in appends} == {Answer.ACKNOWLEDGED}
    assert len(appends) >= PROCESSES
    record(Part.CONCURRENCY, "histories checked")
    record(Part.CONCURRENCY, "appends acknowledged", len(appends))
    record(Part.CONCURRENCY, "reads of pinned commits", len(reads))
    record(Part.CONCURRENCY, "merges by key and replacements", sum(each["others"] for each in told))
    record(Part.CONCURRENCY, "of these refused as conflicts", sum(each["refused"] for each in told))


def test_writers_leave_a_history_without_a_flaw(tmp_path: Path, record: Record) -> None:
    for number in range(ROUNDS):
        check(f"sqlite:///{tmp_path}/state-{number}.db", tmp_path / f"lake-{number}", SEED + number, record)


@pytest.mark.services
def test_the_same_on_postgres(tmp_path: Path, postgres_url: str, record: Record) -> None:
    check(postgres_url, tmp_path / "lake", SEED, record)
