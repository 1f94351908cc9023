"""Who may ask: tokens, and what a server without them still refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from sqlalchemy import update
from starlette.datastructures import Headers
from tests.web.serving import Served, serving

from headgate import database
from headgate.errors import Forbidden
from headgate.web.auth import NoAuth, is_loopback


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer hg_0123456789abcdef_" + "a" * 43,
        "Basic dGVzdGVyOng=",
        "Token {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer {token},{token}",
    ],
)
def test_what_is_no_valid_token_is_401(served: Served, header: str | None) -> None:
    value = header.format(token=served.token) if header is not None else None
    answer = served.get("/api/v1", headers={"Authorization": value})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    error = answer.json()["error"]
    assert error["type"] == "Unauthorized"
    assert "headgate token create" in error["hint"]
    assert served.token not in answer.text


def test_a_token_in_the_wrong_case_of_its_scheme_is_right(served: Served) -> None:
    assert served.get("/api/v1", headers={"Authorization": f"bearer {served.token}"}).status_code == 200


def test_two_headers_are_none(served: Served) -> None:
    import http.client

    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=30)
    connection.putrequest("GET", "/api/v1")
    for _ in range(2):
        connection.putheader("Authorization", f"Bearer {served.token}")
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


def test_an_expired_and_a_revoked_token_are_401_from_then_on(served: Served) -> None:
    tokens = served.lake.tokens
    for name, column in (("old", "expires"), ("gone", "revoked")):
        secret = tokens.create(name).secret
        headers = {"Authorization": f"Bearer {secret}"}
        assert served.get("/api/v1", headers=headers).status_code == 200
        table = database.tokens
        with served.lake.db.write() as connection:
            connection.execute(update(table).where(table.c.name == name).values({column: datetime.now(UTC)}))
        assert served.get("/api/v1", headers=headers).status_code == 401


def test_errors_below_iceberg_have_icebergs_shape(served: Served) -> None:
    error = served.get("/iceberg/v1/config", headers={"Authorization": None}).json()["error"]
    assert set(error) == {"message", "type", "code"}
    assert (error["type"], error["code"]) == ("NotAuthorizedException", 401)


def test_without_tokens_everybody_on_the_machine_may_ask(project_dir: Path) -> None:
    with serving(project_dir, no_auth=True) as served:
        answer = requests.get(f"{served.url}/api/v1", timeout=30)
        assert answer.status_code == 200
        rebound = requests.get(f"{served.url}/api/v1", headers={"Host": "evil.example"}, timeout=30)
        assert rebound.status_code == 403
        page = requests.post(
            f"{served.url}/api/v1/branches", json={"name": "x"}, headers={"Origin": "http://evil.example"}, timeout=30
        )
        assert page.status_code == 403
        assert [ref.name for ref in served.lake.catalog.refs()] == ["main"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8181", "[::1]:8181", "127.8.8.8"])
def test_names_of_this_machine(host: str) -> None:
    own = Headers({"host": host, "origin": f"http://{host}"})
    assert NoAuth("me").principal(own).name == "me"


@pytest.mark.parametrize("host", ["", "example.com", "localhost.example.com", "10.0.0.1", "127.0.0.1.example.com"])
def test_names_of_others(host: str) -> None:
    with pytest.raises(Forbidden):
        NoAuth("me").principal(Headers({"host": host}))
    assert not is_loopback(host)
