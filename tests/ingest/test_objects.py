"""Which names a pattern of an object store stands for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headgate.catalog.localfiles import StoredFile
from headgate.catalog.s3errors import s3_error
from headgate.catalog.storage import Storage
from headgate.errors import DataError, StorageError
from headgate.ingest.contract import Contract, Source
from headgate.ingest.objects import find_objects

NAMES = ("a.csv", "b.CSV", "c.json", "deep/d.csv", "deep/er/e.csv", ".hidden/f.csv", "deep/.g.csv", "x[1].csv")
THEN = datetime(2026, 1, 1, tzinfo=UTC)


class Listing(Storage):
    """A storage that only lists: a bucket costs a server."""

    def list(self, prefix: str) -> Iterator[StoredFile]:
        files = (StoredFile(f"s3://raw/in/{name}", THEN, 1) for name in NAMES)
        return (file for file in files if file.location.startswith(f"{prefix.rstrip('/')}/"))

    def find(self, location: str) -> StoredFile | None:
        return next((file for file in self.list("s3://raw") if file.location == location), None)


def _found(pattern: str) -> list[str]:
    contract = Contract.model_validate({"table": "t", "files": pattern})
    source = Source("s", contract, Path("s.yml"))
    return [file.location.removeprefix("s3://raw/in/") for file in find_objects(pattern, source, Listing("s3://raw"))]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("s3://raw/in/*.csv", ["a.csv", "x[1].csv"]),
        ("s3://raw/in/?.csv", ["a.csv"]),
        ("s3://raw/in/[a-c].csv", ["a.csv"]),
        ("s3://raw/*/a.csv", ["a.csv"]),
        ("s3://raw/in/*/*.csv", ["deep/d.csv"]),
        ("s3://raw/in/**/*.csv", ["a.csv", "deep/d.csv", "deep/er/e.csv", "x[1].csv"]),
        ("s3://raw/**/e.csv", ["deep/er/e.csv"]),
        ("s3://raw/in/.hidden/*", [".hidden/f.csv"]),
        ("s3://raw/in/*.parquet", []),
        ("s3://raw/in/a.csv", ["a.csv"]),
        ("s3://raw/in/deep", ["deep/d.csv", "deep/er/e.csv"]),
        ("s3://raw/in/", ["a.csv", "b.CSV", "c.json", "deep/d.csv", "deep/er/e.csv", "x[1].csv"]),
    ],
)
def test_patterns_are_those_of_paths(pattern: str, names: list[str]) -> None:
    assert _found(pattern) == names


def test_a_name_that_is_not_there_is_told_with_its_neighbour() -> None:
    with pytest.raises(DataError, match="There is no file") as caught:
        _found("s3://raw/in/aa.csv")
    assert caught.value.hint == "Did you mean 'a.csv'?"


@pytest.mark.parametrize("code", ["NoSuchBucket", "InvalidBucketName"])
def test_a_bucket_that_is_not_there_is_an_error_of_the_contract(code: str) -> None:
    class Absent(Storage):
        def list(self, prefix: str) -> Iterator[StoredFile]:
            raise s3_error(prefix, f"<Error><Code>{code}</Code></Error>")

    source = Source("s", Contract.model_validate({"table": "t", "files": "s3://gone/*.csv"}), Path("s.yml"))
    with pytest.raises(StorageError, match="'gone'") as caught:
        find_objects("s3://gone/*.csv", source, Absent("s3://raw"))
    assert caught.value.place == "s.yml: files"
    assert caught.value.hint == "Create the bucket, or correct `files` of the contract."
