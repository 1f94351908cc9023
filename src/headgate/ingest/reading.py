"""Opening a file in its format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from headgate.engines.duckdb import Session
from headgate.errors import DataError
from headgate.ingest.contract import Format, Options, Source
from headgate.ingest.csvfile import Dialect, dialect_of, nameless, read_csv
from headgate.ingest.files import InputFile
from headgate.ingest.formats import format_of
from headgate.ingest.jsonfile import document_rows, ndjson_rows
from headgate.ingest.parquetfile import parquet_rows
from headgate.ingest.plain import PlainFile, plain_file
from headgate.ingest.repair import repair
from headgate.ingest.rows import FILE, Raw, Rows
from headgate.types import literal

# Twice the longest record and some: DuckDB wants a record to fit into a buffer.
_BUFFER_ROOM = 4


def open_rows(session: Session, source: Source, file: InputFile, scratch: Path) -> Rows:
    """The rows of a file, before its contract.

    Args:
        session: Reads columns where the format needs an engine for that.
        source: Says how the file is written.
        file: The file.
        scratch: Folder for temporary copies, which have to stay for as long as the rows are read.

    Raises:
        DataError: The file is not what it is said to be.
    """
    contract = source.contract
    format_ = contract.format or format_of(file.name) or format_of(file.path.name)
    if format_ is None:
        raise DataError(
            f"The name of the file '{file.name}' does not tell its format.",
            place=str(source.path),
            hint="Say `format: csv`, `tsv`, `json`, `ndjson`, `parquet` or `excel`.",
        )
    return open_format(session, format_, contract.options, file.path, file.name, tuple(contract.columns), scratch)


def open_format(
    session: Session, format_: Format, options: Options, path: Path, name: str, columns: tuple[str, ...], scratch: Path
) -> Rows:
    """As `open_rows`, for a format that is known."""
    if format_ == "parquet":
        return parquet_rows(session, path, name)
    if format_ == "excel":
        from headgate.ingest.excelfile import excel_as_csv

        plain, dialect, lines = excel_as_csv(path, name, options, scratch, columns)
        return replace(csv_rows(plain, dialect), lines=lines)
    plain = plain_file(path, name, options.encoding, scratch)
    if format_ == "ndjson":
        return ndjson_rows(session, plain, options)
    if format_ == "json":
        return document_rows(session, plain, options, scratch)
    plain, dialect = dialect_of(plain, options, "\t" if format_ == "tsv" else ",", scratch, columns)
    return csv_rows(plain, dialect)


def csv_rows(file: PlainFile, dialect: Dialect) -> Rows:
    """The rows of a CSV file, all values as text."""
    types = {f"__c{position}": "VARCHAR" for position in range(len(dialect.columns))}
    names = tuple(dialect.columns)
    values = ", ".join(f"{literal(name)}, __c{position}" for position, name in enumerate(names))
    same = [
        f"trim(__c{position}) = {literal(name)}"
        for position, name in enumerate(names)
        if name != nameless(position + 1)
    ]
    # DuckDB evaluates every part of an AND for every row, and of a CASE only where it comes to it.
    repeats = f"CASE WHEN {same[0]} THEN {' AND '.join(same[1:]) or 'true'} ELSE false END" if same else ""
    return Rows(
        relation=read_csv(file.path, dialect, types),
        columns=names,
        raw=Raw.TEXT,
        record=f"json_object({values})",
        broken=(("header", repeats, "repeats the header"),) if repeats and dialect.skip + dialect.before else (),
        empty_is_null=True,
        csv=(file, dialect),
        path=file.path,
        several=lambda paths: read_csv(paths, dialect, types, file_as=FILE),
    )


def repaired_rows(rows: Rows, scratch: Path) -> tuple[Rows, int]:
    """The rows again, read record by record, and their number; see `repair`."""
    assert rows.csv is not None, "only CSV has records that stop the reader"
    file, dialect = rows.csv
    repaired = repair(file, dialect, scratch)
    sound = replace(dialect, before=0, start=0, skip=0)
    plain = PlainFile(repaired.path, file.name, "utf-8", repaired.path.stat().st_size)
    again = csv_rows(plain, sound)
    return (
        replace(
            again,
            relation=_lined(again.relation, repaired.longest),
            broken=rows.broken,
            refused=repaired.refused if repaired.refusals else None,
            lines=rows.lines or repaired.lines,
            offset=None,
        ),
        repaired.rows,
    )


def _lined(relation: str, longest: int) -> str:
    """The reader told how lines end, which it guesses wrong where the first record holds a carriage return.

    Its buffers hold the longest record, if the usual ones do not.
    """
    options = ", new_line = '\\n')"
    if longest > 1_000_000:
        options = f", max_line_size = {longest + 2}, buffer_size = {_BUFFER_ROOM * longest}{options}"
    return relation.removesuffix(")") + options
