"""Requests with an idempotency key: done once, however often they are sent, whoever dies meanwhile."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from tests.web.iceberg.asking import SCHEMA, VERSION, Asking, append, good, main_at, refused

from headgate import database

CREATE = {"name": "new", "schema": SCHEMA}


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def commits(branch: Asking) -> int:
    return len(list(branch.served.lake.catalog.log(branch.ref)))


def test_the_config_says_so(branch: Asking) -> None:
    found = good(branch.served.get("/iceberg/v1/config"))
    assert found["idempotency-key-lifetime"] == "PT1H"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/namespaces", {"namespace": ["new"], "properties": {"a": "b"}}),
        ("POST", "/namespaces/ns/properties", {"updates": {"a": "b"}}),
        ("POST", "/namespaces/ns/tables", CREATE),
        ("POST", "/namespaces/ns/tables/t", {"requirements": [main_at(None)], "updates": append(1, 1)}),
        ("DELETE", "/namespaces/ns/tables/t", None),
        ("POST", "/namespaces/ns/views", {"name": "new", "schema": SCHEMA, "view-version": VERSION, "properties": {}}),
        ("POST", "/namespaces/ns/views/v", {"updates": [{"action": "set-properties", "updates": {"a": "b"}}]}),
        ("DELETE", "/namespaces/ns/views/v", None),
        (
            "POST",
            "/transactions/commit",
            {
                "table-changes": [
                    {
                        "identifier": {"namespace": ["ns"], "name": "t"},
                        "requirements": [main_at(None)],
                        "updates": append(1, 1),
                    }
                ]
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_repeated_request_is_answered_and_not_done(filled: Asking, method: str, path: str, body: Any) -> None:
    headers = key()
    first = filled.ask(method, path, body, headers=headers)
    assert first.status_code in (200, 204)
    made = commits(filled)
    again = filled.ask(method, path, body, headers=headers)
    assert (again.status_code, commits(filled)) == (first.status_code, made)
    if again.status_code == 200 and "metadata-location" in first.json():
        assert again.json()["metadata-location"] == first.json()["metadata-location"]
    elif again.status_code == 200:
        assert again.json() == first.json()


def test_a_refusal_is_repeated_too(filled: Asking) -> None:
    headers, body = key(), {"requirements": [main_at(7)], "updates": append(1, 1)}
    first = filled.post("/namespaces/ns/tables/t", body, headers=headers)
    assert first.status_code == 409
    good(filled.commit(append(7, 1)))
    again = filled.post("/namespaces/ns/tables/t", body, headers=headers)
    assert (again.status_code, again.json()) == (409, first.json())


def test_a_key_is_for_one_request(filled: Asking) -> None:
    headers = key()
    assert filled.post("/namespaces", {"namespace": ["a"]}, headers=headers).status_code == 200
    answer = filled.post("/namespaces", {"namespace": ["b"]}, headers=headers)
    assert "was used for another request" in refused(answer, 400, "BadRequestException")


def test_a_key_is_a_uuid(filled: Asking) -> None:
    answer = filled.post("/namespaces", {"namespace": ["a"]}, headers={"Idempotency-Key": "mine"})
    assert refused(answer, 400, "BadRequestException")


def test_requests_at_the_same_time_are_one(filled: Asking) -> None:
    headers, before = key(), commits(filled)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: filled.post("/namespaces/ns/tables", CREATE, headers=headers), range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.json()["metadata"]["table-uuid"] for answer in answers}) == 1
    assert commits(filled) == before + 1


def unfinished(branch: Asking, headers: dict[str, str], age: timedelta) -> None:
    """Leave what a server leaves that dies before it answers."""
    table = database.idempotency
    db = branch.served.lake.db
    with db.read() as connection:
        created = connection.execute(table.select().where(table.c.key == headers["Idempotency-Key"])).one().created
    with db.write() as connection:
        claim = table.update().where(table.c.key == headers["Idempotency-Key"])
        connection.execute(claim.values(status=0, body="", created=created - age))


@pytest.mark.parametrize("age", [timedelta(), timedelta(minutes=10)])
def test_what_landed_before_the_server_died_is_found_in_the_log(filled: Asking, age: timedelta) -> None:
    headers, body = key(), {"requirements": [main_at(None)], "updates": append(1, 1)}
    good(filled.post("/namespaces/ns/tables/t", body, headers=headers))
    unfinished(filled, headers, age)
    made = commits(filled)
    again = good(filled.post("/namespaces/ns/tables/t", body, headers=headers))
    assert again["metadata"]["current-snapshot-id"] == 1
    assert commits(filled) == made


def test_what_had_not_landed_is_done(filled: Asking) -> None:
    headers, body = key(), {"requirements": [main_at(None)], "updates": append(1, 1)}
    wrong = {"requirements": [main_at(7)], "updates": append(1, 1)}
    assert filled.post("/namespaces/ns/tables/t", wrong, headers=headers).status_code == 409
    unfinished(filled, headers, timedelta(minutes=10))
    assert filled.post("/namespaces/ns/tables/t", wrong, headers=headers).status_code == 409
    good(filled.post("/namespaces/ns/tables/t", body, headers=key()))


def test_no_answer_is_kept_that_holds_metadata(filled: Asking) -> None:
    good(filled.post("/namespaces/ns/tables", CREATE, headers=key()))
    table = database.idempotency
    with filled.served.lake.db.read() as connection:
        rows = connection.execute(table.select()).all()
    assert [(row.status, row.body) for row in rows] == [(200, "")]


def test_a_staged_table_is_staged_again(filled: Asking) -> None:
    headers, body = key(), {**CREATE, "stage-create": True}
    for _ in range(2):
        assert "metadata-location" not in good(filled.post("/namespaces/ns/tables", body, headers=headers))
