"""Files hashed before the project is open: which ones, and that what is found holds for those very bytes only."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.ingest.conftest import Lake

from headgate import lakehouse
from headgate.cli.main import main
from headgate.ingest import ahead as module
from headgate.ingest import files, hashing
from headgate.ingest.ahead import hash_ahead
from headgate.ingest.digests import Digest, digest, from_line
from headgate.ingest.files import HashCache
from headgate.run import ahead as begun
from headgate.run.result import RunStatus

ORDERS = b"id,customer,day,amount\n1,10,2026-01-05,12.50\n2,11,2026-01-06,7.25\n"


@pytest.fixture(autouse=True)
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 50 bytes were many."""
    monkeypatch.setattr(module, "LARGE", 50)


def hashed(root: Path) -> dict[str, str]:
    ahead = hash_ahead(root)
    return {path.name: found.sha256 for path, _, found in ahead.found()} if ahead else {}


@pytest.fixture
def settled_shop(shop: Path) -> Path:
    """The shop with one large file that its contract names, written a while ago."""
    contract = shop / "ingestion/orders.yml"
    contract.write_text(contract.read_text().replace("data/orders*.csv", "data/orders-1.csv"))
    write(shop / "data/orders-1.csv", ORDERS)
    return shop


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.utime(path, (1_700_000_000, 1_700_000_000))


def test_large_named_files_are_hashed(lake: Lake) -> None:
    for name in ("one.csv", "two.csv", "three.csv"):
        lake.file(f"data/{name}", name.encode() * 50)
    lake.file("data/small.csv", b"x" * 49)
    lake.file(".env", "WHERE=data\n")
    lake.source("a", "table: a\nfiles: data/one.csv\n")
    lake.source("b", "table: b\nfiles: ['${WHERE}/two.csv', data/small.csv, data/none.csv, 's3://b/x', data/one.csv]\n")
    assert hashed(lake.root) == {
        name: hashlib.sha256(name.encode() * 50).hexdigest() for name in ("one.csv", "two.csv")
    }


def many_contracts(lake: Lake) -> None:
    for number in range(8):
        lake.source(f"b{number}", f"table: b{number}\nfiles: data/b.csv\n")


def just_written(lake: Lake) -> None:
    os.utime(lake.root / "data/a.csv")


def remembered(lake: Lake) -> None:
    HashCache(lake.db).digest(lake.root / "data/a.csv")


def without_memory(lake: Lake) -> None:
    (lake.root / ".headgate/state.db").rename(lake.root / "state.db")


@pytest.mark.parametrize(
    "prepare",
    [
        many_contracts,
        just_written,
        remembered,
        without_memory,
        lambda lake: lake.source("a", "table: a\nfiles: data/*.csv\n"),
        lambda lake: lake.source("a", "table: a\nfiles: {data/a.csv: 1}\n"),
        lambda lake: lake.source("a", "- data/a.csv\n"),
        lambda lake: lake.source("b", "table: [\n"),
        lambda lake: lake.source("b", "table: b\nfiles: '~nobody-has-this-name/b.csv'\n"),
        lambda lake: lake.file(".env", "no variable\n"),
        lambda lake: lake.file(".headgate/other.db", "no database, and long enough for SQLite to see that" * 20),
    ],
)
def test_nothing_is_hashed_where_it_may_be_in_vain(lake: Lake, prepare: Callable[[Lake], object]) -> None:
    lake.file("data/a.csv", b"x" * 100)
    lake.source("a", "table: a\nfiles: data/a.csv\n")
    assert set(hashed(lake.root)) == {"a.csv"}
    prepare(lake)
    assert hash_ahead(lake.root) is None


def test_a_known_file_with_other_bytes_is_hashed(lake: Lake) -> None:
    lake.source("a", "table: a\nfiles: data/a.csv\n")
    remembered_file = lake.file("data/a.csv", b"x" * 100)
    HashCache(lake.db).digest(remembered_file)
    lake.file("data/a.csv", b"y" * 101)
    assert hashed(lake.root) == {"a.csv": hashlib.sha256(b"y" * 101).hexdigest()}


def appended(path: Path) -> None:
    write(path, path.read_bytes() + b"3,10,2026-01-07,1.00\n")


def touched(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"12.50", b"12.51"))


def rewritten_in_place(path: Path) -> None:
    write(path, path.read_bytes().replace(b"12.50", b"12.51"))


def replaced_with_the_same_times(path: Path) -> None:
    other = path.with_name("other")
    write(other, path.read_bytes().replace(b"12.50", b"12.51"))
    other.rename(path)


CHANGES = pytest.mark.parametrize("change", [appended, touched, rewritten_in_place, replaced_with_the_same_times])


@CHANGES
def test_a_file_that_changes_while_it_is_hashed_has_no_hash(settled_shop: Path, change: Callable[[Path], None]) -> None:
    path = settled_shop / "data/orders-1.csv"
    assert hashed(settled_shop) == {path.name: hashlib.sha256(ORDERS).hexdigest()}
    ahead = hash_ahead(settled_shop)
    assert ahead is not None
    change(path)
    assert ahead.found() == []


@CHANGES
def test_a_file_that_changes_after_it_was_hashed_is_loaded_as_it_is(
    settled_shop: Path, change: Callable[[Path], None]
) -> None:
    path = settled_shop / "data/orders-1.csv"
    with lakehouse.open_to_run(settled_shop) as lake:
        assert lake._ahead is not None
        assert lake._ahead.files is not None  # the file is to change between the hash and the run
        assert [found.sha256 for *_, found in lake._ahead.files.found()] == [hashlib.sha256(ORDERS).hexdigest()]
        change(path)
        assert lake.run().status is RunStatus.MERGED
        hashes = {load["source"]: load["sha256"] for load in lake.loads()}
    assert hashes["orders"] == hashlib.sha256(path.read_bytes()).hexdigest() != hashlib.sha256(ORDERS).hexdigest()


def removed(path: Path) -> None:
    path.unlink()


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [removed, made_a_folder])
def test_a_file_that_is_no_longer_there_is_for_the_run_to_meet(
    settled_shop: Path, change: Callable[[Path], None]
) -> None:
    ahead = hash_ahead(settled_shop)
    assert ahead is not None
    change(settled_shop / "data/orders-1.csv")
    assert ahead.found() == []


def test_the_program_tells_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "nul").write_bytes(b"a\0b")
    (tmp_path / "text").write_bytes(b"text")
    window = 1 << 24
    large = b"0123456789" * (window // 8)  # of more than one window
    (tmp_path / "large").write_bytes(large)
    late = b"x" * (2 * window) + b"\0"
    (tmp_path / "late").write_bytes(late)
    names = ("nul", "none", "text", "large", "late")
    command = [sys.executable, hashing.__file__, str(os.getpid()), *(str(tmp_path / name) for name in names)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [from_line(line) for line in told.splitlines()] == [
        Digest(hashlib.sha256(b"a\0b").hexdigest(), nul=True),
        None,
        Digest(hashlib.sha256(b"text").hexdigest(), nul=False),
        Digest(hashlib.sha256(large).hexdigest(), nul=False),
        Digest(hashlib.sha256(late).hexdigest(), nul=True),
    ]
    assert from_line(hashlib.sha256(b"text").hexdigest()[:20]) is None


def test_the_program_ends_with_its_parent(tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    endless.touch()
    os.truncate(endless, 1 << 40)  # a file of holes, which takes no room and would take minutes to hash
    command = f"[sys.executable, {hashing.__file__!r}, str(os.getpid()), {str(endless)!r}]"
    start = f"import os, subprocess, sys; p = subprocess.Popen({command});"
    parent = subprocess.Popen(
        [sys.executable, "-c", f"{start} print(p.pid, flush=True); p.wait()"], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.kill()
    # The other end of its output is closed once both have ended.
    assert parent.communicate(timeout=60)[0] == ""
    assert not Path(f"/proc/{child}/cmdline").exists() or not Path(f"/proc/{child}/cmdline").read_bytes()


def test_where_no_process_starts_the_run_hashes(settled_shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(settled_shop / "none"))
    assert hash_ahead(settled_shop) is None


@pytest.mark.parametrize("name", ["headgate.yml", "ingestion/orders.yml"])
def test_a_project_that_does_not_open_leaves_no_process(
    settled_shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    # A program that only a kill ends.
    program = settled_shop / "endless.py"
    program.write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setattr(hashing, "__file__", str(program))
    started: list[module.Hashing] = []

    def noted(root: Path) -> module.Hashing | None:
        started.extend(filter(None, [begin(root)]))
        (settled_shop / name).write_text("table: [\n")
        return started[0]

    begin = hash_ahead
    monkeypatch.setattr(begun, "hash_ahead", noted)
    assert main(["run", "--project", str(settled_shop)]) == 2
    capsys.readouterr()
    (ahead,) = started
    assert ahead._process.returncode == -signal.SIGKILL  # what is left of it is seen nowhere else


def test_the_command_reads_a_file_for_its_hash_once(
    settled_shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = []

    def noted(path: Path) -> Digest:
        read.append(path.name)
        return digest(path)

    monkeypatch.setattr(files, "digest", noted)
    write(settled_shop / "data/customers.csv", b"id,name\n10,Ada\n11,Grace\n")
    assert main(["run", "--project", str(settled_shop), "--json"]) == 0
    assert read == ["customers.csv"]
    (settled_shop / "headgate.yml").write_text("name: other\n")
    assert main(["run", "--project", str(settled_shop), "--json"]) == 0
    assert read == ["customers.csv"]
    capsys.readouterr()
