"""A server that answers as it is told to, for what a real Nessie does only when it is in trouble."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class Scripted:
    """A server, the answers that it has left to give (the last one again and again), and what it was asked."""

    url: str
    answers: list[tuple[int, str]] = field(default_factory=list)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            server.asked.append((self.command, self.path, self.headers.get("Authorization")))
            status, text = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # the names that the library calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
            return

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Scripted(f"http://127.0.0.1:{listener.server_address[1]}")
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
    thread.start()
    yield server
    listener.shutdown()
    listener.server_close()
    thread.join()
