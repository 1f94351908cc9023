"""Data files: what an engine wrote, what a manifest holds and what a reader of the table is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.typedef import Record

from headgate.types import WrittenFile


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
