"""What has to hold before headgate changes a table, which another engine may have made."""

from __future__ import annotations

from collections import Counter

from pyiceberg.types import FixedType

from headgate.catalog.iceberg.table import FORMAT_VERSION, TableVersion
from headgate.errors import DataError


def check_writable(version: TableVersion, table: str) -> None:
    """Make sure that headgate can change a table.

    Raises:
        DataError: headgate cannot change it, or not without harm to it.
    """
    if version.metadata.format_version > FORMAT_VERSION:
        raise DataError(
            f"Table '{table}' has Iceberg format version {version.metadata.format_version}, which headgate reads and"
            " does not write.",
            place=version.base_location,
            hint="Write it with the engine that made it, or drop it and let headgate make a table of that name.",
            data={"table": table, "format_version": version.metadata.format_version},
        )
    twins = [name for name, times in Counter(name.lower() for name in _names(version)).items() if times > 1]
    if twins:
        raise DataError(
            f"Columns of table '{table}' differ only in upper and lower case: {', '.join(sorted(twins))}.",
            place=version.base_location,
            hint="DuckDB cannot tell them apart. Rename one of them with the engine that made the table.",
        )
    fixed = [field.name for field in version.schema.fields if isinstance(field.field_type, FixedType)]
    if fixed:
        raise DataError(
            f"Column '{fixed[0]}' of table '{table}' is a {version.schema.find_type(fixed[0])}, a type that DuckDB"
            " does not write.",
            place=version.base_location,
            hint="Write it with the engine that made it, or make the column binary.",
        )


def _names(version: TableVersion) -> list[str]:
    return [field.name for field in version.schema.fields]
