"""Writing: the rows of a query become Parquet data files with Iceberg field ids and statistics, in one `COPY`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duckdb.sqltypes import DuckDBPyType
from pyiceberg.schema import Schema
from pyiceberg.types import IntegerType, UnknownType

from headgate.catalog.iceberg import TableVersion
from headgate.catalog.locations import local_path, to_uri
from headgate.engines.columns import field_ids, projection, to_iceberg
from headgate.engines.duckdb import Session
from headgate.engines.partitions import partition_expressions, partition_values, sort_expressions
from headgate.engines.required import check_required
from headgate.engines.scan import ORDERED, SOURCE_ROW
from headgate.engines.statistics import column_stats
from headgate.errors import HeadgateError
from headgate.faults import Point, reached
from headgate.types import WrittenFile, literal, quote

_TARGET_PROPERTY = "write.target-file-size-bytes"
_TARGET_BYTES = 128 * 1024 * 1024
# A file that had to be written in one piece is split where it is so many times as large.
_SPLIT_FACTOR = 4
_PARTITION = "_partition_"
_PARQUET = ".parquet"
_CODEC = "zstd"
# Arrow's default, and so PyIceberg's. Beside DuckDB's 3, a load takes a twentieth less processor time, and its file a
# fortieth more room.
_LEVEL, _LEVELS = 1, range(1, 23)
# Other engines know more of them.
_CODECS = ("zstd", "snappy", "gzip", "lz4", "lz4_raw", "brotli", "uncompressed")


@dataclass(frozen=True)
class Written:
    """Data files that no table refers to yet.

    Attributes:
        version: The table as it has to be to take them: evolved, but without the files.
        files: Those that hold rows.
    """

    version: TableVersion
    files: tuple[WrittenFile, ...]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


def describe(session: Session, sql: str) -> tuple[list[str], Schema]:
    """The columns of a query: their names, and an Iceberg schema with placeholder ids."""
    rows = session.rows(f"DESCRIBE {select_all(sql)}")
    columns = [(str(row[0]), DuckDBPyType(str(row[1]))) for row in rows]
    return [name for name, _ in columns], to_iceberg(columns)


def without_type(session: Session, sql: str, columns: Schema) -> Schema:
    """The columns again, with those that are a bare NULL of unknown type, which DESCRIBE gives as INTEGER."""
    asked = [field.name for field in columns.fields if isinstance(field.field_type, IntegerType)]
    if not asked:
        return columns
    # An integer beside a boolean is an integer, but a NULL without a type becomes a boolean.
    items = ", ".join(f"coalesce({quote(name)}, NULL::BOOLEAN) AS {quote(name)}" for name in asked)
    source = select_all(sql).removeprefix("SELECT * ")
    untyped = {row[0] for row in session.rows(f"DESCRIBE SELECT {items} {source}") if row[1] == "BOOLEAN"}
    fields = [
        field.model_copy(update={"field_type": UnknownType()}) if field.name in untyped else field
        for field in columns.fields
    ]
    return Schema(*fields)


def select_all(sql: str) -> str:
    """A query over the rows of another, whatever that ends with."""
    return f"SELECT * FROM ({strip(sql)}\n)"


def strip(sql: str) -> str:
    """A query without the semicolon at its end."""
    return sql.rstrip().rstrip(";")


def write(
    session: Session,
    version: TableVersion,
    sql: str,
    columns: Sequence[str],
    *,
    prefix: str,
    ordered: bool = False,
    group_rows: int | None = None,
    constants: Mapping[str, str] | None = None,
) -> tuple[WrittenFile, ...]:
    """Write the rows of a query as data files of a table.

    Args:
        session: Runs the query.
        version: The table; its schema, partitions and sort order hold.
        sql: The query; its columns are matched to the table's by name.
        columns: Names of the query's columns.
        prefix: What the names of the files begin with.
        ordered: Keep the order of the query's rows, in one file, unless the table has partitions or a sort order.
        group_rows: Rows of a row group where they keep their order; as many as DuckDB takes if None.
        constants: Columns of text in which every row of the query has the same, by name, to be written at less cost.

    Raises:
        DataError: A column that must not be null would be.
        QueryError: The query fails, or a value does not fit its column's type.
        StorageError: The disk is full or cannot be written to.
    """
    partitions = partition_expressions(session, version)
    sort = sort_expressions(version)
    keys = [f"{_PARTITION}{number}" for number in range(len(partitions))]
    rows = f"SELECT {projection(version.schema, columns, constants)} FROM ({strip(sql)}\n)"
    if partitions:
        items = ", ".join(f"{expression} AS {key}" for expression, key in zip(partitions, keys, strict=True))
        rows = f"SELECT *, {items} FROM ({rows})"
    if keys or sort:
        rows += f" ORDER BY {', '.join([*keys, *sort])}"
    whole = None if keys else _PARQUET if sort else ORDERED if ordered else None
    files = _copy(session, version, rows, keys, prefix, whole=whole, group_rows=group_rows, constants=constants)
    result = [part for file in files for part in _split(session, version, file, prefix)]
    check_required(session, version, result)
    for file in result:
        session.syncs.begin(file.path)
    return tuple(result)


def _target_bytes(version: TableVersion) -> int:
    return int(version.properties.get(_TARGET_PROPERTY, _TARGET_BYTES))


def _copy(
    session: Session,
    version: TableVersion,
    rows: str,
    keys: Sequence[str],
    prefix: str,
    *,
    whole: str | None = None,
    group_rows: int | None = None,
    constants: Mapping[str, str] | None = None,
) -> list[WrittenFile]:
    """Write rows as files; as one with its name ending in `whole`, if that is given, in which they keep their order."""
    columns = field_ids(version.schema)
    if whole:
        name = f"{prefix}-{uuid.uuid4()}{whole}"
        reported = [copy_whole(session, version, rows, columns, name, group_rows=group_rows)]
    else:
        options = [f"FILENAME_PATTERN {literal(prefix + '-{uuidv7}')}", "OVERWRITE_OR_IGNORE true"]
        options += [f"PARTITION_BY ({', '.join(keys)})"] if keys else [f"FILE_SIZE_BYTES {_target_bytes(version)}"]
        reported = _reported(session, version, rows, columns, _data_folder(session, version), options)
    return [file for row in reported if (file := _written(session, version, row, keys, constants or {})) is not None]


def copy_whole(
    session: Session, version: TableVersion, rows: str, columns: str, name: str, *, group_rows: int | None = None
) -> tuple[Any, ...]:
    """Write rows as one file of a table, in their order; gives its row of `RETURN_STATS`.

    Args:
        session: Runs the query.
        version: The table.
        rows: A query.
        columns: The option `FIELD_IDS` for its columns.
        name: Of the file.
        group_rows: As in `write`.
    """
    options = [f"ROW_GROUP_SIZE {group_rows}"] if group_rows else []
    target = f"{_data_folder(session, version)}/{name}"
    try:
        (row,) = _reported(session, version, rows, columns, target, options)
    except HeadgateError:
        # DuckDB leaves the beginning of the file where it is.
        session.storage.delete([target])
        raise
    return row


def _reported(
    session: Session, version: TableVersion, rows: str, columns: str, target: str, options: Sequence[str] = ()
) -> list[tuple[Any, ...]]:
    """Write rows as files; gives what DuckDB reports of each."""
    shared = ["FORMAT parquet", *_compression(version), f"FIELD_IDS {columns}", "RETURN_STATS true"]
    reached(Point.DATA_DUE)
    reported = session.rows(f"COPY ({rows}) TO {literal(target)} ({', '.join([*shared, *options])})")
    reached(Point.DATA_WRITTEN)
    return reported


def _data_folder(session: Session, version: TableVersion) -> str:
    """Where the files of a table are; it is there from then on."""
    folder = f"{_engine_path(version.location)}/data"
    session.storage.make_folder(folder)
    return folder


def _compression(version: TableVersion) -> list[str]:
    """Options of `COPY` for what a table's properties say of compression."""
    asked = version.properties.get("write.parquet.compression-codec", _CODEC).lower()
    codec = asked if asked in _CODECS else _CODEC
    options = [f"COMPRESSION {literal(codec)}"]
    if codec == _CODEC:
        # DuckDB has levels of no other codec.
        level = version.properties.get("write.parquet.compression-level", "")
        known = level.isdecimal() and int(level) in _LEVELS
        options.append(f"COMPRESSION_LEVEL {level if known else _LEVEL}")
    return options


def _engine_path(location: str) -> str:
    """A location as DuckDB reports it: a path on this machine, a URI elsewhere."""
    path = local_path(location)
    return location if path is None else str(path)


def _written(
    session: Session, version: TableVersion, row: tuple[Any, ...], keys: Sequence[str], constants: Mapping[str, str]
) -> WrittenFile | None:
    """A row of `RETURN_STATS` as a data file; a file without rows is removed."""
    path, rows, size, _, statistics, partition = row
    if not rows:
        session.storage.delete([path])
        return None
    # DuckDB tells no bounds of columns that it writes from an ENUM.
    bounds = {quote(name): {"min": text, "max": text} for name, text in constants.items()}
    statistics = {path: {**found, **bounds.get(path, {})} for path, found in statistics.items()}
    values = partition_values(session, version, [partition[key] for key in keys], path) if keys else ()
    return WrittenFile(to_uri(path), rows, size, values, column_stats(version.schema, statistics))


def _split(session: Session, version: TableVersion, file: WrittenFile, prefix: str) -> list[WrittenFile]:
    """The file in pieces of the target size, if it is far above it; the order of the rows stays."""
    target = _target_bytes(version)
    if file.bytes <= _SPLIT_FACTOR * target:
        return [file]
    pieces = -(-file.bytes // target)
    step = -(-file.rows // pieces)
    result = []
    columns = ", ".join(
        f"coalesce({SOURCE_ROW}, file_row_number + 1) AS {SOURCE_ROW}"
        if field.name == SOURCE_ROW
        else quote(field.name)
        for field in version.schema.fields
    )
    for start in range(0, file.rows, step):
        rows = (
            f"SELECT {columns} FROM read_parquet({literal(_engine_path(file.path))}, file_row_number = true)"
            f" WHERE file_row_number >= {start} AND file_row_number < {start + step}"
        )
        (piece,) = _copy(session, version, rows, (), prefix, whole=_PARQUET)
        result.append(WrittenFile(piece.path, piece.rows, piece.bytes, file.partition, piece.columns))
    session.storage.delete([file.path])
    return result
