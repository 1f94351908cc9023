"""A served lake with a branch to write to."""

from __future__ import annotations

import pytest
from tests.web.iceberg.asking import Asking
from tests.web.serving import Served


@pytest.fixture
def branch(served: Served) -> Asking:
    """An empty branch whose name has a slash."""
    served.lake.catalog.create_branch("team/feature-1")
    return Asking(served, "team/feature-1")


@pytest.fixture
def filled(branch: Asking) -> Asking:
    """The branch with a table and a view."""
    branch.namespace("ns")
    branch.table()
    branch.view()
    return branch
