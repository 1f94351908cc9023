"""Servers as pytest fixtures: one of each per session, started when the first test asks for it."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from services import running
from services.errors import Absent

_Server = TypeVar("_Server")


@contextlib.contextmanager
def available(server: contextlib.AbstractContextManager[_Server]) -> Iterator[_Server]:
    """Start a server for a test. Without the tool that it needs, the test is skipped, but fails when $CI is set."""
    with contextlib.ExitStack() as stack:
        try:
            started = stack.enter_context(server)
        except Absent as absent:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(absent))
        yield started


@pytest.fixture(scope="session")
def services_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the servers of a session keep logs and data."""
    return tmp_path_factory.mktemp("services")


@pytest.fixture(scope="session")
def postgres_server(services_folder: Path) -> Iterator[running.Postgres]:
    """PostgreSQL; `postgres_url` is a database of it for one test."""
    with available(running.postgres(services_folder)) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: running.Postgres) -> Iterator[str]:
    """The URL of an empty database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def nessie_server(services_folder: Path) -> Iterator[running.Nessie]:
    """Nessie with its catalog in memory."""
    with available(running.nessie(services_folder)) as server:
        yield server


@pytest.fixture(scope="session")
def nessie_url(nessie_server: running.Nessie) -> str:
    """The URL of a Nessie that all tests of the session share."""
    return nessie_server.url


@pytest.fixture
def empty_nessie(nessie_server: running.Nessie) -> running.Nessie:
    """The session's Nessie, cleared for one test."""
    nessie_server.clear()
    return nessie_server


@pytest.fixture(scope="session")
def versitygw_server(services_folder: Path) -> Iterator[running.S3]:
    """versitygw: strict about credentials and conditional puts, objects are plain files."""
    with available(running.versitygw(services_folder)) as server:
        yield server


@pytest.fixture(scope="session")
def minio_server(services_folder: Path) -> Iterator[running.S3]:
    """MinIO: what it acknowledged survives a crash."""
    with available(running.minio(services_folder)) as server:
        yield server


@pytest.fixture(scope="session")
def spark_session(services_folder: Path) -> Iterator[running.Spark]:
    """Spark without a catalog; tests add their own."""
    with available(running.spark(services_folder, s3=True)) as session:
        yield session


@pytest.fixture(scope="session")
def trino_server(services_folder: Path) -> Iterator[running.Trino]:
    """Trino without a catalog; tests add their own."""
    with available(running.trino(services_folder)) as server:
        yield server
