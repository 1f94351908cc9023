"""What every place for files does alike: the disk of this machine and servers that speak S3."""

from __future__ import annotations

import resource
import secrets
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Thread

import pytest

from headgate import faults
from headgate.catalog.storage import Storage
from headgate.config import StorageSettings
from headgate.errors import FileChanged, FileMissing, FileTaken, StorageError
from headgate.faults import Point

SERVERS = {"versitygw": "versitygw_server", "minio": "minio_server"}
PLACES = ["local", *(pytest.param(name, marks=pytest.mark.services) for name in SERVERS)]
ODD = ["a b.txt", "p=%3Dx/y.txt", "ä+ö&c.txt", "a#b.txt", "a?b.txt", "a*b[c].txt", "~t.txt", "'quoted'.txt", 'a"b.txt']


@pytest.fixture(params=PLACES)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return Storage(f"{tmp_path}/lake")
    server = request.getfixturevalue(SERVERS[request.param])
    bucket = server.make_bucket(f"storage-{secrets.token_hex(4)}")
    return Storage(f"{bucket}/lake", StorageSettings(**server.settings(bucket)))


@pytest.fixture
def at(storage: Storage) -> Callable[[str], str]:
    """The location of a name in the warehouse, as metadata has it."""

    def location(name: str) -> str:
        path = f"{storage.warehouse}/{name}"
        return f"file://{path}" if path.startswith("/") else path

    return location


def test_a_file_comes_back_as_it_was_written(storage: Storage, at: Callable[[str], str]) -> None:
    storage.write(at("t/metadata/a.json"), b"content")
    assert storage.read(at("t/metadata/a.json")) == b"content"
    assert (storage.exists(at("t/metadata/a.json")), storage.size(at("t/metadata/a.json"))) == (True, 7)


def test_a_file_is_written_once(storage: Storage, at: Callable[[str], str]) -> None:
    storage.write(at("a"), b"first")
    with pytest.raises(FileTaken):
        storage.write(at("a"), b"other")
    assert storage.read(at("a")) == b"first"


def test_of_many_writers_of_one_name_one_wins(storage: Storage, at: Callable[[str], str]) -> None:
    def write(number: int) -> bool:
        try:
            storage.write(at("a"), f"writer {number}".encode())
        except FileTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(8)))
    assert sum(won) == 1
    assert storage.read(at("a")) == f"writer {won.index(True)}".encode()


def test_several_files_are_written_or_none_of_them(storage: Storage, at: Callable[[str], str]) -> None:
    storage.write_all({at("a"): b"one", at("b"): b"two"})
    assert [storage.read(at(name)) for name in "ab"] == [b"one", b"two"]
    with pytest.raises(FileTaken):
        storage.write_all({at("c"): b"three", at("b"): b"another", at("d"): b"four"})
    assert {file.location for file in storage.list(storage.warehouse)} == {at("a"), at("b")}
    assert storage.read(at("b")) == b"two"


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("where", [Point.FILE_BEGUN, Point.FILE_WRITTEN])
def test_an_interrupt_while_several_files_are_written_leaves_none(
    storage: Storage, at: Callable[[str], str], where: Point, nth: int
) -> None:
    if where is Point.FILE_BEGUN and not storage.is_local:
        # An object is there when it is whole.
        return
    times = count(1)

    def interrupt(point: Point) -> None:
        if point is where and next(times) == nth:
            signal.raise_signal(signal.SIGINT)

    faults.arm(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            storage.write_all({at(name): name.encode() for name in "abc"})
    finally:
        faults.arm(None)
    assert list(storage.list(storage.warehouse)) == []


@pytest.mark.parametrize("storage", PLACES[1:], indirect=True)
def test_an_interrupt_while_a_thread_starts_leaves_no_file(
    storage: Storage, at: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Thread] = []
    start = Thread.start

    def interrupted(thread: Thread) -> None:
        start(thread)
        started.append(thread)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            storage.write_all({at(name): name.encode() for name in "abc"})
    for thread in started:
        thread.join(60)
    assert len(started) == 1
    assert list(storage.list(storage.warehouse)) == []


def test_a_file_that_does_not_fit_is_a_storage_error_and_leaves_nothing(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(StorageError, match="too large"):
            storage.write_all({f"{tmp_path}/a": b"1" * 500, f"{tmp_path}/b": b"1" * 5_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_told(storage: Storage, at: Callable[[str], str]) -> None:
    with pytest.raises(FileMissing, match="does not exist") as caught:
        storage.read(at("nothing"))
    assert caught.value.place == at("nothing")
    assert (storage.exists(at("nothing")), storage.find(at("nothing"))) == (False, None)
    assert list(storage.list(at("nothing"))) == []


def test_a_listing_has_what_lies_below_a_folder(storage: Storage, at: Callable[[str], str]) -> None:
    for name in ("in/a", "in/deep/er/b", "in2/c", "d"):
        storage.write(at(name), name.encode())
    found = {file.location: file.bytes for file in storage.list(at("in"))}
    assert found == {at("in/a"): 4, at("in/deep/er/b"): 12}
    assert {file.location for file in storage.list(storage.warehouse)} == {
        at(name) for name in ("in/a", "in/deep/er/b", "in2/c", "d")
    }
    assert storage.find(at("in/a")) == next(file for file in storage.list(at("in")) if file.location == at("in/a"))


def test_files_are_deleted_whether_they_are_there_or_not(storage: Storage, at: Callable[[str], str]) -> None:
    names = [f"part-{number}" for number in range(30)]
    for name in names:
        storage.write(at(name), b"x")
    storage.delete([at("nothing"), *map(at, names[1:])])
    assert [file.location for file in storage.list(storage.warehouse)] == [at("part-0")]


def test_deletion_reaches_both_sides(storage: Storage, at: Callable[[str], str], tmp_path: Path) -> None:
    storage.write(at("a"), b"x")
    storage.write(f"{tmp_path}/scratch", b"y")
    storage.delete([at("a"), f"{tmp_path}/scratch", at("b")])
    assert not storage.exists(at("a"))
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_names(storage: Storage, at: Callable[[str], str], name: str) -> None:
    storage.write(at(name), b"odd")
    assert storage.read(at(name)) == b"odd"
    assert [file.location for file in storage.list(storage.warehouse)] == [at(name)]


def test_a_large_file_is_read_in_parts(storage: Storage, at: Callable[[str], str]) -> None:
    content = secrets.token_bytes(1000) * 20_000
    storage.write(at("large"), content)
    file = storage.find(at("large"))
    assert file is not None
    parts = list(storage.parts(file))
    assert len(parts) == 3
    assert b"".join(parts) == content


@pytest.mark.parametrize("storage", PLACES[1:], indirect=True)
def test_a_file_that_changes_while_it_is_read_is_told(storage: Storage, at: Callable[[str], str]) -> None:
    storage.write(at("a"), b"first")
    file = storage.find(at("a"))
    assert file is not None
    storage.delete([at("a")])
    storage.write(at("a"), b"other")
    with pytest.raises(FileChanged):
        list(storage.parts(file))


def test_a_file_that_was_deleted_is_not_remembered(storage: Storage, at: Callable[[str], str]) -> None:
    storage.write(at("a"), b"content")
    assert storage.read(at("a")) == b"content"
    storage.delete([at("a")])
    with pytest.raises(FileMissing):
        storage.read(at("a"))


@pytest.mark.parametrize("storage", PLACES[1:], indirect=True)
def test_what_was_read_is_not_asked_for_again(storage: Storage, at: Callable[[str], str]) -> None:
    storage.write(at("a"), b"content")
    storage.write(at("large"), b"x" * 2_000_000)
    Storage(storage.warehouse, storage.access).delete([at("a"), at("large")])
    assert storage.read(at("a")) == b"content"
    with pytest.raises(FileMissing):
        storage.read(at("large"))
    with pytest.raises(FileMissing):
        Storage(storage.warehouse, storage.access).read(at("a"))


@pytest.mark.parametrize("storage", PLACES[1:], indirect=True)
def test_what_is_remembered_is_bounded(storage: Storage, at: Callable[[str], str]) -> None:
    for number in range(20):
        storage.write(at(f"{number}"), b"x" * 1_000_000)
    Storage(storage.warehouse, storage.access).delete(at(f"{number}") for number in range(20))
    left = 0
    for number in range(20):
        with suppress(FileMissing):
            left += len(storage.read(at(f"{number}")))
    # 16 MB, in files of 1,000,000 bytes.
    assert left == 16_000_000
