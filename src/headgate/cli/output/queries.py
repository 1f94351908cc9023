"""A query's result as a table, JSON, CSV or Parquet."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from headgate.cli.output import json
from headgate.cli.output.writer import console
from headgate.errors import StorageError, UsageError

if TYPE_CHECKING:
    from headgate.engines.answers import QueryResult

# Rows of a table on a terminal when nobody says how many.
_ROWS = 50
_SUFFIXES = {".json": "json", ".csv": "csv", ".parquet": "parquet", ".txt": "table"}


def statement(text: str) -> str:
    """The SQL that was meant: `-` reads it from standard input.

    Raises:
        UsageError: There is none.
    """
    sql = sys.stdin.read() if text == "-" else text
    if not sql.strip():
        raise UsageError("The statement is empty.", hint='headgate query "select 42 as answer"')
    return sql


def chosen_format(asked: str | None, output: Path | None, *, json: bool) -> str:
    """How to write: as asked, as `--json` says, as the file is named, or as a table.

    Raises:
        UsageError: Two formats are asked for, the file's name says nothing, or Parquet would go to a terminal.
    """
    if asked and json and asked != "json":
        raise UsageError(f"--json and --format {asked} exclude each other.", hint="Leave one of them away.")
    chosen = asked or ("json" if json else None)
    if chosen is None and output is not None:
        chosen = _SUFFIXES.get(output.suffix)
        if chosen is None:
            raise UsageError(
                f"The name '{output}' does not say which format is wanted.",
                hint="Add --format table, json, csv or parquet.",
            )
    if chosen == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal.", hint="Add --output FILE.parquet, or send it into a pipe.")
    return chosen or "table"


def write(result: QueryResult, style: str, output: Path | None, limit: int | None) -> None:
    """Write a result to a file, or to standard output.

    Raises:
        StorageError: The file cannot be written.
    """
    if style == "parquet":
        with _target(output, binary=True) as stream:
            _parquet(result, stream, limit)
        return
    with _target(output) as stream:
        if style == "json":
            stream.writelines(json.document({"columns": _columns(result), "rows": _objects(result, limit)}))
        elif style == "csv":
            _csv(result, stream, limit)
        else:
            _table(result, stream, output, limit)


def _columns(result: QueryResult) -> list[dict[str, str]]:
    return [{"name": column.name, "type": column.type} for column in result.columns]


def _objects(result: QueryResult, limit: int | None) -> list[dict[str, object]]:
    names = [column.name for column in result.columns]
    return [dict(zip(names, row, strict=True)) for row in result.rows(limit)]


def _table(result: QueryResult, stream: IO[str], output: Path | None, limit: int | None) -> None:
    from rich.console import Console

    from headgate.cli.output.tables import print_result

    shown = result.rows(_ROWS if limit is None else limit)
    screen = console() if output is None else Console(file=stream, width=100_000, highlight=False, emoji=False)
    print_result(screen, [column.name for column in result.columns], shown, result.arrow().num_rows)


def _csv(result: QueryResult, stream: IO[str], limit: int | None) -> None:
    """CSV as RFC 4180 has it, but with line feeds; NULL is empty, the empty string is `""`."""
    writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow([column.name for column in result.columns])
    for row in result.rows(limit):
        writer.writerow([_csv_value(value) for value in row])


def _csv_value(value: object) -> object:
    if value is None or isinstance(value, str):
        return value
    plain = json.plain(value)
    if isinstance(plain, bool | dict | list):
        return json.encode(plain)
    return format(plain, "f") if not isinstance(plain, str | int | float) else plain


def _parquet(result: QueryResult, stream: IO[bytes], limit: int | None) -> None:
    import pyarrow.parquet

    table = result.arrow()
    pyarrow.parquet.write_table(table if limit is None else table.slice(0, limit), stream, compression="zstd")


@contextmanager
def _target(output: Path | None, *, binary: bool = False) -> Iterator[IO[Any]]:
    if output is None:
        yield sys.stdout.buffer if binary else sys.stdout
        return
    try:
        with output.open("wb") if binary else output.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise StorageError(
            f"The file cannot be written: {error.strerror}.", place=str(output), hint="Choose another --output."
        ) from error
