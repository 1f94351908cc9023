"""The seam itself: what is made of settings, and what is told when something is missing."""

from __future__ import annotations

import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from headgate.catalog import objectstore
from headgate.catalog.storage import Storage, is_of_run
from headgate.config import StorageSettings
from headgate.errors import MissingExtra, ProjectError, StorageError

KEYS = {"access_key": "key", "secret_key": "secret", "session_token": "token"}


def test_a_warehouse_is_a_folder_or_below_a_bucket(tmp_path: Path) -> None:
    assert Storage.open(f"file://{tmp_path}/lake/").warehouse == f"{tmp_path}/lake"
    assert Storage.open("s3://lake/mobility/").warehouse == "s3://lake/mobility"
    assert (Storage.open(str(tmp_path)).is_local, Storage.open("s3://lake").is_local) == (True, False)
    with pytest.raises(ProjectError, match="knows no storage 'gs'"):
        Storage.open("gs://lake/mobility")


@pytest.mark.parametrize(
    "url", ["s3://key:zz@lake/x", "s3://key:zz/9@lake/x", "s3://zz@lake", "https://key:zz@lake.host/x"]
)
def test_keys_within_an_address_are_refused_and_not_told(url: str) -> None:
    with pytest.raises(ProjectError) as caught:
        Storage.open(url)
    assert "zz" not in str(caught.value)
    assert caught.value.place == "headgate.yml: storage"
    assert caught.value.hint


def test_clients_are_told_how_the_files_are_reached() -> None:
    settings = StorageSettings.model_validate(
        {"url": "s3://lake", "endpoint": "http://127.0.0.1:9000/", "region": "eu-west-1", **KEYS}
    )
    assert Storage.open("s3://lake", settings).client_config() == {
        "s3.endpoint": "http://127.0.0.1:9000",
        "s3.region": "eu-west-1",
        "client.region": "eu-west-1",
        "s3.path-style-access": "true",
        "s3.access-key-id": "key",
        "s3.secret-access-key": "secret",
        "s3.session-token": "token",
    }
    assert Storage.open("s3://lake", StorageSettings(url="s3://lake")).client_config() == {
        "s3.region": "us-east-1",
        "client.region": "us-east-1",
        "s3.path-style-access": "false",
    }
    assert Storage.open("/srv/lake", settings).client_config() == {}


def test_settings_that_cannot_be_are_told() -> None:
    with pytest.raises(ProjectError, match=r"endpoint '127\.0\.0\.1:9000' of the storage is no URL"):
        Storage.open("s3://lake", StorageSettings(endpoint="127.0.0.1:9000"))
    with pytest.raises(ProjectError, match="secret_key is not set"):
        Storage.open("s3://lake", StorageSettings(access_key="key"))
    with pytest.raises(ProjectError, match="access_key is not set"):
        Storage.open("s3://lake", StorageSettings(secret_key="secret"))


def test_keys_are_not_shown() -> None:
    storage = Storage.open("s3://lake", StorageSettings.model_validate({"url": "s3://lake", **KEYS}))
    shown = f"{storage!r} {storage.access!r} {vars(storage)!r}"
    assert not [value for value in KEYS.values() if f"'{value}'" in shown]


def test_places_that_are_none_are_told(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    for location in ("s3:///key", "gs://bucket/key", "relative/path"):
        with pytest.raises(StorageError, match="no place that headgate can read"):
            storage.read(location)
    with pytest.raises(StorageError, match="no key that can be read"):
        storage.read("s3://lake/a//b")


def test_the_library_is_asked_for_when_a_bucket_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    storage = Storage(str(tmp_path))
    storage.write(f"{tmp_path}/a", b"here")
    with pytest.raises(MissingExtra, match="obstore is not installed") as caught:
        storage.read("s3://lake/a")
    assert caught.value.hint == "pip install 'headgate[s3]'"


def test_a_server_that_says_nothing_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objectstore, "_SILENCE", timedelta(seconds=0.4))
    monkeypatch.setattr(objectstore, "_RETRYING", timedelta(seconds=0.2))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        storage = Storage.open("s3://lake", StorageSettings(url="s3://lake", endpoint=endpoint))
        with pytest.raises(StorageError, match=f"The S3 server {endpoint} does not answer"):
            storage.exists("s3://lake/a")
        listener.setblocking(False)
        listener.accept()[0].close()
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_local_files_need_no_library(tmp_path: Path) -> None:
    program = (
        "import sys; from headgate.catalog.storage import Storage\n"
        "storage = Storage(sys.argv[1]); storage.write(sys.argv[1] + '/a', b'x'); storage.read(sys.argv[1] + '/a')\n"
        "print(sorted({'obstore', 'pyiceberg', 'duckdb', 'pydantic', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_files_of_a_run_are_told_by_their_names(tmp_path: Path) -> None:
    one, other, nobody = (
        Storage(str(tmp_path)).of_run("r1"),
        Storage(str(tmp_path)).of_run("r2"),
        Storage(str(tmp_path)),
    )
    assert (one.warehouse, one.is_local) == (str(tmp_path), True)
    assert len({storage.new_id() for storage in (one, one, other, nobody)}) == 4
    for name in ("00012-{}.metadata.json", "{}.metadata.json", "{}-m3.avro", "snap-77-0-{}.avro"):
        by_whom = [is_of_run(f"/w/t/metadata/{name.format(each.new_id())}", "r1") for each in (one, other, nobody)]
        assert by_whom == [True, False, False]
    assert one.new_id().version == 8
    assert is_of_run("/w/t/data/r1-0.parquet", "r1")
    assert not is_of_run("/w/t/data/r11-0.parquet", "r1")
    assert not is_of_run(f"/w/t/data/{one.new_id()}.parquet", "r1")
