"""No way of asking gets past the door: every route wants a token that holds, and no path leads around it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from starlette.routing import Mount
from tests.web.serving import Served, serving

from headgate import database
from headgate.web import signing
from headgate.web.app import create_app
from headgate.web.auth import NoAuth

OPEN = {("GET", "/health"), ("HEAD", "/health"), ("GET", "/ready"), ("HEAD", "/ready")}
TOKENS = ("POST", "/iceberg/v1/oauth/tokens")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("lake")
    (root / "headgate.yml").write_text("name: lake\n")
    with serving(root) as found:
        yield found


def requests_of(routes: list[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every method and path of an application, parameters filled in."""
    for route in routes:
        if isinstance(route, Mount):
            yield from requests_of(list(route.routes), prefix + route.path)
        else:
            path = "/".join("main" if part.startswith("{") else part for part in route.path.split("/"))
            yield from ((method, prefix + path) for method in route.methods)


def send(served: Served, method: str, path: str, authorization: str | None) -> tuple[int, bytes]:
    """A request whose path nothing normalises on the way."""
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=30)
    headers = {"Authorization": authorization} if authorization else {}
    body = b"{}" if method in ("POST", "PUT", "PATCH") else None
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def no_longer_valid(served: Served) -> Iterator[str]:
    """Secrets and access tokens that do not hold, each in another way."""
    tokens = served.lake.tokens
    key = tokens.signing_key()
    later = int(datetime.now(UTC).timestamp()) + 600
    yield "hg_0123456789abcdef_" + "a" * 43
    for name, column in (("old", "expires"), ("gone", "revoked")):
        made = tokens.create(name)
        table = database.tokens
        past = datetime.now(UTC) - timedelta(seconds=1)
        with served.lake.db.write() as connection:
            connection.execute(update(table).where(table.c.name == name).values({column: past}))
        yield made.secret
        yield signing.sign(key, made.token.id, later)
    (valid,) = [token for token in tokens.list() if token.status == "valid"]
    yield signing.sign(key, valid.id, 0)
    yield signing.sign(b"another key", valid.id, later)


def test_every_route_wants_a_token_that_holds(served: Served) -> None:
    app = create_app(served.lake, NoAuth("nobody"))
    found = sorted(set(requests_of(list(app.routes))))
    assert len([path for _, path in found if path.startswith("/iceberg")]) > 25
    assert len([path for _, path in found if path.startswith("/api")]) > 15
    wrong = [None, "Basic dGVzdGVyOng=", *(f"Bearer {secret}" for secret in no_longer_valid(served))]

    answered = {
        (method, path): {send(served, method, path, authorization)[0] for authorization in wrong}
        for method, path in found
    }

    unguarded = {request for request, statuses in answered.items() if statuses != {401}}
    assert unguarded == OPEN | {TOKENS}
    # The token endpoint is open because tokens come from there; without one to show it gives none.
    assert answered[TOKENS] == {400}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//health",
        "/health/",
        "/health/../api/v1",
        "/HEALTH",
        "/ready;x",
        "/health%2f..%2fapi%2fv1",
        "/%68ealth",
        "/iceberg/v1/oauth%2Ftokens",
        "/iceberg/v1/oauth/tokens/",
        "/iceberg/v1/oauth/tokens/../../config",
        "/iceberg//v1/config",
        "/api/v1/",
        "/nothing",
    ],
)
def test_what_looks_like_an_open_path_is_none(served: Served, method: str, path: str) -> None:
    assert send(served, method, path, None)[0] in (400, 401)


@pytest.mark.parametrize(
    "path",
    [
        "/iceberg/v1/../../etc/passwd",
        "/iceberg/v1/..%2F..%2Fetc%2Fpasswd/namespaces",
        "/iceberg/v1/%2e%2e/namespaces",
        "/iceberg/v1/%2e%2e%2f%2e%2e/namespaces",
        "/iceberg/v1/main/namespaces/../../../config",
        "/api/v1/tables/..%2f..%2fsecret",
        "/./api/v1",
    ],
)
def test_a_path_that_climbs_is_refused(served: Served, path: str) -> None:
    status, body = send(served, "GET", path, f"Bearer {served.token}")
    assert status == 400
    assert b"climbs" in body


@pytest.mark.parametrize(
    "path",
    [
        "/iceberg/v1/another/namespaces",
        "/iceberg/v1/s3:%2F%2Fbucket%2Fprefix/namespaces",
        "/iceberg/v1/%2Fetc/namespaces",
        "/iceberg/v1/file:%2F%2F%2Fetc/namespaces",
        "/iceberg/v1/main%00/namespaces",
        "/iceberg/v1/%252e%252e/namespaces",
        "/iceberg/v1/main/namespaces/%252e%252e/tables",
        "/iceberg/v1/config?warehouse=another",
        "/iceberg/v1/config?warehouse=..%2F..",
        "/iceberg/v1/config?warehouse=%2Fetc",
        "/iceberg/v2/main/namespaces",
    ],
)
def test_the_prefix_of_another_warehouse_leads_nowhere(served: Served, path: str) -> None:
    status, body = send(served, "GET", path, f"Bearer {served.token}")
    assert status in (400, 404), body
    assert b"root:" not in body
