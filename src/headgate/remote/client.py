"""Requests to a server of headgate's API, and what goes wrong with them."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast
from urllib.parse import quote, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from headgate.errors import ServerError, Unauthorized, UsageError
from headgate.remote.encoding import EXACT, restore
from headgate.remote.protocol import LINES, PREFIX, VERSION
from headgate.remote.structures import error_of
from headgate.version import __version__

TOKEN_VARIABLE = "HEADGATE_TOKEN"  # noqa: S105 - the name of a variable
"""Where the token is looked for when none is given."""

_CONNECT_SECONDS = 10
# For answers that a server gives at once; what takes its time is waited for as long as the connection lives.
_READ_SECONDS = 300
_NUMBER = re.compile(r"\[Errno -?\d+\] ?")
_UP = "headgate serve starts a server; --catalog and $HEADGATE_CATALOG name its address."
_TOKENS = f"Set ${TOKEN_VARIABLE} to a token that holds; on the server: headgate token create NAME"


class Client:
    """A connection to one server.

    Args:
        url: Its address: `http://host:port`, or with a path where it stands behind a proxy.
        token: Of the lake; default: `$HEADGATE_TOKEN`.

    Raises:
        UsageError: The address is none, or the token cannot be one.
        ServerError: Nothing answers there, or something else than headgate, or another version of its API.
        Unauthorized: The token does not hold.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = address(url)
        self._session = requests.Session()
        self._session.auth = _Bearer(_checked(token or os.environ.get(TOKEN_VARIABLE)))
        self._session.headers["User-Agent"] = f"headgate/{__version__}"
        # A proxy of the environment is of no use on the way to this machine itself.
        self._session.trust_env = not _is_local(self.url)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter())
        try:
            self.about = self._hello()
        except BaseException:
            self.close()
            raise

    def get(self, path: str, **arguments: Any) -> Any:
        """What stands at a path, its values restored."""
        return self._exact(
            "GET", path, params={name: "" if value is None else value for name, value in arguments.items()}
        )

    def post(self, path: str, **arguments: Any) -> Any:
        """What comes of arguments that are sent to a path."""
        return self._exact("POST", path, json=arguments)

    def delete(self, path: str) -> None:
        """Delete what stands at a path."""
        with self._response("DELETE", path, EXACT, _READ_SECONDS):
            pass

    @contextmanager
    def stream(self, path: str, media_type: str, **arguments: Any) -> Iterator[IO[bytes]]:
        """An answer that is read while it is made; leaving the body early tells the server to stop."""
        with self._response("POST", path, media_type, None, json=arguments) as response:
            found = response.headers.get("content-type", "").partition(";")[0]
            if found != media_type:
                raise self._strange(response)
            response.raw.decode_content = True
            with self._network():
                yield cast("IO[bytes]", response.raw)

    def lines(self, path: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """The objects of an answer that tells of its progress, as they come."""
        with self.stream(path, LINES, **arguments) as stream:
            for line in _lines(stream):
                if line.strip():
                    yield self._restored(line)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _exact(self, method: str, path: str, **arguments: Any) -> Any:
        with self._response(method, path, EXACT, _READ_SECONDS, **arguments) as response:
            if response.headers.get("content-type", "").partition(";")[0] != EXACT:
                raise self._strange(response)
            with self._network():
                body = response.content
            return self._restored(body)

    @contextmanager
    def _response(
        self, method: str, path: str, accept: str, seconds: float | None, **arguments: Any
    ) -> Iterator[requests.Response]:
        """The answer to a request; one that is an error is raised as what it says it is."""
        with self._network():
            response = self._session.request(
                method,
                self.url + PREFIX + path,
                headers={"Accept": f"{accept}, application/json"},
                timeout=(_CONNECT_SECONDS, seconds),
                allow_redirects=False,
                stream=True,
                **arguments,
            )
        with response:
            if not 200 <= response.status_code < 300:
                raise self._told(response)
            yield response

    def _restored(self, text: bytes) -> Any:
        try:
            return restore(json.loads(text))
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise self._no_headgate("its answer cannot be read") from error

    def _told(self, response: requests.Response) -> Exception:
        with self._network():
            body = response.content
        try:
            document = json.loads(body)["error"]
            error = error_of(document)
        except (ValueError, KeyError, TypeError, AttributeError):
            return self._strange(response)
        if isinstance(error, Unauthorized):
            sent = cast("_Bearer", self._session.auth).token is not None
            message = "The server does not accept the token." if sent else "The server wants a token."
            return Unauthorized(message, place=self.url, hint=_TOKENS)
        return error

    def _hello(self) -> dict[str, Any]:
        about = self.get("")
        if not isinstance(about, dict) or "headgate" not in about:
            raise self._no_headgate("its answer is another's")
        if about.get("api") != VERSION:
            raise ServerError(
                f"The server is headgate {about['headgate']} with version {about.get('api')} of the API; "
                f"this is headgate {__version__} with version {VERSION}.",
                place=self.url,
                hint="Upgrade the older of the two.",
            )
        return about

    def _strange(self, response: requests.Response) -> ServerError:
        return self._no_headgate(f"it answers {response.status_code} {response.reason or ''}".rstrip())

    def _no_headgate(self, reason: str) -> ServerError:
        return ServerError(
            f"What answers there is no server of headgate: {reason}.",
            place=self.url,
            hint="Check host and port; the address is the one that headgate serve prints.",
        )

    @contextmanager
    def _network(self) -> Iterator[None]:
        """Errors of the network, told as ours."""
        try:
            yield
        except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
            raise ServerError(
                "The server's certificate does not hold, or it speaks no TLS.",
                place=self.url,
                hint="http:// for a server without TLS; $REQUESTS_CA_BUNDLE names authorities of your own.",
            ) from error
        except (requests.exceptions.ConnectTimeout, requests.exceptions.ConnectionError) as error:
            raise ServerError(f"The server does not answer: {_reason(error)}.", place=self.url, hint=_UP) from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            raise ServerError(
                f"The connection to the server broke: {_reason(error)}.",
                place=self.url,
                hint="Try again; headgate log tells whether a change was made.",
            ) from error


def address(url: str) -> str:
    """The address of a server as requests begin with it.

    Raises:
        UsageError: It is none, or holds a secret.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError("The address of the server is no URL.", hint="It is http://HOST:PORT, or https://HOST")
    if "@" in parts.netloc:
        raise UsageError(
            "The address of the server holds a user or a secret, which would end up in logs.",
            place=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
            hint=f"Leave it away and set ${TOKEN_VARIABLE}.",
        )
    if parts.query or parts.fragment:
        raise UsageError(
            "The address of the server ends before '?' and '#'.", place=host, hint="Leave away what follows."
        )
    path = parts.path.rstrip("/")
    # People also paste the addresses below it.
    for end in (PREFIX, "/iceberg"):
        path = path.removesuffix(end)
    return f"{parts.scheme}://{parts.netloc}{path}"


def encoded(name: str) -> str:
    """A name as one step of a path."""
    return quote(name, safe="")


class _Bearer(AuthBase):
    """The token in the header; as requests' own kind of authentication, so that no .netrc takes its place."""

    def __init__(self, token: str | None) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class _Adapter(HTTPAdapter):
    """Connections that notice that the other side is gone, however long they wait for an answer."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        alive = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 6)):
            if hasattr(socket, name):
                alive.append((socket.IPPROTO_TCP, getattr(socket, name), value))
        options["socket_options"] = [*urllib3.connection.HTTPConnection.default_socket_options, *alive]
        super().init_poolmanager(*arguments, **options)


def _checked(token: str | None) -> str | None:
    """A token that can stand in a header; none when it is empty."""
    token = (token or "").strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        # Without the value: most of it may well be a secret.
        raise UsageError("The token holds characters that no token has.", hint=_TOKENS)
    return token or None


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines as they arrive, not when a buffer is full."""
    rest = b""
    while piece := cast("Any", stream).read1():
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: BaseException) -> str:
    """The innermost reason of an error of the network, in a few words."""
    inner: Any = error
    while True:
        following = getattr(inner, "reason", None) or next(
            (argument for argument in reversed(inner.args) if isinstance(argument, BaseException)), None
        )
        if not isinstance(following, BaseException):
            break
        inner = following
    if isinstance(inner, socket.gaierror | urllib3.exceptions.NameResolutionError):
        return "there is no host of that name"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    if isinstance(inner, TimeoutError | requests.exceptions.Timeout) or "timed out" in str(inner):
        return "it took too long"
    return _NUMBER.sub("", str(inner).rpartition(": ")[2].rstrip(".")).lower() or type(inner).__name__
