"""Metadata of clients names no file outside of the warehouse, and none is opened there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.web.iceberg.asking import Asking, Json, append, good, refused, snapshot

from headgate.types import Name

OUTSIDE = [
    "file:///etc/passwd",
    "/etc/passwd",
    "{warehouse}/../state.db",
    "{warehouse}/ns//x",
    "{warehouse}/ns/./x",
    "{warehouse}/.headgate/state.db",
    "{warehouse}2/x",
    "FILE://{warehouse}/x",
    "http://127.0.0.1:1/x",
    "",
    "/",
]


def outside(branch: Asking, pattern: str) -> str:
    return pattern.format(warehouse=f"file://{branch.served.lake.storage.warehouse}")


def stored(branch: Asking, change: Json) -> str:
    """A metadata file in the warehouse, like the one of `ns.t` but for this."""
    content = branch.served.lake.catalog.state(branch.ref).get(Name.of("ns", "t"))
    assert content is not None
    metadata = json.loads(Path(content.metadata_location.removeprefix("file://")).read_text())
    file = Path(branch.served.lake.storage.warehouse) / "forged.metadata.json"
    file.write_text(json.dumps({**metadata, **change}))
    return f"file://{file}"


@pytest.mark.parametrize("pattern", OUTSIDE)
def test_a_commit_names_no_file_outside(filled: Asking, pattern: str) -> None:
    place = outside(filled, pattern)
    statistics = {"snapshot-id": 1, "statistics-path": place, "file-size-in-bytes": 1}
    more = {"file-footer-size-in-bytes": 1, "blob-metadata": []}
    updates: list[Json] = [
        {"action": "add-snapshot", "snapshot": {**snapshot(1, 1), "manifest-list": place}},
        {"action": "add-snapshot", "snapshot": {**snapshot(1, 1), "manifests": [place]}},
        {"action": "set-statistics", "statistics": {**statistics, **more}},
        {"action": "set-partition-statistics", "partition-statistics": statistics},
    ]
    for update in updates:
        assert place in refused(filled.commit([update]), 400, "IllegalArgumentException")
        created = filled.commit([update], [{"type": "assert-create"}], name="new")
        assert place in refused(created, 400, "IllegalArgumentException")


@pytest.mark.parametrize("pattern", OUTSIDE)
def test_a_registered_file_names_no_other_outside(filled: Asking, pattern: str) -> None:
    place = outside(filled, pattern)
    entry = {"timestamp-ms": 1, "metadata-file": place}
    changes: list[Json] = [
        {"location": place},
        {"snapshots": [{**snapshot(1, 1), "manifest-list": place}]},
        {"statistics": [{"snapshot-id": 1, "statistics-path": place}]},
        {"partition-statistics": [{"snapshot-id": 1, "statistics-path": place}]},
        {"metadata-log": [entry]},
    ]
    for change in changes:
        body = {"name": "r", "metadata-location": stored(filled, change)}
        answer = filled.post("/namespaces/ns/register", body, headers={"User-Agent": "duckdb/1.5"})
        assert "does not lie in the warehouse" in refused(answer, 400, "IllegalArgumentException")
    assert "r" not in filled.tables()


def test_javas_spelling_is_inside(filled: Asking) -> None:
    warehouse = filled.served.lake.storage.warehouse
    for number, place in enumerate((f"file:{warehouse}/ns/x.avro", f"{warehouse}/ns/x.avro"), 1):
        found = {**snapshot(number, number), "manifest-list": place}
        good(filled.commit([{"action": "add-snapshot", "snapshot": found}]))


def test_a_replaced_table_may_have_its_manifests_where_it_was_asked_for_and_nothing_else_there(filled: Asking) -> None:
    move = {"action": "set-location", "location": "file:/srv/asked"}
    for place in ("/srv/asked/../etc/x.avro", "/srv/asked/state.db", "/srv/other/x.avro", "/srv/askedtoo/x.avro"):
        found = {**snapshot(1, 1), "manifest-list": place}
        answer = filled.commit([move, {"action": "add-snapshot", "snapshot": found}])
        assert place in refused(answer, 400, "IllegalArgumentException")
    found = {**snapshot(1, 1), "manifest-list": "file:/srv/asked/metadata/snap-1.avro"}
    good(filled.commit([move, {"action": "add-snapshot", "snapshot": found}]))


def test_a_manifest_list_that_is_none_is_told(filled: Asking) -> None:
    warehouse = Path(filled.served.lake.storage.warehouse)
    good(filled.commit(append(1, 1)))
    folder = warehouse / "nowhere"
    folder.mkdir()
    for content in (b"not avro", b"", b"Obj\x01\xff\xff", b"Obj\x01" + b"\xff" * 40, b"Obj\x01" + b"\x03" * 40):
        (folder / "snap-1.avro").write_bytes(content)
        answer: Any = filled.served.ask("GET", f"/api/v1/tables/ns.t?ref={filled.ref}")
        assert answer.json()["error"]["type"] == "CorruptHistory", answer.text
