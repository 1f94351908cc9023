"""Namespaces over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from tests.web.iceberg.asking import Asking, good, refused


def names(branch: Asking, **query: Any) -> list[list[str]]:
    found: list[list[str]] = good(branch.get("/namespaces", params=query))["namespaces"]
    return found


def test_namespaces_nest(branch: Asking) -> None:
    branch.namespace("a")
    branch.namespace("a", "b.c", "d")
    branch.namespace("z")
    assert names(branch) == [["a"], ["z"]]
    assert names(branch, parent="a") == [["a", "b.c"]]
    assert names(branch, parent="a\x1fb.c") == [["a", "b.c", "d"]]
    assert names(branch, parent="a\x1fb.c\x1fd") == []
    assert refused(branch.get("/namespaces", params={"parent": "q"}), 404, "NoSuchNamespaceException")


def test_every_namespace_has_a_location(branch: Asking) -> None:
    branch.namespace("a", "b")
    location = good(branch.get("/namespaces/a%1Fb"))["properties"]["location"]
    assert location.endswith("/warehouse/a/b")
    branch.namespace("own", location="s3://x/y")
    assert good(branch.get("/namespaces/own"))["properties"] == {"location": "s3://x/y"}


def test_properties_change(branch: Asking) -> None:
    branch.namespace("a", owner="ada", old="1")
    path = "/namespaces/a/properties"
    done = good(branch.post(path, {"updates": {"owner": "grace", "new": "2"}, "removals": ["old", "absent"]}))
    assert done == {"updated": ["new", "owner"], "removed": ["old"], "missing": ["absent"]}
    properties = good(branch.get("/namespaces/a"))["properties"]
    del properties["location"]
    assert properties == {"owner": "grace", "new": "2"}
    both = branch.post(path, {"updates": {"x": "1"}, "removals": ["x"]})
    assert refused(both, 422, "UnprocessableEntityException")
    assert refused(branch.post("/namespaces/q/properties", {}), 404, "NoSuchNamespaceException")


def test_the_same_twice_is_a_conflict(branch: Asking) -> None:
    branch.namespace("a")
    answer = branch.post("/namespaces", {"namespace": ["a"]})
    assert refused(answer, 409, "AlreadyExistsException") == "Namespace already exists: a"


def test_only_an_empty_namespace_is_dropped(filled: Asking) -> None:
    assert "is not empty" in refused(filled.ask("DELETE", "/namespaces/ns"), 409, "NamespaceNotEmptyException")
    filled.namespace("a", "b")
    assert "is not empty" in refused(filled.ask("DELETE", "/namespaces/a"), 409, "NamespaceNotEmptyException")
    assert filled.ask("DELETE", "/namespaces/a%1Fb").status_code == 204
    assert filled.ask("HEAD", "/namespaces/a%1Fb").status_code == 404
    message = refused(filled.ask("DELETE", "/namespaces/a%1Fb"), 404, "NoSuchNamespaceException")
    assert message == "Namespace does not exist: a.b"


def test_a_list_comes_in_pages(branch: Asking) -> None:
    for name in "edcba":
        branch.namespace(name)
    first = good(branch.get("/namespaces", params={"pageToken": "", "pageSize": 2}))
    assert first["namespaces"] == [["a"], ["b"]]
    # What comes and goes between two pages moves no other name.
    branch.ask("DELETE", "/namespaces/b")
    branch.namespace("aa")
    second = good(branch.get("/namespaces", params={"pageToken": first["next-page-token"], "pageSize": 2}))
    assert second["namespaces"] == [["c"], ["d"]]
    last = good(branch.get("/namespaces", params={"pageToken": second["next-page-token"], "pageSize": 2}))
    assert last == {"namespaces": [["e"]]}


@pytest.mark.parametrize(
    "query", [{"pageSize": 0}, {"pageSize": -1}, {"pageSize": "x"}, {"pageToken": "é"}, {"pageToken": "!"}]
)
def test_a_page_that_is_none_is_refused(branch: Asking, query: dict[str, Any]) -> None:
    assert refused(branch.get("/namespaces", params=query), 400, "BadRequestException")


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"namespace": []},
        {"namespace": [""]},
        {"namespace": "a"},
        {"namespace": [1]},
        {"namespace": ["a\x1fb"]},
        {"namespace": ["a\x00"]},
        {"namespace": ["\ud800"]},
        {"namespace": ["a"], "properties": {"x": 1}},
        {"namespace": ["a"], "properties": ["x"]},
        {"namespace": ["a"], "properties": {"x": None}},
    ],
)
def test_what_is_no_namespace_is_refused(branch: Asking, body: Any) -> None:
    assert refused(branch.post("/namespaces", body), 400, "BadRequestException")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"NaN", b'{"namespace": NaN}', b"[" * 100_000, b'"x"', b"1e999"]
)
def test_what_is_no_json_is_refused(branch: Asking, content: bytes) -> None:
    answer = branch.ask("POST", "/namespaces", data=content, headers={"Content-Type": "application/json"})
    assert refused(answer, 400, "BadRequestException")


def test_a_name_may_hold_what_a_path_cannot(branch: Asking) -> None:
    branch.namespace("a/b c%")
    branch.table("x/y?#é", "a/b c%")
    assert good(branch.get("/namespaces/a%2Fb%20c%25/tables"))["identifiers"] == [
        {"namespace": ["a/b c%"], "name": "x/y?#é"}
    ]
    found = good(branch.get("/namespaces/a%2Fb%20c%25/tables/x%2Fy%3F%23%C3%A9"))
    assert "/a_b_c_/x_y___-" in found["metadata"]["location"]
