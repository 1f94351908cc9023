"""Locations of files, as Iceberg metadata and DuckDB both take them."""

from __future__ import annotations

import os
import re
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


_STEPS = {"..", ".", ""}
# The project's folder for its state, should the warehouse be a folder that holds it.
_STATE = ".headgate"


def lies_in(location: str, folder: str) -> bool:
    """Whether a location is one below a folder by its words alone, and not among the project's own state."""
    rest = location.removeprefix(f"{folder}/")
    return rest != location and "\0" not in rest and not (_STEPS | {_STATE}) & set(rest.split("/"))


def reaches_into(location: str, folder: str) -> bool:
    """As `lies_in`, for what is about to be read: all spellings of a path count, and where its links lead."""
    path, within = local_path(location), local_path(folder)
    if path is None or within is None:
        return lies_in(location, folder)
    below = str(within).rstrip("/")
    if lies_in(str(path), below):
        return True
    # Links above the warehouse, as to a disk that was mounted elsewhere.
    return "\0" not in location and lies_in(os.path.realpath(path), os.path.realpath(within).rstrip("/"))


def holds_keys(location: str) -> bool:
    """Whether something stands before a bucket that is a user or a key, or what is left of one with a slash in it."""
    return bool(re.match(r"[^/]*[@:]", location.partition("://")[2]))


def path_of(location: str) -> Path:
    """The path of a location on this machine.

    Raises:
        StorageError: It is elsewhere.
    """
    path = local_path(location)
    if path is None:
        raise StorageError(
            f"'{location}' is not on this machine.",
            place=location,
            hint="Give a path, or a URI that begins with file:///.",
        )
    return path
