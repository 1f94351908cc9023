"""A query's result as a table, JSON, CSV or Parquet."""

from __future__ import annotations

import csv
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from headgate.cli.output import json
from headgate.cli.output.streams import write_utf8
from headgate.cli.output.writer import console
from headgate.engines.answers import python_values
from headgate.errors import StorageError, UsageError, counted

if TYPE_CHECKING:
    import pyarrow as pa

    from headgate.engines.answers import Answer

# Rows of a table on a terminal when nobody says how many.
_ROWS = 50
# Bytes of a document that are kept in memory until it is whole.
_IN_MEMORY = 8 << 20
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


def write(answer: Answer, style: str, output: Path | None, limit: int | None) -> None:
    """Write an answer to a file, or to standard output, as its rows are computed.

    Raises:
        StorageError: The file cannot be written.
    """
    counted_rows = [0]
    whole = style == "table"
    if output is None and not whole:
        write_utf8()
    answer = _counting(answer if whole else answer.first(limit), counted_rows)
    if style == "parquet":
        with _target(output, binary=True) as stream:
            _parquet(answer, stream)
    elif style == "csv":
        with _target(output) as stream:
            _csv(answer, stream)
    elif style == "json":
        _json(answer, output)
    else:
        limit = _ROWS if limit is None else limit
        with _target(output) as stream:
            _table(answer, stream, output, limit)
    if output is not None:
        written = min(counted_rows[0], limit) if whole and limit is not None else counted_rows[0]
        of = f" of {counted_rows[0]:,}" if written < counted_rows[0] else ""
        console(stderr=True).print(f"Wrote {counted(written, 'row')}{of} to {output}.", markup=False)


def _counting(answer: Answer, rows: list[int]) -> Answer:
    """The same answer, whose rows are counted as they are taken."""

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in answer.batches:
            rows[0] += batch.num_rows
            yield batch

    return replace(answer, batches=batches())


def _json(answer: Answer, output: Path | None) -> None:
    """One document, and nothing of it where a row fails: who reads it gets it whole."""
    names = [column.name for column in answer.columns]
    columns = [{"name": column.name, "type": column.type} for column in answer.columns]
    rows = (dict(zip(names, row, strict=True)) for row in answer.rows())
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="") as whole:
        whole.writelines(json.document({"columns": columns, "rows": rows}))
        whole.seek(0)
        with _target(output) as stream:
            shutil.copyfileobj(whole, stream)


def _table(answer: Answer, stream: IO[str], output: Path | None, limit: int) -> None:
    from rich.console import Console

    from headgate.cli.output.tables import print_result

    shown: list[tuple[Any, ...]] = []
    total = 0
    for batch in answer.batches:
        missing = batch.slice(0, max(limit - total, 0))
        shown.extend(zip(*python_values(missing), strict=True))
        total += batch.num_rows
    screen = console() if output is None else Console(file=stream, width=100_000, highlight=False, emoji=False)
    print_result(screen, [column.name for column in answer.columns], shown, total)


def _csv(answer: Answer, stream: IO[str]) -> None:
    """CSV as RFC 4180 has it, but with line feeds; NULL is empty, the empty string is `""`."""
    writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow([column.name for column in answer.columns])
    for row in answer.rows():
        writer.writerow([_csv_value(value) for value in row])


def _csv_value(value: object) -> object:
    if value is None or isinstance(value, str):
        return value
    plain = json.plain(value)
    if isinstance(plain, bool | dict | list):
        return json.encode(plain)
    return format(plain, "f") if not isinstance(plain, str | int | float) else plain


def _parquet(answer: Answer, stream: IO[bytes]) -> None:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetWriter(stream, answer.schema, compression="zstd") as writer:
        for batch in answer.batches:
            writer.write_batch(batch)


@contextmanager
def _target(output: Path | None, *, binary: bool = False) -> Iterator[IO[Any]]:
    """Where to write: standard output, or a file, which is there once it is whole."""
    if output is None:
        yield sys.stdout.buffer if binary else sys.stdout
        return
    target = output.resolve()
    # A pipe or a device takes what comes.
    place = target if target.exists() and not target.is_file() else target.with_name(f".{target.name}.{os.getpid()}")
    try:
        try:
            with place.open("wb") if binary else place.open("w", encoding="utf-8", newline="") as stream:
                yield stream
            if place != target:
                place.replace(target)
        finally:
            if place != target:
                place.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"The file cannot be written: {error.strerror}.", place=str(output), hint="Choose another --output."
        ) from error
