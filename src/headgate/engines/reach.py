"""How DuckDB reaches a warehouse in an object store: a secret for what lies below it, and limits on memory."""

from __future__ import annotations

import re
import urllib.parse
from typing import TYPE_CHECKING

from headgate.types import literal

if TYPE_CHECKING:
    import duckdb

    from headgate.catalog.storage import Storage

_URL = re.compile(r"https?://(?:[^/\s']*@)?([^/\s'?]+)")
_AMAZON = "https://amazonaws.com"
# The extension takes these from the environment when it is loaded, where any query could read them.
_FROM_ENVIRONMENT = ("s3_access_key_id", "s3_secret_access_key", "s3_session_token", "s3_endpoint", "s3_kms_key_id")
_SETTINGS = (
    # A key may have any character in it, and a `?` in a location must not be able to name another server.
    "SET s3_url_compatibility_mode = true",
    # 8 seconds of a server that restarts: 1.6 and 6.4. Few tries, for one that hangs takes 30 seconds of each.
    "SET http_retries = 2",
    "SET http_retry_wait_ms = 1600",
    # Parts of an upload have a 10,000th of this, and so many are kept in memory at once: 80 MB for each file.
    "SET s3_uploader_max_filesize = '200GB'",
    "SET s3_uploader_thread_limit = 4",
)


def reach(connection: duckdb.DuckDBPyConnection, storage: Storage) -> None:
    """Let a connection read and write below the warehouse of a storage, if that is in an object store.

    Nowhere else: what the environment says about S3 is taken back.
    """
    for name in _FROM_ENVIRONMENT:
        connection.execute(f"SET GLOBAL {name} = ''")
    _hide_password(connection)
    if storage.is_local:
        return
    for statement in _SETTINGS:
        connection.execute(statement)
    access = storage.access
    options = {
        "REGION": literal(access.region),
        "URL_STYLE": literal("path" if access.path_style else "vhost"),
        "SCOPE": literal(f"{storage.warehouse}/"),
    }
    if access.endpoint is not None:
        parts = urllib.parse.urlsplit(access.endpoint)
        options |= {"ENDPOINT": literal(parts.netloc + parts.path), "USE_SSL": str(parts.scheme == "https").lower()}
    if access.access_key is not None and access.secret_key is not None:
        options |= {"KEY_ID": literal(access.access_key), "SECRET": literal(access.secret_key)}
        if access.session_token is not None:
            options["SESSION_TOKEN"] = literal(access.session_token)
    listed = ", ".join(f"{name} {value}" for name, value in options.items())
    connection.execute(f"CREATE SECRET warehouse (TYPE s3, {listed})")


def is_in_store(message: str, storage: Storage) -> bool:
    """Whether what DuckDB says is about the object store of a warehouse, and not about an address that SQL names."""
    url = _URL.search(message)
    if "s3://" in message or url is None or storage.is_local:
        return "s3://" in message
    # The bucket stands before the host or after it.
    return url[1].endswith(urllib.parse.urlsplit(storage.access.endpoint or _AMAZON).netloc)


def _hide_password(connection: duckdb.DuckDBPyConnection) -> None:
    """Take user and password out of the proxy that the environment names, which DuckDB cannot use in that form."""
    (proxy,) = connection.execute("SELECT coalesce(current_setting('http_proxy'), '')").fetchone() or ("",)
    if "@" in proxy:
        scheme, separator, _ = proxy.rpartition("://")
        without = scheme + separator + proxy.rpartition("@")[2]
        connection.execute(f"SET GLOBAL http_proxy = {literal(without)}")
