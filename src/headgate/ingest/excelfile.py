"""Excel workbooks: the cells of a sheet, written as CSV for the reader that everything else goes through.

A sheet has at most 1,048,576 rows, and its dates are numbers that only the cell's format tells from others; so this is
the one format that is read in Python, row by row.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import itertools
import json
import re
import zipfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from headgate.errors import DataError, MissingExtra, did_you_mean
from headgate.ingest.contract import Options
from headgate.ingest.csvfile import Dialect, by_position, header_names
from headgate.ingest.plain import PlainFile

# What openpyxl, its XML reader and zipfile raise for a workbook that is damaged: it checks nothing beforehand.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)


def excel_as_csv(
    path: Path, name: str, options: Options, scratch: Path, columns: Sequence[str] = ()
) -> tuple[PlainFile, Dialect, Path]:
    """A sheet as a CSV file without header, its dialect, and how far its rows' lines are ahead of their numbers.

    Rows without any value are no rows.

    Raises:
        MissingExtra: openpyxl is not installed.
        DataError: It is no workbook, has no such sheet, or the sheet is empty.
    """
    target, lines = scratch / "sheet.csv", scratch / "sheet-lines.ndjson"
    cells = _cells(path, name, options)
    header = next(cells, None) if options.header else None
    if options.header and header is None:
        raise DataError("The sheet is empty: it has not even a header.", place=name, hint="Check `sheet` and `range`.")
    while header and not header[1][-1]:
        header[1].pop()
    row, width, offset = 0, len(header[1]) if header else 0, None
    with target.open("w", encoding="utf-8", newline="") as out, lines.open("w", encoding="utf-8") as notes:
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for line, values in cells:
            row += 1
            width = width or len(values)
            if line - row != offset:
                offset = line - row
                notes.write(json.dumps({"row": row, "line": offset}) + "\n")
            while len(values) > width and not values[-1]:
                values.pop()
            writer.writerow(values + [""] * (width - len(values)))
    names = header_names(header[1], name) if header else by_position(tuple(columns), width)
    dialect = Dialect(",", '"', '"', 0, 0, 0, names)
    return PlainFile(target, name, "utf-8", target.stat().st_size), dialect, lines


def first_rows(path: Path, name: str, count: int) -> list[tuple[int, list[str]]]:
    """Row number in the first sheet and texts of the first rows that have any; raises as `excel_as_csv` does."""
    with contextlib.closing(_cells(path, name, Options())) as cells:
        return list(itertools.islice(cells, count))


def sheet_names(path: Path, name: str) -> list[str]:
    """The sheets of a workbook that has cells, in order; raises as `excel_as_csv` does."""
    import openpyxl

    with path.open("rb") as file:
        try:
            book = openpyxl.load_workbook(file, read_only=True)
        except _DAMAGED as error:
            raise _no_workbook(error, name) from error
        try:
            return [sheet.title for sheet in book.worksheets]
        finally:
            book.close()


def _cells(path: Path, name: str, options: Options) -> Generator[tuple[int, list[str]]]:
    """Row number in the sheet and texts of each row that has any, after those to be skipped."""
    try:
        import openpyxl
    except ImportError as error:
        raise MissingExtra(
            "Reading Excel needs openpyxl.", place=name, hint="Install it: pip install 'headgate[excel]'"
        ) from error
    # openpyxl leaves a file open that it cannot read.
    with path.open("rb") as file:
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        except _DAMAGED as error:
            raise _no_workbook(error, name) from error
        yield from _rows(book, name, options)


def _rows(book: Any, name: str, options: Options) -> Iterator[tuple[int, list[str]]]:
    try:
        if options.sheet and options.sheet not in book.sheetnames:
            raise DataError(
                f"The workbook has no sheet '{options.sheet}'.",
                place=name,
                hint=did_you_mean(options.sheet, book.sheetnames),
            )
        if not book.worksheets:
            raise DataError("The workbook has no sheet with cells.", place=name, hint="Save it again as .xlsx.")
        sheet = book[options.sheet] if options.sheet else book.worksheets[0]
        bounds = _bounds(options.range)
        sheet.reset_dimensions()
        rows = sheet.iter_rows(values_only=True, **bounds)
        for line, values in enumerate(rows, start=bounds.get("min_row", 1)):
            texts = [_text(value) for value in values]
            if line - bounds.get("min_row", 1) >= options.skip and any(texts):
                yield line, texts
    except _DAMAGED as error:
        raise _no_workbook(error, name) from error
    finally:
        book.close()


def _no_workbook(error: Exception, name: str) -> DataError:
    return DataError(
        f"The file is not an Excel workbook: {error}.", place=name, hint="Save it as .xlsx, or fetch it again."
    )


def _bounds(text: str | None) -> dict[str, int]:
    """`A1:F99` as openpyxl wants it; `A1:F` goes on to the last row."""
    if not text:
        return {}
    found = re.fullmatch(r"([A-Za-z]+)(\d+):([A-Za-z]+)(\d*)", text)
    assert found, "the contract's pattern has seen to this"
    left, top, right, bottom = found.groups()
    bounds = {"min_col": _column(left), "min_row": int(top), "max_col": _column(right)}
    return {**bounds, "max_row": int(bottom)} if bottom else bounds


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _text(value: Any) -> str:
    """A cell as text: whole numbers without point, dates as ISO 8601, midnight left out, durations as h:mm:ss.

    Small numbers have all their zeros, for with an exponent DuckDB's reader rounds them wrong in decimals.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, float) and "e-" in repr(value):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, dt.datetime):
        return value.isoformat(" ") if value.time() != dt.time() else value.date().isoformat()
    if isinstance(value, dt.timedelta):
        # Python writes days apart from the rest, and those of a negative duration downwards.
        hours, rest = divmod(abs(value), dt.timedelta(hours=1))
        sign = "-" if value < dt.timedelta() else ""
        return f"{sign}{hours}{str(rest).removeprefix('0')}"
    return str(value)
