"""Merge on read: rows that change in a large file are written down beside it, where the file again would cost more."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping

from headgate.catalog.iceberg import LiveFile, PositionDeletes, TableVersion
from headgate.catalog.iceberg.datafiles import FILE_PATH_ID, POSITION_ID, only_data_file
from headgate.catalog.locations import to_uri
from headgate.engines.duckdb import Session
from headgate.engines.writer import copy_whole
from headgate.types import literal

MERGE_MODE, DELETE_MODE = "write.merge.mode", "write.delete.mode"
"""Properties of a table that say how it is changed, `copy-on-write` or `merge-on-read`; Spark heeds them too."""

_ON_WRITE, _ON_READ = "copy-on-write", "merge-on-read"
# Smaller files are written again in a moment, and readers have the fewer files.
_LARGE = 8 * 1024 * 1024
# Readers look up each deleted row and open each delete file: a data file that has lost a greater part, or has so many
# delete files, is written again.
_PART = 1 / 8
_FILES = 8


def bear_deletes(
    version: TableVersion, touched: Mapping[str, int], left: Callable[[], Mapping[str, int]], mode: str
) -> list[LiveFile]:
    """The data files that stay, with a delete file each for the rows that go.

    Args:
        version: The table.
        touched: How many rows of each file go.
        left: Tells how many rows of each file there are, before that; asked only if it matters.
        mode: The property that says how the table wants it: `MERGE_MODE` or `DELETE_MODE`.
    """
    wanted = version.properties.get(mode, "").lower()
    smallest = 0 if wanted == _ON_READ else _LARGE
    # A small table, of which no file is large, is told without a look at its files. Format version 1 has no deletes.
    if wanted == _ON_WRITE or version.metadata.format_version == 1 or version.bytes < smallest:
        return []
    held = version.files()
    large = [file for file in held if file.path in touched and file.bytes >= smallest]
    # Not every engine applies deletes to files of several partitionings.
    if not large or len({file.spec_id for file in held}) > 1:
        return []
    borne, rows = Counter(only_data_file(file) for file in version.delete_files()), left()
    return [
        file
        for file in large
        if borne[file.path] + borne[None] < _FILES
        and file.rows - rows[file.path] + touched[file.path] <= _PART * file.rows
    ]


def write_deletes(
    session: Session, version: TableVersion, positions: str, of: LiveFile, *, prefix: str
) -> PositionDeletes:
    """Write a file of position deletes (Iceberg specification, "Position Delete Files").

    Args:
        session: Runs the query.
        version: The table.
        positions: A query for the positions in the data file, from 0 and each once, as its one column.
        of: The data file.
        prefix: What the name of the file begins with.

    Raises:
        StorageError: The disk is full or cannot be written to.
    """
    rows = f"SELECT {literal(of.path)} AS file_path, pos FROM ({positions}) AS t(pos) ORDER BY pos"
    columns = f"{{file_path: {FILE_PATH_ID}, pos: {POSITION_ID}}}"
    path, count, size, *_ = copy_whole(session, version, rows, columns, f"{prefix}-{uuid.uuid4()}-deletes.parquet")
    session.syncs.begin(path)
    return PositionDeletes(to_uri(path), count, size, of)
