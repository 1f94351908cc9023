"""Refused rows: from what was found wrong with them to `quarantine.<table>`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path

from headgate.engines.workspace import Workspace
from headgate.ingest.contract import Source
from headgate.ingest.rows import Rows
from headgate.ingest.staging import RECORD, VIOLATION_TYPE, VIOLATIONS, refused_list, staged_rows
from headgate.types import Layout, literal

SAMPLE_ROWS = 10
SAMPLE_COLUMNS = ("file", "row", "line", "rule", "column", "value", "reason")

COLUMNS = {
    "quarantine_id": "Identity of the refused row: load and row.",
    "load_id": "Load that refused it, see headgate.loads.",
    "source": "The contract's name.",
    "file": "File that the row came from.",
    "row": "Which of the file's rows, counted from 1 without the header.",
    "line": "Line of the file where the row begins, where rows are lines.",
    "rule": "The first rule it breaks.",
    "column": "The column of that rule, as the source names it.",
    "value": "The value that breaks it.",
    "reason": "What is wrong, in words.",
    "violations": "Everything that is wrong with the row.",
    "raw": "The record as it came: a JSON object of the source's columns.",
    "raw_line": "The text as it came, of a record that could not be read.",
    "columns": "The file's columns, for a record that could not be read.",
    "refused_at": "UTC.",
    "status": "refused, or discarded.",
    "decision": "Why it was discarded.",
    "decided_by": "Who discarded it.",
    "decided_at": "UTC.",
}


@dataclass(frozen=True)
class Refusals:
    """Which rows of a staged file are refused.

    Attributes:
        staged: The staged file, with the violations that rows have on their own.
        rows: The file's rows, with the list of records that could not be read.
        repeats: Table of rows that repeat a value: `row, column, value, reason`.
        given_up: Rows that are in quarantine already.
        lines: JSON lines that say by how much the line of a row is ahead of its number.
        offset: The same where it is the same for all rows.
    """

    staged: Path
    rows: Rows
    repeats: str
    given_up: tuple[int, ...] = ()
    lines: Path | None = None
    offset: int | None = None

    def with_lines(self, lines: Path | None, offset: int | None) -> Refusals:
        return replace(self, lines=lines, offset=offset)

    def any(self, ws: Workspace) -> bool:
        """Whether there is any that was read."""
        queries = (f"FROM ({staged_rows(self.staged, self.rows.refused, sound=False)})", f"FROM {self.repeats}")
        return any(ws.session.rows(f"SELECT 1 {query} LIMIT 1") for query in queries)

    def sql(self) -> str:
        """A query for the refused rows: `row, line, violations, raw, raw_line`."""
        repeated = (
            "SELECT row, list({'rule': 'unique', 'column': \"column\", 'value': value, 'reason': reason})"
            " AS repeated"
            f" FROM {self.repeats} GROUP BY row"
        )
        every = (
            "SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS __row"
            f" FROM read_parquet({literal(str(self.staged))}, file_row_number = true)"
        )
        read = (
            f"SELECT every.__row AS row, CAST(NULL AS BIGINT) AS line,"
            f" CAST(list_concat({VIOLATIONS}, again.repeated) AS {VIOLATION_TYPE}) AS violations,"
            f" {RECORD} AS raw, CAST(NULL AS VARCHAR) AS raw_line"
            f" FROM ({every}) AS every LEFT JOIN ({repeated}) AS again ON every.__row = again.row"
            f" WHERE {VIOLATIONS} IS NOT NULL OR again.repeated IS NOT NULL"
        )
        if self.rows.refused is None:
            return self._with_lines(read)
        unread = (
            "SELECT row, line,"
            f" CAST([{{'rule': rule, 'column': NULL, 'value': NULL, 'reason': reason}}] AS {VIOLATION_TYPE})"
            f" AS violations, CAST(NULL AS VARCHAR) AS raw, raw AS raw_line FROM {refused_list(self.rows.refused)}"
        )
        return self._with_lines(
            f"{unread} UNION ALL SELECT * FROM ({read}) WHERE row NOT IN (SELECT row FROM ({unread}))"
        )

    def _with_lines(self, sql: str) -> str:
        if self.lines is not None:
            types = "{row: 'BIGINT', line: 'BIGINT'}"
            lines = f"read_json({literal(str(self.lines))}, format = 'newline_delimited', columns = {types})"
            return (
                "SELECT refused.* REPLACE (coalesce(refused.row + ahead.line, refused.line) AS line)"
                f" FROM ({sql}) AS refused"
                f" ASOF LEFT JOIN {lines} AS ahead ON refused.row >= ahead.row"
            )
        if self.offset is not None:
            return f"SELECT * REPLACE (coalesce(line, row + {self.offset}) AS line) FROM ({sql})"
        return sql


def refuse(ws: Workspace, source: Source, refusals: Refusals, *, load_id: str, file: str, now: dt.datetime) -> int:
    """Put refused rows into quarantine; how many there are."""
    others = f" WHERE row NOT IN ({', '.join(map(str, refusals.given_up))})" if refusals.given_up else ""
    rows = f"SELECT * FROM ({refusals.sql()}){others} ORDER BY row"
    if not ws.session.rows(f"SELECT 1 FROM ({rows}) LIMIT 1"):
        return 0
    names = f"CAST([{', '.join(map(literal, refusals.rows.columns))}] AS VARCHAR[])"
    sql = (
        f"SELECT {literal(load_id)} || ':' || row AS quarantine_id, {literal(load_id)} AS load_id,"
        f" {literal(source.name)} AS source, {literal(file)} AS file, row, line, violations[1].rule AS rule,"
        f' violations[1]."column" AS "column", violations[1].value AS value,'
        f" violations[1].reason AS reason, violations,"
        f" raw, raw_line, CASE WHEN raw_line IS NOT NULL THEN {names} END AS columns,"
        f" TIMESTAMP {literal(str(now))} AS refused_at, 'refused' AS status,"
        f" CAST(NULL AS VARCHAR) AS decision, CAST(NULL AS VARCHAR) AS decided_by,"
        f" CAST(NULL AS TIMESTAMP) AS decided_at"
        f" FROM ({rows})"
    )
    layout = None
    if not ws.exists(source.quarantine):
        layout = Layout(comment=f"Rows that {source.table} was refused.", column_comments=COLUMNS)
    return ws.append(source.quarantine, sql, layout=layout).inserted


def sample(
    ws: Workspace, source: Source, load_id: str
) -> tuple[dict[str, int], tuple[str, ...], tuple[tuple[object, ...], ...]]:
    """How often each rule was broken by the rows of a load, and the first of these rows."""
    where = f"FROM {source.quarantine.sql} WHERE load_id = {literal(load_id)}"
    rules = ws.query(f"SELECT v.rule, count(*) FROM (SELECT unnest(violations) AS v {where}) GROUP BY ALL ORDER BY ALL")
    counts = {str(rule): int(count) for rule, count in rules.fetchall()}
    names = ", ".join(f'"{name}"' for name in SAMPLE_COLUMNS)
    rows = ws.query(f"SELECT {names} {where} ORDER BY row LIMIT {SAMPLE_ROWS}").fetchall()
    return counts, SAMPLE_COLUMNS, tuple(tuple(row) for row in rows)
