"""What clients are shown of a table: its metadata, with a place to write to that holds nothing anybody needs.

Engines delete files themselves. Some list the table's `location` and delete what the one branch that they know does not
name, so every answer has another location, in which nothing was ever written. See
docs/decisions/fresh-write-locations.md.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headgate.catalog.locations import lies_in, to_uri
from headgate.catalog.rest.fields import Json, text_map, text_of
from headgate.catalog.rest.problems import IllegalArgument
from headgate.catalog.storage import Storage

_WRITES = "writes"
_SERVED = re.compile(rf"(?P<location>.+)/{_WRITES}/[0-9a-f]{{32}}/?")
_UNSAFE = re.compile(r"[^A-Za-z0-9._=-]")

GC = "gc.enabled"
# Clients delete older metadata files after a commit where this is set.
_DELETES_METADATA = "write.metadata.delete-after-commit.enabled"
METADATA_PATH = "write.metadata.path"
# Where clients would write instead of the table's location, and could find other branches' files.
_PLACES = (
    "write.data.path",
    METADATA_PATH,
    "write.object-storage.path",
    "write.folder-storage.path",
)


@dataclass(frozen=True)
class Overlay:
    """What is laid over the stored metadata of tables before a client sees it.

    Attributes:
        warehouse: URI of the folder below which every table lies.
        client_gc: Whether a table's own `gc.enabled` is shown, so that clients may delete what they expire.
        seed: Makes the lasting write locations of one server differ from another's.
    """

    warehouse: str
    client_gc: bool = False
    seed: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @classmethod
    def of(cls, storage: Storage, client_gc: bool = False) -> Overlay:
        return cls(to_uri(storage.warehouse), client_gc)

    def new_location(self, levels: Sequence[str], name: str) -> str:
        """A location for a new table or view, like those that headgate's own engine makes."""
        parts = [_UNSAFE.sub("_", part).lstrip(".") or "_" for part in (*levels, name)]
        return f"{self.warehouse}/{'/'.join(parts)}-{secrets.token_hex(4)}"

    def namespace_location(self, levels: Sequence[str]) -> str:
        """The folder that a namespace's tables lie in, unless its properties say otherwise."""
        return "/".join([self.warehouse, *(_UNSAFE.sub("_", level) for level in levels)])

    def owns(self, location: str) -> bool:
        """Whether a location lies in the warehouse."""
        return lies_in(location, self.warehouse)

    def holds(self, location: str) -> bool:
        """As `owns`, of a location as another writer spells it."""
        return self.owns(to_uri(spelled(location)))

    def write_location(self, metadata: Json) -> str:
        """A location below the table's own that is used for the first time."""
        return f"{self._base(metadata)}/{_WRITES}/{secrets.token_hex(16)}"

    def lasting_location(self, metadata: Json) -> str:
        """A location below the table's own for clients that need folders made, and never delete what others wrote.

        It is the same while the server runs, since a new one for each of their reads would fill the disk with folders.
        """
        name = hashlib.sha256(f"{self.seed} {metadata['table-uuid']}".encode()).hexdigest()[:32]
        return f"{self._base(metadata)}/{_WRITES}/{name}"

    def place(self, metadata: Json, nonce: str) -> str | None:
        """The write location of a table that ends with these digits; None when none can."""
        found = f"{self._base(metadata)}/{_WRITES}/{nonce}"
        return found if _SERVED.fullmatch(found) else None

    def view_folder(self, view: Json) -> str:
        """The folder of a view's metadata files: where its property says, or in its own.

        Raises:
            IllegalArgument: The property names a folder outside of the warehouse, or one where tables are written to.
        """
        wanted = view["properties"].get(METADATA_PATH)
        if wanted is None:
            return f"{view['location']}/metadata"
        found = spelled(wanted)
        if not self.owns(found) or f"/{_WRITES}/" in f"{found}/":
            raise IllegalArgument(f"Cannot set {METADATA_PATH} to {wanted}: it lies outside of {self.warehouse}")
        return found

    def shown(self, metadata: Json, location: str) -> Json:
        """The metadata as a client gets it, with a location to write to."""
        properties = {name: value for name, value in metadata["properties"].items() if name not in _PLACES}
        if not self.client_gc or properties.get(GC) != "true":
            properties[GC] = "false"
        if _DELETES_METADATA in properties:
            properties[_DELETES_METADATA] = "false"
        return {**metadata, "location": location, "properties": properties}

    def meant(self, updates: Sequence[Json], *, create: bool = False) -> list[Json]:
        """A client's updates, without those that only repeat what it was shown.

        A location that a client asks for together with other changes is overridden, as the specification allows.

        Raises:
            IllegalArgument: It asks for what the catalog decides.
        """
        kept = [self._meant(update) for update in updates if update["action"] != "set-location"]
        moves = [update for update in updates if update["action"] == "set-location"]
        if moves and not create and not kept and not self.is_shown(text_of(moves[-1], "location")):
            raise IllegalArgument(
                f"Cannot set the location to {moves[-1]['location']}: the catalog decides where a table's files lie,"
                " because branches share them"
            )
        return kept

    def is_shown(self, location: str) -> bool:
        """Whether a location is one that a client was shown."""
        return self.owns(location.rstrip("/")) and _SERVED.fullmatch(location) is not None

    def created_location(self, updates: Sequence[Json], levels: Sequence[str], name: str) -> str:
        """Where a table lies that these updates create: where it was staged, else somewhere new."""
        for update in reversed(updates):
            if update["action"] == "set-location" and self.is_shown(text_of(update, "location")):
                found = _SERVED.fullmatch(update["location"])
                assert found is not None
                return found["location"]
        return self.new_location(levels, name)

    def checked_properties(self, properties: Mapping[str, str]) -> dict[str, str]:
        """Properties that a client sets.

        Raises:
            IllegalArgument: They say where files go, or let clients delete what other branches need.
        """
        place = next((name for name in _PLACES if name in properties), None)
        if place is not None:
            raise IllegalArgument(
                f"Cannot set {place}: the catalog decides where a table's files lie, because branches share them"
            )
        gc = properties.get(GC)
        if gc is None or self.client_gc:
            return dict(properties)
        if gc != "false":
            raise IllegalArgument(
                f"Cannot set {GC} to {gc}: engines would delete files that other branches, tags and commits need"
            )
        return {name: value for name, value in properties.items() if name != GC}

    def _base(self, metadata: Json) -> str:
        """The table's own location; for one that lies elsewhere, a place in the warehouse, where it is to move."""
        found = to_uri(spelled(metadata["location"]))
        if self.owns(found):
            return found
        name = hashlib.sha256(f"{metadata['location']} {metadata['table-uuid']}".encode()).hexdigest()[:16]
        return f"{self.warehouse}/moved-{name}"

    def _meant(self, update: Json) -> Json:
        if update["action"] == "set-properties":
            key = "updates" if "updates" in update else "updated"
            checked = self.checked_properties(text_map(update, key))
            return {"action": "set-properties", "updates": checked}
        return update


def spelled(location: str) -> str:
    """A location as headgate spells it: Java writes `file:/path`."""
    location = location.rstrip("/")
    return f"file://{location[5:]}" if re.match("file:/(?!/)", location) else location
