"""What a reader makes of a file: rows of raw values that SQL can read, whatever the file's format."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from headgate.ingest.csvfile import Dialect
from headgate.ingest.plain import PlainFile

FILE = "__file"
"""Column with the path of the file of each row, where several are read together."""


class Raw(enum.Enum):
    """What a reader's values are."""

    TEXT = "text"
    JSON = "json"
    TYPED = "typed"


@dataclass(frozen=True)
class Rows:
    """The rows of a file in their order, before the contract.

    Attributes:
        relation: SQL to select from, with columns `__c0`, `__c1`, ... in the order of `columns`; of JSON also with
            `__x0`, `__x1`, ..., the texts of these.
        columns: Names in the source.
        raw: What the values are.
        types: DuckDB types of the columns, where values are typed.
        record: SQL expression for the whole raw record as a JSON object, from the relation's columns.
        keys: Of JSON, for each of `columns` the expression of the object that has it, and the key (None for the whole).
        texts: Of JSON, columns of which the values are texts of what they become, and not JSON: their positions.
        marked: Of JSON, for objects that were made by unnesting, the same with marked numbers, see `digits`; NULL where
            no number is written in another way than DuckDB gives it.
        broken: SQL expression that is true for a record that is none, with rule and reason.
        empty_is_null: Whether an empty text stands for no value unless the contract says otherwise.
        csv: The file and its dialect, where it is CSV: it may be read with types, or record by record.
        lines_of: The file, where a record is a line that may be broken without the reader telling what stands there.
        records: Where records are lines and were unnested, a query for `row, record`: of which of the file's records a
            row was made, both counted from 1.
        refused: JSON lines about records that are in `relation` only to hold a place.
        lines: JSON lines that say by how much the line of a row is ahead of its number.
        offset: The same where it is the same for all rows.
        path: Where the reader finds the bytes, if not in the source's own file.
        several: Makes `relation` for several files of this shape, with a column `FILE`; None where each is read alone.
    """

    relation: str
    columns: tuple[str, ...]
    raw: Raw
    types: tuple[str, ...] = ()
    record: str = ""
    keys: tuple[tuple[str, str | None], ...] = ()
    texts: frozenset[int] = frozenset()
    marked: tuple[tuple[str, str], ...] = ()
    broken: tuple[tuple[str, str, str], ...] = ()
    empty_is_null: bool = False
    csv: tuple[PlainFile, Dialect] | None = None
    lines_of: PlainFile | None = None
    records: str | None = None
    refused: Path | None = None
    lines: Path | None = None
    offset: int | None = None
    path: Path | None = None
    several: Callable[[Sequence[Path]], str] | None = None

    def value(self, position: int) -> str:
        """The column of the relation for one of `columns`."""
        return f"__c{position}"

    def text(self, position: int) -> str:
        """The raw text of one of `columns`."""
        if self.raw is Raw.JSON:
            return f"__x{position}"
        return self.value(position) if self.raw is Raw.TEXT else f"CAST({self.value(position)} AS VARCHAR)"

    def is_json(self, position: int | None) -> bool:
        """Whether the values of one of `columns` are JSON."""
        return self.raw is Raw.JSON and position not in self.texts

    def with_refused(self, refused: Path) -> Rows:
        """The same rows, of which some turned out to be none."""
        return replace(self, refused=refused)
