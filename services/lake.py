"""A project served by `headgate serve`, for the engines to talk to."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import headgate
from services.errors import ServiceError
from services.process import Process, answers, free_port

# The token's place in settings: a variable of the environment, as Trino and the others write it.
_TOKEN = re.compile(r"\$\{(ENV:)?HEADGATE_TOKEN\}")


@dataclass(frozen=True)
class ServedLake:
    """A project, where it is served, and a token that may do everything."""

    project: Path
    url: str
    token: str = field(repr=False)
    process: Process = field(repr=False)

    @property
    def iceberg(self) -> str:
        return f"{self.url}/iceberg"

    def settings(self, engine: str, branch: str) -> dict[str, str]:
        """What `headgate connect ENGINE --branch BRANCH` says, with the token."""
        with headgate.open(self.project) as opened:
            told = opened.connect(engine, branch, self.url).settings
        return {name: _TOKEN.sub(self.token, value) for name, value in told.items()}

    def pyiceberg(self, branch: str) -> dict[str, str]:
        """Properties of PyIceberg's catalog."""
        return self.settings("pyiceberg", branch)

    def spark(self, branch: str) -> dict[str, str]:
        """Properties of Iceberg's catalog in Spark, without `spark.sql.catalog.<name>.`."""
        prefix = "spark.sql.catalog.lake."
        told = self.settings("spark", branch)
        return {name.removeprefix(prefix): value for name, value in told.items() if name.startswith(prefix)}

    def trino(self, branch: str) -> dict[str, str]:
        """Properties of a catalog of Trino."""
        return self.settings("trino", branch)

    def duckdb(self, branch: str, name: str) -> str:
        """The statement that attaches a branch to DuckDB."""
        told = self.settings("duckdb", branch)
        options = f"TYPE iceberg, ENDPOINT '{told['ENDPOINT']}', TOKEN '{told['TOKEN']}'"
        return f"ATTACH '{told['database']}' AS {name} ({options})"


@contextlib.contextmanager
def lake(project: Path, folder: Path) -> Iterator[ServedLake]:
    """Serve a project on a free port.

    Args:
        project: Its folder.
        folder: For the server's log.
    """
    port = free_port()
    program = [sys.executable, "-m", "headgate", "--project", str(project)]
    made = subprocess.run(
        [*program, "token", "create", "engines", "--json"], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise ServiceError(f"headgate made no token:\n{made.stderr}")
    token = json.loads(made.stdout)["tokens"][0]["secret"]
    url = f"http://127.0.0.1:{port}"
    options = ["serve", "--port", str(port), "--log-level", "info"]
    with Process("headgate", [*program, *options], folder) as process:
        process.wait(lambda: answers(f"{url}/health"), seconds=60)
        yield ServedLake(project, url, token, process)
