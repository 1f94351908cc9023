"""Iceberg tables: what PyIceberg's models say about files, schemas, partitions and snapshots."""

from headgate.catalog.iceberg.added import prepare
from headgate.catalog.iceberg.datafiles import LiveFile, PositionDeletes
from headgate.catalog.iceberg.evolution import Mode
from headgate.catalog.iceberg.join import append_onto, join_appends, rejoiner
from headgate.catalog.iceberg.provenance import OutsideChange, outside_changes
from headgate.catalog.iceberg.table import TableVersion, new_table
from headgate.catalog.iceberg.writable import check_writable

__all__ = [
    "LiveFile",
    "Mode",
    "OutsideChange",
    "PositionDeletes",
    "TableVersion",
    "append_onto",
    "check_writable",
    "join_appends",
    "new_table",
    "outside_changes",
    "prepare",
    "rejoiner",
]
