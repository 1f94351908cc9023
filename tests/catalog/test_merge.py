from __future__ import annotations

import pytest

from headgate.catalog.merge import Joiner
from headgate.catalog.model import Operation
from headgate.errors import Conflict
from headgate.types import Content, Kind, Name

TABLE = Name.of("bronze", "orders")


def at(version: str) -> Content:
    return Content(Kind.TABLE, "id", version)


def test_a_join_is_asked_once_for_each_version_that_it_meets() -> None:
    asked: list[tuple[Name, Content | None, Content, Content]] = []

    def rejoin(name: Name, base: Content | None, theirs: Content, ours: Content) -> Content:
        asked.append((name, base, theirs, ours))
        return at(theirs.metadata_location + ours.metadata_location)

    joiner = Joiner([Operation(TABLE, at("a"), at("b"))], rejoin)
    for held, joined in (("x", "xb"), ("x", "xb"), ("y", "yb")):
        assert joiner.onto({TABLE: at(held)}, "") == [Operation(TABLE, at(held), at(joined))]
    assert asked == [(TABLE, at("a"), at("x"), at("b")), (TABLE, at("a"), at("y"), at("b"))]


def test_a_join_that_finds_everything_there_already_is_no_operation() -> None:
    joiner = Joiner([Operation(TABLE, at("a"), at("b"))], lambda name, base, theirs, ours: theirs)
    assert joiner.onto({TABLE: at("x")}, "") == []


def test_an_operation_that_changes_nothing_insists_on_what_is_there() -> None:
    joiner = Joiner([Operation(TABLE, at("a"), at("a"))], lambda name, base, theirs, ours: theirs)
    assert joiner.onto({TABLE: at("a")}, "") == []
    with pytest.raises(Conflict):
        joiner.onto({TABLE: at("x")}, "")


def test_a_conflict_lists_the_first_and_counts_the_rest() -> None:
    names = [Name.of("s", f"t{number}") for number in range(9)]
    joiner = Joiner([Operation(name, at("a"), at("b")) for name in names], None)
    with pytest.raises(Conflict) as caught:
        joiner.onto({name: at("x") for name in names}, "on branch 'main' meanwhile")
    assert caught.value.message == (
        "The table s.t0 was changed on branch 'main' meanwhile; so were s.t1, s.t2, s.t3, s.t4, s.t5 and 3 more"
    )
    assert caught.value.data["tables"] == [str(name) for name in names]
