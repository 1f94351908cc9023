"""Columns whose values may not repeat: within a file, and against what the table holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from headgate.engines.workspace import Workspace
from headgate.engines.writer import Written
from headgate.errors import ContractError
from headgate.ingest.contract import Source
from headgate.ingest.fields import Field
from headgate.ingest.ledger import KnownLoad
from headgate.ingest.plan import into_its_table
from headgate.types import literal, quote, read_written


def _unique(fields: tuple[Field, ...]) -> list[Field]:
    return [field for field in fields if field.column and field.column.unique and field.position is not None]


def _held(ws: Workspace, source: Source, name: str) -> bool:
    """Whether the table has rows that a value of the column can repeat."""
    return ws.exists(source.table) and any(field.name == name for field in ws.table(source.table).schema.fields)


def has_repeats(ws: Workspace, source: Source, fields: tuple[Field, ...], written: Written) -> bool:
    """Whether any unique column repeats a value in files that were written and are not part of the table yet."""
    if not written.files:
        return False
    rows = read_written(written.files)
    for field in _unique(fields):
        name = quote(field.name)
        (repeats,) = ws.query(f"SELECT count({name}) <> count(DISTINCT {name}) FROM {rows}").fetchall()[0]
        if repeats:
            return True
        if _held(ws, source, field.name):
            known = (
                f"SELECT 1 FROM {rows} AS new SEMI JOIN {source.table.sql} AS held ON new.{name} = held.{name} LIMIT 1"
            )
            if ws.query(known).fetchall():
                return True
    return False


def keys_met_again(ws: Workspace, source: Source, rows: str) -> bool:
    """Whether any two rows of a query, or one of them and one of the table, have the same key, where there is one."""
    if source.contract.load != "merge":
        return False
    listed = ", ".join(map(quote, source.contract.key))
    (repeats,) = ws.query(f"SELECT count(*) <> count(DISTINCT row({listed})) FROM ({rows})").fetchall()[0]
    return bool(repeats) or keys_held(ws, source, rows)


def keys_held(ws: Workspace, source: Source, rows: str) -> bool:
    """Whether the table has the key of any row of a query."""
    if not ws.exists(source.table):
        return False
    same = " AND ".join(f"new.{quote(key)} = held.{quote(key)}" for key in source.contract.key)
    known = f"SELECT 1 FROM ({rows}) AS new SEMI JOIN {source.table.sql} AS held ON {same} LIMIT 1"
    return bool(ws.query(known).fetchall())


def check_keys(ws: Workspace, source: Source, known: Sequence[KnownLoad], going: Collection[str] = ()) -> None:
    """Raise a ContractError where rows are to be merged into a table that holds several of one key.

    Merges keep keys apart: only what was loaded under another contract is looked at.

    Args:
        ws: The state.
        source: The contract.
        known: Its ledger.
        going: Loads whose rows go before others come.
    """
    loads = into_its_table(source, known)
    keys = source.contract.key
    if source.contract.load != "merge" or (loads and loads[-1].contract_hash == source.contract_hash):
        return
    if not ws.exists(source.table) or not set(keys) <= {field.name for field in ws.table(source.table).schema.fields}:
        return
    listed = ", ".join(map(quote, keys))
    staying = [f"{quote(key)} IS NOT NULL" for key in keys]
    if going:
        staying.append(f"split_part(_load_id, '.', 1) NOT IN ({', '.join(map(literal, going))})")
    found = ws.query(
        f"SELECT count(*), {listed} FROM {source.table.sql} WHERE {' AND '.join(staying)}"
        " GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL DESC LIMIT 1"
    ).fetchall()
    for rows, *values in found:
        shown = ", ".join(f"{key} = {value}" for key, value in zip(keys, values, strict=True))
        raise ContractError(
            f"The table {source.table} holds {rows} rows with the key {shown}, and a merge keeps one row per key: "
            "they were loaded under another contract.",
            place=f"{source.path}: key",
            hint=f"To read the files again: headgate run --select {source.name}+ --full-refresh\n"
            "Rows of files that are gone stay; to leave them behind, choose another `table`.",
        )


def repeats_sql(ws: Workspace, source: Source, fields: tuple[Field, ...], sound: str) -> str:
    """A query for the rows that repeat a value: `row, column, value, reason`, one for each column it repeats.

    Of the rows of a file with one value the first stays, unless the table has it. In a merge, rows of one key are
    versions of one row and repeat nothing.

    Args:
        ws: The state.
        source: The contract.
        fields: The columns.
        sound: Query for the rows without violations of their own.
    """
    found = [_repeats(ws, source, field, sound) for field in _unique(fields)]
    empty = (
        'SELECT NULL::BIGINT AS row, NULL::VARCHAR AS "column", NULL::VARCHAR AS value, NULL::VARCHAR AS reason'
        " WHERE false"
    )
    return " UNION ALL ".join([empty, *found])


def _repeats(ws: Workspace, source: Source, field: Field, sound: str) -> str:
    name, shown = quote(field.name), literal(field.source or field.name)
    keys = [quote(key) for key in source.contract.key] if source.contract.load == "merge" else []
    key = f"row({', '.join(keys)})" if keys else "NULL"
    other = f" AND {key} IS DISTINCT FROM __first_key" if keys else ""
    first = (
        f"SELECT {name} AS __value, min(_source_row) AS __first_row, arg_min({key}, _source_row) AS __first_key"
        f" FROM ({sound}) WHERE {name} IS NOT NULL GROUP BY ALL HAVING count(*) > 1"
    )
    within = (
        f'SELECT _source_row AS row, {shown} AS "column", CAST({name} AS VARCHAR) AS value,'
        f" 'repeats the value of row ' || __first_row AS reason"
        f" FROM ({sound}) AS rows JOIN ({first}) AS firsts ON rows.{name} = firsts.__value"
        f" WHERE _source_row > __first_row{other}"
    )
    if not _held(ws, source, field.name):
        return within
    same = "".join(f" AND rows.{key} IS DISTINCT FROM held.{key}" for key in keys[:1]) if len(keys) == 1 else ""
    if len(keys) > 1:
        same = f" AND ({' OR '.join(f'rows.{part} IS DISTINCT FROM held.{part}' for part in keys)})"
    against = (
        f'SELECT _source_row AS row, {shown} AS "column", CAST({name} AS VARCHAR) AS value,'
        f" 'repeats a value that the table holds' AS reason"
        f" FROM ({sound}) AS rows SEMI JOIN {source.table.sql} AS held ON rows.{name} = held.{name}{same}"
    )
    return f"{within} UNION ALL {against}"
