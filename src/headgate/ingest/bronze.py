"""Writing sound rows into the table of a source, each with where it came from."""

from __future__ import annotations

import datetime as dt

from headgate.engines.changes import WriteResult
from headgate.engines.workspace import Workspace
from headgate.engines.writer import Written
from headgate.ingest.contract import Source
from headgate.ingest.fields import Field
from headgate.ingest.merging import Arrival, Merged, merge_rows
from headgate.types import Layout, literal, quote

_COMMENTS = {
    "_source_file": "File that the row came from.",
    "_source_row": "Which of the file's rows it was, counted from 1 without the header.",
    "_load_id": "Load that wrote the row, see headgate.loads.",
    "_loaded_at": "When, in UTC.",
}


def write_rows(
    ws: Workspace,
    source: Source,
    fields: tuple[Field, ...],
    sound: str,
    audit: str,
    arrival: Arrival,
) -> Merged:
    """Append or merge rows, as the contract says.

    Args:
        ws: The state.
        source: The contract.
        fields: The columns that the rows have, computed ones left out.
        sound: Query for the rows, with `_source_row`.
        audit: Select items for the audit columns, see `audit_columns`.
        arrival: Where the rows stand in the order of arrival, for a merge.
    """
    columns = [*(field.name for field in fields), *source.contract.computed]
    selected = f"{', '.join(map(quote, columns))}, {audit}"
    layout = table_layout(source, fields)
    mode = schema_mode(ws, source)
    if source.contract.load == "merge":
        return merge_rows(ws, source, sound, columns, selected, layout, mode, arrival)
    rows = f"SELECT {selected} FROM ({sound})"
    written = ws.write_files(source.table, rows, layout=layout, schema_mode=mode)
    return Merged(add_files(ws, source, written).inserted, 0)


def add_files(ws: Workspace, source: Source, written: Written) -> WriteResult:
    """Make rows that were written part of a source's table.

    Where keys or values of a column may not come twice, the rows were held against those that the table has here: with
    what another run adds meanwhile they cannot be joined.
    """
    return (ws.insert_files if source.contract.weighs_rows else ws.append_files)(source.table, written)


def audit_columns(file: str, row: str, load_id: str, now: dt.datetime) -> str:
    """Select items for the audit columns; `file`, `row` and `load_id` are SQL expressions."""
    return (
        f"{file} AS _source_file, {row} AS _source_row, {load_id} AS _load_id,"
        f" TIMESTAMP {literal(str(now))} AS _loaded_at"
    )


def schema_mode(ws: Workspace, source: Source) -> str:
    """An empty table takes whatever columns come, as when everything is loaded again under another contract."""
    empty = ws.exists(source.table) and ws.table(source.table).rows == 0
    return "replace" if empty else "add"


def table_layout(source: Source, fields: tuple[Field, ...]) -> Layout:
    """Partitions, sort order and descriptions of a source's table."""
    contract = source.contract
    comments = {field.name: field.column.description for field in fields if field.column and field.column.description}
    comments |= {name: column.description for name, column in contract.computed.items() if column.description}
    return Layout(
        partition_by=contract.partition_by,
        sort_by=contract.sort_by,
        comment=contract.description,
        column_comments={**comments, **_COMMENTS},
    )


def utc_now() -> dt.datetime:
    """The time in UTC, without a zone, as the lake's audit columns have it."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
