"""Project Nessie, a catalog server."""

from __future__ import annotations

import contextlib
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services import artifacts, java
from services.process import Process, answers, free_port


@dataclass(frozen=True)
class Nessie:
    """A running server; its REST API version 2 is at `<url>/api/v2`."""

    url: str
    process: Process

    def clear(self) -> None:
        """Make it as if it were new: `main` at the beginning of all histories, and no other reference.

        Old commits stay in the store, where nothing leads to them.
        """
        beginning = self.ask("GET", "config")["noAncestorHash"]
        for reference in self.ask("GET", "trees?max-records=10000")["references"]:
            path = f"trees/{urllib.parse.quote(reference['name'], safe='')}@{reference['hash']}"
            if reference["name"] == "main":
                self.ask("PUT", path, {"type": "DETACHED", "hash": beginning})
            else:
                self.ask("DELETE", path)

    def ask(self, method: str, path: str, body: object | None = None) -> Any:
        """One request to the REST API, as any other client would send it; the answer's JSON."""
        request = urllib.request.Request(  # noqa: S310  # the address is that of the server we started
            f"{self.url}/api/v2/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as response:
            return json.loads(response.read() or b"null")

    def restart(self) -> None:
        """Start it again after it was killed, at the same address; what it kept in memory is gone."""
        self.process.start()
        self.process.wait(lambda: answers(f"{self.url}/api/v2/config"), seconds=120)


@contextlib.contextmanager
def nessie(folder: Path, *, persistent: bool = False, options: Mapping[str, str] | None = None) -> Iterator[Nessie]:
    """Start Nessie.

    Args:
        folder: For its log, and its data when persistent.
        persistent: Keep the catalog in the folder, else in memory.
        options: Further settings of Nessie, a store in PostgreSQL for example.
    """
    port, management = free_port(), free_port()
    settings = {
        "quarkus.http.host": "127.0.0.1",
        "quarkus.http.port": str(port),
        "quarkus.management.host": "127.0.0.1",
        "quarkus.management.port": str(management),
        "quarkus.otel.sdk.disabled": "true",
        "nessie.version.store.type": "IN_MEMORY",
        **(_rocks(folder) if persistent else {}),
        **(options or {}),
    }
    java_options = ["-Xmx512m", "-XX:+UseSerialGC", *(f"-D{key}={value}" for key, value in settings.items())]
    program = [str(java.newest() / "bin" / "java"), *java_options, "-jar", str(artifacts.maven("nessie"))]
    with Process("nessie", program, folder) as process:
        process.wait(lambda: answers(f"http://127.0.0.1:{management}/q/health/ready"), seconds=120)
        yield Nessie(f"http://127.0.0.1:{port}", process)


def _rocks(folder: Path) -> dict[str, str]:
    data = folder / "nessie-data"
    data.mkdir(parents=True, exist_ok=True)
    return {"nessie.version.store.type": "ROCKSDB", "nessie.version.store.persist.rocks.database-path": str(data)}
