"""Data files reach the disk beside other work, and before a commit refers to them."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headgate.catalog.locations import path_of
from headgate.engines import durability
from headgate.engines.workspace import Workspace
from headgate.errors import StorageError
from headgate.types import Name

ORDERS = Name.of("silver", "orders")

pytestmark = pytest.mark.parametrize("storage", ["local"], indirect=True)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Threads that bring files to the disk wait for this."""
    go = threading.Event()

    def wait(sync: Callable[[int], None], descriptor: int) -> None:
        if threading.current_thread().name.startswith("sync"):
            assert go.wait(60)
        sync(descriptor)

    _replace(monkeypatch, wait)
    yield go
    go.set()


def _replace(monkeypatch: pytest.MonkeyPatch, act: Callable[[Callable[[int], None], int], None]) -> None:
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: act(sync, descriptor))


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_is_not_on_the_disk_is_read_and_not_committed(workspace: Workspace, held: threading.Event) -> None:
    before = workspace.catalog.ref(workspace.ref).commit_id
    workspace.append(ORDERS, "SELECT 1 AS id")
    assert workspace.query("FROM silver.orders").fetchall() == [(1,)]
    landed: list[Any] = []
    committing = threading.Thread(target=lambda: landed.append(workspace.commit("rows")))
    committing.start()
    committing.join(0.2)
    assert committing.is_alive()
    assert workspace.catalog.ref(workspace.ref).commit_id == before
    held.set()
    committing.join(60)
    (commit,) = landed
    assert workspace.catalog.ref(workspace.ref).commit_id == commit.id != before


def test_a_file_that_does_not_reach_the_disk_is_never_committed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = workspace.catalog.ref(workspace.ref).commit_id
    # The session is used by other tests.
    monkeypatch.setattr(workspace.session, "syncs", durability.Syncs(workspace.session.storage))

    def fail(sync: Callable[[int], None], descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        _replace(patched, fail)
        workspace.append(ORDERS, "SELECT 1 AS id")
        with pytest.raises(StorageError, match="Input/output error"):
            workspace.commit("rows")
    # What the system has lost once, it does not tell again.
    with pytest.raises(StorageError, match="Input/output error"):
        workspace.commit("rows")
    assert workspace.catalog.ref(workspace.ref).commit_id == before


def test_a_file_may_be_deleted_on_its_way(workspace: Workspace, held: threading.Event) -> None:
    written = workspace.write_files(ORDERS, "SELECT 1 AS id")
    (file,) = written.files
    path_of(file.path).unlink()
    workspace.append(ORDERS, "SELECT 2 AS id")
    held.set()
    workspace.commit("rows")
    assert workspace.query("FROM silver.orders").fetchall() == [(2,)]


def test_no_more_files_are_open_than_a_process_may_have(
    workspace: Workspace, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durability, "_MOST", 3)
    began = _open_files()
    for number in range(8):
        workspace.append(ORDERS, f"SELECT {number} AS id")
    assert _open_files() - began <= 3
    held.set()
    workspace.commit("rows")
    assert workspace.query("SELECT count(*) FROM silver.orders").fetchall() == [(8,)]
