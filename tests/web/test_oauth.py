"""The OAuth 2.0 token endpoint, asked as Iceberg's clients ask it."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from typing import Any

import pytest
import requests
from tests.web.serving import Served

from headgate.run.tokens import Tokens
from headgate.web import signing

PATH = "/iceberg/v1/oauth/tokens"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"


def ask(served: Served, form: dict[str, Any], **headers: str) -> requests.Response:
    return requests.post(served.url + PATH, data=form, headers=headers, timeout=30)


def granted(served: Served, form: dict[str, Any], **headers: str) -> str:
    answer = ask(served, form, **headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def credentials(served: Served, **changed: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": "client", "client_secret": served.token, **changed}


def basic(client: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


def allows(served: Served, token: str) -> bool:
    status = served.get("/api/v1", headers={"Authorization": f"Bearer {token}"}).status_code
    assert status in (200, 401)
    return status == 200


def test_a_client_gets_an_access_token_for_its_credential(served: Served) -> None:
    answer = ask(served, credentials(served, scope="catalog"))

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["issued_token_type"], body["scope"]) == ("bearer", ACCESS, "catalog")
    assert body["expires_in"] == 3600
    claims = json.loads(base64.urlsafe_b64decode(body["access_token"].split(".")[1] + "=="))
    assert 3590 < claims["exp"] - time.time() <= 3600
    assert allows(served, body["access_token"])


def test_the_credential_may_come_in_the_header(served: Served) -> None:
    form = {"grant_type": "client_credentials"}
    assert allows(served, granted(served, form, Authorization=basic("client", served.token)))


def test_the_token_alone_is_a_credential(served: Served) -> None:
    """`credential=TOKEN`, without a name, is what many write."""
    form = {"grant_type": "client_credentials", "client_secret": served.token}
    assert allows(served, granted(served, form))


def test_a_token_is_exchanged_for_a_fresh_one(served: Served) -> None:
    first = granted(served, credentials(served))
    form = {"grant_type": EXCHANGE, "subject_token": first, "subject_token_type": ACCESS}
    assert allows(served, granted(served, form, Authorization=f"Bearer {first}"))
    # The client that was given a token and no credential exchanges that one.
    assert allows(served, granted(served, form | {"subject_token": served.token}))


def test_an_expired_token_is_renewed_with_the_credential_only(served: Served) -> None:
    tokens = served.lake.tokens
    (token,) = tokens.list()
    old = signing.sign(tokens.signing_key(), token.id, int(time.time()) - 10)
    form = {"grant_type": EXCHANGE, "subject_token": old, "subject_token_type": ACCESS}

    refused = ask(served, form)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert allows(served, granted(served, form, Authorization=basic("client", served.token)))
    other = tokens.create("other").secret
    stolen = ask(served, form, Authorization=basic("other", other))
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")


def test_revoking_the_token_ends_its_access_tokens_at_once(served: Served) -> None:
    access = granted(served, credentials(served))
    assert allows(served, access)
    served.lake.tokens.revoke("client")
    assert not allows(served, access)
    assert not allows(served, served.token)
    form = {"grant_type": EXCHANGE, "subject_token": access, "subject_token_type": ACCESS}
    assert ask(served, form).json()["error"] == "invalid_grant"
    assert ask(served, credentials(served)).status_code == 401


def test_an_access_token_holds_no_longer_than_the_token_itself(served: Served) -> None:
    secret = Tokens(served.lake.db).create("short", timedelta(minutes=10)).secret
    body = ask(served, credentials(served, client_id="short", client_secret=secret)).json()
    assert 590 <= body["expires_in"] <= 600


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"client_secret": "hg_0123456789abcdef_" + "a" * 43}, 401, "invalid_client"),
        ({"client_secret": "secret"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_id": "another"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": EXCHANGE}, 400, "invalid_request"),
        ({"grant_type": EXCHANGE, "subject_token": "x", "subject_token_type": "saml"}, 400, "invalid_request"),
        ({"grant_type": EXCHANGE, "subject_token": "x", "subject_token_type": ACCESS}, 400, "invalid_grant"),
        (
            {"grant_type": EXCHANGE, "subject_token": "x", "subject_token_type": ACCESS, "actor_token": "y"},
            400,
            "invalid_request",
        ),
    ],
)
def test_refusals_have_the_words_of_oauth(served: Served, changed: dict[str, str], status: int, error: str) -> None:
    answer = ask(served, credentials(served, **changed))
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert served.token not in answer.text


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"{}", "application/json"),
        (b"grant_type=%ff", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"grant_type=a&grant_type=b", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=b" % number for number in range(100)), "application/x-www-form-urlencoded"),
        (b"grant_type=" + b"a" * 20_000, "application/x-www-form-urlencoded"),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_no_form_is_an_invalid_request(served: Served, body: bytes, media: str) -> None:
    answer = requests.post(served.url + PATH, data=body, headers={"Content-Type": media}, timeout=30)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("value", ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff\xff").decode()])
def test_a_broken_basic_credential_is_an_invalid_request(served: Served, value: str) -> None:
    answer = ask(served, {"grant_type": "client_credentials"}, Authorization=value)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] in ("invalid_request", "invalid_client")
