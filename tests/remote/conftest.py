"""A shop that ran once and is served, as its folder and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.web.conftest import served, shop_served
from tests.web.serving import Served

from headgate.remote.lakehouse import RemoteLakehouse

__all__ = ["remote", "served", "shop_served"]


@pytest.fixture
def remote(shop_served: Served) -> Iterator[RemoteLakehouse]:
    """The served shop."""
    with RemoteLakehouse(shop_served.url, shop_served.token) as found:
        yield found
