from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.rights import as_anybody

import headgate
from headgate.errors import DataError
from headgate.ingest import files as module
from headgate.ingest.digests import Digest, digest
from headgate.ingest.files import HashCache, discover
from headgate.ingest.formats import format_of

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake


def names(lake: Lake, *patterns: str, more: str = "") -> list[str]:
    listed = ", ".join(f'"{pattern}"' for pattern in patterns)
    lake.source("a", f"table: a\nfiles: [{listed}]\n{more}")
    return [file.name for file in discover(lake.project, lake.sources()[0], lake.session.storage)]


def test_paths_globs_and_folders(lake: Lake) -> None:
    for name in ("b.csv", "a.csv", "c.json", "deep/x.csv.gz", "deep/.hidden.csv", "deep/_tmp/y.csv", "deep/read.me"):
        lake.file(f"data/{name}", name)
    assert names(lake, "data/a.csv") == ["data/a.csv"]
    assert names(lake, "data/c.json", "data/*.csv", "data/a.csv") == ["data/c.json", "data/a.csv", "data/b.csv"]
    assert names(lake, "data/**/*.csv*") == ["data/a.csv", "data/b.csv", "data/deep/_tmp/y.csv", "data/deep/x.csv.gz"]
    assert names(lake, "data") == ["data/a.csv", "data/b.csv", "data/c.json", "data/deep/x.csv.gz"]
    assert names(lake, "data", more="format: json\n") == ["data/c.json"]
    assert names(lake, str(lake.root / "data/a.csv")) == ["data/a.csv"]
    assert names(lake, "data/*.parquet") == []


def test_folders_are_gone_into_through_links_as_patterns_do(lake: Lake, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.csv").write_text("x")
    for name in ("a.csv", "deep/c.csv", "z.csv"):
        lake.file(f"data/in/{name}", name)
    (lake.root / "data/in/ext").symlink_to(elsewhere)
    (lake.root / "data/in/deep/one.csv").symlink_to(elsewhere / "b.csv")
    expected = [f"data/in/{name}" for name in ("a.csv", "deep/c.csv", "deep/one.csv", "ext/b.csv", "z.csv")]
    assert names(lake, "data/in") == names(lake, "data/in/**/*.csv") == expected
    (elsewhere / "back").symlink_to(lake.root / "data")
    (lake.root / "data/in/deep/up").symlink_to("..")
    assert names(lake, "data/in") == expected
    (lake.root / "data/in/dangling").symlink_to(tmp_path / "none")
    assert names(lake, "data/in") == expected


def test_a_name_with_brackets_is_a_name_first(lake: Lake) -> None:
    lake.file("data/a[1].csv", "x")
    assert names(lake, "data/a[1].csv") == ["data/a[1].csv"]


def test_a_missing_file_names_the_closest(lake: Lake) -> None:
    lake.file("data/sales.csv", "x")
    with pytest.raises(DataError, match=r"no file '.*data/sale.csv'") as raised:
        names(lake, "data/sale.csv")
    assert raised.value.hint == "Did you mean 'sales.csv'?"
    assert raised.value.place == f"{lake.root}/ingestion/a.yml: files"


def test_files_carry_the_hash_of_their_bytes(lake: Lake) -> None:
    lake.file("data/a.csv", b"abc")
    lake.source("a", "table: a\nfiles: data/a.csv\n")
    (file,) = discover(lake.project, lake.sources()[0], lake.session.storage, lake.db)
    assert (file.sha256, file.bytes) == (hashlib.sha256(b"abc").hexdigest(), 3)


def test_hashes_are_remembered_while_a_file_stays(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[Path] = []

    def counted(path: Path) -> Digest:
        computed.append(path)
        return digest(path)

    monkeypatch.setattr(module, "digest", counted)
    path = lake.file("data/a.csv", b"abc")
    assert HashCache(lake.db).digest(path).sha256 == HashCache(lake.db).digest(path).sha256 == digest(path).sha256
    assert len(computed) == 1
    before = path.stat()
    path.write_bytes(b"abd")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert HashCache(lake.db).digest(path) == digest(path)
    assert len(computed) == 2


def test_a_file_with_other_bytes_and_its_old_times_is_hashed(lake: Lake) -> None:
    path = lake.file("data/a.csv", b"id,v\n1,wrong\n")
    before = path.stat()
    HashCache(lake.db).digest(path)
    lake.source("a", "table: a\nfiles: data/a.csv\n")
    (planned,) = discover(lake.project, lake.sources()[0], lake.session.storage, lake.db)
    path.write_bytes(b"id,v\n1,right\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert HashCache(lake.db).digest(path).sha256 == hashlib.sha256(b"id,v\n1,right\n").hexdigest()
    with pytest.raises(DataError, match="changed while it was read"):
        planned.check_unchanged()


def test_the_hash_of_a_file_that_is_being_written_is_not_remembered(lake: Lake) -> None:
    path = lake.root / "now.csv"
    path.write_bytes(b"abc")
    HashCache(lake.db).digest(path)
    stamp = path.stat()
    path.write_bytes(b"abd")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert HashCache(lake.db).digest(path).sha256 == hashlib.sha256(b"abd").hexdigest()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.CSV", "csv"),
        ("a.tsv.gz", "tsv"),
        ("a.b.jsonl.zst", "ndjson"),
        ("a.gz", None),
        ("a", None),
        ("x.xlsx", "excel"),
    ],
)
def test_formats_by_name(name: str, expected: str | None) -> None:
    assert format_of(name) == expected


@pytest.mark.parametrize("pattern", ["data", "data/*/*.csv", "data/**/*.csv", "data/*/b.csv", "data/**/b.csv"])
@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_folder_that_may_not_be_read_is_told_and_not_passed_over(lake: Lake, pattern: str, mode: int) -> None:
    lake.file("data/x/a.csv", "a")
    folder = lake.file("data/y/b.csv", "b").parent
    folder.chmod(mode)
    try:
        with as_anybody(), pytest.raises(DataError, match=r"cannot be looked for: 'data/y.*Permission denied"):
            names(lake, pattern)
    finally:
        folder.chmod(0o755)
    assert "data/y/b.csv" in names(lake, pattern)


def test_a_hidden_folder_may_be_closed(lake: Lake) -> None:
    lake.file("data/x/a.csv", "a")
    folder = lake.file("data/.trash/b.csv", "b").parent
    folder.chmod(0)
    try:
        with as_anybody():
            assert names(lake, "data") == ["data/x/a.csv"]
            assert names(lake, "data/**/*.csv") == ["data/x/a.csv"]
    finally:
        folder.chmod(0o755)


def test_what_the_folder_of_the_project_is_called_is_no_pattern(tmp_path: Path) -> None:
    root = tmp_path / "l[a]ke*"
    (root / "data" / "x").mkdir(parents=True)
    (root / "data" / "x" / "a.csv").write_text("n\n1\n")
    (root / "ingestion").mkdir()
    (root / "headgate.yml").write_text("name: lake\n")
    (root / "ingestion" / "a.yml").write_text('table: a\nfiles: "data/*/*.csv"\n')
    with headgate.open(root) as lake:
        assert lake.run().loads[0].file == "data/x/a.csv"
