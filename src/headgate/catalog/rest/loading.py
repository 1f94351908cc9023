"""Reading tables: what a client gets of one, and what tells it that it has that already."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from headgate.catalog.rest.fields import Json
from headgate.catalog.rest.metadata import canonical
from headgate.catalog.rest.presence import check_namespace, content_of, missing
from headgate.catalog.rest.target import Target
from headgate.errors import StorageError
from headgate.types import Kind, Name


@dataclass(frozen=True)
class Loaded:
    """A table or view as a client gets it.

    Attributes:
        metadata: With what is laid over it.
        metadata_location: Its file; None for a table that is staged.
        write_location: Where the client may write; None of a view.
    """

    metadata: Json
    metadata_location: str | None = None
    write_location: str | None = None


def list_names(target: Target, levels: Sequence[str], kind: Kind) -> list[Name]:
    """The tables or views of a namespace.

    Raises:
        NoSuchNamespace: There is no such namespace.
    """
    state, within = target.state(), tuple(levels)
    check_namespace(state, levels)
    return [name for name, content in state.items() if name.namespace == within and content.kind is kind]


def load(target: Target, name: Name, snapshots: str = "all") -> Loaded:
    """A table.

    Args:
        target: Where from.
        name: Which.
        snapshots: `all`, or `refs` for those that a branch or tag of the table names.

    Raises:
        NoSuchTable: There is none of that name.
    """
    location = location_of(target, name)
    return served(target, target.documents.read(location, canonical), location, snapshots)


def load_changed(target: Target, name: Name, snapshots: str, tags: Sequence[str]) -> Loaded | None:
    """A table, or None when the client has it as it is now; see `tag_of`.

    Raises:
        NoSuchTable: There is none of that name.
    """
    location = location_of(target, name)
    metadata = target.documents.read(location, canonical)
    for tag in tags:
        version, _, nonce = tag.partition("-")
        place = target.overlay.place(metadata, nonce)
        # A place that was written to since may hold what this version of the table does not name.
        if place and version == _version_tag(location, snapshots) and not any(target.storage.list(place)):
            return None
    return served(target, metadata, location, snapshots)


def location_of(target: Target, name: Name) -> str:
    """The metadata file of a table.

    Raises:
        NoSuchTable: There is none of that name.
    """
    content = content_of(target.state(), name, Kind.TABLE)
    if content is None:
        raise missing(name)
    return content.metadata_location


def served(target: Target, metadata: Json, location: str | None, snapshots: str = "all") -> Loaded:
    """A table as a client gets it: with a location to write to that nobody else gets."""
    if target.client.makes_folders or not target.storage.is_local:
        place = target.overlay.write_location(metadata)
    else:
        place = target.overlay.lasting_location(metadata)
        make_folders(target, place)
    return _shown(target, metadata, location, place, snapshots)


def tag_of(table: Loaded, snapshots: str = "all") -> str | None:
    """What a client says to have this version of a table, and this place to write to; None of a staged one."""
    if table.metadata_location is None or table.write_location is None:
        return None
    return f"{_version_tag(table.metadata_location, snapshots)}-{table.write_location.rpartition('/')[2]}"


def make_folders(target: Target, place: str) -> None:
    """Make the folders that a client is to write into where files are on disk.

    A disk that refuses is no reason to fail a commit that has landed; the client hears of it when it writes.
    """
    assert target.overlay.owns(place), "a folder outside of the warehouse"
    with suppress(StorageError):
        for folder in ("data", "metadata"):
            target.storage.make_folder(f"{place}/{folder}")


def _shown(target: Target, metadata: Json, location: str | None, place: str, snapshots: str) -> Loaded:
    shown = target.overlay.shown(metadata, place)
    if snapshots == "refs":
        named = {ref["snapshot-id"] for ref in metadata["refs"].values()}
        shown["snapshots"] = [each for each in metadata["snapshots"] if each["snapshot-id"] in named]
    return Loaded(shown, location, place)


def _version_tag(metadata_location: str, snapshots: str) -> str:
    return hashlib.sha256(f"{snapshots} {metadata_location}".encode()).hexdigest()[:32]
