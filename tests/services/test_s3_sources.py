"""Files of sources in a bucket: the rules are those of files on the disk."""

from __future__ import annotations

import gzip
import secrets
from pathlib import Path

import pytest
import yaml

import headgate
from headgate.catalog.storage import Storage
from headgate.config import StorageSettings
from headgate.errors import DataError, HeadgateError
from headgate.run.result import RunResult, RunStatus
from services.s3 import S3

pytestmark = pytest.mark.services


class Landing:
    """A project with one source, whose files lie in a bucket; its tables lie on the disk."""

    def __init__(self, root: Path, server: S3, uri: str) -> None:
        self.root, self.uri = root, uri
        self.settings = server.settings(uri)
        self.storage = Storage(uri, StorageSettings.model_validate(self.settings))
        self.contract = {
            "table": "orders",
            "files": f"{uri}/in/*.csv",
            "columns": {"id": {"type": "bigint", "required": True}, "amount": {"type": "decimal(10,2)"}},
            "storage": {name: value for name, value in self.settings.items() if name != "url"},
        }
        (root / "ingestion").mkdir()
        self.says()

    def says(self, **changes: object) -> None:
        path = self.root / "ingestion" / "orders.yml"
        path.write_text(yaml.safe_dump({**self.contract, **changes}), encoding="utf-8")

    def put(self, name: str, content: str | bytes) -> None:
        location = f"{self.uri}/{name}"
        self.storage.delete([location])
        self.storage.write(location, content.encode() if isinstance(content, str) else content)

    def run(self) -> RunResult:
        with headgate.open(self.root) as lake:
            return lake.run()

    def rows(self) -> list[tuple[object, ...]]:
        with headgate.open(self.root) as lake:
            sql = "select id, cast(amount as varchar), _source_file from bronze.orders order by all"
            return [(number, amount, name.removeprefix(self.uri)) for number, amount, name in lake.query(sql).rows()]

    def copies(self) -> list[Path]:
        return [path for path in (self.root / ".headgate").rglob("*.csv*") if path.is_file()]


@pytest.fixture(params=["versitygw", "minio"])
def landing(request: pytest.FixtureRequest, project_dir: Path) -> Landing:
    server: S3 = request.getfixturevalue(f"{request.param}_server")
    bucket = server.make_bucket(f"landing-{secrets.token_hex(4)}")
    return Landing(project_dir, server, f"{bucket}/raw")


def test_every_object_is_loaded_once(landing: Landing) -> None:
    landing.put("in/a.csv", "id,amount\n1,1.50\n2,x\n")
    landing.put("in/b.csv", "id,amount\n3,2.25\n")
    landing.put("in/deep/c.csv", "id,amount\n4,1.00\n")
    landing.put("in/d.txt", "id,amount\n5,1.00\n")
    result = landing.run()
    assert result.status is RunStatus.MERGED
    assert [
        (load.file.removeprefix(landing.uri), load.read, load.loaded, load.quarantined) for load in result.loads
    ] == [
        ("/in/a.csv", 2, 1, 1),
        ("/in/b.csv", 1, 1, 0),
    ]
    assert landing.rows() == [(1, "1.50", "/in/a.csv"), (3, "2.25", "/in/b.csv")]
    assert landing.run().status is RunStatus.UNCHANGED
    assert landing.copies() == []


def test_equal_bytes_are_loaded_once_whatever_their_name(landing: Landing) -> None:
    landing.put("in/a.csv", "id,amount\n1,1.50\n")
    landing.run()
    landing.put("in/copy.csv", "id,amount\n1,1.50\n")
    assert landing.run().status is RunStatus.UNCHANGED
    landing.put("in/a.csv", "id,amount\n1,1.50\n")
    assert landing.run().status is RunStatus.UNCHANGED
    assert landing.rows() == [(1, "1.50", "/in/a.csv")]
    assert landing.copies() == []


def test_an_object_with_other_content_replaces_its_rows(landing: Landing) -> None:
    landing.put("in/a.csv", "id,amount\n1,1.50\n2,2.50\n")
    landing.run()
    # Of the same size, within the same second.
    landing.put("in/a.csv", "id,amount\n1,1.50\n3,3.50\n")
    result = landing.run()
    assert [load.replaces is not None for load in result.loads] == [True]
    assert [row[:2] for row in landing.rows()] == [(1, "1.50"), (3, "3.50")]


def test_folders_and_single_objects_are_patterns_too(landing: Landing) -> None:
    landing.put("in/a.csv.gz", gzip.compress(b"id,amount\n1,1.50\n"))
    landing.put("in/deep/b.csv", "id,amount\n2,1.00\n")
    landing.put("in/_hidden/c.csv", "id,amount\n3,1.00\n")
    landing.put("in/notes.md", "# Notes\n")
    landing.put("inside.csv", "id,amount\n4,1.00\n")
    landing.says(files=[f"{landing.uri}/in", f"{landing.uri}/inside.csv"])
    assert landing.run().status is RunStatus.MERGED
    assert [row[0] for row in landing.rows()] == [1, 2, 4]


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        ("in/orders.csv", r"There is no file '[^']*/in/orders\.csv'", "Did you mean 'order.csv'?"),
        ("else/*.csv", "has no file: nothing matches", "Put files there"),
        ("else/", "There is no file '[^']*/else/'", "There are: order.csv."),
    ],
)
def test_what_is_not_there_is_told(landing: Landing, files: str, message: str, hint: str) -> None:
    landing.put("in/order.csv", "id,amount\n1,1.50\n")
    landing.says(files=f"{landing.uri}/{files}")
    with pytest.raises(DataError, match=message) as caught:
        raise landing.run().error or AssertionError("the run found a file")
    assert hint in str(caught.value.hint)


def test_a_source_without_keys_is_read_as_the_public_may(landing: Landing) -> None:
    landing.put("in/a.csv", "id,amount\n1,1.50\n")
    landing.says(storage={"endpoint": landing.settings["endpoint"]})
    with pytest.raises(HeadgateError, match="is denied") as caught:
        raise landing.run().error or AssertionError("the bucket is public")
    assert "No key is set" in str(caught.value.hint)


def test_the_lakes_own_keys_reach_files_of_its_server(landing: Landing) -> None:
    landing.put("in/a.csv", "id,amount\n1,1.50\n")
    landing.contract.pop("storage")
    landing.says()
    storage = {**landing.settings, "url": f"{landing.uri}/lake"}
    (landing.root / "headgate.yml").write_text(yaml.safe_dump({"name": "lake", "storage": storage}), encoding="utf-8")
    assert landing.run().status is RunStatus.MERGED
    assert landing.rows() == [(1, "1.50", "/in/a.csv")]


def test_a_contract_is_inferred_from_objects(landing: Landing) -> None:
    rows = "".join(f"{number},{number / 4:.2f}\n" for number in range(50))
    landing.put("in/sales_2026.csv", f"id,amount\n{rows}")
    storage = {**landing.settings, "url": ".headgate/warehouse"}
    (landing.root / "headgate.yml").write_text(yaml.safe_dump({"name": "lake", "storage": storage}), encoding="utf-8")
    (landing.root / "ingestion" / "orders.yml").unlink()
    with headgate.open(landing.root) as lake:
        (added,) = lake.add_sources([f"{landing.uri}/in/*.csv"], "sales")
        contract = yaml.safe_load((landing.root / added.path).read_text(encoding="utf-8"))
        assert contract["files"] == f"{landing.uri}/in/*.csv"
        assert lake.run().loads[0].loaded == 50
    assert landing.copies() == []
