"""Tables and views over HTTP: made, listed, loaded, renamed, registered, dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.web.iceberg.asking import SCHEMA, VERSION, Asking, Json, append, good, main_at, refused

from headgate.catalog.views import read_view, write_view
from headgate.types import Name


def stored(branch: Asking, name: str = "t") -> str:
    """The metadata file that the catalog has for a table."""
    content = branch.served.lake.catalog.state(branch.ref).get(Name.of("ns", name))
    assert content is not None
    return content.metadata_location


def test_a_new_table_is_numbered_anew_and_laid_out(branch: Asking) -> None:
    branch.namespace("ns")
    columns = [
        {"id": 7, "name": "id", "type": "long", "required": True, "doc": "unique ID 🤪"},
        {"id": 9, "name": "at", "type": "timestamptz", "required": False},
    ]
    made = branch.table(
        schema={"type": "struct", "fields": columns, "identifier-field-ids": [7]},
        **{
            "partition-spec": {"fields": [{"source-id": 9, "transform": "day", "name": "at_day", "field-id": 5}]},
            "write-order": {
                "order-id": 4,
                "fields": [{"source-id": 7, "transform": "identity", "direction": "asc", "null-order": "nulls-last"}],
            },
            "properties": {"owner": "ada", "format-version": "3"},
        },
    )
    metadata = made["metadata"]
    assert [(each["id"], each["name"]) for each in metadata["schemas"][0]["fields"]] == [(1, "id"), (2, "at")]
    assert metadata["schemas"][0]["identifier-field-ids"] == [1]
    assert metadata["partition-specs"] == [
        {"spec-id": 0, "fields": [{"source-id": 2, "transform": "day", "name": "at_day", "field-id": 1000}]}
    ]
    assert (metadata["default-sort-order-id"], metadata["sort-orders"][0]["fields"][0]["source-id"]) == (1, 1)
    assert (metadata["format-version"], metadata["next-row-id"]) == (3, 0)
    assert metadata["properties"]["owner"] == "ada"
    assert "format-version" not in metadata["properties"]
    assert branch.load()["metadata-location"] == made["metadata-location"] == stored(branch)


def test_folders_are_made_for_who_writes_to_a_disk(branch: Asking) -> None:
    branch.namespace("ns")
    place = Path(branch.table()["metadata"]["location"].removeprefix("file://"))
    assert sorted(each.name for each in place.iterdir()) == ["data", "metadata"]


def test_a_staged_table_is_not_there_until_it_is_committed(branch: Asking) -> None:
    branch.namespace("ns")
    staged = branch.table(**{"stage-create": True})
    assert "metadata-location" not in staged
    assert branch.tables() == []
    metadata = staged["metadata"]
    updates = [
        {"action": "assign-uuid", "uuid": metadata["table-uuid"]},
        {"action": "upgrade-format-version", "format-version": 2},
        {"action": "add-schema", "schema": metadata["schemas"][0]},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "add-spec", "spec": {"spec-id": 0, "fields": []}},
        {"action": "set-default-spec", "spec-id": -1},
        {"action": "add-sort-order", "sort-order": {"order-id": 0, "fields": []}},
        {"action": "set-default-sort-order", "sort-order-id": -1},
        {"action": "set-location", "location": metadata["location"]},
        *append(1, 1),
    ]
    made = good(branch.commit(updates, [{"type": "assert-create"}]))
    assert made["metadata"]["table-uuid"] == metadata["table-uuid"]
    # It lies where it was staged, and the next writer gets a place of its own there.
    assert made["metadata"]["location"].split("/writes/")[0] == metadata["location"].split("/writes/")[0]
    assert made["metadata"]["location"] != metadata["location"]
    again = branch.commit(updates, [{"type": "assert-create"}])
    assert refused(again, 409, "CommitFailedException") == "Requirement failed: table already exists"


def test_a_name_is_that_of_one_table_or_view(filled: Asking) -> None:
    create, view = {"name": "v", "schema": SCHEMA}, {"schema": SCHEMA, "view-version": VERSION, "properties": {}}
    for body, path, text in (
        ({**create, "name": "t"}, "tables", "Table already exists: ns.t"),
        (create, "tables", "View with same name already exists: ns.v"),
        ({**create, "stage-create": True}, "tables", "View with same name already exists: ns.v"),
        ({**view, "name": "v"}, "views", "View already exists: ns.v"),
        ({**view, "name": "t"}, "views", "Table with same name already exists: ns.t"),
    ):
        assert refused(filled.post(f"/namespaces/ns/{path}", body), 409, "AlreadyExistsException") == text


def test_what_is_not_there_is_told_apart(filled: Asking) -> None:
    assert refused(filled.get("/namespaces/ns/tables/v"), 404, "NoSuchTableException") == "Table does not exist: ns.v"
    assert refused(filled.get("/namespaces/ns/views/t"), 404, "NoSuchViewException") == "View does not exist: ns.t"
    assert refused(filled.get("/namespaces/q/tables"), 404, "NoSuchNamespaceException")
    # Spark asks for a table as if it were a namespace.
    assert refused(filled.get("/namespaces/ns%1Ft"), 404, "NoSuchNamespaceException")
    assert refused(
        filled.post("/namespaces/q/tables", {"name": "t", "schema": SCHEMA}), 404, "NoSuchNamespaceException"
    )
    assert refused(filled.commit([], name="q"), 404, "NoSuchTableException")
    for method in ("HEAD", "DELETE"):
        assert filled.ask(method, "/namespaces/ns/tables/q").status_code == 404
        assert filled.ask(method, "/namespaces/ns/views/q").status_code == 404
    assert filled.ask("HEAD", "/namespaces/ns/tables/t").status_code == 204
    assert filled.ask("HEAD", "/namespaces/ns/views/v").status_code == 204


def test_lists_come_in_pages(filled: Asking) -> None:
    for name in ("a", "b", "c"):
        filled.table(name)
    first = good(filled.get("/namespaces/ns/tables", params={"pageSize": 3, "pageToken": ""}))
    assert [each["name"] for each in first["identifiers"]] == ["a", "b", "c"]
    rest = good(filled.get("/namespaces/ns/tables", params={"pageToken": first["next-page-token"], "pageSize": 3}))
    assert rest == {"identifiers": [{"namespace": ["ns"], "name": "t"}]}
    assert good(filled.get("/namespaces/ns/views"))["identifiers"] == [{"namespace": ["ns"], "name": "v"}]


def test_names_change_and_tables_stay(filled: Asking) -> None:
    filled.namespace("other")
    before = stored(filled)
    source, target = {"namespace": ["ns"], "name": "t"}, {"namespace": ["other"], "name": "t2"}
    assert filled.post("/tables/rename", {"source": source, "destination": target}).status_code == 204
    assert (filled.tables(), filled.tables("other")) == ([], ["t2"])
    assert filled.load("t2", "other")["metadata-location"] == before
    message = refused(
        filled.post("/tables/rename", {"source": source, "destination": target}), 404, "NoSuchTableException"
    )
    assert message == "Table does not exist: ns.t"
    taken = filled.post("/tables/rename", {"source": target, "destination": {"namespace": ["ns"], "name": "v"}})
    assert refused(taken, 409, "AlreadyExistsException") == "Cannot rename other.t2 to ns.v. View already exists"
    nowhere = filled.post("/tables/rename", {"source": target, "destination": {"namespace": ["q"], "name": "t"}})
    assert refused(nowhere, 404, "NoSuchNamespaceException") == "Namespace does not exist: q"
    view = {"source": {"namespace": ["ns"], "name": "v"}, "destination": {"namespace": ["other"], "name": "v2"}}
    assert filled.post("/views/rename", view).status_code == 204
    assert filled.ask("HEAD", "/namespaces/other/views/v2").status_code == 204


@pytest.mark.parametrize("purge", ["true", "false", "True"])
def test_a_dropped_table_leaves_its_files(filled: Asking, purge: str) -> None:
    file = Path(stored(filled).removeprefix("file://"))
    before = filled.served.lake.catalog.ref(filled.ref).commit_id
    answer = filled.ask("DELETE", "/namespaces/ns/tables/t", params={"purgeRequested": purge})
    assert answer.status_code == 204
    assert filled.tables() == []
    assert file.exists()
    assert Asking(filled.served, before).load()["metadata-location"] == f"file://{file}"


def test_a_table_is_registered_by_its_file(filled: Asking) -> None:
    good(filled.commit(append(1, 1)))
    location = stored(filled)
    filled.ask("DELETE", "/namespaces/ns/tables/t")
    made = good(filled.post("/namespaces/ns/register", {"name": "t", "metadata-location": location}))
    assert (made["metadata-location"], made["metadata"]["current-snapshot-id"]) == (location, 1)
    body = {"name": "t", "metadata-location": location}
    assert refused(filled.post("/namespaces/ns/register", body), 409, "AlreadyExistsException")
    filled.table("u")
    other = stored(filled, "u")
    good(filled.post("/namespaces/ns/register", {"name": "t", "metadata-location": other, "overwrite": True}))
    assert stored(filled) == other


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "/etc/passwd", "s3://elsewhere/x.json", "", "../x", "file://"]
)
def test_nothing_is_read_outside_of_the_warehouse(filled: Asking, location: str) -> None:
    for path in ("register", "register-view"):
        answer = filled.post(f"/namespaces/ns/{path}", {"name": "r", "metadata-location": location})
        assert answer.status_code == 400
        assert "root:" not in answer.text


def test_a_file_that_is_no_metadata_is_not_registered(filled: Asking) -> None:
    warehouse = Path(filled.served.lake.storage.warehouse)
    for number, content in enumerate([b"no json", b"{}", b"[]", b'{"format-version": 2}', b"[" * 100_000]):
        file = warehouse / f"{number}.json"
        file.write_bytes(content)
        answer = filled.post("/namespaces/ns/register", {"name": "r", "metadata-location": f"file://{file}"})
        assert refused(answer, 400, "BadRequestException")
    missing = {"name": "r", "metadata-location": f"file://{warehouse}/missing.json"}
    assert refused(filled.post("/namespaces/ns/register", missing), 404, "NotFoundException")


def test_only_named_snapshots_are_loaded_on_request(filled: Asking) -> None:
    good(filled.commit(append(1, 1)))
    good(filled.commit(append(2, 2, 1), [main_at(1)]))
    every = good(filled.get("/namespaces/ns/tables/t", params={"snapshots": "all"}))
    named = good(filled.get("/namespaces/ns/tables/t", params={"snapshots": "refs"}))
    assert [each["snapshot-id"] for each in every["metadata"]["snapshots"]] == [1, 2]
    assert [each["snapshot-id"] for each in named["metadata"]["snapshots"]] == [2]
    assert refused(filled.get("/namespaces/ns/tables/t", params={"snapshots": "some"}), 400, "BadRequestException")


def test_a_client_that_has_a_table_is_not_sent_it_again(filled: Asking) -> None:
    path = "/namespaces/ns/tables/t"
    tag = filled.get(path).headers["ETag"]
    assert filled.get(path, headers={"If-None-Match": f'"x", W/{tag}'}).status_code == 304
    # Another representation, another version, nothing that was ever sent.
    assert filled.get(path, params={"snapshots": "refs"}, headers={"If-None-Match": tag}).status_code == 200
    assert filled.get(path, headers={"If-None-Match": '"x"'}).status_code == 200
    good(filled.commit(append(1, 1)))
    assert filled.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_a_lost_file_is_told(filled: Asking) -> None:
    location = stored(filled)
    filled.load()
    Path(location.removeprefix("file://")).unlink()
    message = refused(filled.get("/namespaces/ns/tables/t"), 404, "NotFoundException")
    assert f"Failed to open input stream for file: {location}" in message


def test_metrics_are_taken(filled: Asking) -> None:
    report = {"report-type": "scan-report", "table-name": "ns.t"}
    assert filled.post("/namespaces/ns/tables/t/metrics", report).status_code == 204
    assert refused(filled.post("/namespaces/ns/tables/q/metrics", report), 404, "NoSuchTableException")
    assert refused(filled.post("/namespaces/ns/tables/t/metrics", []), 400, "BadRequestException")


def test_a_disk_needs_no_credentials(filled: Asking) -> None:
    assert good(filled.get("/namespaces/ns/tables/t/credentials")) == {"storage-credentials": []}
    assert filled.load()["config"] == {}


def test_a_view_is_replaced(filled: Asking) -> None:
    found = good(filled.get("/namespaces/ns/views/v"))["metadata"]
    other = {**VERSION, "schema-id": -1, "representations": [{"type": "sql", "sql": "select 2", "dialect": "duckdb"}]}
    updates: list[Json] = [
        {"action": "add-schema", "schema": SCHEMA},
        {"action": "add-view-version", "view-version": other},
        {"action": "set-current-view-version", "view-version-id": -1},
    ]
    path = "/namespaces/ns/views/v"
    wrong = {"requirements": [{"type": "assert-view-uuid", "uuid": "x"}], "updates": updates}
    assert "view UUID does not match" in refused(filled.post(path, wrong), 409, "CommitFailedException")
    right = {"requirements": [{"type": "assert-view-uuid", "uuid": found["view-uuid"]}], "updates": updates[1:]}
    assert refused(filled.post(path, right), 400, "IllegalArgumentException")
    good(filled.post(path, {"updates": [updates[1] | {"view-version": {**other, "schema-id": 0}}, updates[2]]}))
    assert good(filled.get(path))["metadata"]["current-version-id"] == 2


def test_a_view_is_registered_by_its_file(filled: Asking) -> None:
    location = stored(filled, "v")
    filled.ask("DELETE", "/namespaces/ns/views/v")
    made = good(filled.post("/namespaces/ns/register-view", {"name": "v", "metadata-location": location}))
    assert made["metadata-location"] == location


def test_a_registered_file_does_not_pass_for_headgates_own(filled: Asking) -> None:
    storage = filled.served.lake.storage
    own = write_view(
        f"file://{storage.warehouse}/ns/forged", "FROM read_text('/etc/passwd')", [("a", "string")], storage
    )
    made = good(filled.post("/namespaces/ns/register-view", {"name": "w", "metadata-location": own}))
    assert made["metadata-location"] != own
    assert made["metadata"]["versions"][0]["summary"] == {}
    assert not read_view(stored(filled, "w"), storage).is_own
    assert read_view(own, storage).is_own


def test_a_views_files_go_where_it_says_within_the_warehouse(filled: Asking) -> None:
    warehouse = filled.served.lake.storage.warehouse
    body: dict[str, Any] = {"name": "w", "schema": SCHEMA, "view-version": VERSION}
    made = good(
        filled.post("/namespaces/ns/views", {**body, "properties": {"write.metadata.path": f"file:{warehouse}/own/"}})
    )
    assert made["metadata-location"].startswith(f"file:{warehouse}/own/")
    assert stored(filled, "w").startswith(f"file://{warehouse}/own/")
    for place in ("file:///etc", f"file://{warehouse}/../x", f"file://{warehouse}/t/writes/x"):
        answer = filled.post(
            "/namespaces/ns/views", {**body, "name": "x", "properties": {"write.metadata.path": place}}
        )
        assert refused(answer, 400, "IllegalArgumentException")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": 1, "schema": SCHEMA},
        {"name": "", "schema": SCHEMA},
        {"name": "a\x1fb", "schema": SCHEMA},
        {"name": "n"},
        {"name": "n", "schema": []},
        {"name": "n", "schema": SCHEMA, "properties": {"format-version": "4"}},
        {"name": "n", "schema": SCHEMA, "properties": {"format-version": "x"}},
        {"name": "n", "schema": SCHEMA, "properties": {"write.data.path": "s3://x"}},
        {"name": "n", "schema": SCHEMA, "properties": {"gc.enabled": "true"}},
        {"name": "n", "schema": SCHEMA, "location": 1},
        {
            "name": "n",
            "schema": SCHEMA,
            "partition-spec": {"fields": [{"source-id": 9, "transform": "day", "name": "d"}]},
        },
        {"name": "n", "schema": SCHEMA, "stage-create": "yes"},
    ],
)
def test_what_is_no_table_is_refused(filled: Asking, body: Any) -> None:
    assert filled.post("/namespaces/ns/tables", body).status_code == 400
    assert filled.tables() == ["t"]
