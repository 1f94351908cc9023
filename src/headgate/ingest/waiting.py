"""The keys of refused rows, which a replay may bring into a merged table between rows that are there."""

from __future__ import annotations

from headgate.engines.workspace import Workspace
from headgate.ingest.contract import Source
from headgate.ingest.fields import close_to, name_in_lake
from headgate.ingest.rules import null_texts, pointer, text_sql, value_sql
from headgate.types import literal, quote


def waiting_keys(ws: Workspace, source: Source) -> str | None:
    """A query for the refused rows of a source: `__load_id`, `__row`, and the columns of their key, typed.

    Returns:
        None where no row waits, or where the key is computed and cannot be told from a record.
    """
    if not ws.exists(source.quarantine):
        return None
    waiting = (
        f"FROM {source.quarantine.sql} WHERE source = {literal(source.name)} AND status = 'refused' AND raw IS NOT NULL"
    )
    contract = source.contract
    columns = {name_in_lake(name, column): (name, column) for name, column in contract.columns.items()}
    if not set(contract.key) <= set(columns) or not ws.query(f"SELECT 1 {waiting} LIMIT 1").fetchall():
        return None
    read = f"SELECT load_id, row, CAST(raw AS JSON) AS record {waiting}"
    found = [str(key) for (key,) in ws.query(f"SELECT DISTINCT unnest(json_keys(record)) FROM ({read})").fetchall()]
    items = []
    for key in contract.key:
        name, column = columns[key]
        names = (name, *column.aliases)
        spelled = (*names, *(other for other in found if close_to(other, names) and other not in names))
        texts = ", ".join(f"record ->> {literal(pointer(each))}" for each in spelled)
        text = text_sql(f"coalesce({texts})", null_texts(column, contract.options, empty_is_null=False))
        items.append(f"{value_sql(text, column.column_type, column.format, contract.options)} AS {quote(key)}")
    return f"SELECT load_id AS __load_id, row AS __row, {', '.join(items)} FROM ({read})"
