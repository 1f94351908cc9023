"""Whether a name is there, free, or nowhere, in the words that Java's clients look for."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.catalog.interface import State
from headgate.catalog.rest.problems import NameTaken, NoSuchNamespace, NoSuchTable, NoSuchView, RestError
from headgate.types import Content, Kind, Name

WORDS = {Kind.TABLE: "Table", Kind.VIEW: "View"}
"""What Java's texts call them."""


def content_of(state: State, name: Name, kind: Kind) -> Content | None:
    """What a name stands for, if it is of this kind."""
    content = state.get(name)
    return content if content is not None and content.kind is kind else None


def check_namespace(state: State, levels: Sequence[str]) -> None:
    """Refuse a namespace that is not there.

    Raises:
        NoSuchNamespace: It is not.
    """
    if not levels or state.namespace(levels) is None:
        raise NoSuchNamespace(f"Namespace does not exist: {dotted(levels)}")


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
        raise NameTaken(f"{WORDS[kind]} already exists: {dotted(name.parts)}")
    raise NameTaken(f"{WORDS.get(taken.kind, 'Something')} with same name already exists: {dotted(name.parts)}")


def missing(name: Name, kind: Kind = Kind.TABLE) -> RestError:
    """The error for a table or view that is not there."""
    text = f"{WORDS[kind]} does not exist: {dotted(name.parts)}"
    return NoSuchTable(text) if kind is Kind.TABLE else NoSuchView(text)


def dotted(parts: Sequence[str]) -> str:
    """A name as Java's texts have it."""
    return ".".join(parts)
