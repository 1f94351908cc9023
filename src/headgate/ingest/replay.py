"""Refused rows read again, under the contract as it is now.

Rows that pass leave quarantine and go into the table, under the file and row they came from. The load that refused
them stays in the ledger as it was; a row beside it, for each replay, has nothing read, the rows as loaded and as many
less in quarantine, so that what was read is still what was loaded, refused and a duplicate, in each row and in the
sum.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from headgate.engines.workspace import Workspace
from headgate.faults import Point, reached
from headgate.ingest.bronze import audit_columns, utc_now, write_rows
from headgate.ingest.columntypes import VARCHAR, parse_type
from headgate.ingest.constants import check_expressions
from headgate.ingest.contract import Source
from headgate.ingest.csvfile import dialect_of
from headgate.ingest.fields import Field, match
from headgate.ingest.formats import format_of
from headgate.ingest.ledger import LEDGER, Load, known_loads, live, places
from headgate.ingest.load import count_again, scratch_folder
from headgate.ingest.merging import Arrival
from headgate.ingest.plain import plain_file
from headgate.ingest.plan import into_its_table
from headgate.ingest.reading import csv_rows, repaired_rows
from headgate.ingest.rows import Raw
from headgate.ingest.rules import pointer
from headgate.ingest.staging import recorded_rows, refused_list, stage_sql, staged_rows
from headgate.ingest.uniqueness import check_keys, repeats_sql
from headgate.types import literal

_CHUNK = 10_000


def replay(source: Source, ws: Workspace) -> list[Load]:
    """Load the refused rows of a source that pass its contract as it is now.

    Returns:
        A load for each load of which rows passed, for the ledger.

    Raises:
        ContractError: The contract names a column that the refused rows do not have, or its table holds several rows
            of one key, of which a merge keeps one.
        ProjectError: A computed column is not one SQL expression.
    """
    if not ws.exists(source.quarantine):
        return []
    check_expressions(ws.session, source)
    refused = ws.query(
        f"SELECT load_id, any_value(file) FROM {source.quarantine.sql}"
        f" WHERE source = {literal(source.name)} AND status = 'refused' GROUP BY ALL"
    ).fetchall()
    # Tables of two schemas that have one name share a quarantine.
    known = into_its_table(source, known_loads(ws, source.name))
    check_keys(ws, source, known)
    order = places(known)
    loads = []
    for load_id, file in sorted((each for each in refused if each[0] in order), key=lambda each: order[each[0]]):
        later = tuple(load.load_id for load in live(known) if order[load.load_id] > order[load_id])
        with scratch_folder(ws) as scratch:
            result = _Replay(ws, source, load_id, file, later, scratch).run()
        if result is not None:
            loads.append(result)
    return loads


class _Replay:
    """The replay of what one load refused."""

    def __init__(
        self, ws: Workspace, source: Source, load_id: str, file: str, later: tuple[str, ...], scratch: Path
    ) -> None:
        self.ws, self.source, self.file, self.scratch = ws, source, file, scratch
        self.corrects, self.arrival = load_id, Arrival(load_id, later)
        times = ws.query(f"SELECT count(*) FROM {LEDGER.sql} WHERE corrects = {literal(load_id)}").fetchall()[0][0]
        self.load_id = f"{load_id}.{times + 1}"
        self.started = utc_now()
        self.records = ws.session.temporary("records")
        self.repeats = ws.session.temporary("repeats")
        self.passed = ws.session.temporary("passed")

    def run(self) -> Load | None:
        try:
            return self._run()
        finally:
            for table in (self.records, self.repeats, self.passed):
                self.ws.session.execute(f"DROP TABLE IF EXISTS {table}")

    def _run(self) -> Load | None:
        ws, source = self.ws, self.source
        self._collect()
        if not ws.session.value(f"SELECT count(*) FROM {self.records}"):
            return None
        columns = tuple(str(key) for (key,) in ws.session.rows(_keys_sql(self.records)))
        raw = Raw.TEXT if self._format() in ("csv", "tsv", "excel") else Raw.JSON
        ordered = f"(SELECT record AS __raw FROM {self.records} ORDER BY row)"
        unnested = source.contract.options.unnest
        texts = self._texts(columns) if self._format() == "parquet" else ()
        rows = recorded_rows(ordered, columns, raw, unnested, texts)
        if raw is Raw.JSON:
            rows = recorded_rows(ordered, columns + _lacking(source, rows.columns), raw, unnested, texts)
        fields = self._typed(match(source, rows.columns, f"quarantine of {self.file}"))
        staged = self.scratch / "replayed.parquet"
        ws.session.execute(
            f"COPY ({stage_sql(rows, fields, source, keep_records=False)}) TO {literal(str(staged))} (FORMAT parquet)"
        )
        # A row's place among the records is not its row in the file.
        sound = (
            "SELECT sound.* REPLACE (places.row AS _source_row)"
            f" FROM ({staged_rows(staged, None, sound=True)}) AS sound"
            f" JOIN (SELECT row, row_number() OVER (ORDER BY row) AS place FROM {self.records}) AS places"
            " ON sound._source_row = places.place"
        )
        ws.query(f"CREATE TEMP TABLE {self.repeats} AS {repeats_sql(ws, source, fields, sound)}")
        sound = f"SELECT * FROM ({sound}) WHERE _source_row NOT IN (SELECT row FROM {self.repeats})"
        ws.session.execute(f"CREATE TEMP TABLE {self.passed} AS SELECT _source_row AS row FROM ({sound})")
        passed = int(ws.session.value(f"SELECT count(*) FROM {self.passed}"))
        return self._write(fields, sound) if passed else None

    def _write(self, fields: tuple[Field, ...], sound: str) -> Load:
        ws, source = self.ws, self.source
        audit = audit_columns(literal(self.file), "_source_row", literal(self.load_id), self.started)
        written = write_rows(ws, source, fields, sound, audit, self.arrival)
        reached(Point.REPLAY_LOADED)
        gone = ws.delete(
            source.quarantine,
            f"load_id = {literal(self.corrects)} AND status = 'refused' AND row IN (SELECT row FROM {self.passed})",
        )
        reached(Point.REPLAYED)
        result = Load(
            load_id=self.load_id,
            source=source.name,
            table=str(source.table),
            file=self.file,
            sha256="",
            bytes=0,
            read=0,
            loaded=written.written,
            quarantined=-gone.deleted,
            duplicates=written.duplicates,
            seconds=(utc_now() - self.started).total_seconds(),
            corrects=self.corrects,
            contract_hash=source.contract_hash,
            started=self.started,
            finished=utc_now(),
        )
        return count_again(ws, source, result)

    def _format(self) -> str | None:
        return self.source.contract.format or format_of(self.file)

    def _texts(self, columns: tuple[str, ...]) -> list[str]:
        """Columns that a file with types of its own had as texts: each of their values is one in its record."""
        kinds = [f"json_type(record, {literal(pointer(name))})" for name in columns]
        found = [f"coalesce(bool_and({kind} = 'VARCHAR') FILTER ({kind} <> 'NULL'), false)" for kind in kinds]
        told = self.ws.session.rows(f"SELECT {', '.join(found)} FROM {self.records}")[0]
        return [name for name, text in zip(columns, told, strict=True) if text]

    def _collect(self) -> None:
        """The refused records as JSON objects with their rows: those that were read, and those that now can be."""
        where = f"FROM {self.source.quarantine.sql} WHERE load_id = {literal(self.corrects)} AND status = 'refused'"
        self.ws.query(
            f"CREATE TEMP TABLE {self.records} AS SELECT row, CAST(raw AS JSON) AS record {where} AND raw IS NOT NULL"
        )
        if self._format() in ("csv", "tsv"):
            self._parse_csv(where)
        elif self._format() == "ndjson":
            self.ws.query(
                f"INSERT INTO {self.records} SELECT row, CAST(raw_line AS JSON) {where} AND raw IS NULL"
                " AND json_valid(raw_line) AND json_type(raw_line) = 'OBJECT'"
            )

    def _parse_csv(self, where: str) -> None:
        """Read the lines that could not be read once more, each as a record of its own."""
        lines = self.ws.query(f"SELECT row, raw_line, rule, columns {where} AND raw IS NULL ORDER BY row")
        places: list[int] = []
        columns: list[str] = []
        path = self.scratch / "lines.csv"
        encoding = self.source.contract.options.encoding
        with path.open("wb") as out:
            while batch := lines.fetchmany(_CHUNK):
                for row, line, rule, names in batch:
                    places.append(row)
                    columns = columns or list(names)
                    out.write((_bytes(line) if rule == "encoding" else line.encode(encoding, "replace")) + b"\n")
        if not places:
            return
        options = self.source.contract.options.model_copy(update={"header": False, "skip": 0})
        plain = plain_file(path, self.file, encoding, self.scratch)
        delimiter = "\t" if self._format() == "tsv" else ","
        plain, dialect = dialect_of(plain, options, delimiter, self.scratch, tuple(columns))
        rows, read = repaired_rows(csv_rows(plain, replace(dialect, columns=tuple(columns))), self.scratch)
        if read != len(places):
            return
        map_path = self.scratch / "places.ndjson"
        map_path.write_text("".join(json.dumps({"place": i + 1, "row": row}) + "\n" for i, row in enumerate(places)))
        staged = self.scratch / "lines.parquet"
        self.ws.session.execute(f"COPY (SELECT {rows.record} AS record FROM {rows.relation}) TO {literal(str(staged))}")
        still = f" AND place NOT IN (SELECT row FROM {refused_list(rows.refused)})" if rows.refused else ""
        self.ws.session.execute(
            f"INSERT INTO {self.records} SELECT row, CAST(record AS JSON)"
            f" FROM read_parquet({literal(str(staged))}, file_row_number = true)"
            f" JOIN read_json({literal(str(map_path))}, format = 'newline_delimited',"
            " columns = {place: 'BIGINT', row: 'BIGINT'}) ON file_row_number + 1 = place" + f" WHERE true{still}"
        )

    def _typed(self, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        """Columns that the contract does not name, with the types that the table has for them."""
        if not self.ws.exists(self.source.table):
            return fields
        described = self.ws.query(f"DESCRIBE {self.source.table.sql}").fetchall()
        held = {str(row[0]): str(row[1]) for row in described}
        return tuple(
            replace(field, type=parse_type(held[field.name]) if field.name in held else VARCHAR)
            if field.column is None
            else field
            for field in fields
        )


def _lacking(source: Source, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Columns of the contract that no refused record has, as JSON may, and that each is to be found without."""
    fields = match(source, columns, "quarantine", told=False)
    return tuple(name for name, field in zip(source.contract.columns, fields, strict=False) if field.position is None)


def _keys_sql(records: str) -> str:
    return f"SELECT DISTINCT key FROM (SELECT unnest(json_keys(record)) AS key FROM {records}) ORDER BY key"


def _bytes(line: str) -> bytes:
    r"""A line with `\x..` for bytes that were not text, as bytes again."""
    parts = re.split(r"\\x([0-9a-f]{2})", line)
    return b"".join(bytes([int(part, 16)]) if i % 2 else part.encode() for i, part in enumerate(parts))
