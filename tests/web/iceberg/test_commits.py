"""Commits over HTTP: requirements, many tables at once, races, and what the log keeps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.web.iceberg.asking import Asking, append, good, main_at, refused

from headgate.catalog.model import Commit


def head(branch: Asking) -> Commit:
    return branch.served.lake.catalog.resolve(branch.ref)


def change(name: str, updates: list[Any], requirements: list[Any] | None = None) -> dict[str, Any]:
    identifier = {"namespace": ["ns"], "name": name}
    return {"identifier": identifier, "requirements": requirements or [], "updates": updates}


def test_a_commit_lands_and_says_who_with_what(filled: Asking) -> None:
    done = good(filled.commit(append(1, 1), [main_at(None)], name="t"))
    assert done["metadata"]["current-snapshot-id"] == 1
    assert [entry["metadata-file"].rsplit("/", 1)[1][:6] for entry in done["metadata"]["metadata-log"]] == ["00000-"]
    commit = head(filled)
    assert (commit.author, commit.message) == ("client", "append ns.t")
    assert commit.properties["via"] == "iceberg-rest"
    assert commit.properties["engine"].startswith("python-requests/")


def test_a_requirement_that_fails_changes_nothing(filled: Asking) -> None:
    before = head(filled).id
    message = refused(filled.commit(append(1, 1), [main_at(7)]), 409, "CommitFailedException")
    assert message == "Requirement failed: branch or tag main is missing, expected 7"
    assert head(filled).id == before


def test_a_commit_that_changes_nothing_is_none(filled: Asking) -> None:
    before = head(filled).id
    good(filled.commit([]))
    shown = filled.load()["metadata"]["location"]
    good(filled.commit([{"action": "set-location", "location": shown}]))
    assert head(filled).id == before


def test_two_tables_change_together(filled: Asking) -> None:
    filled.table("u")
    answer = filled.post(
        "/transactions/commit", {"table-changes": [change("t", append(1, 1)), change("u", append(2, 1))]}
    )
    assert answer.status_code == 204
    assert [str(operation.name) for operation in head(filled).operations] == ["ns.t", "ns.u"]


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (change("u", append(2, 1), [main_at(7)]), 409),
        (change("u", [{"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 9}]), 400),
        (change("u", [{"action": "dance"}]), 400),
        (change("u", [], [{"type": "assert-dance"}]), 400),
        (change("u", [], [{"type": "assert-create"}]), 409),
        (change("missing", append(2, 1)), 404),
        (change("t", append(2, 1)), 400),
        ({"requirements": [], "updates": []}, 400),
        ("u", 400),
    ],
)
def test_with_one_bad_table_neither_lands(filled: Asking, bad: Any, status: int) -> None:
    filled.table("u")
    before, files = head(filled).id, sorted(each.location for each in filled.served.lake.storage.list(folder(filled)))
    for changes in ([change("t", append(1, 1)), bad], [bad, change("t", append(1, 1))]):
        assert filled.post("/transactions/commit", {"table-changes": changes}).status_code == status
    assert head(filled).id == before
    assert "current-snapshot-id" not in filled.load()["metadata"]
    assert sorted(each.location for each in filled.served.lake.storage.list(folder(filled))) == files


def folder(branch: Asking) -> str:
    return branch.served.lake.storage.warehouse


def test_a_change_that_still_holds_lands_on_what_others_made(filled: Asking) -> None:
    """Requirements name what has to hold; a table that moved otherwise is no reason to fail."""

    def put(number: int) -> int:
        update = {"action": "set-properties", "updates": {f"key-{number}": "x"}}
        return filled.commit([update], [{"type": "assert-default-spec-id", "default-spec-id": 0}]).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(put, range(24)))
    assert answers == [200] * 24
    properties = filled.load()["metadata"]["properties"]
    assert {f"key-{number}" for number in range(24)} <= set(properties)


def test_of_many_appends_to_one_snapshot_one_lands(filled: Asking) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: filled.commit(append(number, 1), [main_at(None)]), range(1, 9)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    winner = next(number for number, answer in enumerate(answers, 1) if answer.status_code == 200)
    assert filled.load()["metadata"]["current-snapshot-id"] == winner


def test_a_table_keeps_its_place_while_clients_write_elsewhere(filled: Asking) -> None:
    places = {filled.load()["metadata"]["location"] for _ in range(5)}
    assert len(places) == 5
    roots = {place.split("/writes/")[0] for place in places}
    good(filled.commit([{"action": "set-properties", "updates": {"a": "b"}}]))
    assert len(roots) == 1
    assert filled.load()["metadata"]["location"].startswith(roots.pop())


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"requirements": [], "updates": {}},
        {"requirements": [1], "updates": []},
        {"updates": [1], "requirements": []},
        {"updates": [{}], "requirements": []},
        {"updates": [{"action": "add-schema"}], "requirements": []},
        {"updates": [{"action": "set-properties", "updates": {"a": {}}}], "requirements": []},
        {"updates": [{"action": "set-location", "location": "s3://elsewhere"}], "requirements": []},
        {"updates": [{"action": "set-properties", "updates": {"write.data.path": "s3://x"}}], "requirements": []},
        {"updates": [{"action": "set-properties", "updates": {"gc.enabled": "true"}}], "requirements": []},
    ],
)
def test_what_is_no_commit_is_refused(filled: Asking, body: Any) -> None:
    before = head(filled).id
    assert filled.post("/namespaces/ns/tables/t", body).status_code == 400
    assert head(filled).id == before
