"""A server of the product in this process, on a free port, for tests that ask it over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

import headgate
from headgate.run.lake import Lake
from headgate.web.app import create_app
from headgate.web.auth import NoAuth, TokenAuth
from headgate.web.server import Server, bind, url_of


@dataclass
class Served:
    """A server that answers.

    Attributes:
        url: Its address.
        token: The secret of the token `client`.
        lake: What it serves.
    """

    url: str
    token: str = field(repr=False)
    lake: Lake

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request with the token, unless it brings its own headers."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        found = {name: value for name, value in headers.items() if value is not None}
        return requests.request(method, self.url + path, headers=found, timeout=60, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.ask("POST", path, **options)


@contextmanager
def serving(project: Path, *, no_auth: bool = False, **options: Any) -> Iterator[Served]:
    """Serve a project while the body lasts; further options are those of `create_app`."""
    with headgate.open(project) as opened:
        lake = opened.lake
        token = lake.tokens.create("client").secret
        listener = bind("127.0.0.1", 0)
        auth = NoAuth("nobody") if no_auth else TokenAuth(lake.tokens)
        ready = threading.Event()
        server = Server(create_app(lake, auth, **options), ready.set)
        url = url_of(listener)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert ready.wait(30)
            yield Served(url, token, lake)
        finally:
            server.should_exit = True
            thread.join(60)
            listener.close()
