"""Data files: what an engine wrote, what a manifest holds and what a reader of the table is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.typedef import Record

from headgate.types import WrittenFile

FILE_PATH_ID, POSITION_ID = 2147483546, 2147483545
"""The field ids of a file of position deletes (Iceberg specification, "Reserved Field IDs")."""


@dataclass(frozen=True)
class LiveFile:
    """A data file of the current snapshot.

    Attributes:
        path: Location as the table's metadata has it.
        partition: Values of its spec's fields, in Iceberg's internal form.
        lower: Lower bounds in single-value binary form, by field id; `upper` likewise.
    """

    path: str
    rows: int
    spec_id: int
    partition: tuple[object, ...]
    lower: Mapping[int, bytes]
    upper: Mapping[int, bytes]
    # Last, because it hides the type of that name.
    bytes: int


@dataclass(frozen=True)
class PositionDeletes:
    """A delete file that an engine wrote and no table refers to yet: it takes rows of one data file away.

    Attributes:
        path: Absolute path or URI.
        rows: How many rows it takes away.
        bytes: Size of the file.
        of: The data file.
    """

    path: str
    rows: int
    bytes: int
    of: LiveFile


def to_data_file(file: WrittenFile, spec_id: int) -> DataFile:
    """PyIceberg's model of a file that was written for a partition spec."""
    columns = file.columns
    data_file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=file.path,
        file_format=FileFormat.PARQUET,
        partition=Record(*file.partition),
        record_count=file.rows,
        file_size_in_bytes=file.bytes,
        column_sizes={key: stats.size for key, stats in columns.items() if stats.size is not None},
        value_counts={key: stats.values for key, stats in columns.items() if stats.values is not None},
        null_value_counts={key: stats.nulls for key, stats in columns.items() if stats.nulls is not None},
        nan_value_counts={key: stats.nans for key, stats in columns.items() if stats.nans is not None},
        lower_bounds={key: stats.lower for key, stats in columns.items() if stats.lower is not None},
        upper_bounds={key: stats.upper for key, stats in columns.items() if stats.upper is not None},
        split_offsets=None,
        equality_ids=None,
        sort_order_id=None,
    )
    data_file.spec_id = spec_id
    return data_file


def to_delete_file(deletes: PositionDeletes) -> DataFile:
    """PyIceberg's model of a delete file; its bounds tell readers which data file alone it is for."""
    bounds = {FILE_PATH_ID: deletes.of.path.encode()}
    delete_file = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=deletes.path,
        file_format=FileFormat.PARQUET,
        partition=Record(*deletes.of.partition),
        record_count=deletes.rows,
        file_size_in_bytes=deletes.bytes,
        lower_bounds=bounds,
        upper_bounds=bounds,
        split_offsets=None,
        equality_ids=None,
        sort_order_id=None,
    )
    delete_file.spec_id = deletes.of.spec_id
    return delete_file


def only_data_file(file: DataFile) -> str | None:
    """The one data file that a file of position deletes is for, as its bounds tell; None where it may have several."""
    lower, upper = ((bounds or {}).get(FILE_PATH_ID) for bounds in (file.lower_bounds, file.upper_bounds))
    if file.content != DataFileContent.POSITION_DELETES or lower is None or lower != upper:
        return None
    return lower.decode("utf-8", "surrogateescape")


def to_live_file(file: DataFile) -> LiveFile:
    """A manifest's data file as a value."""
    return LiveFile(
        path=file.file_path,
        rows=file.record_count,
        bytes=file.file_size_in_bytes,
        spec_id=file.spec_id,
        partition=tuple(file.partition[position] for position in range(len(file.partition))),
        lower=file.lower_bounds or {},
        upper=file.upper_bounds or {},
    )
