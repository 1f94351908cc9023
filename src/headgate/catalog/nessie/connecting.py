"""From a catalog's URL to a connection: where the server is, and the token that it wants."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit

from headgate.catalog.nessie.catalog import NessieCatalog
from headgate.catalog.nessie.client import NessieClient
from headgate.catalog.storage import Storage
from headgate.database import Database
from headgate.errors import ProjectError

TOKEN = "NESSIE_AUTH_TOKEN"  # noqa: S105  # the name of the variable, not what it holds
_SCHEMES = {"nessie+http": "http", "nessie+https": "https"}
_API = re.compile(r"/api(/v[0-9]+)?/?$")


def open_nessie(url: str, db: Database, storage: Storage | None = None) -> NessieCatalog:
    """The catalog at `nessie+http://host:port` or `nessie+https://...`; nothing is asked of the server yet.

    Args:
        url: May hold a bearer token as its password or its user, or else the variable `NESSIE_AUTH_TOKEN` does.
        db: The open state database.
        storage: The lake's files.

    Raises:
        ProjectError: The URL is not one of a server.
    """
    parts = urlsplit(url)
    scheme = _SCHEMES.get(parts.scheme)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if scheme is None or not host:
        raise ProjectError(
            "The catalog's URL is not one of a Nessie server",
            place="catalog",
            hint="Write it as nessie+http://host:19120 or nessie+https://host",
        )
    shown = f"[{host}]" if ":" in host else host
    address = f"{scheme}://{shown}{f':{port}' if port else ''}{_API.sub('', parts.path)}"
    token = unquote(parts.password or parts.username or "") or os.environ.get(TOKEN)
    return NessieCatalog(NessieClient(address, token), db, storage)
