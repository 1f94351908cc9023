"""The OAuth 2.0 token endpoint, as Iceberg's clients use it: client credentials (RFC 6749) and exchange (RFC 8693).

The client's id is the name of a token, its secret is the token. What it gets is a short-lived access token, which
holds no longer than the token it stands for.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from typing import NoReturn
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from headgate.run.tokens import Token, Tokens
from headgate.web import signing

LIFETIME = 3600
"""Seconds that an access token holds."""

_LARGEST = 16_384
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a type
_SUBJECTS = (_ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt")
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthError(Exception):
    """A refusal in the words of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


class TokenEndpoint:
    """Gives access tokens to whoever shows a token."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._key = tokens.signing_key()

    async def answer(self, request: Request) -> JSONResponse:
        """The answer to `POST /iceberg/v1/oauth/tokens`."""
        try:
            form = await _form(request)
            token = await run_in_threadpool(self._granted, form, _basic(request))
        except OAuthError as error:
            body = {"error": error.error, "error_description": str(error)}
            challenge = {"WWW-Authenticate": 'Basic realm="headgate"'} if error.status == 401 else {}
            return JSONResponse(body, error.status, headers=_NO_STORE | challenge)
        now = int(time.time())
        expires = now + LIFETIME
        if token.expires:
            expires = min(expires, int(token.expires.timestamp()))
        answer = {
            "access_token": signing.sign(self._key, token.id, expires),
            "token_type": "bearer",
            "expires_in": max(expires - now, 1),
            "issued_token_type": _ACCESS_TOKEN,
        }
        if form.get("scope"):
            answer["scope"] = form["scope"]
        return JSONResponse(answer, headers=_NO_STORE)

    def _granted(self, form: dict[str, str], basic: tuple[str, str] | None) -> Token:
        grant = form.get("grant_type")
        if grant == "client_credentials":
            client, secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
            return self._client(client, secret)
        if grant == "urn:ietf:params:oauth:grant-type:token-exchange":
            return self._exchanged(form, basic)
        if not grant:
            raise OAuthError("invalid_request", "grant_type is missing.")
        raise OAuthError("unsupported_grant_type", "grant_type is client_credentials or token-exchange.")

    def _client(self, client: str, secret: str) -> Token:
        """The token of a client; without an id the secret tells by itself, as with `credential=TOKEN`."""
        if not secret:
            raise OAuthError("invalid_client", "client_secret is missing: it is the token.", 401)
        token = self._tokens.of_secret(secret)
        if token is None or (client and not hmac.compare_digest(client.encode(), token.name.encode())):
            raise OAuthError("invalid_client", "client_id and client_secret are no token's name and secret.", 401)
        return token

    def _exchanged(self, form: dict[str, str], basic: tuple[str, str] | None) -> Token:
        subject, kind = form.get("subject_token"), form.get("subject_token_type")
        if not subject:
            raise OAuthError("invalid_request", "subject_token is missing.")
        if kind not in _SUBJECTS:
            raise OAuthError("invalid_request", f"subject_token_type is to be {_ACCESS_TOKEN}.")
        if form.get("actor_token"):
            raise OAuthError("invalid_request", "actor_token is not supported.")
        # Iceberg's Java client renews a token that has expired by proving with its credential who it is.
        client = self._client(*basic) if basic else None
        token_id = signing.verify(self._key, subject, expired=client is not None)
        token = self._tokens.of_id(token_id) if token_id else self._tokens.of_secret(subject)
        if token is None or (client and client.id != token.id):
            raise OAuthError("invalid_grant", "subject_token does not hold: it is wrong, expired or revoked.")
        return token


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, each given once."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "The body is to be application/x-www-form-urlencoded.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            raise OAuthError("invalid_request", "The body is too large.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=32)
    except ValueError:
        _malformed("The body is no form.")
    form = dict(pairs)
    if len(form) != len(pairs):
        _malformed("A parameter is given twice.")
    return form


def _basic(request: Request) -> tuple[str, str] | None:
    """The client's id and secret from `Authorization: Basic`; other schemes say nothing here."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client, found, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        _malformed("The header Authorization is no Basic credential.")
    return (client, secret) if found else ("", client)


def _malformed(description: str) -> NoReturn:
    raise OAuthError("invalid_request", description)
