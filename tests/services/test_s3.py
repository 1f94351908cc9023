"""A lake in a bucket: the same tables as on this machine's disk, and a server that fails changes nothing."""

from __future__ import annotations

import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import headgate
from headgate.catalog.iceberg import TableVersion
from headgate.catalog.storage import Storage
from headgate.config import StorageSettings
from headgate.errors import HeadgateError, StorageError
from headgate.events import Event, Loaded
from headgate.lakehouse import Lakehouse
from headgate.run.result import RunStatus
from services.s3 import S3

pytestmark = pytest.mark.services

MOBILITY = Path(__file__).parents[2] / "examples" / "mobility"
# What says when a run was, and what a run calls itself.
OF_THE_RUN = {"_loaded_at", "refused_at", "run_id", "started", "finished"}

Environment = Callable[[S3], None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Make a server that of the environment, as a person would."""

    def use(server: S3) -> None:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)

    return use


@pytest.fixture
def bucket(versitygw_server: S3) -> str:
    return versitygw_server.make_bucket(f"lake-{secrets.token_hex(4)}")


def _copy_mobility(to: Path) -> Path:
    shutil.copytree(MOBILITY, to, ignore=shutil.ignore_patterns(".headgate", "target", "__pycache__"))
    return to


def _contents(lake: Lakehouse) -> dict[str, Counter[tuple[Any, ...]]]:
    """The rows of every table and view, without what differs from run to run."""
    found = {}
    for table in lake.tables():
        result = lake.query(f"from {table.name}")
        kept = [place for place, column in enumerate(result.columns) if column.name not in OF_THE_RUN]
        found[table.name] = Counter(tuple(str(row[place]) for place in kept) for row in result.rows())
    return found


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[tuple[Any, ...]]]:
    """The tables of the mobility project, on this machine's disk."""
    with headgate.open(_copy_mobility(tmp_path_factory.mktemp("disk") / "mobility")) as lake:
        assert lake.run().status is RunStatus.MERGED
        return _contents(lake)


@pytest.mark.parametrize("kind", ["versitygw", "minio"])
def test_the_tables_are_those_of_the_laptop(
    kind: str,
    request: pytest.FixtureRequest,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    on_disk: dict[str, Counter[tuple[Any, ...]]],
) -> None:
    server: S3 = request.getfixturevalue(f"{kind}_server")
    environment(server)
    monkeypatch.setenv("MOBILITY_STORAGE", f"{server.make_bucket(f'm-{secrets.token_hex(4)}')}/mobility")
    with headgate.open(_copy_mobility(tmp_path / "mobility"), profile="s3") as lake:
        assert lake.run().status is RunStatus.MERGED
        found = _contents(lake)
        assert found.keys() == on_disk.keys()
        assert len(found) > 40
        assert [name for name in found if found[name] != on_disk[name]] == []
        assert lake.run().status is RunStatus.UNCHANGED
        assert {finding.status for finding in lake.doctor()} == {"ok"}
    assert not (tmp_path / "mobility" / ".headgate" / "warehouse").exists()


# A server that fails


def _files(storage: Storage, run_id: str) -> list[str]:
    return [file.location for file in storage.list(storage.warehouse) if f"/{run_id}-" in file.location]


def test_a_server_that_is_killed_leaves_main_as_it_was(
    shop: Path, versitygw_server: S3, environment: Environment, bucket: str
) -> None:
    environment(versitygw_server)
    (shop / "headgate.yml").write_text(f"name: shop\nstorage: {bucket}/shop\n", encoding="utf-8")

    def kill(event: Event) -> None:
        if isinstance(event, Loaded):
            versitygw_server.kill()

    with headgate.open(shop) as lake:
        before = lake.log()
        try:
            with pytest.raises(StorageError, match=r"The S3 server http\S+ does not answer") as caught:
                lake.run(emit=kill)
            assert "Nothing refers to what was half written" in str(caught.value.hint)
            assert lake.log() == before
        finally:
            versitygw_server.restart()
        result = lake.run()
        assert result.status is RunStatus.MERGED
        assert lake.query("from gold.mart_spending order by customer_id").rows() == [
            (10, "Ada", 1, pytest.approx(12.5)),
            (11, "Grace", 1, pytest.approx(7.25)),
        ]
        storage = Storage.open(lake.project.warehouse, lake.project.storage)
        first, second = sorted(record.run_id for record in lake.runs())
        assert _files(storage, first) == []
        assert _files(storage, second) != []


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "secret": ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "The secret key for '[^']+' is not that of the access key"),
    "key": ({"AWS_ACCESS_KEY_ID": "wrong"}, "does not know the access key"),
    "region": ({"AWS_REGION": "eu-west-1"}, "is not in the region that is set"),
    "no keys": ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Access to .* is denied"),
    "one key": ({"AWS_SECRET_ACCESS_KEY": ""}, "secret_key is not set"),
    "no server": (
        {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"},
        r"http://127\.0\.0\.1:1 does not answer",
    ),
    "no bucket": ({"LAKE": "s3://nobody-made-it/lake"}, "There is no bucket 'nobody-made-it'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_the_next_step(
    case: str,
    shop: Path,
    versitygw_server: S3,
    environment: Environment,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables, message = WRONG[case]
    environment(versitygw_server)
    monkeypatch.setenv("LAKE", f"{bucket}/shop")
    (shop / "headgate.yml").write_text("name: shop\nstorage: ${LAKE}\n", encoding="utf-8")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(HeadgateError, match=message) as caught, headgate.open(shop) as lake:
        raise lake.run().error or AssertionError("the run was not refused")
    assert caught.value.hint
    assert versitygw_server.secret_key not in f"{caught.value} {caught.value.data}"


# Tables


def test_a_large_file_is_uploaded_in_parts(
    shop: Path, versitygw_server: S3, environment: Environment, bucket: str
) -> None:
    environment(versitygw_server)
    (shop / "headgate.yml").write_text(f"name: shop\nstorage: {bucket}/shop\n", encoding="utf-8")
    (shop / "models" / "marts" / "large.sql").write_text(
        "select i, md5(i::varchar) as a, md5((i + 1)::varchar) as b from range(1000000) as t(i)", encoding="utf-8"
    )
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        # md5 of '0' and of '1000000', by md5sum.
        assert lake.query("select count(*), sum(i), min_by(a, i), max_by(b, i) from gold.large").rows() == [
            (1_000_000, 499_999_500_000, "cfcd208495d565ef66e7dff9f98764da", "8155bc545f84d9652f1012ef2bdfb6eb")
        ]
        files = lake.show("gold.large").files
    # A part has 20 MB.
    assert max(file.bytes for file in files) > 30_000_000


def test_metadata_is_read_where_it_lies(
    shop: Path, versitygw_server: S3, environment: Environment, bucket: str
) -> None:
    environment(versitygw_server)
    (shop / "headgate.yml").write_text(f"name: shop\nstorage: {bucket}/shop\n", encoding="utf-8")
    with headgate.open(shop) as lake:
        lake.run()
        location = lake.show("bronze.orders").metadata_location
        assert location.startswith(f"{bucket}/shop/bronze/orders-")
        storage = Storage(f"{bucket}/shop", StorageSettings.model_validate(versitygw_server.settings(bucket)))
        assert TableVersion.load(location, storage).rows == 2
        on_disk = versitygw_server.data / location.removeprefix("s3://")
        assert on_disk.read_bytes() == storage.read(location)


# Questions


@pytest.fixture
def asked(shop: Path, versitygw_server: S3, environment: Environment, bucket: str) -> Iterator[Lakehouse]:
    """A lake that is asked, beside things of the same bucket and server that are none of its business."""
    environment(versitygw_server)
    (shop / "headgate.yml").write_text(f"name: shop\nstorage: {bucket}/shop\n", encoding="utf-8")
    other = versitygw_server.make_bucket(f"other-{secrets.token_hex(4)}")
    storage = Storage(f"{bucket}/shop", StorageSettings.model_validate(versitygw_server.settings(bucket)))
    for location in (f"{bucket}/shop2/secret.txt", f"{bucket}/secret.txt", f"{other}/secret.txt"):
        storage.write(location, b"of others")
    (shop / "secret.txt").write_text("of others", encoding="utf-8")
    with headgate.open(shop) as lake:
        lake.run()
        yield lake


OUTSIDE = (
    "s3://{bucket}/shop2/secret.txt",
    "s3://{bucket}/secret.txt",
    "s3://{bucket}/shop/../secret.txt",
    "s3://{bucket}/shop/%2e%2e/secret.txt",
    "s3://{bucket}/*",
    "s3://*/secret.txt",
    "s3a://{bucket}/secret.txt",
    "{endpoint}/{bucket}/secret.txt",
    "{folder}/secret.txt",
    # Parameters of an S3 URL are settings for DuckDB, the server's address among them.
    "s3://{bucket}/shop/x?s3_endpoint=127.0.0.1:1",
    "s3://{bucket}/shop/x?s3_access_key_id=a&s3_secret_access_key=b",
)


def test_a_query_reads_below_the_warehouse_only(
    asked: Lakehouse, bucket: str, versitygw_server: S3, shop: Path
) -> None:
    for path in OUTSIDE:
        target = path.format(bucket=bucket.removeprefix("s3://"), endpoint=versitygw_server.endpoint, folder=shop)
        with pytest.raises(HeadgateError) as caught:
            asked.query(f"select content from read_text('{target}')")
        assert "of others" not in str(caught.value)
        assert "does not answer" not in str(caught.value), f"{target} reached another server"


def test_a_query_cannot_read_the_keys(asked: Lakehouse, versitygw_server: S3) -> None:
    shown = str(asked.query("from duckdb_settings()").rows())
    assert versitygw_server.secret_key not in shown
    assert versitygw_server.access_key not in shown
    with pytest.raises(HeadgateError):
        asked.query("from duckdb_secrets()")
