"""Bodies that are too large or too slow, clients that stop reading, and headers that never end."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send
from tests.web.serving import Served, serving

from headgate.web import server
from headgate.web.limits import Limits


@pytest.fixture
def small(project_dir: Path) -> Iterator[Served]:
    with serving(project_dir, largest_body=1000) as found:
        yield found


def connected(served: Served) -> socket.socket:
    host, port = served.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(small: Served) -> None:
    with connected(small) as connection:
        head = f"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {small.token}\r\n"
        connection.sendall(f"{head}Content-Length: 1001\r\n\r\n".encode())
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer


def test_a_body_that_turns_out_too_large_is_refused(small: Served) -> None:
    connection = http.client.HTTPConnection(small.url.removeprefix("http://"), timeout=30)
    pieces = iter([b'{"sql": "', b"x" * 600, b"x" * 600, b'"}'])
    headers = {"Authorization": f"Bearer {small.token}"}
    connection.request("POST", "/api/v1/query", pieces, headers, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 413
    assert "1000 bytes" in json.loads(answer.read())["error"]["message"]
    connection.close()


def test_a_body_of_the_size_that_is_allowed_passes(small: Served) -> None:
    body = json.dumps({"sql": "select 1 as one"}).ljust(1000).encode()
    assert len(body) == 1000
    assert small.post("/api/v1/query", data=body).json()["rows"] == [{"one": 1}]
    assert small.post("/api/v1/query", data=body + b" ").status_code == 413


def test_a_length_that_is_none_is_refused(small: Served) -> None:
    for length in ("-1", "x", "1e3"):
        with connected(small) as connection:
            head = f"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {small.token}\r\n"
            connection.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
            assert connection.recv(65536).split()[1] in (b"400", b"413")


def test_headers_that_never_end_are_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_HEADER_SECONDS", 0.2)
    with connected(served) as silent, connected(served) as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ")
        assert silent.recv(1) == b""
        assert slow.recv(1) == b""


def test_a_second_request_has_its_own_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_HEADER_SECONDS", 0.3)
    with connected(served) as connection:
        for _ in range(2):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while b"alive" not in answer:
                answer += connection.recv(65536)
            time.sleep(0.4)
        connection.sendall(b"GET /hea")
        assert connection.recv(1) == b""


def test_headers_that_are_too_long_are_refused(served: Served) -> None:
    with connected(served) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X-Long: " + b"x" * 70_000)
        assert connection.recv(65536).split()[1] == b"400"


SCOPE: dict[str, Any] = {"type": "http", "path": "/x", "method": "POST", "headers": [], "client": ("127.0.0.1", 1)}


def test_a_body_of_which_nothing_comes_is_not_waited_for() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    async def silent() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    with pytest.raises(HTTPException) as raised:
        asyncio.run(Limits(app, body_seconds=0.05)(SCOPE, silent, send))
    assert raised.value.status_code == 408


def test_a_client_that_reads_nothing_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    ended = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.body", "body": b"x"})
        finally:
            ended.append(True)

    async def receive() -> Message:
        raise AssertionError

    async def stuck(message: Message) -> None:
        await asyncio.sleep(60)

    asyncio.run(Limits(app, send_seconds=0.05)(SCOPE, receive, stuck))
    assert ended == [True]
    assert "stopped reading" in caplog.text
