"""Updates of a table's metadata: schemas, specs, orders, properties; hand-made expectations and PyIceberg's own."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter
from pyiceberg.table.metadata import TableMetadataUtil
from pyiceberg.table.update import TableUpdate, update_table_metadata
from tests.catalog.rest.pieces import UUID, Json, field, snapshot

from headgate.catalog.rest.metadata import stored_form
from headgate.catalog.rest.problems import BadRequest
from headgate.catalog.rest.updates import apply_updates, read_updates

Table = Callable[..., Json]
NOW = 1_700_000_000_000


def schema(*fields: Json, number: int = 7) -> Json:
    return {"type": "struct", "schema-id": number, "fields": list(fields)}


ID, AT, NAME = field(1, "id", "long"), field(2, "at", "timestamp"), field(3, "name", "string")


def applied(base: Json, *updates: Json) -> Json:
    before = copy.deepcopy(base)
    after = apply_updates(base, updates, NOW)
    assert base == before, "the metadata that updates are applied to was changed"
    return after


def test_nothing_asked_changes_nothing(table: Table) -> None:
    base = table()
    assert applied(base) is base
    assert applied(base, {"action": "set-properties", "updates": {"owner": "ada"}}) is base
    assert (
        applied(base, {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 12}) is base
    )


def test_a_change_is_dated(table: Table) -> None:
    assert applied(table(), {"action": "set-properties", "updates": {"a": "b"}})["last-updated-ms"] == NOW
    late = table(**{"last-updated-ms": NOW + 5})
    assert applied(late, {"action": "set-properties", "updates": {"a": "b"}})["last-updated-ms"] == NOW + 5


def test_a_new_schema_gets_the_next_id_and_becomes_current_as_the_last_added(table: Table) -> None:
    after = applied(
        table(),
        {"action": "add-schema", "schema": schema(ID, AT, NAME), "last-column-id": 3},
        {"action": "set-current-schema", "schema-id": -1},
    )
    assert [each["schema-id"] for each in after["schemas"]] == [0, 1]
    assert (after["current-schema-id"], after["last-column-id"]) == (1, 3)
    assert after["schemas"][1]["fields"][2] == NAME


def test_a_schema_that_the_table_has_is_used_again(table: Table) -> None:
    base = table()
    assert applied(base, {"action": "add-schema", "schema": schema(ID, AT)}) is base
    with pytest.raises(BadRequest, match="Cannot set last added schema: no schema has been added"):
        applied(
            base,
            {"action": "add-schema", "schema": schema(ID, AT)},
            {"action": "set-current-schema", "schema-id": -1},
        )


def test_the_last_column_id_counts_nested_fields(table: Table) -> None:
    nested = field(4, "tags", {"type": "list", "element-id": 9, "element": "string", "element-required": True})
    assert applied(table(), {"action": "add-schema", "schema": schema(ID, AT, nested)})["last-column-id"] == 9


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("variant", "variant is not supported until v3"),
        ("timestamp_ns", "timestamp_ns is not supported until v3"),
        ("unknown", "unknown is not supported until v3"),
    ],
)
def test_types_of_version_3_want_a_table_of_version_3(table: Table, kind: str, text: str) -> None:
    update = {"action": "add-schema", "schema": schema(ID, AT, field(3, "v", kind))}
    with pytest.raises(BadRequest, match=text):
        applied(table(2), update)
    assert applied(table(3), update)["schemas"][1]["fields"][2]["type"] == kind


def test_a_default_value_wants_version_3(table: Table) -> None:
    update = {"action": "add-schema", "schema": schema(ID, AT, field(3, "n", "int", **{"initial-default": 5}))}
    with pytest.raises(BadRequest, match="non-null default is not supported until v3"):
        applied(table(2), update)
    assert applied(table(3), update)["schemas"][1]["fields"][2]["initial-default"] == 5


def test_schemas_are_removed_but_for_the_current_one(table: Table) -> None:
    both = applied(table(), {"action": "add-schema", "schema": schema(ID, AT, NAME)})
    assert [
        each["schema-id"] for each in applied(both, {"action": "remove-schemas", "schema-ids": [1]})["schemas"]
    ] == [0]
    with pytest.raises(BadRequest, match="Cannot remove the current schema"):
        applied(both, {"action": "remove-schemas", "schema-ids": [0]})


def spec(*fields: Json) -> Json:
    return {"action": "add-spec", "spec": {"spec-id": 5, "fields": list(fields)}}


def partition(source: int, transform: str, name: str, **more: Any) -> Json:
    return {"source-id": source, "transform": transform, "name": name, **more}


def test_a_new_spec_numbers_its_fields_on_and_keeps_the_ids_of_equal_ones(table: Table) -> None:
    after = applied(
        table(),
        spec(partition(1, "bucket[16]", "id_bucket"), partition(2, "day", "at_day")),
        {"action": "set-default-spec", "spec-id": -1},
    )
    assert after["default-spec-id"] == 1
    assert [each["field-id"] for each in after["partition-specs"][1]["fields"]] == [1001, 1000]
    assert after["last-partition-id"] == 1001


def test_version_1_wants_partition_ids_without_a_gap(table: Table) -> None:
    assert (
        applied(table(1), spec(partition(1, "identity", "id")))["partition-specs"][1]["fields"][0]["field-id"] == 1000
    )
    with pytest.raises(BadRequest, match="sequential IDs"):
        applied(table(1), spec(partition(1, "identity", "id", **{"field-id": 1001})))


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (partition(9, "identity", "x"), "Cannot find source column"),
        (partition(1, "day", "x"), "Invalid source type long for transform: day"),
        (partition(1, "bucket[0]", "x"), "Cannot read the transform"),
        (partition(1, "sideways", "x"), "Cannot read the transform"),
        (partition(1, "bucket[4]", "at"), "Cannot create partition from name that exists in schema: at"),
        (partition(1, "identity", "at"), "sourced from different field"),
        (partition(1, "identity", ""), "Cannot use empty partition name"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(table: Table, asked: Json, text: str) -> None:
    with pytest.raises(BadRequest, match=text):
        applied(table(), spec(asked))


def test_what_partitions_the_table_cannot_leave_it(table: Table) -> None:
    with pytest.raises(BadRequest, match="Cannot find source column for partition field: at_day"):
        applied(
            table(),
            {"action": "add-schema", "schema": schema(ID)},
            {"action": "set-current-schema", "schema-id": -1},
        )


def test_specs_are_removed_but_for_the_default(table: Table) -> None:
    both = applied(table(), spec(partition(1, "identity", "id")))
    after = applied(both, {"action": "remove-partition-specs", "spec-ids": [1]})
    assert [each["spec-id"] for each in after["partition-specs"]] == [0]
    with pytest.raises(BadRequest, match="Cannot remove the default partition spec"):
        applied(both, {"action": "remove-partition-specs", "spec-ids": [0]})


def order(*fields: Json) -> Json:
    return {"action": "add-sort-order", "sort-order": {"order-id": 9, "fields": list(fields)}}


BY_ID = {"source-id": 1, "transform": "identity", "direction": "asc", "null-order": "nulls-first"}


def test_sort_orders_are_numbered_from_1_and_no_order_is_0(table: Table) -> None:
    after = applied(table(), order(BY_ID), {"action": "set-default-sort-order", "sort-order-id": -1})
    assert after["sort-orders"] == [{"order-id": 0, "fields": []}, {"order-id": 1, "fields": [BY_ID]}]
    assert after["default-sort-order-id"] == 1
    back = applied(after, order(), {"action": "set-default-sort-order", "sort-order-id": 0})
    assert back["default-sort-order-id"] == 0


def test_properties_are_set_and_removed_and_the_format_version_is_none_of_them(table: Table) -> None:
    after = applied(
        table(),
        {"action": "set-properties", "updates": {"a": "1", "format-version": "3", "uuid": "no"}},
        {"action": "remove-properties", "removals": ["owner", "absent"]},
    )
    assert after["properties"] == {"a": "1"}
    assert (after["format-version"], after["next-row-id"]) == (3, 0)


def test_a_format_version_only_rises(table: Table) -> None:
    assert applied(table(1), {"action": "upgrade-format-version", "format-version": 2})["format-version"] == 2
    with pytest.raises(BadRequest, match="Cannot downgrade v3 table to v2"):
        applied(table(3), {"action": "upgrade-format-version", "format-version": 2})
    with pytest.raises(BadRequest, match="unsupported format version: v4"):
        applied(table(), {"action": "upgrade-format-version", "format-version": 4})


def test_encryption_keys_come_once_and_go(table: Table) -> None:
    key = {"key-id": "k", "encrypted-key-metadata": "bWFnaWM="}
    with_key = applied(table(3), {"action": "add-encryption-key", "encryption-key": key})
    assert with_key["encryption-keys"] == [key]
    assert applied(with_key, {"action": "add-encryption-key", "encryption-key": key}) is with_key
    assert applied(with_key, {"action": "remove-encryption-key", "key-id": "k"})["encryption-keys"] == []


@pytest.mark.parametrize("action", ["become-a-view", "set-current-view-version", ""])
def test_an_unknown_update_is_refused(action: str) -> None:
    with pytest.raises(BadRequest):
        read_updates([{"action": action}])


def test_version_1_files_repeat_the_current_schema_and_spec(table: Table) -> None:
    stored = stored_form(table(1))
    assert stored["schema"] == stored["schemas"][0]
    assert stored["partition-spec"] == stored["partition-specs"][0]["fields"]
    assert "schema" not in stored_form(table(2))


CHANGES: list[list[Json]] = [
    [{"action": "assign-uuid", "uuid": "5e81e2c8-f2a8-777e-1d8a-02bc16e7ceda"}],
    [{"action": "upgrade-format-version", "format-version": 2}],
    [
        {"action": "add-schema", "schema": schema(ID, AT, NAME, number=1)},
        {"action": "set-current-schema", "schema-id": -1},
    ],
    [
        {"action": "add-spec", "spec": {"spec-id": 1, "fields": [partition(1, "identity", "p", **{"field-id": 1001})]}},
        {"action": "set-default-spec", "spec-id": -1},
    ],
    [
        {"action": "add-sort-order", "sort-order": {"order-id": 1, "fields": [BY_ID]}},
        {"action": "set-default-sort-order", "sort-order-id": -1},
    ],
    [{"action": "set-location", "location": "s3://b/elsewhere"}],
    [{"action": "set-properties", "updates": {"a": "1"}}, {"action": "remove-properties", "removals": ["owner"]}],
    [
        {"action": "add-snapshot", "snapshot": snapshot(13, 3, 12)},
        {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 13},
    ],
    [{"action": "set-snapshot-ref", "ref-name": "old", "type": "tag", "snapshot-id": 11, "max-ref-age-ms": 9}],
]


@pytest.mark.parametrize("updates", CHANGES, ids=lambda updates: str(updates[0]["action"]))
def test_pyiceberg_makes_the_same_of_an_update(table: Table, updates: list[Json]) -> None:
    base = table(2)
    theirs = update_table_metadata(
        TableMetadataUtil.parse_obj(copy.deepcopy(base)),
        tuple(TypeAdapter[Any](TableUpdate).validate_python(update) for update in updates),
    )
    ours = TableMetadataUtil.parse_obj(applied(base, *updates))
    left = json.loads(theirs.model_dump_json(exclude={"last_updated_ms", "snapshot_log"}))
    right = json.loads(ours.model_dump_json(exclude={"last_updated_ms", "snapshot_log"}))
    assert right == left
    assert ours.table_uuid == theirs.table_uuid
    assert str(UUID) == base["table-uuid"]
