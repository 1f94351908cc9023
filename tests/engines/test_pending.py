"""Appends that wait for their commit: written once, seen by whoever reads them, and never forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headgate.catalog.locations import path_of
from headgate.engines.workspace import Workspace
from headgate.errors import StorageError
from headgate.types import Name

MakeWorkspace = Callable[..., Workspace]

ORDERS = Name.of("silver", "orders")


def _rows(workspace: Workspace, sql: str) -> list[tuple[Any, ...]]:
    return workspace.query(sql).fetchall()


def test_an_append_that_nobody_reads_is_written_once(workspace: Workspace, make_workspace: MakeWorkspace) -> None:
    workspace.append(ORDERS, "SELECT 0 AS id")
    workspace.commit("base")
    folder = str(workspace.version(ORDERS)).rpartition("/")[0]

    def metadata_files() -> int:
        return sum(file.location.endswith(".metadata.json") for file in workspace.session.storage.list(folder))

    one, two, three = make_workspace(), make_workspace(), make_workspace()
    for number, each in enumerate((one, two, three), 1):
        each.append(ORDERS, f"SELECT {number} AS id")
    assert metadata_files() == 1
    one.commit("first")
    two.commit("joined")
    assert metadata_files() == 3
    # Who reads it sees it, and so has a version of it made, which is joined with what others did.
    assert three.version(ORDERS) is not None
    assert _rows(three, "FROM silver.orders ORDER BY id") == [(0,), (3,)]
    three.append(ORDERS, "SELECT 4 AS id")
    three.commit("joined too")
    assert _rows(three, "FROM silver.orders ORDER BY id") == [(0,), (1,), (2,), (3,), (4,)]


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_an_append_that_cannot_be_stored_is_not_forgotten(workspace: Workspace) -> None:
    workspace.append(ORDERS, "SELECT 0 AS id")
    workspace.commit("base")
    folder = path_of(str(workspace.version(ORDERS))).parent
    workspace.append(ORDERS, "SELECT 1 AS id")
    away = folder.rename(folder.with_name("away"))
    folder.write_text("in the way")
    with pytest.raises(StorageError):
        workspace.exists(ORDERS)
    with pytest.raises(StorageError):
        workspace.commit("in vain")
    folder.unlink()
    away.rename(folder)
    workspace.commit("now")
    assert _rows(workspace, "FROM silver.orders ORDER BY id") == [(0,), (1,)]
