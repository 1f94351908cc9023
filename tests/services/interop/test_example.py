"""The mobility example, run with its catalog in Postgres and its files on MinIO, and read by the engines."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import headgate
from services import running
from services.engines import SparkEngine, SqlEngine, TrinoEngine
from services.lake import ServedLake

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]

EXAMPLE = Path(__file__).parents[3] / "examples" / "mobility"


@pytest.fixture(scope="module")
def lake(
    minio_server: running.S3,
    postgres_server: running.Postgres,
    tmp_path_factory: pytest.TempPathFactory,
    services_folder: Path,
) -> Iterator[ServedLake]:
    project = tmp_path_factory.mktemp("example") / "mobility"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".headgate"))
    storage = minio_server.settings(f"{minio_server.make_bucket('mobility')}/lake")
    catalog = postgres_server.create_database("mobility_for_engines")
    settings = f"name: mobility\nstorage: {json.dumps(storage)}\ncatalog: {catalog}\n"
    (project / "headgate.yml").write_text(settings, encoding="utf-8")
    with headgate.open(project) as opened:
        result = opened.run()
        assert result.status == "merged", result.error
    with running.lake(project, services_folder / "example") as served:
        yield served


def figures(lake: ServedLake) -> dict[str, tuple[str, list[Any]]]:
    """A question about each table, in SQL that all engines take, and headgate's answer."""
    asked = {}
    with headgate.open(lake.project) as opened:
        for info in opened.tables():
            if info.kind != "table":
                continue
            sums = []
            for column in opened.show(str(info.name)).columns:
                # A name that every engine takes without quotes, and a type whose sum does not depend on the order.
                if re.fullmatch(r"[a-z][a-z0-9_]*", column.name):
                    sums.append(f"count(t.{column.name})")
                    if column.type.lower().startswith(("decimal", "long", "int", "bigint")):
                        sums.append(f"sum(t.{column.name})")
            question = f"SELECT count(*), {', '.join(sums)} FROM {{table}} AS t"
            (row,) = opened.query(question.replace("{table}", str(info.name))).rows()
            asked[str(info.name)] = (question, [None if value is None else str(value) for value in row])
    return asked


@pytest.mark.parametrize("name", ["trino", "spark"])
def test_an_engine_reads_every_table_alike(
    name: str, lake: ServedLake, minio_server: running.S3, request: pytest.FixtureRequest
) -> None:
    keys = {"s3.aws-access-key": minio_server.access_key, "s3.aws-secret-key": minio_server.secret_key}
    engine: SqlEngine = (
        TrinoEngine(lake, request.getfixturevalue("trino_server"), "mobility", keys)
        if name == "trino"
        else SparkEngine(lake, request.getfixturevalue("spark_session"), "mobility")
    )
    asked = figures(lake)
    found = {}
    for table, (question, _) in asked.items():
        (row,) = engine.execute(question, "main", table)
        found[table] = [None if value is None else str(value) for value in row]
    assert len(asked) >= 38
    assert found == {table: answer for table, (_, answer) in asked.items()}
