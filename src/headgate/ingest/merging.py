"""Loads that keep one row per key: which rows of a file go into the table, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headgate.engines.workspace import Workspace
from headgate.ingest.contract import Source
from headgate.ingest.uniqueness import keys_held
from headgate.ingest.waiting import waiting_keys
from headgate.types import Layout, literal, quote


@dataclass(frozen=True)
class Arrival:
    """Where the rows that come stand in the order in which a source's files arrived; by default at its end.

    Attributes:
        load_id: The load whose rows of the same file the table may have, where that is known.
        later: Loads of files that arrived after theirs, and whose rows the table may have.
    """

    load_id: str | None = None
    later: tuple[str, ...] = ()

    def is_before(self, target: str, source: str) -> str:
        """SQL: whether a row of the table arrived after one that comes."""
        # What a replay wrote belongs to the load that it corrects.
        load = f"split_part({target}._load_id, '.', 1)"
        parts = []
        if self.later:
            parts.append(f"{load} IN ({', '.join(map(literal, self.later))})")
        if self.load_id is not None:
            parts.append(f"({load} = {literal(self.load_id)} AND {target}._source_row > {source}._source_row)")
        return f"({' OR '.join(parts)})" if parts else "false"


@dataclass(frozen=True)
class Merged:
    """Rows written, and rows that were not."""

    written: int
    duplicates: int


def merge_rows(
    ws: Workspace,
    source: Source,
    sound: str,
    columns: Sequence[str],
    selected: str,
    layout: Layout,
    schema_mode: str,
    arrival: Arrival,
) -> Merged:
    """Merge the sound rows of a file into its table.

    Of several rows with one key the newest wins, by `newest_by` where the contract has it, a row without such a value
    being the oldest; among equals the one that arrived later, by the order of the files and then of their rows. A row
    that is older than the table's, or that the table holds in full, is a duplicate; but where a refused row of its key
    waits in quarantine, the row takes the place of the one that says the same, for the other must not win one day.

    Args:
        ws: The state.
        source: The contract.
        sound: Query that gives the sound rows with `_source_row`.
        columns: The table's columns that the file fills, audit columns left out.
        selected: Select items that make rows of the table of rows of `sound`.
        layout: For the table.
        schema_mode: What new rows of the table may do to its columns.
        arrival: Where the rows stand in the order of arrival.
    """
    outcomes = ws.session.temporary("outcomes")
    # Most files bring new keys only, and reading two columns of keys tells that sooner than comparing all the rows.
    held = keys_held(ws, source, sound)
    ws.query(f"CREATE TEMP TABLE {outcomes} AS {_outcomes(ws, source, sound, columns if held else None, arrival)}")
    try:
        # Not a join: what the items name is to be found among the columns of the file and nowhere else.
        written = f"SELECT _source_row FROM {outcomes} WHERE outcome = 'written'"
        rows = f"SELECT {selected} FROM ({sound}) WHERE _source_row IN ({written})"
        if held:
            result = ws.merge(source.table, rows, source.contract.key, layout=layout)
        else:
            files = ws.write_files(source.table, rows, layout=layout, schema_mode=schema_mode)
            result = ws.insert_files(source.table, files)
        lost = ws.session.value(f"SELECT count(*) FROM {outcomes} WHERE outcome <> 'written'")
    finally:
        ws.session.execute(f"DROP TABLE IF EXISTS {outcomes}")
    return Merged(result.rows, int(lost))


def _outcomes(ws: Workspace, source: Source, sound: str, columns: Sequence[str] | None, arrival: Arrival) -> str:
    """A query that says of each sound row, by `_source_row`, what becomes of it.

    Columns are those to be compared with the table's rows; None if it has none of the keys.
    """
    contract = source.contract
    keys = ", ".join(map(quote, contract.key))
    newest = quote(contract.newest_by) if contract.newest_by else None
    order = f"{newest} DESC NULLS LAST, _source_row DESC" if newest else "_source_row DESC"
    ranked = f"SELECT *, row_number() OVER (PARTITION BY {keys} ORDER BY {order}) AS __rank FROM ({sound})"
    if columns is None:
        return (
            f"SELECT _source_row, CASE WHEN __rank > 1 THEN 'superseded' ELSE 'written' END AS outcome FROM ({ranked})"
        )
    held = {field.name for field in ws.table(source.table).schema.fields}
    others = [column for column in columns if column not in contract.key]
    same = " AND ".join(
        f"target.{quote(column)} IS NOT DISTINCT FROM source.{quote(column)}"
        if column in held
        else f"source.{quote(column)} IS NULL"
        for column in others
    )
    older = arrival.is_before("target", "source")
    if newest:
        value = f"target.{newest}" if contract.newest_by in held else "NULL"
        older = (
            f"(coalesce({value} > source.{newest}, {value} IS NOT NULL AND source.{newest} IS NULL)"
            f" OR {value} IS NOT DISTINCT FROM source.{newest} AND {older})"
        )
    # Nothing but the key: a further condition turns DuckDB's hash join into one of every row with every other.
    join = " AND ".join(f"target.{quote(key)} = source.{quote(key)}" for key in contract.key)
    return (
        "SELECT source._source_row, CASE WHEN __rank > 1 THEN 'superseded' WHEN target._load_id IS NULL THEN 'written'"
        f" WHEN {older} THEN 'older' WHEN {same or 'true'}{_unawaited(ws, source, sound, arrival)} THEN 'held'"
        " ELSE 'written' END AS outcome"
        f" FROM ({ranked}) AS source LEFT JOIN {source.table.sql} AS target ON {join}"
    )


def _unawaited(ws: Workspace, source: Source, sound: str, arrival: Arrival) -> str:
    """A further condition: that no refused row of the key waits, but for those that come by now."""
    waiting = waiting_keys(ws, source)
    if waiting is None:
        return ""
    keys = [quote(key) for key in source.contract.key]
    told = " AND ".join(f"{key} IS NOT NULL" for key in keys)
    if arrival.load_id is not None:
        told += f" AND NOT (__load_id = {literal(arrival.load_id)} AND __row IN (SELECT _source_row FROM ({sound})))"
    ours = ", ".join(f"source.{key}" for key in keys)
    return f" AND row({ours}) NOT IN (SELECT {', '.join(keys)} FROM ({waiting}) WHERE {told})"
