"""Served lakes: an empty one for each test, and one with tables that all tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import SHOP
from tests.web.serving import Served, serving

import headgate
from headgate.run.result import RunStatus


@pytest.fixture
def served(project_dir: Path) -> Iterator[Served]:
    """A lake without tables."""
    with serving(project_dir) as found:
        yield found


@pytest.fixture(scope="module")
def shop_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A shop that ran once; whoever changes it takes a branch of their own."""
    root = tmp_path_factory.mktemp("shop")
    for name, text in SHOP.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with headgate.open(root) as lake:
        assert lake.run().status is RunStatus.MERGED
    with serving(root) as found:
        yield found
