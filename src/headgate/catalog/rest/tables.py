"""Tables as the Iceberg REST catalog has them: made, read, changed, renamed and dropped on one branch."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.catalog.interface import State
from headgate.catalog.model import Operation
from headgate.catalog.rest import metadata as tables
from headgate.catalog.rest.commits import put, write
from headgate.catalog.rest.fields import (
    Json,
    flag_of,
    identifier_of,
    object_of,
    optional_text,
    text_map,
    text_of,
)
from headgate.catalog.rest.layout import UNPARTITIONED, UNSORTED, read_order, read_spec, with_sources
from headgate.catalog.rest.loading import Loaded, make_folders, served
from headgate.catalog.rest.names import check_name
from headgate.catalog.rest.places import check_metadata
from headgate.catalog.rest.presence import WORDS, check_free, check_namespace, content_of, dotted, missing
from headgate.catalog.rest.problems import IllegalArgument, NameTaken
from headgate.catalog.rest.schemas import read_schema, with_fresh_ids
from headgate.catalog.rest.target import Change, Target
from headgate.catalog.rest.updates import apply_updates
from headgate.types import Kind, Name


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
        return Change([put(name, None, metadata, locations[0])], f"create table {name}", locations[:])

    target.land(prepare)
    created = served(target, metadata, locations[0])
    if created.write_location is not None and target.storage.is_local:
        make_folders(target, created.write_location)
    return created


def register(target: Target, levels: Sequence[str], request: Json) -> Loaded:
    """Give a name to a table whose metadata file is there already.

    Raises:
        NoSuchFile: There is no such file.
        NameTaken: The name is taken, and the request does not say to overwrite it.
        BadRequest: The file lies outside of the warehouse, names what does, or is not a table's metadata.
    """
    name = check_name((*levels, text_of(request, "name")))
    location, overwrite = text_of(request, "metadata-location"), flag_of(request, "overwrite")
    check_owned(target, location)
    metadata = target.documents.read_foreign(location, tables.canonical)
    check_metadata(target.overlay, metadata)

    def prepare(state: State) -> Change:
        check_namespace(state, name.namespace)
        before = state.get(name)
        if before is not None and (not overwrite or before.kind is not Kind.TABLE):
            check_free(state, name, Kind.TABLE)
        return Change([put(name, before, metadata, location)], f"register table {name}")

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
                f" {WORDS.get(taken.kind, 'Something')} already exists"
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


def check_owned(target: Target, location: str) -> None:
    """Refuse to read what lies outside of the warehouse.

    Raises:
        IllegalArgument: It does.
    """
    if not target.overlay.owns(location):
        raise IllegalArgument(
            f"Cannot register {location}: it does not lie in the warehouse {target.overlay.warehouse}"
        )


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
