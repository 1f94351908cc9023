"""Locations of files, as Iceberg metadata and DuckDB both take them."""

from __future__ import annotations

from pathlib import Path

from headgate.errors import StorageError


def local_path(location: str) -> Path | None:
    """The path of a `file:` URI or a plain path; None for a location that is not on this machine."""
    path = location.removeprefix("file://")
    if path.startswith("file:/") and not path.startswith("file://"):
        # Java writes one slash where its file system's own words go into metadata, as in Spark's maintenance.
        path = path.removeprefix("file:")
    return Path(path) if path.startswith("/") else None


def to_uri(path: str) -> str:
    """A location as Iceberg metadata has it: `file:///...` for a path, any other URI as it is.

    Nothing is escaped, because neither DuckDB nor PyIceberg unescapes a `file:` URI.
    """
    return f"file://{path}" if path.startswith("/") else path


def path_of(location: str) -> Path:
    """The path of a location on this machine.

    Raises:
        StorageError: It is elsewhere.
    """
    path = local_path(location)
    if path is None:
        raise StorageError(f"'{location}' is not on this machine.", place=location)
    return path
