"""Who asks: bearer tokens, and what stands in their place when a server on loopback asks for none."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from headgate.errors import Forbidden, HeadgateError, Unauthorized
from headgate.run.tokens import Token, Tokens
from headgate.web import signing
from headgate.web.errors import error_response

TOKEN_ENDPOINT = "/iceberg/v1/oauth/tokens"  # noqa: S105 - a path, not a secret
PUBLIC = frozenset(
    {("GET", "/health"), ("HEAD", "/health"), ("GET", "/ready"), ("HEAD", "/ready"), ("POST", TOKEN_ENDPOINT)}
)
"""The only requests that are answered without a token."""

_HINT = "Send the header 'Authorization: Bearer TOKEN'; headgate token create NAME makes a token."


@dataclass(frozen=True)
class Principal:
    """Whoever asks; commits that the request makes carry the name as their author."""

    name: str


class Auth(Protocol):
    """Tells who asks from a request's headers; may ask the database, so it is called in a thread."""

    def principal(self, headers: Headers) -> Principal:
        """Who asks.

        Raises:
            Unauthorized: That is not told, or not in a way that holds.
            Forbidden: They may not ask at all.
        """


class TokenAuth:
    """Bearer tokens: the secret of a token, or an access token that was given for one."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._key = tokens.signing_key()

    def principal(self, headers: Headers) -> Principal:
        given = headers.getlist("authorization")
        scheme, _, secret = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not secret:
            raise Unauthorized("The request carries no token.", hint=_HINT)
        token = self.token(secret.strip())
        if token is None:
            raise Unauthorized("The token does not hold: it is wrong, expired or revoked.", hint=_HINT)
        return Principal(token.name)

    def token(self, secret: str) -> Token | None:
        """The token that a secret or an access token stands for, if it still holds."""
        if secret.startswith("hg_"):
            return self._tokens.of_secret(secret)
        token_id = signing.verify(self._key, secret)
        return self._tokens.of_id(token_id) if token_id else None


class NoAuth:
    """Everybody on this machine; but not the pages of other sites in this machine's browsers.

    A page can have its name resolve to a loopback address, and can send forms to any address: the headers Host and
    Origin, which a browser sets and a page cannot, give both away.
    """

    def __init__(self, name: str) -> None:
        self._principal = Principal(name)

    def principal(self, headers: Headers) -> Principal:
        host = headers.get("host", "")
        if not is_loopback(urlsplit(f"//{host}").hostname):
            raise Forbidden(
                f"Without tokens the server answers only to its own machine's names, not to '{host}'.",
                hint="Ask for it as 127.0.0.1, or serve with tokens.",
            )
        origin = headers.get("origin")
        if origin and urlsplit(origin).netloc != headers.get("host"):
            raise Forbidden(
                f"Without tokens the server answers no pages of other sites, such as '{origin}'.",
                hint="Serve with tokens.",
            )
        return self._principal


class Authentication:
    """The door before every route: sets `request.state.principal`, or answers 401 or 403."""

    def __init__(self, app: ASGIApp, auth: Auth, threads: int = 4) -> None:
        self._app = app
        self._auth = auth
        # Its own, so that whoever has no token is told so while others keep every worker busy.
        self._limiter = CapacityLimiter(threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # As it was sent: what only decodes to such a path is another route's.
        sent = scope.get("raw_path", b"").decode("latin-1")
        if scope["type"] != "http" or (scope["method"], sent) in PUBLIC:
            await self._app(scope, receive, send)
            return
        try:
            headers = Headers(scope=scope)
            principal = await to_thread.run_sync(self._auth.principal, headers, limiter=self._limiter)
        except HeadgateError as error:
            challenge = {"WWW-Authenticate": 'Bearer realm="headgate"'} if isinstance(error, Unauthorized) else None
            await error_response(scope["path"], error, headers=challenge)(scope, receive, send)
            return
        scope.setdefault("state", {})["principal"] = principal
        await self._app(scope, receive, send)


def is_loopback(host: str | None) -> bool:
    """Whether a host as URLs name it is this machine, reached from itself only."""
    if not host:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def all_loopback(addresses: Iterable[str]) -> bool:
    """Whether every one of these addresses is a loopback address."""
    return all(is_loopback(address) for address in addresses)
