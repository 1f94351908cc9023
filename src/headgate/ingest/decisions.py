"""Rows that were given up stay so when their file is read again without having changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headgate.engines.workspace import Workspace
from headgate.ingest.contract import Source
from headgate.ingest.plan import PlannedLoad
from headgate.ingest.staging import RECORD, refused_list
from headgate.types import literal


def carry_over(ws: Workspace, planned: Sequence[PlannedLoad]) -> frozenset[str]:
    """Hand discarded rows to the loads that read the same bytes again, before the loads that had them are removed.

    Returns:
        The loads of the plan that have such rows in quarantine.
    """
    found: set[str] = set()
    for source in {step.source.name: step.source for step in planned}.values():
        steps = [step for step in planned if step.unchanged and step.source.name == source.name]
        if not steps or not ws.exists(source.quarantine):
            continue
        pairs = ", ".join(
            f"({literal(step.replaces or '')}, {literal(step.load_id)}, {literal(step.name)})" for step in steps
        )
        rows = (
            f"FROM {source.quarantine.sql} AS held JOIN (VALUES {pairs}) AS again(before, load, name)"
            " ON held.load_id = again.before WHERE held.status = 'discarded'"
        )
        loads = {str(load) for (load,) in ws.query(f"SELECT DISTINCT again.load {rows}").fetchall()}
        if loads:
            ws.append(
                source.quarantine,
                "SELECT held.* REPLACE (again.load || ':' || held.row AS quarantine_id, again.load AS load_id,"
                f" again.name AS file) {rows}",
            )
        found |= loads
    return frozenset(found)


def given_up(ws: Workspace, source: Source, load_id: str, staged: Path, refused: Path | None) -> tuple[int, ...]:
    """The rows of a file that were given up; those that no longer read as they did leave the quarantine.

    Args:
        ws: The state, to which `carry_over` brought these rows.
        source: The contract.
        load_id: The load that reads the file again.
        staged: The staged file, in which every row has its record.
        refused: The list of records that the reader could not read.
    """
    # With another delimiter or header, the number of a row may be that of another one.
    same = (
        "SELECT file_row_number + 1 AS row, "
        f"{RECORD} AS text FROM read_parquet({literal(str(staged))}, file_row_number = true)"
    )
    unread = "SELECT NULL::BIGINT AS row, NULL::VARCHAR AS text WHERE false"
    if refused is not None:
        unread = f"SELECT row, raw AS text FROM {refused_list(refused)}"
    held = f"SELECT row, raw, raw_line FROM {source.quarantine.sql} WHERE load_id = {literal(load_id)}"
    found = ws.query(
        f"SELECT held.row FROM ({held}) AS held LEFT JOIN ({same}) AS same ON held.row = same.row"
        f" LEFT JOIN ({unread}) AS unread ON held.row = unread.row"
        " WHERE CASE WHEN held.raw IS NULL THEN held.raw_line = unread.text"
        " ELSE unread.row IS NULL AND held.raw = same.text END ORDER BY held.row"
    ).fetchall()
    rows = tuple(int(row) for (row,) in found)
    others = f" AND row NOT IN ({', '.join(map(str, rows))})" if rows else ""
    ws.delete(source.quarantine, f"load_id = {literal(load_id)}{others}")
    return rows
