from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from headgate.errors import DataError, UsageError
from headgate.ingest.addresses import shown_address
from headgate.ingest.download import download

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one text under a tag, and whatever else a test needs to go wrong."""

    content: ClassVar[bytes] = b""
    seen: ClassVar[list[tuple[str, int]]] = []

    def do_GET(self) -> None:
        tag = f'"{hash(self.content)}"'
        if self.path.startswith("/moved"):
            self._answer(302, {"Location": self.path.removeprefix("/moved")})
        elif self.path.startswith("/away"):
            self._answer(302, {"Location": "http://example.com/a.csv"})
        elif self.path.startswith("/missing"):
            self._answer(404, {})
        elif self.path.startswith("/short"):
            self._answer(200, {"Content-Length": str(len(self.content) + 10)}, self.content)
        elif self.headers.get("If-None-Match") == tag:
            self._answer(304, {})
        else:
            user = self.headers.get("Authorization", "")
            self._answer(200, {"ETag": tag, "X-User": user}, self.content)

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.seen.append((self.path, status))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.content, Handler.seen = b"id,name\n1,a\n", []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()
        thread.join()


def test_a_source_on_the_web(lake: Lake, server: str) -> None:
    lake.source(
        "a", f"table: a\nfiles: {server}/data/a.csv?year=2024&token=abc\ncolumns: {{id: integer, name: varchar}}\n"
    )
    (result,) = lake.load()
    assert result.file == f"{server}/data/a.csv?year=2024&token=***"
    assert lake.rows("SELECT id, name, _source_file FROM bronze.a") == [(1, "a", result.file)]
    assert lake.load() == []
    assert [status for _, status in Handler.seen] == [200, 304]
    Handler.content = b"id,name\n2,b\n"
    (result,) = lake.load()
    assert result.replaces is not None
    assert lake.rows("SELECT id FROM bronze.a") == [(2,)]


def test_redirects_are_followed_but_not_off_to_plain_http(server: str, tmp_path: Path) -> None:
    assert download(f"{server}/moved/a.csv", tmp_path).read_bytes() == Handler.content
    with pytest.raises(UsageError, match="not encrypted"):
        download(f"{server}/away", tmp_path)


def test_plain_http_of_other_machines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not encrypted"):
        download("http://example.com/a.csv", tmp_path)


@pytest.mark.parametrize(
    ("path", "message"), [("/missing", "answers 404"), ("/short", "announced 22 bytes and sent 12")]
)
def test_what_goes_wrong_is_said(server: str, tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as raised:
        download(f"{server}{path}?key=secret", tmp_path)
    assert raised.value.place == f"{server}{path}?key=***"


def test_a_broken_transfer_leaves_the_copy_as_it_was(server: str, tmp_path: Path) -> None:
    address = f"{server}/a.csv"
    kept = download(address, tmp_path)
    Handler.content = b"id,name\n3,c\n"
    port = server.rpartition(":")[2]
    with pytest.raises(DataError):
        download(f"http://127.0.0.1:{int(port)}/short", tmp_path)
    assert kept.read_bytes() == b"id,name\n1,a\n"
    assert not list(tmp_path.rglob("part-*"))


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be downloaded"):
        download("http://127.0.0.1:9/a.csv", tmp_path)


def test_addresses_are_shown_without_secrets() -> None:
    assert shown_address("https://me:pw@host/p/a.csv?sig=1&year=2#x") == "https://host/p/a.csv?sig=***&year=2"
