"""Spark with Iceberg's runtime, in a process of its own that takes SQL."""

from __future__ import annotations

import contextlib
import json
import select
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services import artifacts, java
from services.errors import ServiceError
from services.process import Process

_DRIVER = Path(__file__).with_name("spark_driver.py")


class SparkError(ServiceError):
    """Spark refused a statement; `kind` is the name of the exception in Python."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


@dataclass(frozen=True)
class Spark:
    """A running session."""

    process: Process = field(repr=False)

    def execute(self, sql: str) -> list[list[Any]]:
        """Run one statement and return its rows; in the form of `services.values`.

        Raises:
            SparkError: Spark refused it.
        """
        return self.select(sql)[1]

    def select(self, sql: str) -> tuple[list[str], list[list[Any]]]:
        """Run one statement and return the names of its columns, and its rows."""
        return self._ask({"sql": sql})

    def create_catalog(self, name: str, properties: Mapping[str, str]) -> None:
        """Add an Iceberg catalog, by its properties without `spark.sql.catalog.<name>.`."""
        self._ask({"set": catalog_settings(name, properties)})

    def answer(self, *, seconds: float = 300) -> tuple[list[str], list[list[Any]]]:
        """The answer that comes next."""
        stream = self.process.running.stdout
        if stream is None or not select.select([stream], [], [], seconds)[0]:
            raise ServiceError(f"Spark did not answer within {seconds:.0f} seconds.\n{self.process.tail()}")
        line = stream.readline()
        if not line:
            raise ServiceError(f"Spark ended.\n{self.process.tail()}")
        answer = json.loads(line)
        if "error" in answer:
            raise SparkError(answer["error"], answer["message"])
        return answer["columns"], answer["rows"]

    def _ask(self, request: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        stream = self.process.running.stdin
        if stream is None:
            raise ServiceError("Spark was started without a standard input.")
        stream.write(json.dumps(request) + "\n")
        stream.flush()
        return self.answer()


def catalog_settings(name: str, properties: Mapping[str, str]) -> dict[str, str]:
    """The settings of Spark that make an Iceberg catalog of this name."""
    prefix = f"spark.sql.catalog.{name}"
    listed = {f"{prefix}.{key}": value for key, value in properties.items()}
    return {prefix: "org.apache.iceberg.spark.SparkCatalog", **listed}


@contextlib.contextmanager
def spark(
    folder: Path, catalogs: Mapping[str, Mapping[str, str]] | None = None, *, s3: bool = False
) -> Iterator[Spark]:
    """Start a session with 1 GB on two cores.

    Args:
        folder: For its log and temporary files.
        catalogs: Properties of each Iceberg catalog, without `spark.sql.catalog.<name>.`.
        s3: Bring what Iceberg needs for S3.
    """
    jars = [artifacts.maven("iceberg-spark-runtime"), *([artifacts.maven("iceberg-aws-bundle")] if s3 else [])]
    place = folder.absolute() / "spark"
    place.mkdir(parents=True, exist_ok=True)
    settings = {
        "spark.jars": ",".join(map(str, jars)),
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(place),
        "spark.sql.warehouse.dir": str(place / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    for name, properties in (catalogs or {}).items():
        settings.update(catalog_settings(name, properties))
    environment = {
        "JAVA_HOME": str(java.without_vectors(java.for_spark(), place)),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYTHONPATH": str(_DRIVER.parents[1]),
        "TZ": "UTC",
    }
    # Without -P the modules of this folder would stand before those of other names that Spark imports.
    command = [str(artifacts.environment("spark")), "-P", str(_DRIVER), json.dumps(settings)]
    with Process("spark", command, folder, environment=environment, pipes=True) as process:
        session = Spark(process)
        session.answer(seconds=180)
        yield session
