"""Refused rows: listed, shown, given up; `replay` reads them again."""

from __future__ import annotations

from typing import Any

from headgate.engines.readonly import check_expression
from headgate.engines.workspace import Workspace
from headgate.errors import TableNotFound, UsageError, did_you_mean
from headgate.faults import Point, reached
from headgate.ingest.bronze import utc_now
from headgate.ingest.contract import Source
from headgate.ingest.replay import replay
from headgate.types import Name, literal

__all__ = ["count", "discard", "replay", "show", "summary"]

SCHEMA = "quarantine"


def summary(ws: Workspace) -> list[dict[str, Any]]:
    """How many rows are in quarantine, by table, source, rule, column and status, the most frequent first."""
    parts = [
        f'SELECT {literal(name.table)} AS "table", source, rule, "column", status, count(*) AS rows,'
        f" min(reason) AS example, min(refused_at) AS since FROM {name.sql} GROUP BY ALL"
        for name in ws.names(SCHEMA)
    ]
    if not parts:
        return []
    return _dicts(ws, f'{" UNION ALL ".join(parts)} ORDER BY status DESC, rows DESC, "table", rule, "column"')


def show(ws: Workspace, table: str, limit: int | None = 20) -> list[dict[str, Any]]:
    """Rows in quarantine, with everything that is known of them, those that are still refused first.

    Args:
        ws: The state.
        table: Name of the table that refused them, with or without schema.
        limit: The most rows to give; None for all.

    Raises:
        TableNotFound: Nothing was ever refused under that name.
    """
    name = Name.of(SCHEMA, Name.parse(table).table)
    if not ws.exists(name):
        known = [other.table for other in ws.names(SCHEMA)]
        raise TableNotFound(
            f"Nothing is in quarantine for a table '{table}' on {ws.ref}.",
            hint=did_you_mean(name.table, known) or f"No row of any table is in quarantine on {ws.ref}.",
        )
    bound = f" LIMIT {limit}" if limit is not None else ""
    return _dicts(ws, f"SELECT * FROM {name.sql} ORDER BY status DESC, refused_at, file, row{bound}")


def discard(source: Source, ws: Workspace, *, reason: str, where: str | None = None) -> int:
    """Give refused rows up; they stay in quarantine with who did it, when and why, and are not replayed.

    Args:
        source: Whose rows.
        ws: The state, which is changed.
        reason: Why.
        where: SQL condition over the columns of the quarantine table; all rows if None.

    Returns:
        How many rows that were.

    Raises:
        UsageError: There is no reason.
        QueryError: The condition is not one expression, or DuckDB rejects it.
        ReadOnly: It does more than read.
    """
    if not reason.strip():
        raise UsageError("Discarding rows needs a reason.", hint='Say why, such as "test records of the supplier".')
    if not ws.exists(source.quarantine):
        return 0
    rows = (
        f"SELECT * REPLACE ('discarded' AS status, {literal(reason.strip())} AS decision,"
        f" {literal(ws.author)} AS decided_by, TIMESTAMP {literal(str(utc_now()))} AS decided_at)"
        f" FROM {_refused(source, ws, where)}"
    )
    updated = ws.merge(source.quarantine, rows, ["quarantine_id"]).updated
    reached(Point.DISCARDED)
    return updated


def count(source: Source, ws: Workspace, where: str | None = None) -> int:
    """How many rows of a source are refused still, of those that meet a condition."""
    if not ws.exists(source.quarantine):
        return 0
    return int(ws.query(f"SELECT count(*) FROM {_refused(source, ws, where)}").fetchall()[0][0])


def _refused(source: Source, ws: Workspace, where: str | None) -> str:
    condition = f" AND {check_expression(ws.session, where)}" if where is not None else ""
    return f"{source.quarantine.sql} WHERE source = {literal(source.name)} AND status = 'refused'{condition}"


def _dicts(ws: Workspace, sql: str) -> list[dict[str, Any]]:
    cursor = ws.query(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
