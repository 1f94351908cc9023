"""Commits of clients: what they require of tables, what they change, and all of it as one commit of the branch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from headgate.catalog.interface import State
from headgate.catalog.model import Operation
from headgate.catalog.rest import metadata as tables
from headgate.catalog.rest.deletes import check_deletes
from headgate.catalog.rest.documents import number_of
from headgate.catalog.rest.fields import Json, items_of
from headgate.catalog.rest.layout import UNPARTITIONED, UNSORTED
from headgate.catalog.rest.loading import Loaded, served
from headgate.catalog.rest.names import check_name
from headgate.catalog.rest.places import check_updates
from headgate.catalog.rest.presence import check_free, content_of, dotted, missing
from headgate.catalog.rest.problems import BadRequest
from headgate.catalog.rest.requirements import check_requirements, is_create, read_requirements
from headgate.catalog.rest.target import Change, Target
from headgate.catalog.rest.updates import apply_updates, read_updates
from headgate.types import Content, Kind, Name


@dataclass
class TableChange:
    """What a client asks of one table.

    Attributes:
        name: Which.
        requirements: What has to hold of it.
        updates: What it asks to be changed.
    """

    name: Name
    requirements: list[Json]
    updates: list[Json]
    create: bool = field(init=False)

    def __post_init__(self) -> None:
        self.create = is_create(self.requirements)

    @classmethod
    def read(cls, name: Name, request: Json) -> TableChange:
        """The change that a commit's request asks for."""
        requirements = read_requirements(items_of(request, "requirements"))
        return cls(name, requirements, read_updates(items_of(request, "updates")))


def commit(target: Target, changes: Sequence[TableChange]) -> dict[Name, Loaded]:
    """Change tables together or not at all, as one commit; the tables as they are then.

    Raises:
        NoSuchTable: One is not there.
        CommitFailed: A requirement of one does not hold; nothing was changed.
    """
    names = [change.name for change in changes]
    if len(set(names)) != len(names):
        raise BadRequest("A transaction can change a table only once")
    landed: dict[Name, tuple[Json, str]] = {}

    def prepare(state: State) -> Change:
        landed.clear()
        steps = [_step(target, state, change) for change in changes]
        operations, written = [], []
        for change, (before, base, metadata) in zip(changes, steps, strict=True):
            location = before.metadata_location if before is not None else None
            if metadata is not base or location is None:
                metadata, location = write(target, metadata, base, location)
                written.append(location)
                operations.append(put(change.name, before, metadata, location))
            landed[change.name] = (metadata, location)
        return Change(operations, _message(changes), written)

    target.land(prepare)
    return {name: served(target, metadata, location) for name, (metadata, location) in landed.items()}


def write(
    target: Target, metadata: Json, base: Json | None = None, base_location: str | None = None
) -> tuple[Json, str]:
    """Write the metadata file of a table, made from an older version or from nothing; its content and location."""
    number = 0
    if base is not None and base_location is not None:
        metadata, number = tables.logged(metadata, base, base_location), number_of(base_location) + 1
    return metadata, target.documents.write(f"{metadata['location']}/metadata", number, tables.stored_form(metadata))


def put(name: Name, before: Content | None, metadata: Json, location: str) -> Operation:
    """The operation that gives a name to a table's metadata file."""
    return Operation(name, before, Content(Kind.TABLE, metadata["table-uuid"], location))


def _step(target: Target, state: State, change: TableChange) -> tuple[Content | None, Json | None, Json]:
    """What a table is, its metadata, and the metadata that the change makes of it."""
    content = content_of(state, change.name, Kind.TABLE)
    if change.create:
        if content is None:
            check_free(state, check_name(change.name.parts), Kind.TABLE)
        check_requirements(change.requirements, None if content is None else {})
        return None, None, _created(target, change)
    if content is None:
        raise missing(change.name)
    base = target.documents.read(content.metadata_location, tables.canonical)
    check_requirements(change.requirements, base)
    check_updates(target.overlay, change.updates)
    metadata = apply_updates(base, target.overlay.meant(change.updates))
    check_deletes(target, metadata, change.updates, dotted(change.name.parts))
    if metadata is not base and not target.overlay.owns(metadata["location"]):
        metadata = {**metadata, "location": target.overlay.new_location(change.name.namespace, change.name.table)}
    return content, base, metadata


def _created(target: Target, change: TableChange) -> Json:
    upgrades = [update for update in change.updates if update["action"] == "upgrade-format-version"]
    version = upgrades[0].get("format-version") if upgrades else tables.DEFAULT_VERSION
    if not isinstance(version, int) or isinstance(version, bool):
        raise BadRequest(f"Cannot read 'format-version': {version!r:.20} is not an integer")
    blank = tables.blank(version)
    location = target.overlay.created_location(change.updates, change.name.namespace, change.name.table)
    blank["location"] = location
    check_updates(target.overlay, change.updates)
    updates = target.overlay.meant(change.updates, create=True)
    actions = {update["action"] for update in updates}
    if "add-schema" not in actions:
        raise BadRequest(f"Cannot create {dotted(change.name.parts)}: its updates add no schema")
    # Only Java's client says that a table is neither partitioned nor sorted.
    if "add-spec" not in actions:
        blank["partition-specs"] = [UNPARTITIONED]
    if "add-sort-order" not in actions:
        blank["sort-orders"] = [UNSORTED]
    return apply_updates(blank, updates)


def _message(changes: Sequence[TableChange]) -> str:
    """What the changes do, for the log: the operations of their snapshots, or their first update."""
    said = []
    for change in changes:
        done = [
            update["snapshot"].get("summary", {}).get("operation", "change")
            for update in change.updates
            if update["action"] == "add-snapshot" and isinstance(update.get("snapshot"), dict)
        ] or [update["action"] for update in change.updates[:1]]
        said.append(
            f"{done[-1] if done else 'change'} {change.name}" if not change.create else f"create table {change.name}"
        )
    return ", ".join(said)
