"""Refuse metadata that names files outside of the warehouse.

headgate and its engines open what metadata names. A client that could name any file of the server's machine would have
it opened with the server's rights, the state database among them, whose locks that would drop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from headgate.catalog.rest.fields import Json, items_of, object_of, text_of, texts_of
from headgate.catalog.rest.problems import IllegalArgument
from headgate.catalog.rest.serving import Overlay, spelled

_STATISTICS = {"set-statistics": "statistics", "set-partition-statistics": "partition-statistics"}


def check_updates(overlay: Overlay, updates: Sequence[Json]) -> None:
    """Refuse updates that name a file elsewhere.

    Java's client writes the manifests of a table that it replaces below the location that it asks for, before it learns
    that the catalog chose another. Manifests there are let pass; headgate itself does not open them.

    Raises:
        IllegalArgument: One does.
    """
    moves = [spelled(text_of(update, "location")) for update in updates if update["action"] == "set-location"]
    for update in updates:
        if update["action"] == "add-snapshot":
            named = _named_by(object_of(update, "snapshot"))
            _check(overlay, ((what, place) for what, place in named if not _is_below(place, moves)))
        elif update["action"] in _STATISTICS:
            statistics = object_of(update, _STATISTICS[update["action"]])
            _check(overlay, [("statistics file", text_of(statistics, "statistics-path"))])


def check_metadata(overlay: Overlay, metadata: Json) -> None:
    """Refuse the metadata of a table that lies elsewhere, or that names a file elsewhere.

    Raises:
        IllegalArgument: It is such.
        BadRequest: A location is missing, or none.
    """
    _check(overlay, [("location", metadata["location"])])
    for snapshot in metadata["snapshots"]:
        _check(overlay, _named_by(snapshot))
    for kind in _STATISTICS.values():
        _check(overlay, [("statistics file", text_of(file, "statistics-path")) for file in metadata[kind]])
    _check(overlay, [("earlier metadata file", text_of(entry, "metadata-file")) for entry in metadata["metadata-log"]])


def _named_by(snapshot: Json) -> Iterator[tuple[str, str]]:
    """The files that a snapshot names; format version 1 lets it name its manifests itself."""
    if snapshot.get("manifest-list") is not None:
        yield "manifest list", text_of(snapshot, "manifest-list")
    if items_of(snapshot, "manifests", missing_is_empty=True):
        yield from (("manifest", location) for location in texts_of(snapshot, "manifests"))


def _is_below(location: str, folders: Sequence[str]) -> bool:
    """Whether a location is that of an Avro file in one of some folders, and in no other that it climbs to."""
    found = spelled(location)
    climbs = {"..", "."} & set(found.split("/"))
    return found.endswith(".avro") and not climbs and any(found.startswith(f"{folder}/") for folder in folders)


def _check(overlay: Overlay, named: Iterable[tuple[str, str]]) -> None:
    for what, location in named:
        if not overlay.holds(location):
            raise IllegalArgument(
                f"Cannot use the {what} {location}: it does not lie in the warehouse {overlay.warehouse}"
            )
