"""Whatever is sent is a table's metadata in the end, or refused: nothing breaks, and nothing is half applied."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyiceberg.table.metadata import TableMetadataUtil
from tests.catalog.rest.pieces import Json, field, snapshot

from headgate.catalog.rest.metadata import canonical, stored_form
from headgate.catalog.rest.problems import BadRequest, CommitFailed
from headgate.catalog.rest.requirements import check_requirements, read_requirements
from headgate.catalog.rest.updates import apply_updates, read_updates
from headgate.catalog.rest.viewupdates import apply_updates as apply_view_updates
from headgate.catalog.rest.viewupdates import blank

REFUSALS = (BadRequest, CommitFailed)
PROPER: list[Json] = [
    {"action": "assign-uuid", "uuid": "5e81e2c8-f2a8-777e-1d8a-02bc16e7ceda"},
    {"action": "upgrade-format-version", "format-version": 3},
    {"action": "add-schema", "schema": {"type": "struct", "fields": [field(1, "id", "long"), field(2, "at", "date")]}},
    {"action": "set-current-schema", "schema-id": -1},
    {"action": "remove-schemas", "schema-ids": [1]},
    {"action": "add-spec", "spec": {"fields": [{"source-id": 1, "transform": "bucket[4]", "name": "b"}]}},
    {"action": "set-default-spec", "spec-id": -1},
    {"action": "remove-partition-specs", "spec-ids": [1]},
    {
        "action": "add-sort-order",
        "sort-order": {
            "order-id": 1,
            "fields": [{"source-id": 1, "transform": "identity", "direction": "asc", "null-order": "nulls-first"}],
        },
    },
    {"action": "set-default-sort-order", "sort-order-id": -1},
    {"action": "add-snapshot", "snapshot": snapshot(13, 3, 12, **{"first-row-id": 100, "added-rows": 3})},
    {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 13},
    {"action": "remove-snapshot-ref", "ref-name": "main"},
    {"action": "remove-snapshots", "snapshot-ids": [11]},
    {"action": "set-location", "location": "s3://b/t"},
    {"action": "set-properties", "updates": {"a": "b"}},
    {"action": "remove-properties", "removals": ["a"]},
    {"action": "remove-statistics", "snapshot-id": 11},
    {
        "action": "set-partition-statistics",
        "partition-statistics": {"snapshot-id": 12, "statistics-path": "p", "file-size-in-bytes": 1},
    },
    {"action": "add-encryption-key", "encryption-key": {"key-id": "k", "encrypted-key-metadata": "bWFnaWM="}},
    {"action": "remove-encryption-key", "key-id": "k"},
    {
        "action": "add-view-version",
        "view-version": {
            "version-id": 1,
            "timestamp-ms": 1,
            "schema-id": -1,
            "summary": {},
            "default-namespace": ["ns"],
            "representations": [{"type": "sql", "sql": "select 1", "dialect": "spark"}],
        },
    },
    {"action": "set-current-view-version", "view-version-id": -1},
]
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner), max_leaves=6
)


def paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the members of a JSON value are."""
    found = [above] if above else []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        found += paths(member, (*above, key))
    return found


@st.composite
def updates(draw: st.DrawFn) -> list[Any]:
    """Proper updates in any order, some of them with something in them exchanged or missing."""
    chosen = [copy.deepcopy(update) for update in draw(st.lists(st.sampled_from(PROPER), max_size=6))]
    for update in chosen:
        if draw(st.integers(0, 2)) == 0:
            *way, last = draw(st.sampled_from(paths(update)))
            holder: Any = update
            for key in way:
                holder = holder[key]
            if draw(st.booleans()) or isinstance(holder, list):
                holder[last] = draw(anything)
            else:
                del holder[last]
    return chosen


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(sent=updates(), version=st.sampled_from([1, 2, 3]))
def test_updates_make_a_table_or_are_refused(table: Callable[..., Json], sent: list[Any], version: int) -> None:
    base = table(version)
    before = copy.deepcopy(base)
    try:
        made = apply_updates(base, read_updates(sent), 1_700_000_000_000)
    except REFUSALS:
        pass
    else:
        # What was made can be stored and read again, here and by another library.
        stored = json.loads(json.dumps(stored_form(made)))
        assert canonical(stored) == made
        TableMetadataUtil.parse_obj(copy.deepcopy(stored))
    assert base == before


@settings(max_examples=300, deadline=None)
@given(sent=updates())
def test_updates_make_a_view_or_are_refused(sent: list[Any]) -> None:
    base = blank("s3://b/v")
    with suppress(BadRequest):
        apply_view_updates(base, sent)
    assert base["versions"] == []


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(sent=st.lists(anything, max_size=3))
def test_requirements_hold_or_are_refused(table: Callable[..., Json], sent: list[Any]) -> None:
    with suppress(*REFUSALS):
        check_requirements(read_requirements(sent), table())


@settings(max_examples=300, deadline=None)
@given(
    sent=anything, key=st.sampled_from(["schemas", "snapshots", "refs", "partition-specs", "properties", "location"])
)
def test_a_file_is_metadata_or_is_refused(sent: Any, key: str) -> None:
    document = {
        "format-version": 2,
        "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
        "location": "s3://b/t",
        "last-sequence-number": 0,
        "last-updated-ms": 1,
        "last-column-id": 1,
        "schemas": [{"type": "struct", "schema-id": 0, "fields": [field(1, "a", "int")]}],
        "current-schema-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": []}],
        "default-spec-id": 0,
        "last-partition-id": 999,
        key: sent,
    }
    with suppress(BadRequest):
        canonical(document)
