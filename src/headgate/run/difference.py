"""What differs between two states of the lake, down to the rows of one table."""

from __future__ import annotations

from typing import Any

from headgate.catalog.iceberg import TableVersion
from headgate.catalog.model import Change
from headgate.engines.duckdb import Session
from headgate.engines.scan import explained, readable_rows, scan_sql
from headgate.errors import DataError, QueryError, TableNotFound, did_you_mean
from headgate.ingest.contract import AUDIT_COLUMNS
from headgate.run.lake import Lake
from headgate.types import Content, Kind, Name, literal, quote

_SAMPLE = 100


def difference(lake: Lake, before: str, after: str, table: Name | None = None) -> dict[str, Any]:
    """The changes from one state to another, in the order of the names.

    Args:
        lake: The open project.
        before: What names the one state.
        after: What names the other.
        table: Only this one, with the first rows that differ.

    Returns:
        `{"changes": [{"name", "change", "rows_before", "rows_after", "rows_added", "rows_removed", "schema"}]}`; with a
        table also `"columns"` and `"rows"`. Rows added and removed are counted for one table only: for that both
        versions have to be read. The first column of the rows, `change`, is `+` or `-`; it is `_change` where the table
        has a column of that name. Where a row of bronze came from, and when, makes no difference.

    Raises:
        TableNotFound: Neither state has the table.
    """
    changes = lake.catalog.diff(before, after).changes
    if table is None:
        with Session(lake.project.engine, lake.storage) as session:
            return {"changes": [_summary(session, change) for change in changes]}
    found = [change for change in changes if change.name == table]
    if not found:
        known = {*lake.catalog.state(before).names(), *lake.catalog.state(after).names()}
        if table not in known:
            raise TableNotFound(
                f"Neither {before} nor {after} has a table '{table}'.", hint=did_you_mean(str(table), map(str, known))
            )
        return {"changes": [], "columns": [], "rows": []}
    with Session(lake.project.engine, lake.storage) as session:
        summary = _summary(session, found[0])
        try:
            columns, rows = _rows(session, found[0], summary)
        except QueryError as error:
            content = found[0].after or found[0].before
            raise explained(error, table, content.metadata_location if content else "") or error from error
    return {"changes": [summary], "columns": columns, "rows": rows}


def _summary(session: Session, change: Change) -> dict[str, Any]:
    kind = "changed" if change.before and change.after else "added" if change.after else "removed"
    before, after = _version(session, change.before), _version(session, change.after)
    return {
        "name": str(change.name),
        "change": kind,
        "rows_before": readable_rows(session, before) if before else None,
        "rows_after": readable_rows(session, after) if after else None,
        "schema": _schema_changes(before, after) if before and after else [],
    }


def _version(session: Session, content: Content | None) -> TableVersion | None:
    """A table; None for a view, and for a table that is newer than headgate."""
    if content is None or content.kind is not Kind.TABLE:
        return None
    try:
        return TableVersion.load(content.metadata_location, session.storage)
    except DataError:
        return None


def _schema_changes(before: TableVersion, after: TableVersion) -> list[str]:
    """Columns that were added, dropped, renamed or retyped, told apart by their field ids."""
    old = {field.field_id: field for field in before.schema.fields}
    new = {field.field_id: field for field in after.schema.fields}
    found = [f"+ {new[key].name} {new[key].field_type}" for key in new if key not in old]
    found += [f"- {old[key].name} {old[key].field_type}" for key in old if key not in new]
    for key in old.keys() & new.keys():
        if old[key].name != new[key].name:
            found.append(f"{old[key].name} -> {new[key].name}")
        if old[key].field_type != new[key].field_type:
            found.append(f"{new[key].name} {old[key].field_type} -> {new[key].field_type}")
    return found


def _rows(session: Session, change: Change, summary: dict[str, Any]) -> tuple[list[str], list[dict[str, Any]]]:
    """The first rows that only one side has; their counts go into the summary."""
    contents = [content for content in (change.before, change.after) if content and content.kind is Kind.TABLE]
    if len(contents) < len((change.before, change.after)):
        return [], []
    sides = [scan_sql(session, content.metadata_location) for content in contents]
    names = [[str(row[0]) for row in session.rows(f"DESCRIBE {sql}")] for sql in sides]
    shared = [name for name in names[0] if name in names[1]]
    if set(AUDIT_COLUMNS) <= set(shared):
        # A row that was loaded again, or from another place, is the same row.
        shared = [name for name in shared if name not in AUDIT_COLUMNS]
    if not shared:
        return [], []
    columns = ", ".join(quote(name) for name in shared)
    old, new = (f"SELECT {columns} FROM ({sql})" for sql in sides)
    session.execute(f"CREATE TEMP TABLE removed AS ({old}) EXCEPT ALL ({new})")
    session.execute(f"CREATE TEMP TABLE added AS ({new}) EXCEPT ALL ({old})")
    counts = {name: int(session.value(f"SELECT count(*) FROM {name}")) for name in ("added", "removed")}
    summary["rows_added"], summary["rows_removed"] = counts["added"], counts["removed"]
    sign, taken = "change", {name.lower() for name in shared}
    while sign in taken:
        sign = f"_{sign}"
    # Some of both sides, and what became of a row beside the row.
    parts = [
        f"(SELECT {literal(mark)} AS {sign}, * FROM {name} ORDER BY {columns}"
        f" LIMIT {max(_SAMPLE // 2, _SAMPLE - counts[other])})"
        for mark, name, other in (("-", "removed", "added"), ("+", "added", "removed"))
    ]
    rows = session.rows(f"FROM ({' UNION ALL '.join(parts)}) ORDER BY {columns}, {sign} DESC")
    header = [sign, *shared]
    return header, [dict(zip(header, row, strict=True)) for row in rows]
