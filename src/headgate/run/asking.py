"""Questions to the lake: SQL on one state, read-only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from headgate.engines.answers import Answer, ResultColumn, result_columns
from headgate.engines.duckdb import Session, Unexplained, query_stopped
from headgate.engines.guard import guarded_query, lock
from headgate.engines.reader import Reader
from headgate.run.lake import Lake
from headgate.run.system_tables import expose_system_tables

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from headgate.config import EngineSettings

_Value = TypeVar("_Value")

# Rows that are computed and handed over at once.
_BATCH = 50_000
# How often a statement is run that fails without a reason, which is rare each time.
_TRIES = 4


@contextmanager
def asked(lake: Lake, sql: str, ref: str) -> Iterator[Answer]:
    """Run a statement that reads on the state that `ref` names, while the body takes its rows.

    The session sees the lake's tables and nothing else: no other files, no network, no settings.

    Raises:
        QueryError: DuckDB rejects the statement, or it fails, perhaps only as the rows are taken.
        ReadOnly: It is not one that reads.
        RefNotFound: There is no such state.
    """
    with Question(lake, sql, ref) as question:
        columns, schema = question.ask()
        yield Answer(columns, schema, question.batches())


class Question:
    """A statement on one state, answered piece by piece; raises as `asked` does.

    Another thread may `stop` it at any time; what it is doing then ends with `Cancelled`.

    Args:
        lake: The open project.
        sql: The statement.
        ref: What names the state.
        shares: Of how many that run at once this is one: it may take that part of the engine's memory.
    """

    def __init__(self, lake: Lake, sql: str, ref: str, shares: int = 1) -> None:
        self._lake = lake
        self._sql = sql
        self._ref = ref
        lake.check_storage()
        self._shares = shares
        self._state = lake.catalog.resolve(ref).id
        self._sessions = ExitStack()
        self._session = self._opened(lake.project.engine)
        self._reader: Reader | None = None
        self._rows: pa.RecordBatchReader | None = None

    def ask(self) -> tuple[tuple[ResultColumn, ...], pa.Schema]:
        """Begin to run the statement: the columns of its answer, as DuckDB and as Arrow have them."""
        self._begin()
        cursor = _explained(self._run)
        names, types = zip(*((str(name), str(kind)) for name, kind, *_ in cursor.description), strict=True)
        columns = result_columns(names, types)
        self._rows = cursor.to_arrow_reader(_BATCH)
        return columns, self._rows.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows; computed as they are taken, so that their number is not bounded by memory."""
        assert self._rows is not None, "ask() comes first"
        try:
            for batch in self._session.batches_of(self._rows, self._sql):
                self._go_on()
                yield batch
        except Unexplained:
            self._find_reason()
            raise

    def stop(self) -> None:
        """End what is going on."""
        self._session.interrupt()

    def close(self) -> None:
        self._sessions.close()

    def __enter__(self) -> Question:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _opened(self, settings: EngineSettings) -> Session:
        session = self._sessions.enter_context(Session(settings, self._lake.storage))
        if self._shares > 1:
            limit = str(session.value("SELECT current_setting('memory_limit')"))  # such as 18.8 GiB
            amount, _, unit = limit.partition(" ")
            session.execute(f"SET memory_limit = '{float(amount) / self._shares:.3f} {unit}'")
        return session

    def _begin(self) -> None:
        """Let the session see the state, and nothing else."""
        self._reader = Reader(self._lake.catalog, self._state, self._session, called=self._ref)
        expose_system_tables(self._lake, self._reader, self._sql, self._ref)
        lock(self._session)
        self._go_on()

    def _find_reason(self) -> None:
        """Take all rows for nothing but the error that may be among them, with one thread: no other interrupts it."""
        before = self._session
        self._session = self._opened(self._lake.project.engine.model_copy(update={"threads": 1}))
        if before.interrupted:
            raise query_stopped()
        self._begin()
        _explained(self._read_again)

    def _run(self) -> duckdb.DuckDBPyConnection:
        assert self._reader is not None, "ask() comes first"
        return guarded_query(self._reader, self._sql)

    def _read_again(self) -> None:
        """Take all rows for nothing but the error that may be among them."""
        for _ in self._session.batches_of(self._run().to_arrow_reader(_BATCH), self._sql):
            self._go_on()

    def _go_on(self) -> None:
        if self._session.interrupted:
            raise query_stopped()


def _explained(attempt: Callable[[], _Value]) -> _Value:
    """What an attempt returns; one that fails without a reason is made again, for it mostly gives one then."""
    for _ in range(_TRIES - 1):
        with suppress(Unexplained):
            return attempt()
    return attempt()
