"""The lake answers questions about itself: tables of schema `headgate` beside `headgate.loads`.

`runs` and `checks` come from the state database, refused runs included; `commits`, `refs` and `tables` from the
catalog. They are made when a query names them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from headgate.catalog.interface import MAIN
from headgate.engines.reader import Reader
from headgate.run.lake import Lake
from headgate.types import Name, quote

SCHEMA = "headgate"
LOADS = Name.of(SCHEMA, "loads")

_COLUMNS = {
    "runs": "run_id VARCHAR, status VARCHAR, branch VARCHAR, base_commit VARCHAR, commit_id VARCHAR, "
    "started TIMESTAMPTZ, finished TIMESTAMPTZ, error VARCHAR",
    "checks": "run_id VARCHAR, name VARCHAR, kind VARCHAR, severity VARCHAR, status VARCHAR, failures BIGINT, "
    "table_name VARCHAR, message VARCHAR, evidence VARCHAR, seconds DOUBLE, checked_at TIMESTAMPTZ",
    "commits": "commit_id VARCHAR, parents VARCHAR[], author VARCHAR, message VARCHAR, committed_at TIMESTAMPTZ, "
    "operations BIGINT, run_id VARCHAR",
    "refs": "name VARCHAR, kind VARCHAR, commit_id VARCHAR",
    "tables": "schema_name VARCHAR, table_name VARCHAR, kind VARCHAR, row_count BIGINT, bytes BIGINT, "
    "updated TIMESTAMPTZ, comment VARCHAR",
}


def expose_system_tables(lake: Lake, reader: Reader, sql: str, ref: str = MAIN) -> None:
    """Make those system tables that a statement may name, as tables of the reader's session."""
    text = sql.lower()
    if SCHEMA not in text:
        return
    session = reader.session
    session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(SCHEMA)}")
    for name, read in _READERS.items():
        if name in text and not reader.exists(Name.of(SCHEMA, name)):
            table = Name.of(SCHEMA, name).sql
            session.execute(f"CREATE OR REPLACE TABLE {table} ({_COLUMNS[name]})")
            rows = [list(row) for row in read(lake, reader, ref)]
            if rows:
                marks = ", ".join("?" for _ in rows[0])
                session.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


Row = Sequence[object]


def _runs(lake: Lake, reader: Reader, ref: str) -> Iterable[Row]:
    for run in lake.history.runs():
        error = json.dumps(run.error) if run.error else None
        yield run.run_id, run.status.value, run.branch, run.base, run.commit, run.started, run.finished, error


def _checks(lake: Lake, reader: Reader, ref: str) -> Iterable[Row]:
    names = [column.split()[0] for column in _COLUMNS["checks"].split(", ")]
    for check in lake.history.checks():
        yield [check[name] for name in names]


def _commits(lake: Lake, reader: Reader, ref: str) -> Iterable[Row]:
    for commit in lake.catalog.log(ref, first_parent=False):
        run_id = commit.properties.get("run_id")
        operations = len(commit.operations)
        yield commit.id, list(commit.parents), commit.author, commit.message, commit.time, operations, run_id


def _refs(lake: Lake, reader: Reader, ref: str) -> Iterable[Row]:
    for found in lake.catalog.refs():
        yield found.name, found.kind.value, found.commit_id


def _tables(lake: Lake, reader: Reader, ref: str) -> Iterable[Row]:
    from headgate.engines.description import list_tables

    for table in list_tables(reader):
        name = Name.parse(table.name)
        yield name.schema, name.table, table.kind, table.rows, table.bytes, table.updated, table.comment


_READERS: dict[str, Callable[[Lake, Reader, str], Iterable[Row]]] = {
    "runs": _runs,
    "checks": _checks,
    "commits": _commits,
    "refs": _refs,
    "tables": _tables,
}
