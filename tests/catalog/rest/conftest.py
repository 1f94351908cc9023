"""A table's metadata as the specification's examples have it, by hand, in each format version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.catalog.rest.pieces import UUID, Json, field, snapshot

from headgate.catalog.rest.metadata import canonical


@pytest.fixture
def table() -> Callable[..., Json]:
    """Metadata of a table of two columns, partitioned by day, with two snapshots; keys can be set otherwise."""

    def make(version: int = 2, **changes: Any) -> Json:
        document: Json = {
            "format-version": version,
            "table-uuid": UUID,
            "location": "s3://b/t",
            "last-sequence-number": 2,
            "last-updated-ms": 1_600_000_002_000,
            "last-column-id": 2,
            "schemas": [
                {"type": "struct", "schema-id": 0, "fields": [field(1, "id", "long"), field(2, "at", "timestamp")]}
            ],
            "current-schema-id": 0,
            "partition-specs": [
                {
                    "spec-id": 0,
                    "fields": [{"source-id": 2, "field-id": 1000, "transform": "day", "name": "at_day"}],
                }
            ],
            "default-spec-id": 0,
            "last-partition-id": 1000,
            "sort-orders": [{"order-id": 0, "fields": []}],
            "default-sort-order-id": 0,
            "properties": {"owner": "ada"},
            "current-snapshot-id": 12,
            "snapshots": [snapshot(11, 1), snapshot(12, 2, 11)],
            "snapshot-log": [
                {"timestamp-ms": 1_600_000_001_000, "snapshot-id": 11},
                {"timestamp-ms": 1_600_000_002_000, "snapshot-id": 12},
            ],
            "metadata-log": [],
            "refs": {"main": {"snapshot-id": 12, "type": "branch"}},
            **changes,
        }
        if version >= 3:
            document.setdefault("next-row-id", 100)
        return canonical({key: value for key, value in document.items() if value is not None})

    return make
