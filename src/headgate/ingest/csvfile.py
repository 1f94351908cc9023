"""CSV files: their dialect, their header, and DuckDB's reader set to exactly these."""

from __future__ import annotations

import csv
import io
import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from headgate.errors import DataError
from headgate.ingest.contract import Options
from headgate.ingest.plain import CHUNK, PLAIN, PlainFile, path_literal
from headgate.types import literal

# DuckDB refuses longer records unless it is told; a header is no longer either.
LONGEST_RECORD = 2_000_000
_HEAD = 64 * 1024
# Bytes of a file that DuckDB's reader makes one batch of: a quarter of its buffer.
_BATCH = 8_000_000
# A batch may differ from a row group by a vector of rows. DuckDB's own row groups are 60 vectors; of 30, they cost a
# query a twentieth more, beside a tenth less for the load.
_VECTOR = 2048
_FEWEST, _MOST = 24 * _VECTOR, 120 * _VECTOR
# In how many places of a file its lines are counted.
_PLACES = 16
# What no file holds: with it, the reader keeps an empty text apart from no value.
_NEVER = "\x01headgate\x01"


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Attributes:
        before: Lines before the first row: preamble and header.
        start: Bytes before the first row.
        skip: Records that DuckDB has to pass over.
        columns: Names in the file; positions as text where it has no header.
        comment: What lines start with that are no records.
    """

    delimiter: str
    quote: str
    escape: str
    before: int
    start: int
    skip: int
    columns: tuple[str, ...]
    comment: str | None = None


def dialect_of(
    file: PlainFile, options: Options, delimiter: str, scratch: Path, columns: tuple[str, ...] = ()
) -> tuple[PlainFile, Dialect]:
    """The dialect of a file under a contract's options, and the file without its preamble.

    DuckDB passes over a preamble by records, not lines, so that one quote in it swallows rows without a word: where
    there is more than a header line, it is cut off.

    Args:
        file: The file.
        options: What the contract says.
        delimiter: The format's own, where the contract names none.
        scratch: Folder for a file without its preamble.
        columns: The contract's columns, for files without header.

    Raises:
        DataError: The file is empty where a header is wanted, or names a column twice.
    """
    delimiter = options.delimiter or delimiter
    escape = options.escape if options.escape is not None else options.quote
    with file.path.open("rb") as stream:
        lines = _Lines(stream, file.name)
        lines.pass_over(options.skip, options.comment, header=options.header)
        before, start = lines.count, lines.bytes
        record = lines.record(delimiter, options.quote, escape)
    if options.header and record is None:
        raise DataError(
            "The file is empty: it has not even a header.",
            place=file.name,
            hint="Fetch it again, or remove it; with `header: false` an empty file has no rows.",
        )
    if options.header and record is not None:
        names, before, start = header_names(record, file.name), lines.count, lines.bytes
    else:
        names = by_position(columns, len(record) if record is not None else len(columns))
    skip = 1 if options.header and before == 1 else 0
    if before > skip:
        file = _cut(file, start, scratch / "rows")
    dialect = Dialect(delimiter, options.quote, escape, before, skip and start, skip, names, options.comment)
    return file, dialect


def ends_long(file: PlainFile) -> bool:
    """Whether the last line is longer than any record may be, which DuckDB's reader leaves out without a word."""
    if file.bytes <= LONGEST_RECORD:
        return False
    with file.path.open("rb") as stream:
        stream.seek(-LONGEST_RECORD, io.SEEK_END)
        tail = stream.read(LONGEST_RECORD)
    return b"\n" not in tail[:-1] and b"\r" not in tail[:-1]


def group_rows(file: PlainFile) -> int | None:
    """Rows of a row group into which DuckDB writes the batches that it reads of a file as they are.

    A row group takes a batch as it is where both have the same number of rows, or nearly: otherwise every row is copied
    once more, a tenth of the time of a load.

    Returns:
        None for small files, and where a batch has too few rows for a row group that reads well, or too many.
    """
    if file.bytes < 2 * _BATCH:
        return None
    with file.path.open("rb") as stream:
        lines = 0
        for place in range(_PLACES):
            stream.seek(place * (file.bytes // _PLACES))
            lines += stream.read(_HEAD).count(b"\n")
    rows = round(_BATCH * lines / (_PLACES * _HEAD) / _VECTOR) * _VECTOR
    return rows if _FEWEST <= rows <= _MOST else None


def first_records(file: PlainFile, dialect: Dialect, count: int) -> list[list[str]]:
    """Some of the first rows of a file, as Python's own reader has them; for a look, not for loading."""
    with file.path.open("rb") as stream:
        stream.seek(dialect.start)
        head = stream.read(_HEAD).decode(errors="replace")
    reader = csv.reader(io.StringIO(head, newline=""), **_format(dialect.delimiter, dialect.quote, dialect.escape))
    try:
        return list(itertools.islice(reader, count))
    except csv.Error:
        return []


def _format(delimiter: str, quote: str, escape: str) -> dict[str, Any]:
    """A dialect as Python's csv module wants it."""
    return {
        "delimiter": delimiter,
        "quotechar": quote or None,
        "quoting": csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        "doublequote": escape == quote,
        "escapechar": None if escape == quote or not escape else escape,
    }


def _cut(file: PlainFile, start: int, target: Path) -> PlainFile:
    with file.path.open("rb") as stream, target.open("wb") as out:
        stream.seek(start)
        shutil.copyfileobj(stream, out, CHUNK)
    return PlainFile(target, file.name, file.encoding, file.bytes - start)


def by_position(columns: tuple[str, ...], width: int) -> tuple[str, ...]:
    """Names for a file without header: the contract's in their order, or positions where it counts them."""
    if not columns or any(name.isdigit() for name in columns):
        return tuple(str(position) for position in range(1, width + 1))
    return (*columns[:width], *(str(position) for position in range(len(columns) + 1, width + 1)))


def nameless(position: int) -> str:
    """What a column is called whose name in the header is empty; positions count from 1."""
    return f"column {position}"


def header_names(record: list[str], file: str) -> tuple[str, ...]:
    """The columns that a header names.

    Raises:
        DataError: It names one twice, or one that no column can be called.
    """
    names = [name.strip() or nameless(position) for position, name in enumerate(record, start=1)]
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if "\0" in name:
            raise DataError(
                f"The name of column {position} in the header holds a NUL character: {name!a}.",
                place=file,
                hint="Correct the header, or say how the file is encoded, such as `options: {encoding: utf-16-le}`.",
            )
        if name in seen:
            raise DataError(
                f"The header names the column '{name}' twice, in columns {seen[name]} and {position}.",
                place=file,
                hint="Correct the header; or skip it with `header: false` and `skip: 1`, and give columns by position.",
            )
        seen[name] = position
    return tuple(names)


class _Lines:
    """The beginning of a file, line by line; `count` and `bytes` tell how much of it was passed."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._name = name
        head = stream.read(LONGEST_RECORD)
        if b"\n" not in head:
            head = head.replace(b"\r", b"\n")
        self._lines: Iterator[bytes] = iter(io.BytesIO(head))
        self.count = 0
        self.bytes = 0

    def pass_over(self, lines: int, comment: str | None, *, header: bool) -> None:
        """Go to the first line after the preamble that is neither blank nor a comment.

        A line of spaces or tabs is no header, but may be a row.
        """
        for line in self._lines:
            text = line.strip() if header else line.rstrip(b"\r\n")
            if self.count >= lines and text and not (comment and line.startswith(comment.encode())):
                self._lines = itertools.chain([line], self._lines)
                break
            self._passed(line)

    def _passed(self, line: bytes) -> None:
        self.count += 1
        self.bytes += len(line)

    def record(self, delimiter: str, quote: str, escape: str) -> list[str] | None:
        """The first record, or None at the end of the file.

        Raises:
            DataError: It cannot be read.
        """
        reader = csv.reader(self._texts(), **_format(delimiter, quote, escape))
        try:
            return next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"The first record cannot be read: {error}.",
                place=f"{self._name}:{self.count}",
                hint="Let all lines end alike, and check delimiter and quote in `options`.",
            ) from error

    def _texts(self) -> Iterator[str]:
        for line in self._lines:
            self._passed(line)
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                raise DataError(
                    f"The first record is not UTF-8: {error.reason} at its byte {error.start}.",
                    place=self._name,
                    hint="Say what the file is written in, such as `options: {encoding: cp1252}`.",
                ) from error


def read_csv(
    path: Path | Sequence[Path],
    dialect: Dialect,
    types: dict[str, str],
    *,
    nulls: tuple[str, ...] | None = None,
    filled: Sequence[str] = (),
    file_as: str | None = None,
) -> str:
    """DuckDB's reader as an SQL expression: nothing is guessed, and any record that does not fit stops it.

    Args:
        path: A plain file, or several.
        dialect: How it is written.
        types: DuckDB type by column, in the order of the file; the names are the result's.
        nulls: Texts that stand for no value; None keeps every text as it is.
        filled: Columns of `types`, none of text, in which no value stops the reader too.
        file_as: Name of a further column with the path of each row's file.
    """
    struct = "{" + ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types.items()) + "}"
    texts = [_NEVER] if nulls is None else list(nulls) or [_NEVER]
    parts = [
        path_literal(path) if isinstance(path, Path) else f"[{', '.join(map(path_literal, path))}]",
        "auto_detect = false",
        PLAIN,
        f"columns = {struct}",
        "header = false",
        f"skip = {dialect.skip}",
        f"delim = {literal(dialect.delimiter)}",
        f"quote = {literal(dialect.quote)}",
        f"escape = {literal(dialect.escape)}",
        f"nullstr = [{', '.join(map(literal, texts))}]",
    ]
    if filled:
        parts.append(f"force_not_null = [{', '.join(map(literal, filled))}]")
    if file_as is not None:
        parts.append(f"filename = {literal(file_as)}")
    return f"read_csv({', '.join(parts)})"
