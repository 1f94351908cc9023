"""Loading one file: from its bytes to rows in the table, rows in quarantine, and figures that add up."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from headgate.catalog.localfiles import disk_errors, storage_errors
from headgate.engines.workspace import Workspace
from headgate.engines.writer import Written
from headgate.errors import DataError, QueryError
from headgate.events import Emit, Loaded, LoadStarted, ignore
from headgate.faults import Point, reached
from headgate.ingest.bronze import add_files, audit_columns, schema_mode, table_layout, utc_now, write_rows
from headgate.ingest.constants import check_constants
from headgate.ingest.contract import Source
from headgate.ingest.csvfile import ends_long
from headgate.ingest.decisions import given_up
from headgate.ingest.direct import direct_load
from headgate.ingest.fields import Field, match
from headgate.ingest.files import InputFile
from headgate.ingest.jsonfile import broken_lines
from headgate.ingest.ledger import Load
from headgate.ingest.lines import line_map, records_of, records_read
from headgate.ingest.merging import Arrival
from headgate.ingest.plan import PlannedLoad
from headgate.ingest.progress import watched
from headgate.ingest.reading import open_rows, repaired_rows
from headgate.ingest.refusal import Refusals, refuse, sample
from headgate.ingest.rows import Raw, Rows
from headgate.ingest.staging import VIOLATIONS, stage_sql, staged_rows
from headgate.ingest.uniqueness import has_repeats, repeats_sql
from headgate.types import literal

# Errors of a statement that tell of the rows, not of the machine.
OF_ROWS = (
    duckdb.InvalidInputException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    # A record of CSV that is longer than several of the reader's buffers.
    duckdb.NotImplementedException,
)
# Errors of reading pages of Parquet; those of Thrift and of decompressors have no class of their own.
_OF_FILES = (duckdb.IOException, duckdb.InternalException)


@dataclass(frozen=True)
class _Figures:
    """What became of a file's rows."""

    read: int
    loaded: int
    quarantined: int
    duplicates: int


def load(planned: PlannedLoad, ws: Workspace, emit: Emit = ignore) -> Load:
    """Carry out one planned load; its rows are in the workspace afterwards, `record` writes it to the ledger.

    Raises:
        ContractError: The file has not the columns that the contract wants.
        DataError: The file is damaged, changes while it is read, or does not fit the table.
    """
    started = utc_now()
    clock = time.perf_counter()
    source, file = planned.source, planned.file
    if file is None:
        remove_loads(ws, source, planned.removes)
        figures = _Figures(0, 0, 0, 0)
    else:
        emit(LoadStarted(source.name, file.name, file.bytes))
        reached(Point.LOAD_DUE)
        try:
            with (
                scratch_folder(ws) as scratch,
                _disk_errors(file, scratch),
                watched(ws.session, source.name, file.name, emit),
            ):
                figures = _FileLoad(ws, source, file.at_hand(), planned, scratch).run()
        finally:
            file.release()
    reached(Point.LOADED)
    result = count_again(
        ws,
        source,
        Load(
            load_id=planned.load_id,
            source=source.name,
            table=str(source.table),
            file=planned.name,
            sha256=file.sha256 if file else "",
            bytes=file.bytes if file else 0,
            read=figures.read,
            loaded=figures.loaded,
            quarantined=figures.quarantined,
            duplicates=figures.duplicates,
            seconds=time.perf_counter() - clock,
            replaces=planned.replaces,
            contract_hash=source.contract_hash,
            started=started,
            finished=utc_now(),
        ),
    )
    emit(Loaded(result))
    return result


def remove_loads(ws: Workspace, source: Source, load_ids: tuple[str, ...]) -> None:
    """Take the rows of loads, and of replays of what they refused, out of the table and out of quarantine."""
    if not load_ids:
        return
    for name, column in ((source.table, "_load_id"), (source.quarantine, "load_id")):
        if ws.exists(name):
            listed = ", ".join(map(literal, load_ids))
            ws.delete(name, f"split_part({column}, '.', 1) IN ({listed})")


def count_again(ws: Workspace, source: Source, result: Load) -> Load:
    """The load, with what the tables have of it, counted in them."""
    counts = [
        int(ws.query(f"SELECT count(*) FROM {name.sql} WHERE {column} = {literal(result.load_id)}").fetchall()[0][0])
        if ws.exists(name)
        else 0
        for name, column in ((source.table, "_load_id"), (source.quarantine, "load_id"))
    ]
    rules, columns, rows = sample(ws, source, result.load_id) if counts[1] else ({}, (), ())
    return replace(
        result,
        found_loaded=counts[0],
        found_quarantined=counts[1],
        broken_rules=rules,
        sample_columns=columns,
        sample=rows,
    )


@contextlib.contextmanager
def _disk_errors(file: InputFile, scratch: Path) -> Iterator[None]:
    """Tell what the operating system says of a source file, or of the folder for its temporary copies."""
    try:
        with disk_errors(str(scratch)):
            yield
    except OSError as error:
        if error.filename is not None and Path(os.fsdecode(error.filename)).is_relative_to(scratch):
            with storage_errors(str(scratch)):
                raise
        raise DataError(
            f"The file '{file.name}' cannot be read: {error.strerror}.",
            place=file.name,
            hint="Run again when it is there and nobody writes to it.",
        ) from error


class _FileLoad:
    """The load of one file into one table."""

    def __init__(self, ws: Workspace, source: Source, file: InputFile, planned: PlannedLoad, scratch: Path) -> None:
        self.ws, self.source, self.file, self.scratch = ws, source, file, scratch
        self.load_id, self.removes = planned.load_id, planned.removes
        self.arrival = Arrival(later=planned.later)
        self.discards = planned.unchanged and self._has_discards()
        self.given_up: tuple[int, ...] = ()
        self.now = utc_now()

    def run(self) -> _Figures:
        rows = open_rows(self.ws.session, self.source, self.file, self.scratch)
        reached(Point.SOURCE_OPENED)
        told = rows.raw is not Raw.JSON or bool(rows.columns)
        fields = match(self.source, rows.columns, self.file.name, typed=rows.raw is Raw.TYPED, told=told)
        if not fields:
            raise DataError(
                "The file has no column.", place=self.file.name, hint=f"Name its columns in {self.source.path.name}."
            )
        remove_loads(self.ws, self.source, self.removes)
        return (not self.discards and self._direct(rows, fields)) or self._staged(rows, fields)

    def _has_discards(self) -> bool:
        """Whether rows of the file were given up when it was read before, see `carry_over`."""
        own = f"FROM {self.source.quarantine.sql} WHERE load_id = {literal(self.load_id)}"
        return self.ws.exists(self.source.quarantine) and bool(self.ws.query(f"SELECT 1 {own} LIMIT 1").fetchall())

    # The direct way

    def _direct(self, rows: Rows, fields: tuple[Field, ...]) -> _Figures | None:
        """Load the file in one statement, or None if it is not sound."""
        as_it_is = rows.csv is not None and rows.csv[0].path == self.file.path
        direct = direct_load(rows, fields, self.source, nul=not as_it_is or self.file.nul is not False)
        if direct is None:
            return None
        audit = self._audit("CAST(NULL AS BIGINT)")
        try:
            written = self.ws.write_files(
                self.source.table,
                f"SELECT *, {audit} FROM ({direct.sql})",
                layout=table_layout(self.source, fields),
                schema_mode=schema_mode(self.ws, self.source),
                ordered=True,
                group_rows=direct.group_rows,
                constants={"_source_file": self.file.name, "_load_id": self.load_id},
            )
        except QueryError as error:
            if isinstance(error.__cause__, OF_ROWS):
                return None
            raise self._unreadable(error) from error
        if not direct.holds(written) or has_repeats(self.ws, self.source, fields, written):
            discard_files(self.ws, written)
            return None
        reached(Point.SOURCE_READ)
        try:
            self.file.check_unchanged()
        except DataError:
            discard_files(self.ws, written)
            raise
        loaded = add_files(self.ws, self.source, written).inserted
        return _Figures(written.rows, loaded, 0, 0)

    # The staged way

    def _staged(self, rows: Rows, fields: tuple[Field, ...]) -> _Figures:
        staged = self.scratch / f"staged-{uuid.uuid4().hex[:8]}.parquet"
        rows, read = self._stage(rows, fields, staged)
        reached(Point.SOURCE_READ)
        self.file.check_unchanged()
        rows = self._with_broken_lines(rows, staged, read)
        if self.discards:
            self.given_up = given_up(self.ws, self.source, self.load_id, staged, rows.refused)
        refusals = self._refusals(rows, fields, staged)
        try:
            return self._split(rows, fields, staged, refusals, read)
        finally:
            self.ws.session.execute(f"DROP TABLE IF EXISTS {refusals.repeats}")

    def _stage(self, rows: Rows, fields: tuple[Field, ...], staged: Path) -> tuple[Rows, int]:
        """Write the staged file; a CSV file that stops the reader is read record by record."""
        alone = rows.csv is not None and (rows.csv[1].comment is not None or ends_long(rows.csv[0]))
        try:
            if not alone:
                return rows, self._copy(rows, fields, staged)
        except QueryError as error:
            if rows.csv is None or not isinstance(error.__cause__, OF_ROWS):
                raise self._unreadable(error) from error
        rows, expected = repaired_rows(rows, self.scratch)
        try:
            read = self._copy(rows, fields, staged)
        except QueryError as error:
            raise self._unreadable(error) from error
        if read != expected:
            raise DataError(
                f"The file has {expected} records, but {read} were read.",
                place=self.file.name,
                hint="Check delimiter, quote and escape in `options`.",
            )
        return rows, read

    def _copy(self, rows: Rows, fields: tuple[Field, ...], staged: Path) -> int:
        keep = self.discards or any(field.column and field.column.unique for field in fields)
        query = stage_sql(rows, fields, self.source, keep_records=keep)
        return int(self.ws.session.value(f"COPY ({query}) TO {literal(str(staged))} (FORMAT parquet)") or 0)

    def _unreadable(self, error: QueryError) -> QueryError | DataError:
        """What to tell when the rows cannot be read at all; errors of the machine stay what they are."""
        if isinstance(error.__cause__, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException):
            return QueryError(
                f"The contract's expressions do not run: {error.message.splitlines()[0]}",
                place=str(self.source.path),
                hint="Computed columns may use the columns' names in the lake; check types and functions.",
            )
        if not isinstance(error.__cause__, (*OF_ROWS, *_OF_FILES)) and type(error.__cause__) is not duckdb.Error:
            return error
        check_constants(self.ws.session, self.source)
        return DataError(
            f"The file cannot be read: {error.message.splitlines()[0]}",
            place=self.file.name,
            hint=f"Check that it is what {self.source.path.name} says: format, delimiter, quote, encoding.",
        )

    def _with_broken_lines(self, rows: Rows, staged: Path, read: int) -> Rows:
        """The rows, with what stands in lines that are no JSON."""
        if rows.lines_of is None:
            return rows
        session = self.ws.session
        broken_rows = staged_rows(staged, None, sound=False)
        query = f"SELECT _source_row FROM ({broken_rows}) WHERE {VIOLATIONS}[1].rule = 'json'"
        broken = {int(row): int(row) for (row,) in session.rows(query)}
        if not broken:
            return rows
        records = records_of(session, rows, self.scratch)
        if records is not None:
            found = session.rows(f"SELECT record, row FROM {records} WHERE row IN ({query})")
            broken = {int(record): int(row) for record, row in found}
        target = self.scratch / "broken.ndjson"
        broken_lines(rows.lines_of, broken, records_read(session, records, read), target)
        return rows.with_refused(target)

    def _refusals(self, rows: Rows, fields: tuple[Field, ...], staged: Path) -> Refusals:
        """Which rows are refused: those with violations of their own, and those that repeat a value."""
        repeats = self.ws.session.temporary("repeats")
        sound = self._sound(rows, staged)
        self.ws.query(f"CREATE TEMP TABLE {repeats} AS {repeats_sql(self.ws, self.source, fields, sound)}")
        return Refusals(staged, rows, repeats, self.given_up)

    def _sound(self, rows: Rows, staged: Path) -> str:
        """A query for the rows without violations of their own that were not given up."""
        sound = staged_rows(staged, rows.refused, sound=True)
        if not self.given_up:
            return sound
        return f"SELECT * FROM ({sound}) WHERE _source_row NOT IN ({', '.join(map(str, self.given_up))})"

    def _split(self, rows: Rows, fields: tuple[Field, ...], staged: Path, refusals: Refusals, read: int) -> _Figures:
        """Refused rows to quarantine, sound rows to the table."""
        if refusals.any(self.ws):
            refusals = refusals.with_lines(*line_map(self.ws.session, rows, read, self.scratch))
        quarantined = refuse(self.ws, self.source, refusals, load_id=self.load_id, file=self.file.name, now=self.now)
        quarantined += len(self.given_up)
        sound = (
            f"SELECT * FROM ({self._sound(rows, staged)}) WHERE _source_row NOT IN (SELECT row FROM {refusals.repeats})"
        )
        written = write_rows(self.ws, self.source, fields, sound, self._audit("_source_row"), self.arrival)
        return _Figures(read, written.written, quarantined, written.duplicates)

    def _audit(self, row: str) -> str:
        return audit_columns(literal(self.file.name), row, literal(self.load_id), self.now)


def discard_files(ws: Workspace, written: Written) -> None:
    """Delete data files that no table is going to refer to."""
    ws.session.storage.delete(file.path for file in written.files)


@contextlib.contextmanager
def scratch_folder(ws: Workspace) -> Iterator[Path]:
    """A folder for temporary copies of a file, gone when the body ends."""
    folder = ws.session.scratch_folder(f"load-{uuid.uuid4().hex[:12]}")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
