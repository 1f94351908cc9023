"""The updates of the Iceberg REST specification, applied to a table's metadata; format versions 1, 2 and 3."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from headgate.catalog.rest import metadata as tables
from headgate.catalog.rest import snapshots
from headgate.catalog.rest.fields import (
    Json,
    as_object,
    int_of,
    ints_of,
    object_of,
    text_map,
    text_of,
    texts_of,
    without_nulls,
)
from headgate.catalog.rest.layout import (
    bound_spec,
    check_order,
    check_partition_names,
    check_spec,
    last_partition_id,
    read_order,
    read_spec,
    same_spec,
)
from headgate.catalog.rest.problems import BadRequest, IllegalArgument
from headgate.catalog.rest.schemas import check_format, highest_id, read_schema, same_schema

LAST_ADDED = -1


def apply_updates(base: Json, updates: Sequence[object], now: int | None = None) -> Json:
    """The metadata that some updates make of a table's; the very same if they change nothing.

    Args:
        base: Metadata in canonical form; it is left as it is.
        updates: As the client sent them.
        now: Time of the change in milliseconds.

    Raises:
        BadRequest: An update is unknown, malformed, or does not fit the table.
        CommitFailed: A snapshot was made of an older version of the table.
    """
    draft = Draft(base, now or tables.now_ms())
    for update in updates:
        draft.apply(as_object(update, "updates"))
    return draft.finished()


def read_updates(updates: Sequence[object]) -> list[Json]:
    """The updates as objects that each have an action.

    Raises:
        BadRequest: One has none, or one that the specification does not have.
    """
    read = []
    for update in updates:
        action = text_of(as_object(update, "updates"), "action")
        if action not in _ACTIONS:
            raise BadRequest(f"Cannot convert metadata update action to java class: {action}")
        read.append(without_nulls(update))
    return read


class Draft:
    """A table's metadata while updates are applied to it.

    Attributes:
        metadata: As it is by now; lists in it are replaced, never changed.
        now: Time of the change in milliseconds.
        changed: Whether anything is different.
        added: Ids of the snapshots that were added.
        passed: Snapshots that were current for a moment between two updates.
        removed: Whether snapshots were removed.
    """

    def __init__(self, base: Json, now: int) -> None:
        self.base = base
        self.metadata = dict(base)
        self.now = max(now, base["last-updated-ms"])
        self.changed = False
        self.added: set[int] = set()
        self.passed: set[int] = set()
        self.removed = False
        self._new: dict[str, list[int]] = {"schema": [], "partition spec": [], "sort order": []}
        self._last: dict[str, int | None] = {"schema": None, "partition spec": None, "sort order": None}

    def apply(self, update: Json) -> None:
        """Apply one update."""
        action = _ACTIONS.get(text_of(update, "action"))
        if action is None:
            raise BadRequest(f"Cannot convert metadata update action to java class: {update['action']}")
        action(self, update)

    def finished(self) -> Json:
        """The metadata with all updates applied, checked as a whole."""
        if not self.changed:
            return self.base
        schema = tables.current_schema(self.metadata)
        check_spec(tables.default_spec(self.metadata), schema)
        order = tables.by_id(self.metadata["sort-orders"], "order-id", self.metadata["default-sort-order-id"])
        check_order(order, schema)
        snapshots.settle_log(self)
        self.metadata["last-updated-ms"] = self.now
        return self.metadata

    def put(self, key: str, value: object) -> None:
        """Set a field of the metadata."""
        if self.metadata.get(key) != value:
            self.metadata[key] = value
            self.changed = True

    def assign_uuid(self, update: Json) -> None:
        text = text_of(update, "uuid")
        try:
            self.put("table-uuid", str(uuid.UUID(text)))
        except ValueError as error:
            raise IllegalArgument(f"'{text:.60}' is not a UUID") from error

    def upgrade(self, update: Json) -> None:
        version, current = int_of(update, "format-version"), self.metadata["format-version"]
        if not 1 <= version <= tables.NEWEST:
            raise IllegalArgument(
                f"Cannot upgrade table to unsupported format version: v{version} (supported: v{tables.NEWEST})"
            )
        if version < current:
            raise IllegalArgument(f"Cannot downgrade v{current} table to v{version}")
        self.put("format-version", version)
        if version >= 3:
            self.metadata.setdefault("next-row-id", 0)

    def add_schema(self, update: Json) -> None:
        schema = read_schema(object_of(update, "schema"))
        check_format(schema, self.metadata["format-version"])
        schemas = self.metadata["schemas"]
        known = next((old["schema-id"] for old in schemas if same_schema(old, schema)), None)
        if known is not None:
            self._seen("schema", known)
            return
        number = max((old["schema-id"] + 1 for old in schemas), default=0)
        self.put("schemas", [*schemas, {**schema, "schema-id": number}])
        self.put("last-column-id", max(self.metadata["last-column-id"], highest_id(schema)))
        self._seen("schema", number, new=True)

    def set_current_schema(self, update: Json) -> None:
        number = self._chosen("schema", int_of(update, "schema-id"), "schema")
        if all(schema["schema-id"] != number for schema in self.metadata["schemas"]):
            raise IllegalArgument(f"Cannot set current schema to unknown schema: {number}")
        self.put("current-schema-id", number)

    def remove_schemas(self, update: Json) -> None:
        gone = set(ints_of(update, "schema-ids"))
        if self.metadata["current-schema-id"] in gone:
            raise IllegalArgument("Cannot remove the current schema")
        self.put("schemas", [each for each in self.metadata["schemas"] if each["schema-id"] not in gone])

    def add_spec(self, update: Json) -> None:
        specs, version = self.metadata["partition-specs"], self.metadata["format-version"]
        spec = bound_spec(read_spec(object_of(update, "spec")), specs, self.metadata["last-partition-id"], version)
        known = next((old["spec-id"] for old in specs if same_spec(old, spec)), None)
        if known is not None:
            self._seen("partition spec", known)
            return
        schema = tables.current_schema(self.metadata)
        check_spec(spec, schema)
        check_partition_names(spec, schema)
        number = max((old["spec-id"] + 1 for old in specs), default=0)
        self.put("partition-specs", [*specs, {**spec, "spec-id": number}])
        self.put("last-partition-id", max(self.metadata["last-partition-id"], last_partition_id(spec)))
        self._seen("partition spec", number, new=True)

    def set_default_spec(self, update: Json) -> None:
        number = self._chosen("partition spec", int_of(update, "spec-id"), "spec")
        tables.by_id(self.metadata["partition-specs"], "spec-id", number)
        self.put("default-spec-id", number)

    def remove_specs(self, update: Json) -> None:
        gone = set(ints_of(update, "spec-ids"))
        if self.metadata["default-spec-id"] in gone:
            raise IllegalArgument("Cannot remove the default partition spec")
        self.put("partition-specs", [each for each in self.metadata["partition-specs"] if each["spec-id"] not in gone])

    def add_order(self, update: Json) -> None:
        orders, order = self.metadata["sort-orders"], read_order(object_of(update, "sort-order"))
        check_order(order, tables.current_schema(self.metadata))
        known = next((old["order-id"] for old in orders if old["fields"] == order["fields"]), None)
        if known is not None:
            self._seen("sort order", known)
            return
        number = max([1, *(old["order-id"] + 1 for old in orders)]) if order["fields"] else 0
        self.put("sort-orders", [*orders, {**order, "order-id": number}])
        self._seen("sort order", number, new=True)

    def set_default_order(self, update: Json) -> None:
        number = self._chosen("sort order", int_of(update, "sort-order-id"), "sort order")
        tables.by_id(self.metadata["sort-orders"], "order-id", number)
        self.put("default-sort-order-id", number)

    def set_properties(self, update: Json) -> None:
        # `updated` and `removed` are what older clients send.
        properties = text_map(update, "updates" if "updates" in update else "updated")
        version = tables.requested_version(properties)
        if version is not None:
            self.upgrade({"format-version": version})
        self.put("properties", self.metadata["properties"] | tables.kept_properties(properties))

    def remove_properties(self, update: Json) -> None:
        gone = set(texts_of(update, "removals" if "removals" in update else "removed"))
        kept = {name: value for name, value in self.metadata["properties"].items() if name not in gone}
        self.put("properties", kept)

    def set_location(self, update: Json) -> None:
        self.put("location", text_of(update, "location").rstrip("/"))

    def add_encryption_key(self, update: Json) -> None:
        key = object_of(update, "encryption-key")
        number = text_of(key, "key-id")
        text_of(key, "encrypted-key-metadata")
        keys = self.metadata.get("encryption-keys", [])
        if all(old["key-id"] != number for old in keys):
            self.put("encryption-keys", [*keys, key])

    def remove_encryption_key(self, update: Json) -> None:
        number = text_of(update, "key-id")
        kept = [key for key in self.metadata.get("encryption-keys", []) if key["key-id"] != number]
        if "encryption-keys" in self.metadata:
            self.put("encryption-keys", kept)

    def _seen(self, kind: str, number: int, *, new: bool = False) -> None:
        """Note what `-1` stands for from now on: the last that was added, if these updates brought it."""
        if new:
            self._new[kind].append(number)
        self._last[kind] = number if number in self._new[kind] else None

    def _chosen(self, kind: str, number: int, called: str) -> int:
        if number != LAST_ADDED:
            return number
        last = self._last[kind]
        if last is None:
            raise IllegalArgument(f"Cannot set last added {called}: no {called} has been added")
        return last


_ACTIONS: dict[str, Callable[[Draft, Json], None]] = {
    "assign-uuid": Draft.assign_uuid,
    "upgrade-format-version": Draft.upgrade,
    "add-schema": Draft.add_schema,
    "set-current-schema": Draft.set_current_schema,
    "remove-schemas": Draft.remove_schemas,
    "add-spec": Draft.add_spec,
    "set-default-spec": Draft.set_default_spec,
    "remove-partition-specs": Draft.remove_specs,
    "add-sort-order": Draft.add_order,
    "set-default-sort-order": Draft.set_default_order,
    "set-properties": Draft.set_properties,
    "remove-properties": Draft.remove_properties,
    "set-location": Draft.set_location,
    "add-encryption-key": Draft.add_encryption_key,
    "remove-encryption-key": Draft.remove_encryption_key,
    "add-snapshot": snapshots.add,
    "set-snapshot-ref": snapshots.set_ref,
    "remove-snapshot-ref": snapshots.remove_ref,
    "remove-snapshots": snapshots.remove,
    "set-statistics": snapshots.set_statistics,
    "remove-statistics": snapshots.remove_statistics,
    "set-partition-statistics": snapshots.set_partition_statistics,
    "remove-partition-statistics": snapshots.remove_partition_statistics,
}
