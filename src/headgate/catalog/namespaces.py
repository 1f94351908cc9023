"""Namespaces as content: properties that merge key by key, and a place in the state for a namespace without tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from headgate.types import Content, Kind, Name

_ID = "namespace"


def to_content(properties: Mapping[str, str]) -> Content:
    """A namespace with these properties as a state holds it; equal properties make equal content."""
    return Content(Kind.NAMESPACE, _ID, json.dumps(dict(properties), sort_keys=True, separators=(",", ":")))


def properties_of(content: Content) -> dict[str, str]:
    """The properties of a namespace."""
    properties: dict[str, str] = json.loads(content.metadata_location)
    return properties


def join_properties(base: Content | None, theirs: Content, ours: Content) -> Content | None:
    """Both sides' changes to a namespace's properties, or None when they gave one property two values."""
    before = {} if base is None else properties_of(base)
    left, right = properties_of(theirs), properties_of(ours)
    joined = dict(left)
    for key in before.keys() | left.keys() | right.keys():
        was, mine, yours = before.get(key), right.get(key), left.get(key)
        if mine in (was, yours):
            continue
        if yours != was:
            return None
        if mine is None:
            del joined[key]
        else:
            joined[key] = mine
    return to_content(joined)


def levels_of(names: Iterable[Name]) -> list[tuple[str, ...]]:
    """The namespaces of names, with all their parents, in order; the name of a namespace counts as one within it."""
    found = {name.namespace[:depth] for name in names for depth in range(1, len(name.parts))}
    return sorted(found)
