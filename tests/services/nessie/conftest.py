"""A catalog in Nessie, opened as one machine or another does, and a proxy that loses what it is told to lose."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from headgate.catalog import Catalog, Operation, open_catalog
from headgate.database import Database
from headgate.types import Content, Kind, Name
from services import running


def table(version: str, content_id: str = "one") -> Content:
    return Content(Kind.TABLE, content_id, f"file:///lake/{version}.json")


def put(catalog: Catalog, branch: str, name: Name, after: Content | None) -> str:
    operation = Operation(name, catalog.state(branch).get(name), after)
    return catalog.commit(branch, [operation], message=f"put {name}", author="ada").id


@pytest.fixture
def open_at(tmp_path: Path) -> Iterator[Callable[..., Catalog]]:
    """Opens the catalog of a server, as one machine with a state database of its own does."""
    opened: list[tuple[Catalog, Database]] = []

    def open_at(url: str, machine: str = "here") -> Catalog:
        db = Database.open(f"sqlite:///{tmp_path / machine}.db")
        opened.append((open_catalog(f"nessie+{url}", db), db))
        return opened[-1][0]

    yield open_at
    for catalog, db in opened:
        catalog.close()
        db.close()


@pytest.fixture
def catalog(empty_nessie: running.Nessie, open_at: Callable[..., Catalog]) -> Catalog:
    return open_at(empty_nessie.url)


@dataclass
class Proxy:
    """Between a client and Nessie.

    Attributes:
        url: Where it is.
        lose: The next request that says so is passed on, and the connection broken instead of answered.
        fail: The next request that says so is answered with 500, and not passed on.
        lost: The requests that were not answered as they should have been.
    """

    url: str
    lose: str = ""
    fail: str = ""
    lost: list[str] = field(default_factory=list)


@pytest.fixture
def proxy(empty_nessie: running.Nessie) -> Iterator[Proxy]:
    """A server that passes everything on to Nessie, and loses the answers that it is told to."""
    target = urlsplit(empty_nessie.url).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = f"{self.command} {self.path}"
            if made.fail and made.fail in asked:
                made.lost.append(asked)
                made.fail = ""
                self.reply(500, b'{"status": 500, "message": "ContextNotActiveException", "errorCode": "UNKNOWN"}')
                return
            there = http.client.HTTPConnection(target)
            there.request(self.command, self.path, body, {"Content-Type": "application/json"})
            answer = there.getresponse()
            content = answer.read()
            there.close()
            if made.lose and made.lose in asked:
                made.lost.append(asked)
                made.lose = ""
                self.close_connection = True
                return
            self.reply(answer.status, content)

        def reply(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = pass_on  # noqa: N815  # the names that the library calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
            return

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Proxy(f"http://127.0.0.1:{listener.server_address[1]}")
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
    thread.start()
    yield made
    listener.shutdown()
    listener.server_close()
    thread.join()
