"""Views as the Iceberg REST catalog has them."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.catalog.interface import State
from headgate.catalog.model import Operation
from headgate.catalog.rest import viewupdates
from headgate.catalog.rest.documents import number_of
from headgate.catalog.rest.fields import Json, items_of, object_of, optional_text, text_map, text_of
from headgate.catalog.rest.loading import Loaded
from headgate.catalog.rest.names import check_name
from headgate.catalog.rest.presence import check_free, content_of, missing
from headgate.catalog.rest.requirements import check_requirements, read_requirements
from headgate.catalog.rest.serving import METADATA_PATH, spelled
from headgate.catalog.rest.tables import check_owned
from headgate.catalog.rest.target import Change, Target
from headgate.types import Content, Kind, Name


def load(target: Target, name: Name) -> Loaded:
    """A view.

    Raises:
        NoSuchView: There is none of that name.
    """
    content = content_of(target.state(), name, Kind.VIEW)
    if content is None:
        raise missing(name, Kind.VIEW)
    return _loaded(target.documents.read(content.metadata_location, viewupdates.canonical), content.metadata_location)


def create(target: Target, levels: Sequence[str], request: Json) -> Loaded:
    """Create a view.

    Raises:
        NoSuchNamespace: There is no such namespace.
        NameTaken: The name is taken.
        BadRequest: The request is malformed.
    """
    name = check_name((*levels, text_of(request, "name")))
    optional_text(request, "location")
    properties = text_map(request, "properties", missing_is_empty=True)
    version = {**object_of(request, "view-version"), "schema-id": viewupdates.LAST_ADDED}
    view = viewupdates.apply_updates(
        viewupdates.blank(target.overlay.new_location(name.namespace, name.table)),
        [
            {"action": "add-schema", "schema": object_of(request, "schema")},
            {"action": "add-view-version", "view-version": version},
            {"action": "set-current-view-version", "view-version-id": viewupdates.LAST_ADDED},
            {"action": "set-properties", "updates": properties},
        ],
    )
    return _landed(target, name, view, f"create view {name}")


def register(target: Target, levels: Sequence[str], request: Json) -> Loaded:
    """Give a name to a view whose metadata file is there already.

    Raises:
        NoSuchFile: There is no such file.
        NameTaken: The name is taken.
        BadRequest: The file lies outside of the warehouse, or is not a view's metadata.
    """
    name = check_name((*levels, text_of(request, "name")))
    location = text_of(request, "metadata-location")
    check_owned(target, location)
    view = target.documents.read_foreign(location, viewupdates.canonical)
    versions = [viewupdates.disowned(version) for version in view["versions"]]
    if versions != view["versions"]:
        # Anybody can have written the file, and says in it that headgate has: a copy that does not takes its place.
        view = {**view, "versions": versions, "location": target.overlay.new_location(name.namespace, name.table)}
        return _landed(target, name, view, f"register view {name}")
    return _landed(target, name, view, f"register view {name}", location)


def commit(target: Target, name: Name, request: Json) -> Loaded:
    """Change a view; as it is then.

    Raises:
        NoSuchView: There is none of that name.
        CommitFailed: A requirement does not hold; nothing was changed.
    """
    requirements = read_requirements(items_of(request, "requirements", missing_is_empty=True), of_view=True)
    updates = items_of(request, "updates")
    landed: list[Loaded] = []

    def prepare(state: State) -> Change:
        before = content_of(state, name, Kind.VIEW)
        if before is None:
            raise missing(name, Kind.VIEW)
        base = target.documents.read(before.metadata_location, viewupdates.canonical)
        check_requirements(requirements, base, of_view=True)
        view = viewupdates.apply_updates(base, updates)
        if view is base:
            landed[:] = [_loaded(base, before.metadata_location)]
            return Change([], "")
        folder = target.overlay.view_folder(view)
        location = target.documents.write(folder, number_of(before.metadata_location) + 1, view)
        landed[:] = [_loaded(view, location)]
        after = Content(Kind.VIEW, view["view-uuid"], location)
        return Change([Operation(name, before, after)], f"change view {name}", [location])

    target.land(prepare)
    return landed[0]


def _landed(target: Target, name: Name, view: Json, message: str, location: str | None = None) -> Loaded:
    """Put a new view on the branch."""
    landed: list[Loaded] = []

    def prepare(state: State) -> Change:
        check_free(state, name, Kind.VIEW)
        place = location or target.documents.write(target.overlay.view_folder(view), 0, view)
        landed[:] = [_loaded(view, place)]
        after = Content(Kind.VIEW, view["view-uuid"], place)
        return Change([Operation(name, None, after)], message, [] if location else [place])

    target.land(prepare)
    return landed[0]


def _loaded(view: Json, location: str) -> Loaded:
    """A view as a client gets it: the folder that it chose is spelled as it spelled it."""
    asked = view["properties"].get(METADATA_PATH, "").rstrip("/")
    if asked and location.startswith(f"{spelled(asked)}/"):
        location = asked + location.removeprefix(spelled(asked))
    return Loaded(view, location)
