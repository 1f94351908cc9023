"""Schemas and layouts read from JSON that others sent."""

from __future__ import annotations

from typing import Any

import pytest
from tests.catalog.rest.pieces import UUID, Json, field

from headgate.catalog.rest.layout import read_order, read_spec
from headgate.catalog.rest.metadata import canonical
from headgate.catalog.rest.problems import BadRequest
from headgate.catalog.rest.schemas import columns, highest_id, read_schema, with_fresh_ids

NESTED = {
    "type": "struct",
    "fields": [
        field(30, "id", "long"),
        field(
            10,
            "place",
            {"type": "struct", "fields": [field(11, "lat", "double"), field(12, "lon", "double")]},
        ),
        field(20, "tags", {"type": "list", "element-id": 21, "element": "string", "element-required": True}),
        field(
            40,
            "seen",
            {"type": "map", "key-id": 41, "key": "string", "value-id": 42, "value": "int", "value-required": False},
        ),
    ],
    "identifier-field-ids": [30],
}


def test_fresh_ids_go_level_by_level() -> None:
    fresh, ids = with_fresh_ids(read_schema(NESTED))
    assert ids == {30: 1, 10: 2, 20: 3, 40: 4, 11: 5, 12: 6, 21: 7, 41: 8, 42: 9}
    assert fresh["identifier-field-ids"] == [1]
    assert (fresh["schema-id"], highest_id(fresh)) == (0, 9)


def test_columns_are_named_by_their_path() -> None:
    found = {column.path: (column.type, column.in_structs) for column in columns(read_schema(NESTED))}
    assert found["place.lat"] == ("double", True)
    assert found["tags.element"] == ("string", False)
    assert found["seen.value"] == ("int", False)


@pytest.mark.parametrize(
    ("kind", "read"),
    [("decimal( 9,2 )", "decimal(9, 2)"), ("fixed[ 16 ]", "fixed[16]"), ("geometry(srid:4326)", "geometry(srid:4326)")],
)
def test_types_have_one_spelling(kind: str, read: str) -> None:
    assert read_schema({"type": "struct", "fields": [field(1, "a", kind)]})["fields"][0]["type"] == read


def deep(levels: int) -> Any:
    kind: Any = "int"
    for number in range(levels):
        kind = {"type": "list", "element-id": number + 2, "element": kind, "element-required": False}
    return kind


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "list", "fields": []},
        {"type": "struct", "fields": {}},
        {"type": "struct", "fields": [1]},
        {"type": "struct", "fields": [field(1, "a", "integer")]},
        {"type": "struct", "fields": [field(1, "a", "decimal(39, 2)")]},
        {"type": "struct", "fields": [field(1, "a", "decimal(2, 3)")]},
        {"type": "struct", "fields": [field(1, "a", None)]},
        {"type": "struct", "fields": [field(1, "a", ["int"])]},
        {"type": "struct", "fields": [field(1, "", "int")]},
        {"type": "struct", "fields": [field(1, "a", "int"), field(1, "b", "int")]},
        {"type": "struct", "fields": [field(1, "a", "int"), field(2, "a", "int")]},
        {"type": "struct", "fields": [field(1, "a\ud800", "int")]},
        {"type": "struct", "fields": [field(1 << 40, "a", "int")]},
        {"type": "struct", "fields": [field(1, "a", "int")], "identifier-field-ids": [7]},
        {"type": "struct", "fields": [{**field(1, "a", "int"), "required": "yes"}]},
        {"type": "struct", "fields": [field(1, "a", deep(70))]},
    ],
)
def test_what_is_no_schema_is_refused(schema: Json) -> None:
    with pytest.raises(BadRequest):
        read_schema(schema)


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"fields": [1]},
        {"fields": [{"source-id": 1, "transform": "identity"}]},
        {"fields": [{"source-id": "1", "transform": "identity", "name": "a"}]},
        {"fields": [{"source-id": 1, "transform": "bucket[x]", "name": "a"}]},
        {"fields": [{"source-ids": [1, 2], "transform": "identity", "name": "a"}]},
    ],
)
def test_what_is_no_spec_is_refused(layout: Json) -> None:
    with pytest.raises(BadRequest):
        read_spec(layout)


def test_one_source_may_stand_in_a_list() -> None:
    read = read_spec({"fields": [{"source-ids": [3], "transform": "Bucket[04]", "name": "a"}]})
    assert read["fields"] == [{"source-id": 3, "transform": "bucket[4]", "name": "a"}]


def test_what_is_no_order_is_refused() -> None:
    with pytest.raises(BadRequest):
        read_order(
            {"fields": [{"source-id": 1, "transform": "identity", "direction": "up", "null-order": "nulls-last"}]}
        )


def test_a_file_of_version_1_without_lists_is_read() -> None:
    """As the specification lets older writers leave it."""
    read = canonical(
        {
            "format-version": 1,
            "table-uuid": UUID,
            "location": "s3://b/t/",
            "last-updated-ms": 1,
            "last-column-id": 2,
            "schema": {"type": "struct", "fields": [field(1, "a", "int"), field(2, "b", "int")]},
            "partition-spec": [{"source-id": 1, "transform": "identity", "name": "a"}],
            "current-snapshot-id": 5,
            "snapshots": [{"snapshot-id": 5, "timestamp-ms": 1, "manifests": ["m"]}],
        }
    )
    assert (read["current-schema-id"], read["default-spec-id"], read["default-sort-order-id"]) == (0, 0, 0)
    assert read["partition-specs"][0]["fields"][0]["field-id"] == 1000
    assert read["refs"] == {"main": {"snapshot-id": 5, "type": "branch"}}
    assert read["location"] == "s3://b/t"


def test_no_snapshot_has_many_spellings(table: Any) -> None:
    for spelling in (None, -1):
        read = table(**{"current-snapshot-id": spelling, "snapshots": [], "snapshot-log": [], "refs": None})
        assert "current-snapshot-id" not in read
        assert read["refs"] == {}


@pytest.mark.parametrize("key", ["location", "last-column-id", "schemas", "current-schema-id", "last-sequence-number"])
def test_a_file_that_lacks_what_it_needs_is_refused(table: Any, key: str) -> None:
    with pytest.raises(BadRequest):
        table(**{key: None})
