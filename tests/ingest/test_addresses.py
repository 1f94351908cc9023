"""Addresses are shown without what is secret in them."""

from pathlib import Path

import pytest

from headgate.catalog.storage import Storage
from headgate.errors import UsageError
from headgate.ingest.addresses import holds_secret, shown, shown_address, split_address
from headgate.ingest.contract import Contract, Source
from headgate.ingest.files import discover
from headgate.project import Project


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("https://u:p@host/a.csv", "https://host/a.csv"),
        ("https://token@host:8443/a.csv", "https://host:8443/a.csv"),
        ("https://u:p%40ss%2F@host/a@b.csv", "https://host/a@b.csv"),
        ("https://host/a.csv?X-Amz-Signature=s&X-Amz-Date=d", "https://host/a.csv?X-Amz-Signature=***&X-Amz-Date=d"),
        ("https://host/a.csv?Session=s&page=2", "https://host/a.csv?Session=***&page=2"),
        ("https://host/a.csv?code=s&country_code=DE", "https://host/a.csv?code=***&country_code=DE"),
        ("https://host/a.csv?sas=s&pwd=p&jwt=j#frag", "https://host/a.csv?sas=***&pwd=***&jwt=***"),
        ("data/a?key=1.csv", "data/a?key=1.csv"),
        ("s3://bucket/a@b.csv", "s3://bucket/a@b.csv"),
        ("s3://key:word@bucket/a.csv", "s3://bucket/a.csv"),
        ("s3://key:word/9@bucket/a.csv", "s3://bucket/a.csv"),
        ("ftp://u:p@h/a.csv", "ftp://h/a.csv"),
        ("ftp://u:p/p@h/a.csv?token=t", "ftp://h/a.csv"),
    ],
)
def test_secrets_are_not_shown(address: str, seen: str) -> None:
    assert shown(address) == seen


@pytest.mark.parametrize(
    "address",
    [
        "https://u:pa/zz@host/x.csv",
        "https://u:pa[zz@host/x.csv",
        "https://u:p\u2100zz@host/x.csv",
        "https://u:p#zz@host/x.csv",
    ],
)
def test_a_password_with_a_slash_is_neither_host_nor_shown(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        shown_address(address)
    assert "zz" not in str(caught.value)
    assert caught.value.place == "...@host/x.csv"
    assert "%2F" in str(caught.value.hint)


@pytest.mark.parametrize("address", ["https://", "https://host:port/x", "https:///x.csv"])
def test_an_address_without_a_host_is_told(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        split_address(address)
    assert caught.value.place == address


@pytest.mark.parametrize(
    ("address", "held"),
    [
        ("https://host/a.csv?page=2", False),
        ("https://${USER}:${PASSWORD}@host/a.csv?token=${TOKEN}", False),
        ("https://user:${PASSWORD}@${HOST}/a.csv", False),
        ("https://user:p@host/a.csv", True),
        ("https://token@host/a.csv", True),
        ("https://host/a.csv?token=t", True),
        ("https://host/a.csv?token=${A}t", True),
    ],
)
def test_a_secret_that_is_written_out_is_seen(address: str, held: bool) -> None:
    assert holds_secret(address) == held


def test_addresses_that_look_alike_without_their_secrets_are_not_one(
    project_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headgate.ingest.download.download", lambda address, folder: _copy(address, project_dir))
    addresses = ("https://host/a.csv?key=1", "https://host/a.csv?key=2")
    source = Source("a", Contract(table="a", files=addresses), project_dir / "ingestion/a.yml")
    with pytest.raises(UsageError, match=r"differ in nothing but what is hidden: https://host/a\.csv\?key=\*\*\*"):
        discover(Project.open(project_dir), source, Storage(str(project_dir / "warehouse")))


def _copy(address: str, folder: Path) -> Path:
    path = folder / f"{address[-1]}.csv"
    path.write_text(f"id\n{address[-1]}\n")
    return path


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("ftp://u:zz@h/x.csv", "begins with ftp://"),
        ("file:///srv/zz.csv", "begins with file://"),
        ("S3://bucket/zz.csv", "begins with S3://"),
        ("s3://zz@bucket/x.csv", "before the bucket"),
        ("s3://key:zz/9@bucket/x.csv", "before the bucket"),
    ],
)
def test_addresses_of_other_kinds_are_refused(tmp_path: Path, pattern: str, told: str) -> None:
    (tmp_path / "headgate.yml").write_text("name: lake\n")
    project = Project.open(tmp_path)
    source = Source("a", Contract(table="a", files=(pattern,)), tmp_path / "ingestion/a.yml")
    with pytest.raises(UsageError, match=told) as caught:
        discover(project, source, Storage(project.warehouse))
    assert caught.value.place == f"{tmp_path}/ingestion/a.yml: files"
    assert "zz" not in str(caught.value)
