"""Engines on a lake whose files are on S3, with the credentials that the catalog hands out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.services.interop.turns import WRITERS, create, expected, turn

import headgate
from services import running
from services.engines import Engine, Headgate, PyIceberg, SparkEngine, TrinoEngine, duckdb_engine
from services.lake import ServedLake

pytestmark = pytest.mark.services

BRANCH = "team/feature-1"
TABLE = "interop.together"


@pytest.fixture(scope="module", params=["versitygw", "minio"])
def store(request: pytest.FixtureRequest) -> running.S3:
    found: running.S3 = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture(scope="module")
def lake(store: running.S3, tmp_path_factory: pytest.TempPathFactory, services_folder: Path) -> Iterator[ServedLake]:
    project = tmp_path_factory.mktemp("on_s3")
    storage = store.settings(f"{store.make_bucket('engines')}/lake")
    # YAML takes JSON.
    (project / "headgate.yml").write_text(f"name: s3\nstorage: {json.dumps(storage)}\n", encoding="utf-8")
    with headgate.open(project) as opened:
        opened.create_branch(BRANCH)
    with running.lake(project, services_folder / store.process.name) as served:
        yield served


@pytest.mark.filterwarnings("ignore:Merge on read is not yet supported")
def test_each_goes_on_where_the_other_stopped(
    lake: ServedLake, store: running.S3, spark_session: running.Spark, trino_server: running.Trino
) -> None:
    # What `headgate connect trino` reads from the environment, which a running server cannot be given any more.
    keys = {"s3.aws-access-key": store.access_key, "s3.aws-secret-key": store.secret_key}
    prefix = f"s3_{lake.url.rsplit(':', 1)[1]}"
    with duckdb_engine(lake) as duckdb:
        engines: dict[str, Engine] = {
            "pyiceberg": PyIceberg(lake),
            "duckdb": duckdb,
            "trino": TrinoEngine(lake, trino_server, prefix, keys),
            "spark": SparkEngine(lake, spark_session, prefix),
        }
        create(engines[WRITERS[0]], TABLE, BRANCH)
        for number, name in enumerate(WRITERS, start=1):
            turn(engines[name], TABLE, BRANCH, number)
        for name, reader in {**engines, "headgate": Headgate(lake)}.items():
            found = [(row["id"], row["amount"], row["note"]) for row in reader.read(TABLE, BRANCH)]
            assert sorted(found) == expected(WRITERS), name
