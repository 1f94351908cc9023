"""Snapshots, refs, statistics and row lineage in a table's metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.catalog.rest.pieces import Json, snapshot

from headgate.catalog.rest.problems import BadRequest, CommitFailed
from headgate.catalog.rest.updates import apply_updates

Table = Callable[..., Json]
NOW = 1_700_000_000_000


def applied(base: Json, *updates: Json) -> Json:
    return apply_updates(base, updates, NOW)


def add(number: int, sequence: int, parent: int | None = None, /, **more: Any) -> Json:
    return {"action": "add-snapshot", "snapshot": snapshot(number, sequence, parent, **more)}


def point(name: str, number: int, kind: str = "branch", /, **more: Any) -> Json:
    return {"action": "set-snapshot-ref", "ref-name": name, "type": kind, "snapshot-id": number, **more}


def test_an_append_moves_main_and_the_log(table: Table) -> None:
    after = applied(table(), add(13, 3, 12), point("main", 13))
    assert after["current-snapshot-id"] == 13
    assert after["last-sequence-number"] == 3
    assert after["snapshot-log"][-1] == {"timestamp-ms": 1_600_000_003_000, "snapshot-id": 13}


def test_a_snapshot_on_another_ref_leaves_main_alone(table: Table) -> None:
    after = applied(table(), add(13, 3, 12), point("audit", 13))
    assert (after["current-snapshot-id"], len(after["snapshot-log"])) == (12, 2)
    assert after["refs"]["audit"] == {"snapshot-id": 13, "type": "branch"}


def test_a_snapshot_numbered_on_an_older_table_fails_so_that_the_client_tries_again(table: Table) -> None:
    with pytest.raises(
        CommitFailed, match="Cannot add snapshot with sequence number 2 older than last sequence number 2"
    ):
        applied(table(), add(13, 2, 12))


def test_a_snapshot_without_a_parent_may_have_any_number(table: Table) -> None:
    assert applied(table(), add(13, 1), point("other", 13))["last-sequence-number"] == 2


def test_rows_are_numbered_on_in_version_3(table: Table) -> None:
    after = applied(table(3), add(13, 3, 12, **{"first-row-id": 100, "added-rows": 7}), point("main", 13))
    assert after["next-row-id"] == 107
    with pytest.raises(CommitFailed, match="first-row-id is behind table next-row-id: 100 < 107"):
        applied(after, add(14, 4, 13, **{"first-row-id": 100, "added-rows": 7}))
    with pytest.raises(BadRequest, match="first-row-id is null"):
        applied(after, add(14, 4, 13))


def test_two_snapshots_in_one_change_number_their_rows_one_after_the_other(table: Table) -> None:
    after = applied(
        table(3),
        add(13, 3, 12, **{"first-row-id": 100, "added-rows": 7}),
        point("main", 13),
        add(14, 4, 13, **{"first-row-id": 107, "added-rows": 3}),
        point("main", 14),
    )
    assert after["next-row-id"] == 110
    # The first was never current for a reader.
    assert [entry["snapshot-id"] for entry in after["snapshot-log"]] == [11, 12, 14]


def test_going_back_is_logged_as_now(table: Table) -> None:
    after = applied(table(), point("main", 11))
    assert after["current-snapshot-id"] == 11
    assert after["snapshot-log"][-1] == {"timestamp-ms": NOW, "snapshot-id": 11}


def test_removing_main_leaves_an_empty_table(table: Table) -> None:
    after = applied(table(), {"action": "remove-snapshot-ref", "ref-name": "main"})
    assert "current-snapshot-id" not in after
    assert after["refs"] == {}
    assert len(after["snapshots"]) == 2


def test_removing_a_ref_that_is_not_there_is_nothing(table: Table) -> None:
    base = table()
    assert applied(base, {"action": "remove-snapshot-ref", "ref-name": "gone"}) is base


def test_expired_snapshots_take_their_statistics_refs_and_history_along(table: Table) -> None:
    statistics = {
        "snapshot-id": 11,
        "statistics-path": "s3://b/t/metadata/11.puffin",
        "file-size-in-bytes": 10,
        "file-footer-size-in-bytes": 4,
        "blob-metadata": [],
    }
    partitions = {"snapshot-id": 11, "statistics-path": "s3://b/t/metadata/11.parquet", "file-size-in-bytes": 10}
    described = applied(
        table(),
        {"action": "set-statistics", "statistics": statistics},
        {"action": "set-partition-statistics", "partition-statistics": partitions},
        point("old", 11, "tag"),
    )
    assert (described["statistics"], described["partition-statistics"]) == ([statistics], [partitions])
    after = applied(
        described,
        {"action": "remove-snapshots", "snapshot-ids": [11]},
        {"action": "remove-statistics", "snapshot-id": 11},
        {"action": "remove-partition-statistics", "snapshot-id": 11},
    )
    assert [each["snapshot-id"] for each in after["snapshots"]] == [12]
    assert (after["statistics"], after["partition-statistics"]) == ([], [])
    assert set(after["refs"]) == {"main"}
    assert [entry["snapshot-id"] for entry in after["snapshot-log"]] == [12]
    assert applied(after, {"action": "remove-snapshots", "snapshot-ids": [11]}) is after


def test_a_gap_in_the_history_ends_what_is_known_before_it(table: Table) -> None:
    base = applied(table(), add(13, 3, 12), point("main", 13))
    after = applied(base, {"action": "remove-snapshots", "snapshot-ids": [12]})
    assert [entry["snapshot-id"] for entry in after["snapshot-log"]] == [13]


def test_newer_statistics_take_the_place_of_older(table: Table) -> None:
    file = {"snapshot-id": 12, "statistics-path": "a", "file-size-in-bytes": 1}
    once = applied(table(), {"action": "set-partition-statistics", "partition-statistics": file})
    twice = applied(
        once, {"action": "set-partition-statistics", "partition-statistics": {**file, "statistics-path": "b"}}
    )
    assert [each["statistics-path"] for each in twice["partition-statistics"]] == ["b"]


@pytest.mark.parametrize(
    ("update", "text"),
    [
        (add(12, 3, 12), "Snapshot already exists for id: 12"),
        (point("main", 99), "Cannot set main to unknown snapshot: 99"),
        (point("main", 12, "tag"), "Cannot set main to a tag, it must be a branch"),
        (point("x", 12, "leaf"), "neither branch nor tag"),
        (point("x", 12, **{"max-ref-age-ms": 0}), "greater than 0"),
        (point("x", 12, "tag", **{"min-snapshots-to-keep": 2}), "Tags do not support"),
        (add(1 << 63, 3, 12), "not a long integer"),
        (add(13, 3, 12, summary={"operation": ""}), "operation is '', and not one of append"),
        ({"action": "add-snapshot", "snapshot": {"snapshot-id": 13}}, "'timestamp-ms' is missing"),
        ({"action": "set-statistics", "statistics": {"snapshot-id": True}}, "not a long integer"),
    ],
)
def test_what_does_not_fit_is_refused(table: Table, update: Json, text: str) -> None:
    with pytest.raises(BadRequest, match=text):
        applied(table(), update)


def test_time_that_runs_backwards_is_refused(table: Table) -> None:
    early = {**snapshot(13, 3, 12), "timestamp-ms": 1_500_000_000_000}
    with pytest.raises(BadRequest, match="time lies before"):
        applied(table(), {"action": "add-snapshot", "snapshot": early}, point("main", 13))
    late = {**snapshot(13, 3, 12), "timestamp-ms": NOW + 10_000_000}
    with pytest.raises(BadRequest, match="before last snapshot log entry"):
        applied(table(), {"action": "add-snapshot", "snapshot": late}, point("main", 13))
