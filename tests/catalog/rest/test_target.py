"""A change of a branch: landed once, tried again when others came first, and never misreported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.catalog.rest.pieces import Json, field

from headgate.catalog import Catalog, open_catalog
from headgate.catalog.model import Operation
from headgate.catalog.rest import commits, loading, namespaces, tables
from headgate.catalog.rest.commits import TableChange
from headgate.catalog.rest.documents import Documents
from headgate.catalog.rest.problems import CommitFailed, CommitStateUnknown, IllegalArgument
from headgate.catalog.rest.serving import Overlay
from headgate.catalog.rest.target import Client, Target
from headgate.catalog.storage import Storage
from headgate.errors import Conflict, StorageError
from headgate.types import Content, Kind, Name

NAME = Name.of("ns", "t")


class Breaking:
    """A real catalog whose commits are interrupted."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.before: list[Callable[[], None]] = []
        self.after: list[Callable[[], None]] = []
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        if self.dead:
            raise StorageError("The database is gone")
        return getattr(self._catalog, name)

    def commit(self, *args: Any, **options: Any) -> Any:
        if self.before:
            self.before.pop()()
        found = self._catalog.commit(*args, **options)
        if self.after:
            self.after.pop()()
        return found


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Breaking]:
    opened = open_catalog(f"sqlite:///{tmp_path}/state.db")
    opened.create_branch("dev")
    yield Breaking(opened)
    opened.close()


@pytest.fixture
def target(tmp_path: Path, catalog: Breaking) -> Target:
    storage = Storage(str(tmp_path / "warehouse"))
    found = Target(catalog, storage, Documents(storage), Overlay.of(storage), "dev", Client("ada", "test"))
    namespaces.create_namespace(found, {"namespace": ["ns"]})
    tables.create(found, ["ns"], {"name": "t", "schema": {"type": "struct", "fields": [field(1, "a", "int")]}})
    return found


def put(target: Target, key: str) -> Json:
    request = {"requirements": [], "updates": [{"action": "set-properties", "updates": {key: "x"}}]}
    return commits.commit(target, [TableChange.read(NAME, request)])[NAME].metadata


def history(target: Target) -> list[str]:
    return [commit.message for commit in target.catalog.log("dev")]


def files(target: Target) -> set[str]:
    return {file.location for file in target.storage.list(target.storage.warehouse)}


def fail() -> None:
    raise StorageError("The connection broke")


def test_an_answer_that_was_lost_is_found_on_the_branch(target: Target, catalog: Breaking) -> None:
    catalog.after.append(fail)
    assert put(target, "a")["properties"]["a"] == "x"
    assert history(target)[0] == "set-properties ns.t"
    assert len(history(target)) == 4


def test_what_did_not_land_is_tried_again(target: Target, catalog: Breaking) -> None:
    catalog.before.append(fail)
    put(target, "a")
    assert loading.load(target, NAME).metadata["properties"]["a"] == "x"
    assert len(history(target)) == 4


def test_nobody_claims_to_know_what_nobody_knows(target: Target, catalog: Breaking) -> None:
    before = files(target)

    def die() -> None:
        catalog.dead = True
        fail()

    catalog.after.append(die)
    with pytest.raises(CommitStateUnknown, match="did not say whether the commit landed"):
        put(target, "a")
    catalog.dead = False
    # It had landed, and what it wrote is still there.
    assert loading.load(target, NAME).metadata["properties"]["a"] == "x"
    assert files(target) > before


def test_a_change_is_made_again_of_what_others_made(target: Target, catalog: Breaking) -> None:

    def others() -> None:
        put(target, "other")

    catalog.before.append(others)
    put(target, "mine")
    properties = loading.load(target, NAME).metadata["properties"]
    assert {"mine", "other"} <= set(properties)
    # The file of the attempt that lost is gone: three versions, and nothing else.
    assert len(files(target)) == 3


def test_who_always_loses_is_told(target: Target, catalog: Breaking, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose() -> None:
        raise Conflict("Somebody else was faster")

    before = files(target)
    catalog.before.extend([lose] * 100)
    monkeypatch.setattr("headgate.catalog.rest.target._LONGEST_PAUSE", 0)
    with pytest.raises(CommitFailed, match="20 times in a row"):
        put(target, "a")
    assert files(target) == before


def test_a_namespace_is_dropped_only_while_it_is_empty(target: Target, catalog: Breaking) -> None:
    tables.drop(target, NAME, target.catalog.state("dev").get(NAME).kind)  # type: ignore[union-attr]  # it is there

    def fill() -> None:
        tables.create(target, ["ns"], {"name": "t", "schema": {"type": "struct", "fields": [field(1, "a", "int")]}})

    catalog.before.append(fill)
    with pytest.raises(Exception, match="is not empty"):
        namespaces.drop_namespace(target, ["ns"])


def test_a_table_that_lies_elsewhere_moves_into_the_warehouse_when_it_is_changed(target: Target) -> None:
    content = target.catalog.state("dev").get(NAME)
    assert content is not None
    old = target.documents.read(content.metadata_location, lambda document: document)
    foreign = target.documents.write(
        f"{target.overlay.warehouse}/foreign", 7, {**old, "location": "file:///elsewhere/t"}
    )
    # As the lake has it whose warehouse was another one; no client can register it.
    there = Content(Kind.TABLE, content.content_id, foreign)
    target.catalog.commit("dev", [Operation(Name.of("ns", "r"), None, there)], message="x", author="x")
    with pytest.raises(IllegalArgument, match="file:///elsewhere/t"):
        tables.register(target, ["ns"], {"name": "q", "metadata-location": foreign})
    shown = loading.load(target, Name.of("ns", "r")).metadata["location"]
    assert target.overlay.owns(shown)
    request = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"a": "x"}}]}
    done = commits.commit(target, [TableChange.read(Name.of("ns", "r"), request)])[Name.of("ns", "r")]
    assert done.metadata_location is not None
    assert target.overlay.owns(done.metadata_location)
    assert done.metadata_location.rsplit("/", 1)[1].startswith("00008-")
