"""An open project: what has to fit together before anything is done with it."""

from __future__ import annotations

from pathlib import Path

import pytest

import headgate
from headgate.errors import ProjectError
from headgate.run.result import RunStatus


def test_a_storage_with_the_commits_of_another_is_refused(shop: Path) -> None:
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
        head = lake.refs("branch")
    with (shop / "headgate.yml").open("a") as settings:
        settings.write("profiles:\n  other: {storage: elsewhere}\n")
        settings.write("  apart: {storage: elsewhere, catalog: 'sqlite:///.headgate/apart.db'}\n")
    with headgate.open(shop, profile="other") as lake:
        for ask in (lake.run, lambda: lake.query("from headgate.loads")):
            with pytest.raises(ProjectError, match=r"and `storage` says '.*/elsewhere'") as caught:
                ask()
            assert "catalog:" in str(caught.value.hint)
            assert "or a symbolic link there" in str(caught.value.hint)
        assert [found.status for found in lake.doctor() if found.name == "storage"] == ["error"]
    with headgate.open(shop) as lake:
        assert lake.refs("branch") == head
        assert lake.run().status is RunStatus.UNCHANGED
    with headgate.open(shop, profile="apart") as lake:
        assert lake.run().status is RunStatus.MERGED
        assert (shop / "elsewhere" / "bronze").is_dir()
