"""Namespaces in every back end: made, implied by tables, versioned with the branch, and joined by property."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headgate.catalog import MAIN, Catalog, Commit, Operation
from headgate.catalog.namespaces import to_content
from headgate.errors import Conflict, UsageError
from headgate.types import Name, namespace_name

Put = Callable[[str, Name, str | None], Commit]


def set_properties(catalog: Catalog, branch: str, levels: tuple[str, ...], properties: dict[str, str] | None) -> Commit:
    name = namespace_name(levels)
    after = None if properties is None else to_content(properties)
    operation = Operation(name, before=catalog.state(branch).get(name), after=after)
    return catalog.commit(branch, [operation], message="namespace", author="ada")


def test_a_namespace_keeps_its_properties_and_is_no_table(catalog: Catalog, put: Put) -> None:
    set_properties(catalog, MAIN, ("sales", "eu"), {"owner": "ada", "location": "file:///lake/eu"})
    put(MAIN, Name.of("sales", "eu", "orders"), "1")
    state = catalog.state()
    assert state.namespace(("sales", "eu")) == {"owner": "ada", "location": "file:///lake/eu"}
    assert [str(name) for name in state.names()] == ["sales.eu.orders"]
    assert [str(name) for name, _ in state.items()] == ["sales.eu.orders"]
    assert state.namespaces() == [("sales",), ("sales", "eu")]


def test_tables_imply_their_namespaces(catalog: Catalog, put: Put) -> None:
    put(MAIN, Name.of("a", "b", "t"), "1")
    state = catalog.state()
    assert (state.namespace(("a",)), state.namespace(("a", "b"))) == ({}, {})
    assert state.namespace(("b",)) is None
    assert state.namespace(("a", "b", "t")) is None
    assert state.namespace(()) is None


def test_a_namespace_can_be_dropped_and_is_versioned_with_its_branch(catalog: Catalog) -> None:
    set_properties(catalog, MAIN, ("lab",), {})
    catalog.create_branch("work")
    set_properties(catalog, "work", ("lab",), None)
    assert catalog.state("work").namespaces() == []
    assert catalog.state().namespaces() == [("lab",)]
    catalog.merge("work", MAIN, message="m", author="ada")
    assert catalog.state().namespaces() == []


def test_the_same_namespace_made_on_two_branches_is_one(catalog: Catalog) -> None:
    catalog.create_branch("work")
    set_properties(catalog, "work", ("lab",), {"owner": "ada"})
    set_properties(catalog, MAIN, ("lab",), {"owner": "ada"})
    catalog.merge("work", MAIN, message="m", author="ada")
    assert catalog.state().namespace(("lab",)) == {"owner": "ada"}


def test_different_properties_join_and_one_property_with_two_values_is_a_conflict(catalog: Catalog) -> None:
    set_properties(catalog, MAIN, ("lab",), {"owner": "ada", "team": "x"})
    catalog.create_branch("work")
    set_properties(catalog, "work", ("lab",), {"owner": "grace", "team": "x"})
    set_properties(catalog, MAIN, ("lab",), {"owner": "ada", "region": "eu"})
    catalog.merge("work", MAIN, message="m", author="ada")
    assert catalog.state().namespace(("lab",)) == {"owner": "grace", "region": "eu"}
    catalog.create_branch("other")
    set_properties(catalog, "other", ("lab",), {"owner": "linus"})
    set_properties(catalog, MAIN, ("lab",), {"owner": "alan", "region": "eu"})
    with pytest.raises(Conflict, match="The namespace lab was changed"):
        catalog.merge("other", MAIN, message="m", author="ada")


def test_a_namespace_needs_a_name(catalog: Catalog) -> None:
    for levels in ((), ("a", "")):
        with pytest.raises(UsageError, match="a part of it is empty"):
            set_properties(catalog, MAIN, levels, {})
