"""Tables as the Iceberg REST catalog has them: made, read, changed, renamed and dropped on one branch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from headgate.catalog.interface import State
from headgate.catalog.model import Operation
from headgate.catalog.rest import metadata as tables
from headgate.catalog.rest.documents import number_of
from headgate.catalog.rest.fields import (
    Json,
    flag_of,
    identifier_of,
    items_of,
    object_of,
    optional_text,
    text_map,
    text_of,
)
from headgate.catalog.rest.layout import UNPARTITIONED, UNSORTED, read_order, read_spec, with_sources
from headgate.catalog.rest.names import check_name
from headgate.catalog.rest.problems import BadRequest, NameTaken, NoSuchTable, NoSuchView, RestError
from headgate.catalog.rest.requirements import check_requirements, is_create, read_requirements
from headgate.catalog.rest.schemas import read_schema, with_fresh_ids
from headgate.catalog.rest.target import Change, Target, check_namespace, content_of, dotted
from headgate.catalog.rest.updates import apply_updates, read_updates
from headgate.types import Content, Kind, Name

_KINDS = {Kind.TABLE: "Table", Kind.VIEW: "View"}


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
    return served(target, target.documents.read(location, tables.canonical), location, snapshots)


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


def load_changed(target: Target, name: Name, snapshots: str, tags: Sequence[str]) -> Loaded | None:
    """A table, or None when the client has it as it is now; see `tag_of`.

    Raises:
        NoSuchTable: There is none of that name.
    """
    location = location_of(target, name)
    metadata = target.documents.read(location, tables.canonical)
    for tag in tags:
        version, _, nonce = tag.partition("-")
        place = target.overlay.place(metadata, nonce)
        # A place that was written to since may hold what this version of the table does not name.
        if place and version == _version_tag(location, snapshots) and not any(target.storage.list(place)):
            return None
    return served(target, metadata, location, snapshots)


def tag_of(table: Loaded, snapshots: str = "all") -> str | None:
    """What a client says to have this version of a table, and this place to write to; None of a staged one."""
    if table.metadata_location is None or table.write_location is None:
        return None
    return f"{_version_tag(table.metadata_location, snapshots)}-{table.write_location.rpartition('/')[2]}"


def _version_tag(metadata_location: str, snapshots: str) -> str:
    return hashlib.sha256(f"{snapshots} {metadata_location}".encode()).hexdigest()[:32]


def _shown(target: Target, metadata: Json, location: str | None, place: str, snapshots: str) -> Loaded:
    shown = target.overlay.shown(metadata, place)
    if snapshots == "refs":
        named = {ref["snapshot-id"] for ref in metadata["refs"].values()}
        shown["snapshots"] = [each for each in metadata["snapshots"] if each["snapshot-id"] in named]
    return Loaded(shown, location, place)


def create(target: Target, levels: Sequence[str], request: Json) -> Loaded:
    """Create a table, or begin to: a staged one exists when its first commit lands.

    Raises:
        NoSuchNamespace: There is no such namespace.
        NameTaken: The name is taken.
        BadRequest: The request cannot be met.
    """
    name = check_name((*levels, text_of(request, "name")))
    metadata = _initial(target, name, request)
    target.check_writable()
    if flag_of(request, "stage-create"):
        check_free(target.state(), name, Kind.TABLE)
        return served(target, metadata, None)
    locations: list[str] = []

    def prepare(state: State) -> Change:
        check_free(state, name, Kind.TABLE)
        locations[:] = [write(target, metadata)[1]]
        return Change([_put(name, None, metadata, locations[0])], f"create table {name}", locations[:])

    target.land(prepare)
    created = served(target, metadata, locations[0])
    if created.write_location is not None and target.storage.is_local:
        make_folders(target, created.write_location)
    return created


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
                operations.append(_put(change.name, before, metadata, location))
            landed[change.name] = (metadata, location)
        return Change(operations, _message(changes), written)

    target.land(prepare)
    return {name: served(target, metadata, location) for name, (metadata, location) in landed.items()}


def register(target: Target, levels: Sequence[str], request: Json) -> Loaded:
    """Give a name to a table whose metadata file is there already.

    Raises:
        NoSuchFile: There is no such file.
        NameTaken: The name is taken, and the request does not say to overwrite it.
        BadRequest: The file lies outside of the warehouse, or is not a table's metadata.
    """
    name = check_name((*levels, text_of(request, "name")))
    location, overwrite = text_of(request, "metadata-location"), flag_of(request, "overwrite")
    check_owned(target, location)
    metadata = target.documents.read_foreign(location, tables.canonical)

    def prepare(state: State) -> Change:
        check_namespace(state, name.namespace)
        before = state.get(name)
        if before is not None and (not overwrite or before.kind is not Kind.TABLE):
            check_free(state, name, Kind.TABLE)
        return Change([_put(name, before, metadata, location)], f"register table {name}")

    target.land(prepare)
    return served(target, metadata, location)


def rename(target: Target, request: Json, kind: Kind) -> None:
    """Give a table or view another name; its files stay where they are.

    Raises:
        NoSuchTable: There is none of the old name.
        NoSuchNamespace: The new name's namespace is not there.
        NameTaken: The new name is taken.
    """
    source, destination = Name(identifier_of(request, "source")), check_name(identifier_of(request, "destination"))

    def prepare(state: State) -> Change:
        content = content_of(state, source, kind)
        if content is None:
            raise missing(source, kind)
        check_namespace(state, destination.namespace)
        taken = state.get(destination)
        if source == destination:
            return Change([], "")
        if taken is not None:
            raise NameTaken(
                f"Cannot rename {dotted(source.parts)} to {dotted(destination.parts)}."
                f" {_KINDS.get(taken.kind, 'Something')} already exists"
            )
        operations = [Operation(source, content, None), Operation(destination, None, content)]
        return Change(operations, f"rename {kind.value} {source} to {destination}")

    target.land(prepare)


def drop(target: Target, name: Name, kind: Kind) -> None:
    """Take a table or view out of the branch; its files stay for those who read other states.

    Raises:
        NoSuchTable: There is none of that name.
    """

    def prepare(state: State) -> Change:
        content = content_of(state, name, kind)
        if content is None:
            raise missing(name, kind)
        return Change([Operation(name, content, None)], f"drop {kind.value} {name}")

    target.land(prepare)


def write(
    target: Target, metadata: Json, base: Json | None = None, base_location: str | None = None
) -> tuple[Json, str]:
    """Write the metadata file of a table, made from an older version or from nothing; its content and location."""
    number = 0
    if base is not None and base_location is not None:
        metadata, number = tables.logged(metadata, base, base_location), number_of(base_location) + 1
    return metadata, target.documents.write(f"{metadata['location']}/metadata", number, tables.stored_form(metadata))


def make_folders(target: Target, place: str) -> None:
    """Make the folders that a client is to write into where files are on disk."""
    for folder in ("data", "metadata"):
        target.storage.make_folder(f"{place}/{folder}")


def check_free(state: State, name: Name, kind: Kind) -> None:
    """Refuse a name that is taken, or in no namespace.

    Raises:
        NoSuchNamespace: There is no such namespace.
        NameTaken: Something has that name.
    """
    check_namespace(state, name.namespace)
    taken = state.get(name)
    if taken is None:
        return
    if taken.kind is kind:
        raise NameTaken(f"{_KINDS[kind]} already exists: {dotted(name.parts)}")
    raise NameTaken(f"{_KINDS.get(taken.kind, 'Something')} with same name already exists: {dotted(name.parts)}")


def check_owned(target: Target, location: str) -> None:
    """Refuse to read what lies outside of the warehouse.

    Raises:
        BadRequest: It does.
    """
    if not target.overlay.owns(location):
        raise BadRequest(f"Cannot register {location}: it does not lie in the warehouse {target.overlay.warehouse}")


def missing(name: Name, kind: Kind = Kind.TABLE) -> RestError:
    """The error for a table or view that is not there."""
    text = f"{_KINDS[kind]} does not exist: {dotted(name.parts)}"
    return NoSuchTable(text) if kind is Kind.TABLE else NoSuchView(text)


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
    metadata = apply_updates(base, target.overlay.meant(change.updates))
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


def _initial(target: Target, name: Name, request: Json) -> Json:
    """The metadata of a new table: its columns are numbered anew, whatever numbers the client gave them."""
    optional_text(request, "location")
    properties = target.overlay.checked_properties(text_map(request, "properties", missing_is_empty=True))
    version = tables.requested_version(properties) or tables.DEFAULT_VERSION
    schema, ids = with_fresh_ids(read_schema(object_of(request, "schema")))
    spec = (
        read_spec(object_of(request, "partition-spec")) if request.get("partition-spec") is not None else UNPARTITIONED
    )
    order = read_order(object_of(request, "write-order")) if request.get("write-order") is not None else UNSORTED
    spec, order = with_sources(spec, ids), with_sources(order, ids)
    spec = {**spec, "fields": [{key: field[key] for key in field if key != "field-id"} for field in spec["fields"]]}
    blank = tables.blank(version)
    blank["location"] = target.overlay.new_location(name.namespace, name.table)
    # An update that sets no property is none, and the defaults are set here.
    return apply_updates(
        blank,
        [
            {"action": "add-schema", "schema": schema},
            {"action": "set-current-schema", "schema-id": 0},
            {"action": "add-spec", "spec": spec},
            {"action": "add-sort-order", "sort-order": order},
            {"action": "set-default-sort-order", "sort-order-id": -1},
            {"action": "set-properties", "updates": tables.new_properties(properties)},
        ],
    )


def _put(name: Name, before: Content | None, metadata: Json, location: str) -> Operation:
    return Operation(name, before, Content(Kind.TABLE, metadata["table-uuid"], location))


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
