"""Many small files in one go: read by one statement, written into one data file, and entered in the books one by one.

What a load costs besides its rows (a statement, a data file, a snapshot, a count) is the same for a hundred rows as for
a million. So neighbours in the plan that have the same shape are staged together, each row with the file it came from.
A file with anything to refuse takes the way of its own, where that is done with all the care it needs; at its turn,
where of rows of several files the earlier or the later one stays.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from headgate.engines.workspace import Workspace
from headgate.errors import ContractError, DataError, QueryError
from headgate.events import Emit, Loaded, LoadStarted, ignore
from headgate.faults import Point, reached
from headgate.ingest.bronze import add_files, audit_columns, schema_mode, table_layout, utc_now
from headgate.ingest.constants import check_expressions
from headgate.ingest.decisions import carry_over
from headgate.ingest.files import InputFile
from headgate.ingest.grouping import Opened, cut, neighbours, open_step, shape_of
from headgate.ingest.ledger import Load, known_loads
from headgate.ingest.load import OF_ROWS, discard_files, load, remove_loads, scratch_folder
from headgate.ingest.plan import PlannedLoad, removal
from headgate.ingest.progress import watched
from headgate.ingest.rows import FILE
from headgate.ingest.staging import VIOLATIONS, stage_sql
from headgate.ingest.uniqueness import check_keys, has_repeats, keys_met_again
from headgate.types import literal, quote


def load_all(
    planned: Sequence[PlannedLoad],
    ws: Workspace,
    emit: Emit = ignore,
    broken: Callable[[PlannedLoad, ContractError], None] | None = None,
) -> Iterator[Load]:
    """Carry out a plan, load by load; its rows are in the workspace afterwards, `record` writes it to the ledger.

    Args:
        planned: What `plan_loads` planned.
        ws: The state, which is changed.
        emit: Is told of each file.
        broken: Is told of a file that breaks its contract as a whole, and the others are loaded.

    Raises:
        ContractError: A file breaks its contract as a whole, and `broken` is not there to be told; or a table that is
            merged into holds several rows of one key.
        DataError: A file is damaged, changes while it is read, or does not fit the table.
        ProjectError: A computed column is not one SQL expression.
    """
    for source in {step.source.name: step.source for step in planned}.values():
        check_expressions(ws.session, source)
        if source.contract.load == "merge":  # the ledger is read for these alone
            going = [load_id for step in planned if step.source is source for load_id in step.removes]
            check_keys(ws, source, known_loads(ws, source.name), going)
    for steps in neighbours(planned, carry_over(ws, planned)):
        with closing(_load_together(steps, ws, emit)) as results:
            for each in results:
                if isinstance(each, Load):
                    yield each
                else:
                    yield from _load_alone(each, ws, emit, broken)


def _load_alone(
    step: PlannedLoad, ws: Workspace, emit: Emit, broken: Callable[[PlannedLoad, ContractError], None] | None
) -> Iterator[Load]:
    try:
        yield load(step, ws, emit)
    except ContractError as error:
        if broken is None:
            raise
        broken(step, error)
        # The first of several takes the rows of all that are read again, and those of the others have to go.
        remove_loads(ws, step.source, tuple(each for each in step.removes if each != step.replaces))
        if step.replaces is not None and step.replaces not in step.removes:
            # The first did so, and the file is to be known for one whose rows are not there.
            yield load(removal(step.source, step.name, step.replaces, "is not loaded"), ws, emit)


def _load_together(
    steps: Sequence[PlannedLoad], ws: Workspace, emit: Emit
) -> Generator[Load | PlannedLoad, None, None]:
    """Load what can be loaded together, and give every other step to be loaded alone before the next is asked for.

    Args:
        steps: Loads of one source, see `neighbours`.
        ws: The state, which has the rows afterwards.
        emit: Is told of each file.
    """
    if len(steps) < 2:
        yield from steps
        return
    with scratch_folder(ws) as scratch:
        files = [open_step(step, ws, scratch / str(number)) for number, step in enumerate(steps)]
        for alike in cut(files, shape_of, in_order=steps[0].source.contract.weighs_rows):
            yield from (each for each in alike if isinstance(each, PlannedLoad))
            opened = [each for each in alike if isinstance(each, Opened)]
            if opened:
                yield from _Group(ws, opened, scratch, emit).load()


class _Group:
    """Files of one source and one shape, at least one."""

    def __init__(self, ws: Workspace, files: list[Opened], scratch: Path, emit: Emit) -> None:
        self.ws, self.files, self.scratch, self.emit = ws, files, scratch, emit
        self.source, self.fields = files[0].step.source, files[0].fields

    def load(self) -> Iterator[Load | PlannedLoad]:
        """The loads of the files that are sound, and the steps of the others, see `_load_together`."""
        if len(self.files) < 2:
            yield from (each.step for each in self.files)
            return
        clock = time.perf_counter()
        staged = self.scratch / f"together-{uuid.uuid4().hex[:8]}.parquet"
        try:
            with self._watched():
                self._stage(staged)
        except QueryError as error:
            if not isinstance(error.__cause__, OF_ROWS):
                # Where the contract's expressions or a file's pages are at fault, the load of one file tells that.
                yield from (each.step for each in self.files)
                return
            # One of them stops the reader: the others are in the half that reads.
            half = len(self.files) // 2
            for files in (self.files[:half], self.files[half:]):
                yield from _Group(self.ws, files, self.scratch, self.emit).load()
            return
        try:
            yield from self._split(staged, clock)
        finally:
            staged.unlink()

    def _split(self, staged: Path, clock: float) -> Iterator[Load | PlannedLoad]:
        counted = self._counted(staged)
        if counted is None:
            yield from (each.step for each in self.files)
            return
        reached(Point.SOURCE_READ)

        def sound(file: Opened) -> bool:
            return file.path not in counted or not counted[file.path][2]

        for files in cut(self.files, sound, in_order=self.source.contract.weighs_rows):
            done: list[Load] = []
            if len(files) > 1 and sound(files[0]):
                with self._watched():
                    done = self._write(files, staged, counted, clock)
            yield from done or (each.step for each in files)
            clock = time.perf_counter()

    def _watched(self) -> AbstractContextManager[None]:
        return watched(self.ws.session, self.source.name, self.files[0].step.name, self.emit)

    def _stage(self, staged: Path) -> None:
        rows = self.files[0].rows
        assert rows.several is not None, "only such files are opened"
        together = replace(rows, relation=rows.several([Path(each.path) for each in self.files]))
        query = stage_sql(together, self.fields, self.source, keep_records=False, carried=(FILE,))
        self.ws.session.execute(f"COPY ({query}) TO {literal(str(staged))} (FORMAT parquet)")

    def _write(
        self, sound: list[Opened], staged: Path, counted: dict[str, tuple[int, int, int]], clock: float
    ) -> list[Load]:
        """Write the sound files' rows to the table; nothing where their rows have to be weighed one file at a time."""
        if not all(_unchanged(each.file) for each in sound):
            return []
        started = utc_now()
        known = self.ws.session.temporary("files")
        # DuckDB imports pandas for a statement's first parameter, and an interrupt that comes meanwhile is lost.
        listed = ", ".join(
            f"({literal(each.path)}, {literal(each.file.name)}, {literal(each.step.load_id)},"
            f" {counted[each.path][1] if each.path in counted else 0})"
            for each in sound
        )
        self.ws.session.execute(
            f"CREATE TEMP TABLE {known} AS FROM (VALUES {listed}) AS files(path, name, load_id, first)"
        )
        try:
            rows = self._rows(staged, known)
            if keys_met_again(self.ws, self.source, rows):
                return []
            audit = audit_columns("__name", "_source_row", "__load", started)
            columns = ", ".join(map(quote, [*(field.name for field in self.fields), *self.source.contract.computed]))
            written = self.ws.write_files(
                self.source.table,
                f"SELECT {columns}, {audit} FROM ({rows}) ORDER BY __position",
                layout=table_layout(self.source, self.fields),
                schema_mode=schema_mode(self.ws, self.source),
            )
        finally:
            self.ws.session.execute(f"DROP TABLE IF EXISTS {known}")
        if has_repeats(self.ws, self.source, self.fields, written):
            discard_files(self.ws, written)
            return []
        add_files(self.ws, self.source, written)
        reached(Point.LOADED)
        return self._books(sound, {path: rows for path, (rows, _, _) in counted.items()}, started, clock)

    def _counted(self, staged: Path) -> dict[str, tuple[int, int, int]] | None:
        """Rows, position of the first, and refused rows of each file that has any; None if they are not in order."""
        found = self.ws.session.rows(
            f"SELECT {FILE}, count(*), min(file_row_number), max(file_row_number), count({VIOLATIONS})"
            f" FROM read_parquet({literal(str(staged))}, file_row_number = true) GROUP BY ALL"
        )
        if any(last - first + 1 != rows for _, rows, first, last, _ in found):
            return None
        return {path: (rows, first, refused) for path, rows, first, _, refused in found}

    def _rows(self, staged: Path, known: str) -> str:
        return (
            "SELECT staged.*, file_row_number AS __position, file_row_number - known.first + 1 AS _source_row,"
            " known.name AS __name, known.load_id AS __load"
            f" FROM read_parquet({literal(str(staged))}, file_row_number = true) AS staged"
            f" JOIN {known} AS known ON staged.{FILE} = known.path"
        )

    def _books(self, sound: list[Opened], read: dict[str, int], started: datetime, clock: float) -> list[Load]:
        """One load per file, with what the table has of each, counted in it."""
        ids = ", ".join(literal(each.step.load_id) for each in sound)
        table = self.source.table
        held = (
            dict(
                self.ws.query(
                    f"SELECT _load_id, count(*) FROM {table.sql} WHERE _load_id IN ({ids}) GROUP BY ALL"
                ).fetchall()
            )
            if self.ws.exists(table)
            else {}
        )
        share = (time.perf_counter() - clock) / len(sound)
        done = []
        for position, each in enumerate(sound):
            rows = read.get(each.path, 0)
            result = Load(
                load_id=each.step.load_id,
                source=self.source.name,
                table=str(table),
                file=each.step.name,
                sha256=each.file.sha256,
                bytes=each.file.bytes,
                read=rows,
                loaded=rows,
                quarantined=0,
                duplicates=0,
                seconds=share,
                replaces=each.step.replaces,
                contract_hash=self.source.contract_hash,
                # Loads are read back in the order of their times.
                started=started + timedelta(microseconds=position),
                finished=utc_now(),
                found_loaded=int(held.get(each.step.load_id, 0)),
            )
            self.emit(LoadStarted(self.source.name, each.file.name, each.file.bytes))
            self.emit(Loaded(result))
            each.file.release()
            done.append(result)
        return done


def _unchanged(file: InputFile) -> bool:
    try:
        file.check_unchanged()
    except DataError:
        return False
    return True
