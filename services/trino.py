"""Trino with its Iceberg connector."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import http.client
import json
import time
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services import artifacts, java
from services.errors import ServiceError
from services.process import Process, free_port


class TrinoError(ServiceError):
    """Trino refused a statement; `name` is its own name for the reason."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


@dataclass(frozen=True)
class Trino:
    """A running server without authentication, reachable from this machine only."""

    url: str
    process: Process = field(repr=False)

    def execute(
        self, sql: str, *, catalog: str | None = None, session: Mapping[str, str] | None = None
    ) -> list[list[Any]]:
        """Run one statement to its end and return its rows, in the form of `services.values`.

        Args:
            sql: One statement without a semicolon.
            catalog: Where names of two parts are looked up.
            session: Session properties, as `catalog.name` to value.

        Raises:
            TrinoError: Trino refused it.
        """
        return self.select(sql, catalog=catalog, session=session)[1]

    def select(
        self, sql: str, *, catalog: str | None = None, session: Mapping[str, str] | None = None
    ) -> tuple[list[str], list[list[Any]]]:
        """Run one statement and return the names of its columns, and its rows."""
        headers = {
            "X-Trino-User": "tester",
            "X-Trino-Time-Zone": "UTC",
            # Without it times are cut to milliseconds.
            "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",
        }
        if catalog:
            headers["X-Trino-Catalog"] = catalog
        if session:
            headers["X-Trino-Session"] = ",".join(f"{key}={value}" for key, value in session.items())
        answer = self._ask("POST", "/v1/statement", headers, sql)
        columns: list[str] = []
        rows: list[list[Any]] = []
        while True:
            columns = [column["name"] for column in answer.get("columns", [])] or columns
            signatures = [column["typeSignature"] for column in answer.get("columns", [])]
            rows += [list(map(_plain, row, signatures)) for row in answer.get("data", [])]
            if "error" in answer:
                raise TrinoError(answer["error"]["errorName"], answer["error"]["message"])
            if "nextUri" not in answer:
                return columns, rows
            answer = self._ask("GET", urlsplit(answer["nextUri"]).path, headers)

    def create_catalog(self, name: str, properties: Mapping[str, str]) -> None:
        """Add a catalog to the running server."""
        listed = ", ".join(
            f'"{key}" = {_quoted(value)}' for key, value in properties.items() if key != "connector.name"
        )
        self.execute(f'CREATE CATALOG "{name}" USING {properties["connector.name"]} WITH ({listed})')

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: str = "") -> dict[str, Any]:
        while True:
            connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=120)
            try:
                connection.request(method, path, body.encode() or None, dict(headers))
                response = connection.getresponse()
                content = response.read()
            finally:
                connection.close()
            if response.status == 200:
                answer: dict[str, Any] = json.loads(content)
                return answer
            if response.status not in (502, 503, 504):
                raise ServiceError(f"Trino answered {response.status}: {content.decode('utf-8', 'replace')}")
            time.sleep(0.1)

    def started(self) -> bool:
        """Whether it takes statements."""
        try:
            return self._ask("GET", "/v1/info", {})["starting"] is False
        except (OSError, http.client.HTTPException):
            return False


def _plain(value: Any, signature: dict[str, Any]) -> Any:
    """A value of Trino's JSON in the plain form, by its type."""
    if value is None:
        return None
    parts = [argument["value"] for argument in signature["arguments"]]
    match signature["rawType"]:
        case "timestamp":
            return dt.datetime.fromisoformat(value).isoformat()
        case "timestamp with time zone":
            moment, zone = value.rsplit(" ", 1)
            return (
                dt.datetime.fromisoformat(moment).replace(tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(dt.UTC).isoformat()
            )
        case "varbinary":
            return base64.b64decode(value).hex()
        case "array":
            return [_plain(item, parts[0]) for item in value]
        case "map":
            return {key: _plain(item, parts[1]) for key, item in value.items()}
        case "row":
            return {
                part["fieldName"]["name"]: _plain(item, part["typeSignature"])
                for part, item in zip(parts, value, strict=True)
            }
    return value


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@contextlib.contextmanager
def trino(folder: Path, catalogs: Mapping[str, Mapping[str, str]] | None = None) -> Iterator[Trino]:
    """Start Trino on one node, with 1 GB.

    Args:
        folder: For its settings, its log and its data.
        catalogs: Properties of each catalog, `connector.name` among them.
    """
    place, port = artifacts.trino(), free_port()
    etc, data = folder.absolute() / "trino-etc", folder.absolute() / "trino-data"
    (etc / "catalog").mkdir(parents=True, exist_ok=True)
    for name, properties in (catalogs or {}).items():
        _write(etc / "catalog" / f"{name}.properties", properties)
    settings = {
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "http-server.http.port": str(port),
        "discovery.uri": f"http://127.0.0.1:{port}",
        "node.bind-ip": "127.0.0.1",
        "node.internal-address": "127.0.0.1",
        "catalog.management": "dynamic",
        "query.max-memory-per-node": "300MB",
        "memory.heap-headroom-per-node": "200MB",
        "task.concurrency": "2",
    }
    _write(etc / "config.properties", settings)
    options = ["-Xmx1g", "-XX:+UseG1GC", "-Djdk.attach.allowAttachSelf=true", "--enable-native-access=ALL-UNNAMED"]
    node = {
        "config": str(etc / "config.properties"),
        "node.environment": "test",
        "node.id": "one",
        "node.data-dir": str(data),
        "catalog.config-dir": str(etc / "catalog"),
        "plugin.dir": str(place / "plugin"),
    }
    defined = [f"-D{key}={value}" for key, value in node.items()]
    program = [str(java.newest() / "bin" / "java"), *options, *defined, "-cp", f"{place}/lib/*"]
    with Process("trino", [*program, "io.trino.server.TrinoServer"], folder) as process:
        server = Trino(f"http://127.0.0.1:{port}", process)
        process.wait(server.started, seconds=180)
        yield server


def _write(file: Path, properties: Mapping[str, str]) -> None:
    file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()), encoding="utf-8")
