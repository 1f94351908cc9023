"""Updates of a view's metadata."""

from __future__ import annotations

from typing import Any

import pytest
from tests.catalog.rest.pieces import Json, field

from headgate.catalog.rest.problems import BadRequest
from headgate.catalog.rest.viewupdates import apply_updates, blank, canonical


def version(sql: str, dialect: str = "spark", /, **more: Any) -> Json:
    return {
        "action": "add-view-version",
        "view-version": {
            "version-id": 1,
            "timestamp-ms": 1_600_000_000_000,
            "schema-id": -1,
            "summary": {"engine-name": "test"},
            "default-namespace": ["ns"],
            "representations": [{"type": "sql", "sql": sql, "dialect": dialect}],
            **more,
        },
    }


SCHEMA = {"action": "add-schema", "schema": {"type": "struct", "fields": [field(1, "a", "int")]}}
CURRENT = {"action": "set-current-view-version", "view-version-id": -1}


def view(**properties: str) -> Json:
    made = apply_updates(blank("s3://b/v"), [SCHEMA, version("select 1"), CURRENT])
    return canonical({**made, "properties": properties})


def test_a_new_view_has_one_version_and_one_entry_of_history() -> None:
    made = view()
    assert made["current-version-id"] == 1
    assert made["versions"][0]["schema-id"] == 0
    assert made["version-log"] == [{"timestamp-ms": 1_600_000_000_000, "version-id": 1}]


def test_a_new_version_gets_the_next_id() -> None:
    after = apply_updates(view(), [SCHEMA, version("select 2"), CURRENT])
    assert (after["current-version-id"], [each["version-id"] for each in after["versions"]]) == (2, [1, 2])
    assert [entry["version-id"] for entry in after["version-log"]] == [1, 2]


def test_a_version_that_the_view_has_is_used_again() -> None:
    base = view()
    assert apply_updates(base, [SCHEMA, version("select 1"), CURRENT]) is base


def test_no_client_passes_its_version_off_as_headgates() -> None:
    forged = version("select 2", summary={"engine-name": "headgate", "engine-version": "1"})
    after = apply_updates(view(), [SCHEMA, forged, CURRENT])
    assert [each["summary"] for each in after["versions"]] == [{"engine-name": "test"}, {"engine-version": "1"}]


def test_a_dialect_is_not_lost_unless_that_is_allowed() -> None:
    change = [SCHEMA, version("select 1", "trino"), CURRENT]
    with pytest.raises(BadRequest, match="loss of view dialects"):
        apply_updates(view(), change)
    assert apply_updates(view(**{"replace.drop-dialect.allowed": "true"}), change)["current-version-id"] == 2


def test_old_versions_go_and_the_history_before_them() -> None:
    made = view(**{"version.history.num-entries": "2"})
    for number in range(2, 5):
        made = apply_updates(made, [SCHEMA, version(f"select {number}"), CURRENT])
    assert [each["version-id"] for each in made["versions"]] == [3, 4]
    assert [entry["version-id"] for entry in made["version-log"]] == [3, 4]


@pytest.mark.parametrize(
    "update",
    [
        {"action": "assign-uuid", "uuid": "another"},
        {"action": "upgrade-format-version", "format-version": 2},
        {"action": "set-current-view-version", "view-version-id": 9},
        {"action": "set-current-view-version", "view-version-id": -1},
        {"action": "add-snapshot", "snapshot": {}},
        version("select 2"),
        version("select 2", **{"schema-id": 7}),
        version("x", representations=[{"type": "prose", "sql": "x", "dialect": "english"}]),
        version("x", representations=[{"type": "sql", "sql": s, "dialect": d} for s, d in (("1", "a"), ("2", "A"))]),
        {"action": "set-properties", "updates": {"version.history.num-entries": "0"}},
        {"action": "set-properties", "updates": {"a": 1}},
    ],
)
def test_what_does_not_fit_is_refused(update: Json) -> None:
    with pytest.raises(BadRequest):
        apply_updates(view(), [update])


def test_properties_change_and_the_location_stays() -> None:
    after = apply_updates(
        view(a="1", b="2"),
        [
            {"action": "set-properties", "updates": {"c": "3"}},
            {"action": "remove-properties", "removals": ["a", "absent"]},
            {"action": "set-location", "location": "s3://elsewhere"},
        ],
    )
    assert (after["properties"], after["location"]) == ({"b": "2", "c": "3"}, "s3://b/v")
