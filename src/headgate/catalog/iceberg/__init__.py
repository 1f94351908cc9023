"""Iceberg tables: what PyIceberg's models say about files, schemas, partitions and snapshots."""

from headgate.catalog.iceberg.datafiles import LiveFile
from headgate.catalog.iceberg.evolution import Mode
from headgate.catalog.iceberg.join import join_appends, rejoiner
from headgate.catalog.iceberg.table import TableVersion, new_table

__all__ = ["LiveFile", "Mode", "TableVersion", "join_appends", "new_table", "rejoiner"]
