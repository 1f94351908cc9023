"""A catalog's URL, and the token in it or beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.catalog.nessie.conftest import Scripted

from headgate.catalog import open_catalog
from headgate.catalog.nessie import NessieCatalog
from headgate.database import Database
from headgate.errors import ProjectError, StorageError


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'state.db'}")
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def no_token_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NESSIE_AUTH_TOKEN", raising=False)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("nessie+http://127.0.0.1:19120", "http://127.0.0.1:19120"),
        ("nessie+https://lake.example.org/", "https://lake.example.org"),
        ("nessie+http://[::1]:19120/api/v2", "http://[::1]:19120"),
        ("nessie+https://host/team/api/v1/", "https://host/team"),
        ("nessie+http://ada:s3cret@host:1", "http://host:1"),
    ],
)
def test_the_server_is_named_without_what_nobody_should_read(url: str, place: str, db: Database) -> None:
    catalog = open_catalog(url, db)
    assert isinstance(catalog, NessieCatalog)
    assert catalog.place == place


@pytest.mark.parametrize("url", ["nessie://host:1", "nessie+ftp://host", "nessie+http://", "nessie+http://host:port"])
def test_a_url_of_no_server_shows_how_one_is_written(url: str, db: Database) -> None:
    with pytest.raises(ProjectError, match="not one of a Nessie server") as caught:
        open_catalog(url, db)
    assert "nessie+http://host:19120" in str(caught.value.hint)


def test_a_state_database_is_needed() -> None:
    with pytest.raises(ProjectError, match="needs a state database"):
        open_catalog("nessie+http://host:19120")


@pytest.mark.parametrize("url", ["nessie+http://:s3cr%2Fet@HOST", "nessie+http://s3cr%2Fet@HOST", "nessie+http://HOST"])
def test_the_token_is_in_the_url_or_in_the_environment(
    url: str, db: Database, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NESSIE_AUTH_TOKEN", "s3cr/et" if "s3cr" not in url else "another")
    scripted.answers = [(403, "")]
    catalog = open_catalog(url.replace("HOST", scripted.url.removeprefix("http://")), db)
    with pytest.raises(StorageError, match="the token is not accepted"):
        catalog.ref("main")
    assert scripted.asked[0][2] == "Bearer s3cr/et"
    catalog.close()


def test_a_server_without_version_2_is_too_old(db: Database, scripted: Scripted) -> None:
    config = '{"defaultBranch": "main", "maxSupportedApiVersion": 1, "noAncestorHash": "00"}'
    missing = '{"status": 404, "message": "no such", "errorCode": "REFERENCE_NOT_FOUND"}'
    scripted.answers = [(404, missing), (200, config)]
    catalog = open_catalog(f"nessie+{scripted.url}", db)
    with pytest.raises(ProjectError, match="speaks version 1") as caught:
        catalog.ref("main")
    assert "Upgrade" in str(caught.value.hint)
    catalog.close()
