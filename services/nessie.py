"""Project Nessie, a catalog server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from services import artifacts, java
from services.process import Process, answers, free_port


@dataclass(frozen=True)
class Nessie:
    """A running server; its REST API version 2 is at `<url>/api/v2`."""

    url: str
    process: Process


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
