"""The updates of a table's metadata that are about snapshots: adding, removing, naming and describing them."""

from __future__ import annotations

from collections.abc import Container
from itertools import pairwise
from typing import Protocol

from headgate.catalog.rest.fields import (
    Json,
    int_of,
    items_of,
    long_of,
    longs_of,
    object_of,
    optional_long,
    optional_text,
    text_map,
    text_of,
    texts_of,
)
from headgate.catalog.rest.metadata import MAIN
from headgate.catalog.rest.problems import BadRequest, CommitFailed, IllegalArgument

# Clocks of writers differ; readers of Iceberg tolerate a minute.
_TOLERATED_MS = 60_000
# Iceberg specification, "Snapshots"; libraries do not read a table with any other.
_OPERATIONS = ("append", "replace", "overwrite", "delete")
_REF_LIMITS = ("min-snapshots-to-keep", "max-snapshot-age-ms", "max-ref-age-ms")


class Draft(Protocol):
    """What is changed here; `updates.Draft` is it."""

    metadata: Json
    now: int
    added: set[int]
    passed: set[int]
    removed: bool

    def put(self, key: str, value: object) -> None: ...


def add(draft: Draft, update: Json) -> None:
    """`add-snapshot`."""
    snapshot = _read(object_of(update, "snapshot"), draft.metadata["format-version"])
    for needed, what in (("schemas", "schema"), ("partition-specs", "partition spec"), ("sort-orders", "sort order")):
        if not draft.metadata[needed]:
            raise IllegalArgument(f"Attempting to add a snapshot before a {what} is added")
    number = snapshot["snapshot-id"]
    if number in _ids(draft):
        raise IllegalArgument(f"Snapshot already exists for id: {number}")
    _check_order(draft.metadata, snapshot)
    draft.put("snapshots", [*draft.metadata["snapshots"], snapshot])
    if draft.metadata["format-version"] > 1:
        last = draft.metadata["last-sequence-number"]
        draft.put("last-sequence-number", max(last, snapshot["sequence-number"]))
    if draft.metadata["format-version"] >= 3:
        draft.put("next-row-id", draft.metadata["next-row-id"] + snapshot["added-rows"])
    draft.added.add(number)


def set_ref(draft: Draft, update: Json) -> None:
    """`set-snapshot-ref`."""
    name, number, kind = text_of(update, "ref-name"), long_of(update, "snapshot-id"), text_of(update, "type").lower()
    ref: Json = {"snapshot-id": number, "type": kind}
    for limit in _REF_LIMITS:
        value = optional_long(update, limit)
        if value is not None:
            if value <= 0:
                raise IllegalArgument(f"'{limit}' has to be greater than 0, not {value}")
            ref[limit] = value
    if kind not in ("branch", "tag"):
        raise IllegalArgument(f"Cannot set {name}: '{kind:.20}' is neither branch nor tag")
    if kind == "tag" and ("min-snapshots-to-keep" in ref or "max-snapshot-age-ms" in ref):
        raise IllegalArgument("Tags do not support setting minSnapshotsToKeep or maxSnapshotAgeMs")
    if draft.metadata["refs"].get(name) == ref:
        return
    snapshot = next((each for each in draft.metadata["snapshots"] if each["snapshot-id"] == number), None)
    if snapshot is None:
        raise IllegalArgument(f"Cannot set {name} to unknown snapshot: {number}")
    if name == MAIN:
        if kind == "tag":
            raise IllegalArgument(f"Cannot set {MAIN} to a tag, it must be a branch")
        _make_current(draft, snapshot)
    draft.put("refs", {**draft.metadata["refs"], name: ref})


def remove_ref(draft: Draft, update: Json) -> None:
    """`remove-snapshot-ref`; of a ref that is not there it is nothing."""
    _drop_refs(draft, {text_of(update, "ref-name")})


def remove(draft: Draft, update: Json) -> None:
    """`remove-snapshots`: with them go their statistics and the refs that point at them."""
    gone = set(longs_of(update, "snapshot-ids")) & _ids(draft)
    if not gone:
        return
    draft.removed = True
    for name in ("snapshots", "statistics", "partition-statistics"):
        draft.put(name, _without(draft.metadata[name], gone))
    _drop_refs(draft, {name for name, ref in draft.metadata["refs"].items() if ref["snapshot-id"] in gone})


def set_statistics(draft: Draft, update: Json) -> None:
    """`set-statistics`, in place of what the snapshot had."""
    file = object_of(update, "statistics")
    for key in ("snapshot-id", "file-size-in-bytes", "file-footer-size-in-bytes"):
        long_of(file, key)
    text_of(file, "statistics-path")
    for blob in items_of(file, "blob-metadata"):
        _check_blob(blob)
    _set(draft, "statistics", file)


def remove_statistics(draft: Draft, update: Json) -> None:
    """`remove-statistics`; nothing where the snapshot has none, as after its removal."""
    draft.put("statistics", _without(draft.metadata["statistics"], {long_of(update, "snapshot-id")}))


def set_partition_statistics(draft: Draft, update: Json) -> None:
    """`set-partition-statistics`, in place of what the snapshot had."""
    file = object_of(update, "partition-statistics")
    long_of(file, "snapshot-id")
    text_of(file, "statistics-path")
    long_of(file, "file-size-in-bytes")
    _set(draft, "partition-statistics", file)


def remove_partition_statistics(draft: Draft, update: Json) -> None:
    """`remove-partition-statistics`; nothing where the snapshot has none."""
    gone = {long_of(update, "snapshot-id")}
    draft.put("partition-statistics", _without(draft.metadata["partition-statistics"], gone))


def settle_log(draft: Draft) -> None:
    """Take out of the snapshot log what was never current for a reader, and what came before a removed snapshot.

    Raises:
        BadRequest: The times in it run backwards by more than clocks differ.
    """
    log, known = list[Json](), _ids(draft)
    current = draft.metadata.get("current-snapshot-id")
    for entry in draft.metadata["snapshot-log"]:
        number = entry["snapshot-id"]
        if number not in known:
            # A gap would make time travel answer with a snapshot that was not current at that time.
            log.clear()
        elif number not in draft.passed or number == current:
            log.append(entry)
    times = [entry["timestamp-ms"] for entry in log]
    if any(later < earlier - _TOLERATED_MS for earlier, later in pairwise(times)):
        raise IllegalArgument("The snapshot's time lies before that of the snapshot before it")
    if times and times[-1] > draft.now + _TOLERATED_MS:
        raise IllegalArgument(f"Invalid update timestamp {draft.now}: before last snapshot log entry at {times[-1]}")
    draft.metadata["snapshot-log"] = log


def _read(snapshot: Json, version: int) -> Json:
    number = long_of(snapshot, "snapshot-id")
    long_of(snapshot, "timestamp-ms")
    optional_long(snapshot, "parent-snapshot-id")
    for key in ("sequence-number", "first-row-id", "added-rows"):
        optional_long(snapshot, key)
    # Version 1 lets a snapshot name its manifests itself, and go without a summary.
    if version == 1 and "manifests" in snapshot:
        texts_of(snapshot, "manifests")
    else:
        text_of(snapshot, "manifest-list")
    if version > 1 or "summary" in snapshot:
        operation = text_of(text_map(snapshot, "summary"), "operation")
        if operation not in _OPERATIONS:
            raise IllegalArgument(
                f"Cannot add a snapshot: its operation is '{operation}', and not one of {', '.join(_OPERATIONS)}"
            )
    if snapshot.get("schema-id") is not None:
        int_of(snapshot, "schema-id")
    optional_text(snapshot, "key-id")
    if version > 1:
        long_of(snapshot, "sequence-number")
    if version >= 3:
        for key in ("first-row-id", "added-rows"):
            if snapshot.get(key) is None:
                raise IllegalArgument(f"Cannot add a snapshot: {key} is null")
            if long_of(snapshot, key) < 0:
                raise IllegalArgument(f"Cannot add a snapshot: {key} of {number} is negative")
    return snapshot


def _check_order(metadata: Json, snapshot: Json) -> None:
    """Fail a commit whose snapshot was numbered on an older version of the table; the client reads and tries again."""
    version, last = metadata["format-version"], metadata["last-sequence-number"]
    if version > 1 and "parent-snapshot-id" in snapshot and snapshot["sequence-number"] <= last:
        raise CommitFailed(
            f"Validation failed, please retry: Cannot add snapshot with sequence number {snapshot['sequence-number']}"
            f" older than last sequence number {last}"
        )
    if version >= 3 and snapshot["first-row-id"] < metadata["next-row-id"]:
        raise CommitFailed(
            "Validation failed, please retry: Cannot add a snapshot, first-row-id is behind table next-row-id:"
            f" {snapshot['first-row-id']} < {metadata['next-row-id']}"
        )


def _make_current(draft: Draft, snapshot: Json) -> None:
    before, number = draft.metadata.get("current-snapshot-id"), snapshot["snapshot-id"]
    if before in draft.added and before != number:
        draft.passed.add(before)
    draft.passed.discard(number)
    draft.put("current-snapshot-id", number)
    # Going back to an older snapshot happens now; a new one was made when its writer says.
    moment = snapshot["timestamp-ms"] if number in draft.added else draft.now
    draft.put("snapshot-log", [*draft.metadata["snapshot-log"], {"timestamp-ms": moment, "snapshot-id": number}])


def _drop_refs(draft: Draft, names: set[str]) -> None:
    if MAIN in names and "current-snapshot-id" in draft.metadata:
        draft.put("current-snapshot-id", None)
        del draft.metadata["current-snapshot-id"]
    draft.put("refs", {name: ref for name, ref in draft.metadata["refs"].items() if name not in names})


def _set(draft: Draft, key: str, file: Json) -> None:
    draft.put(key, [*_without(draft.metadata[key], {file["snapshot-id"]}), file])


def _without(items: list[Json], gone: Container[int]) -> list[Json]:
    return [item for item in items if item["snapshot-id"] not in gone]


def _ids(draft: Draft) -> set[int]:
    return {snapshot["snapshot-id"] for snapshot in draft.metadata["snapshots"]}


def _check_blob(blob: object) -> None:
    if not isinstance(blob, dict):
        raise BadRequest("Cannot read 'blob-metadata': an item of it is not an object")
    text_of(blob, "type")
    long_of(blob, "snapshot-id")
    long_of(blob, "sequence-number")
    items_of(blob, "fields")
