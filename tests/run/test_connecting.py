"""Settings for other engines: what is printed works when it is pasted, whatever the branch is called."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import pytest
from tests.web.serving import Served, serving

import headgate
from headgate.engines.duckdb import Session
from headgate.errors import UsageError
from headgate.run.connecting import ENGINES, connect, reach

S3 = {"s3.endpoint": "http://127.0.0.1:9000", "s3.region": "us-east-1", "s3.path-style-access": "true"}
ODD = """o'dd"\\née"""


@pytest.mark.parametrize("branch", ["team/feature-1", ODD])
def test_pyiceberg_and_duckdb_work_with_what_is_printed(
    project_dir: Path, branch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(project_dir) as served:
        served.lake.catalog.create_branch(branch)
        monkeypatch.setenv("HEADGATE_TOKEN", served.token)
        names: dict[str, Any] = {}
        exec(connect("pyiceberg", branch, served.url, {}).text, names)  # what a person would paste
        names["catalog"].create_namespace("ns")
        with duckdb_of(served, branch) as session:
            session.execute("create table lake.ns.t as select 42 as answer")
        assert names["catalog"].load_table("ns.t").scan().to_arrow().to_pylist() == [{"answer": 42}]
        assert [str(name) for name in served.lake.catalog.state(branch).names()] == ["ns.t"]
        assert served.lake.catalog.state("main").names() == []


def duckdb_of(served: Served, branch: str) -> Session:
    """A session that has run what is printed for DuckDB's shell."""
    session = Session(served.lake.project.engine, served.lake.storage)
    install, *statements = connect("duckdb", branch, served.url, {}).text.splitlines()
    assert install == "INSTALL iceberg; LOAD iceberg;"
    for statement in statements:
        # A function that only the shell has.
        session.execute(statement.replace("getenv('HEADGATE_TOKEN')", f"'{served.token}'"))
    return session


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("files", [{}, S3], ids=["local", "s3"])
def test_every_engine_is_told_address_branch_and_variable(engine: str, files: dict[str, str]) -> None:
    found = connect(engine, "dev", "http://lake.example:9000/iceberg/", files)
    assert found.url == "http://lake.example:9000/iceberg"
    assert {"dev", found.url} <= set(found.settings.values())
    assert any("HEADGATE_TOKEN" in value for value in found.settings.values())
    assert "HEADGATE_TOKEN" in found.text


def test_trino_reads_properties_of_java() -> None:
    text = connect("trino", ODD, None, {}).text
    assert text.isascii()
    parser = configparser.RawConfigParser()
    parser.read_string("[trino]\n" + text)
    # As java.util.Properties takes escapes back.
    value = parser["trino"]["iceberg.rest-catalog.warehouse"]
    assert value.encode().decode("unicode_escape") == ODD
    assert parser["trino"]["local.location"] == "/"


def test_on_s3_engines_are_told_where_and_given_no_key(tmp_path: Path) -> None:
    for engine in ENGINES:
        text = connect(engine, "dev", None, S3).text
        assert "local.location" not in text
    assert "s3.endpoint=http://127.0.0.1:9000" in connect("trino", "dev", None, S3).text
    assert "S3FileIO" in connect("spark", "dev", None, S3).text


def test_an_unknown_engine_is_told() -> None:
    with pytest.raises(UsageError) as raised:
        connect("snowflake", "main", None, {})
    assert "duckdb" in str(raised.value.hint)


def test_what_is_told_of_the_store_holds_no_key(project_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project_dir / "headgate.yml").write_text(
        "name: lake\n"
        "storage: {url: s3://bucket/lake, endpoint: http://127.0.0.1:1, access_key: key-id, secret_key: top}\n"
    )
    with headgate.open(project_dir) as lake:
        found = reach(lake.lake)
    assert found == {"s3.endpoint": "http://127.0.0.1:1", "s3.region": "us-east-1", "s3.path-style-access": "true"}
