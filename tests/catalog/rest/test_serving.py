"""What clients are shown of a table, and what they mean by what they send back."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.catalog.rest.problems import BadRequest
from headgate.catalog.rest.serving import Overlay, spelled

OVERLAY = Overlay("s3://lake/warehouse")


@pytest.fixture
def stored(table: Any) -> Any:
    return table(location="s3://lake/warehouse/ns/t-1")


def test_every_answer_has_a_place_of_its_own_to_write_to(stored: Any) -> None:
    places = {OVERLAY.write_location(stored) for _ in range(100)}
    assert len(places) == 100
    assert all(place.startswith("s3://lake/warehouse/ns/t-1/writes/") for place in places)


def test_what_is_shown_keeps_clients_from_deleting(table: Any) -> None:
    stored = table(
        location="s3://lake/warehouse/ns/t-1",
        properties={
            "a": "b",
            "gc.enabled": "true",
            "write.metadata.delete-after-commit.enabled": "true",
            "write.data.path": "s3://lake/shared",
            "write.metadata.path": "s3://lake/shared",
            "write.object-storage.path": "s3://lake/shared",
            "write.folder-storage.path": "s3://lake/shared",
        },
    )
    shown = OVERLAY.shown(stored, "s3://x")
    assert shown["properties"] == {
        "a": "b",
        "gc.enabled": "false",
        "write.metadata.delete-after-commit.enabled": "false",
    }
    assert (shown["location"], stored["location"]) == ("s3://x", "s3://lake/warehouse/ns/t-1")
    assert stored["properties"]["gc.enabled"] == "true"


def test_a_lake_can_leave_deleting_to_its_clients(table: Any) -> None:
    trusting = Overlay("s3://lake/warehouse", client_gc=True)
    assert trusting.shown(table(), "x")["properties"]["gc.enabled"] == "false"
    assert trusting.shown(table(properties={"gc.enabled": "true"}), "x")["properties"]["gc.enabled"] == "true"
    assert trusting.checked_properties({"gc.enabled": "true"}) == {"gc.enabled": "true"}


def test_a_location_that_a_client_was_shown_is_no_change(stored: Any) -> None:
    echo = {"action": "set-location", "location": OVERLAY.write_location(stored)}
    other = {"action": "set-properties", "updates": {"a": "b"}}
    assert OVERLAY.meant([echo]) == []
    assert OVERLAY.meant([echo, other]) == [other]


def test_a_table_is_not_moved() -> None:
    move = {"action": "set-location", "location": "s3://elsewhere/t"}
    with pytest.raises(BadRequest, match="Cannot set the location to s3://elsewhere/t"):
        OVERLAY.meant([move])
    # As when a client replaces a table and names a location.
    other = {"action": "set-properties", "updates": {"a": "b"}}
    assert OVERLAY.meant([move, other]) == [other]


@pytest.mark.parametrize(
    "name",
    ["write.data.path", "write.metadata.path", "write.object-storage.path", "write.folder-storage.path"],
)
def test_where_files_go_is_not_for_clients_to_say(name: str) -> None:
    with pytest.raises(BadRequest, match=f"Cannot set {name}"):
        OVERLAY.meant([{"action": "set-properties", "updates": {name: "s3://lake/shared"}}])


def test_clients_are_not_allowed_to_delete_by_property() -> None:
    with pytest.raises(BadRequest, match=r"Cannot set gc\.enabled to true"):
        OVERLAY.checked_properties({"gc.enabled": "true"})
    assert OVERLAY.checked_properties({"gc.enabled": "false", "a": "b"}) == {"a": "b"}


def test_a_staged_table_lies_where_it_was_staged(stored: Any) -> None:
    staged = OVERLAY.write_location(stored)
    assert OVERLAY.created_location([{"action": "set-location", "location": staged}], ["ns"], "t") == stored["location"]


@pytest.mark.parametrize(
    "location",
    [
        "s3://lake/other/ns/t/writes/" + "0" * 32,
        "s3://lake/warehouse/../secret/writes/" + "0" * 32,
        "s3://lake/warehouse//writes/" + "0" * 32,
        "s3://lake/warehouse/ns/t/writes/short",
        "s3://lake/warehouse/ns/t",
        "file:///etc",
    ],
)
def test_a_table_does_not_come_to_lie_where_a_client_wants(location: str) -> None:
    found = OVERLAY.created_location([{"action": "set-location", "location": location}], ["ns"], "t")
    assert found.startswith("s3://lake/warehouse/ns/t-")


@pytest.mark.parametrize(
    ("parts", "folder"), [(("a/b", ".."), "a_b/_"), (("ü x", "t?"), "__x/t_"), (("a", "b.c"), "a/b.c")]
)
def test_names_make_no_folders_outside(parts: tuple[str, str], folder: str) -> None:
    location = OVERLAY.new_location(parts[:1], parts[1])
    assert location.startswith(f"s3://lake/warehouse/{folder}-")
    assert OVERLAY.owns(location)


def test_java_spells_files_with_one_slash() -> None:
    assert spelled("file:/a/b/") == "file:///a/b"
    assert spelled("file:///a/b") == "file:///a/b"
    assert spelled("s3://a/b") == "s3://a/b"
