"""The answer to a query, in the form that its reader wants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headgate.errors import DataError, MissingExtra

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


@dataclass(frozen=True)
class ResultColumn:
    """A column of an answer, with a name that no other has; `type` is DuckDB's name of the type."""

    name: str
    type: str


def result_columns(names: Sequence[str], types: Sequence[str]) -> tuple[ResultColumn, ...]:
    """The columns of an answer; a name that comes again gets a number, as DuckDB gives it one in a subquery."""
    taken: set[str] = set()
    columns = []
    for name, kind in zip(names, types, strict=True):
        own, number = name, 0
        while own in taken or (number and own in names):
            number += 1
            own = f"{name}_{number}"
        taken.add(own)
        columns.append(ResultColumn(own, kind))
    return tuple(columns)


@dataclass(frozen=True)
class QueryResult:
    """The rows of a query, held as an Arrow table."""

    columns: tuple[ResultColumn, ...]
    table: pa.Table

    def arrow(self) -> pa.Table:
        """The answer as an Arrow table."""
        return self.table

    def pandas(self) -> pd.DataFrame:
        """The answer as a pandas data frame.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: F401 - Arrow's own message would not name the extra
        except ModuleNotFoundError as error:
            raise _missing("pandas") from error
        frame: pd.DataFrame = self.table.to_pandas()
        return frame

    def polars(self) -> pl.DataFrame:
        """The answer as a polars data frame.

        Raises:
            MissingExtra: polars is not installed.
        """
        try:
            import polars as pl
        except ModuleNotFoundError as error:
            raise _missing("polars") from error
        frame = pl.from_arrow(self.table)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def rows(self, limit: int | None = None) -> list[tuple[Any, ...]]:
        """The rows as Python values, all of them or the first ones."""
        table = self.table if limit is None else self.table.slice(0, limit)
        columns = python_values(table)
        return list(zip(*columns, strict=True)) if columns else []

    def to_dict(self) -> dict[str, object]:
        """The answer as one JSON object."""
        names = [column.name for column in self.columns]
        return {
            "columns": [{"name": column.name, "type": column.type} for column in self.columns],
            "rows": [dict(zip(names, row, strict=True)) for row in self.rows()],
        }


@dataclass(frozen=True)
class Answer:
    """The rows of a query on their way: computed as they are taken, so that their number is not bounded by memory.

    Attributes:
        schema: Of the batches.
        batches: The rows, once.
    """

    columns: tuple[ResultColumn, ...]
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    def first(self, limit: int | None) -> Answer:
        """The same with at most so many rows; the rest is not computed."""
        return self if limit is None else Answer(self.columns, self.schema, _first(self.batches, limit))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows as Python values."""
        for batch in self.batches:
            yield from zip(*python_values(batch), strict=True)

    def result(self) -> QueryResult:
        """All of the rows."""
        import pyarrow as pa

        return QueryResult(self.columns, pa.Table.from_batches(self.batches, self.schema))


def _first(batches: Iterator[pa.RecordBatch], limit: int) -> Iterator[pa.RecordBatch]:
    while limit > 0:
        batch = next(batches, None)
        if batch is None:
            return
        yield batch.slice(0, limit)
        limit -= batch.num_rows


def python_values(rows: pa.Table | pa.RecordBatch) -> list[list[Any]]:
    """The values of each column as Python has them.

    Raises:
        DataError: Python has none for one of them: DuckDB's dates go further than the year 9999.
    """
    values: list[list[Any]] = []
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        try:
            values.append(column.to_pylist())
        except (OverflowError, ValueError) as error:
            raise DataError(
                f"Column '{name}' has a value that cannot be given: {error}.",
                hint=f'Cast it to text: "{name}"::VARCHAR.',
                data={"column": name},
            ) from error
    return values


def _missing(library: str) -> MissingExtra:
    return MissingExtra(f"{library} is not installed.", hint=f"pip install 'headgate[{library}]'")
