"""What goes wrong between a client and what it takes for a server."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.web.serving import Served

import headgate
from headgate.errors import HeadgateError, QueryError, ServerError, Unauthorized, UsageError
from headgate.remote.client import Client, address
from headgate.remote.encoding import EXACT
from headgate.remote.lakehouse import RemoteLakehouse

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]
ABOUT = {"headgate": "9.9.9", "api": 1, "project": "x", "files": {}}


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Something that answers HTTP and is no server of headgate."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        do_POST = do_GET  # noqa: N815  # the name that http.server looks for

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reply(status: int, body: bytes, media_type: str = "text/html", **headers: str) -> Answer:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", media_type)
        request.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def document(data: object) -> Answer:
    return reply(200, json.dumps(data).encode(), EXACT)


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, b"<html>hello</html>"),
        reply(200, b'{"name": "another"}', "application/json"),
        reply(404, b"not here"),
        reply(401, b'{"message": "log in"}', "application/json"),
        reply(302, b"", Location="http://127.0.0.1:1/"),
        reply(500, b'{"error": "a text"}', "application/json"),
        reply(204, b""),
        document(["a", "list"]),
        document({"another": 1}),
    ],
)
def test_what_is_no_server_of_headgate_is_told_apart(answer: Answer) -> None:
    with answering(answer) as url, pytest.raises(ServerError, match="no server of headgate") as raised:
        Client(url)
    assert raised.value.place == url


def test_json_that_is_cut_is_told() -> None:
    with answering(reply(200, b'{"headgate": ', EXACT)) as url, pytest.raises(ServerError):
        Client(url)


def test_another_version_of_the_api_is_named() -> None:
    with answering(document({**ABOUT, "api": 2})) as url, pytest.raises(ServerError, match=r"9\.9\.9 with version 2"):
        Client(url)


def test_a_server_that_ends_the_connection_is_told() -> None:
    def drop(request: http.server.BaseHTTPRequestHandler) -> None:
        request.connection.shutdown(socket.SHUT_RDWR)
        request.close_connection = True

    with answering(drop) as url, pytest.raises(ServerError, match=r"does not answer|broke"):
        Client(url)


@pytest.mark.parametrize("ended", [b"", b"5\r\nabc"])
def test_an_answer_that_breaks_off_is_told(ended: bytes) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        if request.command == "GET":
            document(ABOUT)(request)
            return
        request.send_response(200)
        request.send_header("Content-Type", request.headers["Accept"].split(",")[0])
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(ended)
        request.wfile.flush()
        request.connection.shutdown(socket.SHUT_RDWR)
        request.close_connection = True

    with answering(answer) as url, RemoteLakehouse(url) as lake:
        with pytest.raises(ServerError, match="broke"):
            lake.query("select 1")
        with pytest.raises(ServerError, match="broke"):
            lake.merge("a")


def test_a_merge_whose_answer_ends_without_a_result_is_told() -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        lines = b'\n{"event": "Unheard", "of": 1}\n{"event": "Note", "message": "hello"}\n\n'
        (document(ABOUT) if request.command == "GET" else reply(200, lines, "application/x-ndjson"))(request)

    events: list[object] = []
    with answering(answer) as url, RemoteLakehouse(url) as lake, pytest.raises(ServerError, match="before the merge"):
        lake.merge("a", emit=events.append)
    assert [type(event).__name__ for event in events] == ["Note"]


def test_a_server_that_is_down_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ServerError, match="does not answer: connection refused") as raised:
        Client(f"http://127.0.0.1:{port}")
    assert "headgate serve" in str(raised.value.hint)


def test_a_host_that_is_not_there_and_a_server_without_tls_are_told(served: Served) -> None:
    with pytest.raises(ServerError, match="no host of that name"):
        Client("http://no-such-host.invalid")
    with pytest.raises(ServerError, match="TLS"):
        Client(served.url.replace("http://", "https://"))


@pytest.mark.parametrize(
    ("token", "message"),
    [(None, "wants a token"), ("hg_0123456789abcdef_" + "a" * 43, "does not accept the token"), ("x", "not accept")],
)
def test_a_token_that_does_not_hold_is_told(
    served: Served, token: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEADGATE_TOKEN", raising=False)
    with pytest.raises(Unauthorized, match=message) as raised:
        Client(served.url, token)
    assert "HEADGATE_TOKEN" in str(raised.value.hint)
    assert token is None or token not in str(raised.value.to_dict()) or len(token) == 1


def test_the_token_comes_from_the_environment(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_TOKEN", f" {served.token}\n")
    client = Client(served.url)
    assert client.about["project"] == "lake"
    client.close()


def test_a_netrc_does_not_take_the_tokens_place(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    Client(served.url, served.token).close()


@pytest.mark.parametrize("token", ["a b", "a\nb", "é", "a\x00b"])
def test_what_cannot_be_a_token_is_not_sent(token: str) -> None:
    with pytest.raises(UsageError, match="characters that no token has") as raised:
        Client("http://127.0.0.1:1", token)
    assert token not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://127.0.0.1:8181", "http://127.0.0.1:8181"),
        ("http://127.0.0.1:8181/", "http://127.0.0.1:8181"),
        ("http://127.0.0.1:8181/iceberg", "http://127.0.0.1:8181"),
        ("https://lake.example/headgate/api/v1/", "https://lake.example/headgate"),
        ("http://[::1]:8181", "http://[::1]:8181"),
    ],
)
def test_addresses(url: str, wanted: str) -> None:
    assert address(url) == wanted


@pytest.mark.parametrize(
    "url",
    ["", "lake", "ftp://lake", "http://", "http://a:b", "http://[::1", "http://lake?x=1", "http://lake#x", "//lake"],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(UsageError):
        address(url)


@pytest.mark.parametrize("url", ["http://me:secret@lake:8181", "https://secret@lake"])
def test_an_address_with_a_secret_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="end up in logs") as raised:
        headgate.open(url)
    assert "secret@" not in str(raised.value.to_dict())
    assert "me:" not in str(raised.value.to_dict())


def test_a_profile_is_not_a_servers() -> None:
    with pytest.raises(UsageError, match="profile"):
        headgate.open("http://127.0.0.1:1", profile="prod")


def test_an_error_is_what_it_was_on_the_server(served: Served) -> None:
    with RemoteLakehouse(served.url, served.token) as lake, pytest.raises(QueryError) as remote:
        lake.query("selct")
    with headgate.open(served.lake.project.root) as lake_here, pytest.raises(HeadgateError) as local:
        lake_here.query("selct")
    assert remote.value.to_dict() == local.value.to_dict()
    assert type(remote.value) is type(local.value)
