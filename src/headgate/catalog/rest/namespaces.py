"""Namespaces as the Iceberg REST catalog has them."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.catalog.interface import State
from headgate.catalog.model import Operation
from headgate.catalog.namespaces import to_content
from headgate.catalog.rest.fields import Json, text_map, texts_of
from headgate.catalog.rest.names import check_levels
from headgate.catalog.rest.presence import check_namespace, dotted
from headgate.catalog.rest.problems import NamespaceNotEmpty, NameTaken, NoSuchNamespace, Unprocessable
from headgate.catalog.rest.target import Change, Target
from headgate.types import Name, namespace_name

LOCATION = "location"


def list_namespaces(target: Target, parent: Sequence[str]) -> list[Name]:
    """The namespaces one level below another, or the topmost ones.

    Raises:
        NoSuchNamespace: There is no such parent.
    """
    state, depth = target.state(), len(parent)
    if parent:
        check_namespace(state, parent)
    below = {levels[: depth + 1] for levels in state.namespaces() if levels[:depth] == tuple(parent)}
    return [Name(levels) for levels in sorted(below) if len(levels) > depth]


def load_namespace(target: Target, levels: Sequence[str]) -> Json:
    """A namespace with its properties, `location` among them: Trino cannot do without.

    Raises:
        NoSuchNamespace: There is no such namespace.
    """
    properties = _properties(target.state(), levels)
    return _shown(target, levels, properties)


def create_namespace(target: Target, request: Json) -> Json:
    """Create a namespace.

    Raises:
        NameTaken: There is one of that name.
    """
    levels = check_levels(texts_of(request, "namespace"))
    properties = text_map(request, "properties", missing_is_empty=True)

    def prepare(state: State) -> Change:
        if state.namespace(levels) is not None:
            raise NameTaken(f"Namespace already exists: {dotted(levels)}")
        operation = Operation(namespace_name(levels), None, to_content(properties))
        return Change([operation], f"create namespace {dotted(levels)}")

    target.land(prepare)
    return _shown(target, levels, properties)


def drop_namespace(target: Target, levels: Sequence[str]) -> None:
    """Drop a namespace that holds nothing.

    Raises:
        NoSuchNamespace: There is no such namespace.
        NamespaceNotEmpty: It holds a table, a view or a namespace.
    """

    def prepare(state: State) -> Change:
        check_namespace(state, levels)
        depth = len(levels)
        held = [name for name in state.names() if name.namespace[:depth] == tuple(levels)]
        inner = [each for each in state.namespaces() if each[:depth] == tuple(levels) and len(each) > depth]
        if held or inner:
            first = dotted(held[0].parts) if held else dotted(inner[0])
            raise NamespaceNotEmpty(f"Namespace {dotted(levels)} is not empty. It holds {first}")
        name = namespace_name(levels)
        # Nothing may come into the namespace while it goes.
        return Change([Operation(name, state.get(name), None)], f"drop namespace {dotted(levels)}", whole=True)

    target.land(prepare)


def update_properties(target: Target, levels: Sequence[str], request: Json) -> Json:
    """Set and remove properties of a namespace; which were set, removed, or not there to be removed.

    Raises:
        NoSuchNamespace: There is no such namespace.
        Unprocessable: A property is to be both set and removed.
    """
    removals = texts_of(request, "removals", missing_is_empty=True)
    updates = text_map(request, "updates", missing_is_empty=True)
    both = sorted(set(removals) & set(updates))
    if both:
        raise Unprocessable(f"Invalid namespace update, cannot simultaneously set and remove keys: {both}")
    answer: Json = {}

    def prepare(state: State) -> Change:
        before = _properties(state, levels)
        answer["updated"] = sorted(updates)
        answer["removed"] = sorted(set(removals) & set(before))
        answer["missing"] = sorted(set(removals) - set(before))
        after = {key: value for key, value in (before | updates).items() if key not in removals}
        name = namespace_name(levels)
        held, wanted = state.get(name), to_content(after)
        if wanted == held:
            return Change([], "")
        return Change([Operation(name, held, wanted)], f"change properties of namespace {dotted(levels)}")

    target.land(prepare)
    return answer


def _properties(state: State, levels: Sequence[str]) -> dict[str, str]:
    properties = state.namespace(levels)
    if properties is None:
        raise NoSuchNamespace(f"Namespace does not exist: {dotted(levels)}")
    return properties


def _shown(target: Target, levels: Sequence[str], properties: dict[str, str]) -> Json:
    location = {LOCATION: target.overlay.namespace_location(levels)}
    return {"namespace": list(levels), "properties": location | properties}
