"""Nessie as the catalog, as another client of the same server sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.services.nessie.conftest import put, table

from headgate.catalog import Catalog, Operation
from headgate.catalog.namespaces import to_content
from headgate.errors import Conflict, UsageError
from headgate.types import Content, Kind, Name, namespace_name
from services import running

pytestmark = pytest.mark.services

ORDERS, SALES, SPENDING = Name.of("bronze", "orders"), Name.of("bronze", "sales"), Name.of("gold", "spending")


def history(nessie: running.Nessie, ref: str = "main") -> list[dict[str, Any]]:
    return list(nessie.ask("GET", f"trees/{ref}/history?fetch=ALL")["logEntries"])


class TestAnotherClient:
    """What is seen through Nessie's own API, and what another client does there."""

    def test_sees_one_commit_for_many_tables_with_the_run_and_the_author(
        self, catalog: Catalog, empty_nessie: running.Nessie
    ) -> None:
        changes = [Operation(ORDERS, None, table("1")), Operation(SPENDING, None, table("2"))]
        catalog.commit("main", changes, message="a run", author="ada", properties={"run_id": "r1"})
        (entry,) = history(empty_nessie)
        assert entry["commitMeta"]["authors"] == ["ada"]
        assert entry["commitMeta"]["message"] == "a run"
        assert entry["commitMeta"]["allProperties"]["run_id"] == ["r1"]
        assert sorted(".".join(operation["key"]["elements"]) for operation in entry["operations"]) == [
            "bronze",
            "bronze.orders",
            "gold",
            "gold.spending",
        ]
        found = empty_nessie.ask("GET", "trees/main/contents/bronze.orders")["content"]
        assert (found["type"], found["metadataLocation"]) == ("ICEBERG_TABLE", "file:///lake/1.json")

    def test_makes_a_table_that_is_read_and_changed_here(self, catalog: Catalog, empty_nessie: running.Nessie) -> None:
        head = put(catalog, "main", ORDERS, table("1"))
        new = {"type": "ICEBERG_TABLE", "metadataLocation": "s3://there/m.json", "snapshotId": 7, "schemaId": 0}
        operations = [
            {"type": "PUT", "key": {"elements": ["lab"]}, "content": {"type": "NAMESPACE", "elements": ["lab"]}},
            {"type": "PUT", "key": {"elements": ["lab", "t"]}, "content": {**new, "specId": 0, "sortOrderId": 0}},
        ]
        meta = {"authors": ["spark"], "message": "theirs", "allProperties": {}}
        body = {"commitMeta": meta, "operations": operations}
        empty_nessie.ask("POST", f"trees/main@{head}/history/commit", body)
        state = catalog.state()
        theirs = state.get(Name.of("lab", "t"))
        assert theirs is not None
        assert theirs.metadata_location == "s3://there/m.json"
        assert state.namespace(("lab",)) == {}
        made = catalog.resolve("main")
        assert (made.author, made.message, made.parents) == ("spark", "theirs", (head,))
        assert [op.name for op in made.operations] == [namespace_name(("lab",)), Name.of("lab", "t")]
        put(catalog, "main", Name.of("lab", "t"), Content(Kind.TABLE, theirs.content_id, "s3://there/n.json"))
        found = empty_nessie.ask("GET", "trees/main/contents/lab.t")["content"]
        assert (found["id"], found["metadataLocation"]) == (theirs.content_id, "s3://there/n.json")
        catalog.revert("main", "main", message="undo", author="ada")
        catalog.revert(made.id, "main", message="undo theirs", author="ada")
        assert catalog.state().names() == [ORDERS]
        assert catalog.verify() == []

    def test_sees_a_merge_as_one_with_both_parents_and_the_joined_table(
        self, catalog: Catalog, empty_nessie: running.Nessie
    ) -> None:
        put(catalog, "main", ORDERS, table("a"))
        catalog.create_branch("team/feature-1")
        ours = put(catalog, "team/feature-1", ORDERS, table("a+b"))
        ours = put(catalog, "team/feature-1", SPENDING, table("1"))
        theirs = put(catalog, "main", ORDERS, table("a+c"))
        done = catalog.merge("team/feature-1", "main", message="merge", author="ada", rejoin=lambda *_: table("a+c+b"))
        newest = history(empty_nessie)[0]
        assert newest["commitMeta"]["hash"] == done.commit.id
        assert newest["commitMeta"]["parentCommitHashes"] == [theirs, ours]
        assert catalog.state().get(ORDERS) == table("a+c+b")
        assert [ref["name"] for ref in empty_nessie.ask("GET", "trees")["references"]] == ["main", "team/feature-1"]

    def test_keeps_a_namespace_of_a_name_from_a_table(self, catalog: Catalog, empty_nessie: running.Nessie) -> None:
        put(catalog, "main", Name.of("a", "b", "t"), table("1"))
        with pytest.raises(Conflict, match=r"a\.b cannot be: in Nessie a NAMESPACE stands there"):
            put(catalog, "main", Name.of("a", "b"), table("1"))
        with pytest.raises(Conflict, match=r"a\.b\.t\.u cannot be: in Nessie a ICEBERG_TABLE stands there"):
            put(catalog, "main", Name.of("a", "b", "t", "u"), table("1"))
        for name in (Name.of("a", "\x7f"), Name.of(*"abcdefghijklmnopqrstu"), Name.of("a", "x" * 500)):
            with pytest.raises(UsageError, match="cannot stand in Nessie"):
                put(catalog, "main", name, table("1"))
            assert catalog.state().get(name) is None

    def test_finds_namespaces_that_only_tables_need_and_those_that_were_made(
        self, catalog: Catalog, empty_nessie: running.Nessie
    ) -> None:
        put(catalog, "main", ORDERS, table("1"))
        put(catalog, "main", namespace_name(("bronze",)), to_content({"owner": "ada"}))
        found = empty_nessie.ask("GET", "trees/main/contents/bronze")["content"]
        assert found["properties"] == {"owner": "ada"}
        # Nessie deletes only what is empty: until the table goes, the namespace stays as one that nobody asked for.
        put(catalog, "main", namespace_name(("bronze",)), None)
        assert empty_nessie.ask("GET", "trees/main/contents/bronze")["content"]["properties"] == {
            "headgate.implied": "true"
        }
        assert catalog.state().namespace(("bronze",)) == {}
        put(catalog, "main", ORDERS, None)
        assert catalog.state().namespaces() == []
        put(catalog, "main", Name.of("bronze"), table("1"))
        assert catalog.state().names() == [Name.of("bronze")]
        assert catalog.verify() == []


class TestIdentity:
    """The content id of a table, which Nessie does not take."""

    def test_is_kept_over_a_rename_in_nessie_too(self, catalog: Catalog, empty_nessie: running.Nessie) -> None:
        put(catalog, "main", ORDERS, table("1", "orders-1"))
        before = empty_nessie.ask("GET", "trees/main/contents/bronze.orders")["content"]["id"]
        renamed = [Operation(ORDERS, table("1", "orders-1"), None), Operation(SALES, None, table("1", "orders-1"))]
        catalog.commit("main", renamed, message="rename", author="ada")
        assert empty_nessie.ask("GET", "trees/main/contents/bronze.sales")["content"]["id"] == before
        assert catalog.state().get(SALES) == table("1", "orders-1")

    def test_is_another_when_a_table_is_made_anew_under_its_name(
        self, catalog: Catalog, empty_nessie: running.Nessie
    ) -> None:
        put(catalog, "main", ORDERS, table("1", "orders-1"))
        before = empty_nessie.ask("GET", "trees/main/contents/bronze.orders")["content"]["id"]
        put(catalog, "main", ORDERS, table("2", "orders-2"))
        assert empty_nessie.ask("GET", "trees/main/contents/bronze.orders")["content"]["id"] != before
        assert catalog.state().get(ORDERS) == table("2", "orders-2")
        assert [op.before for op in catalog.resolve("main").operations] == [table("1", "orders-1")]
        view = Content(Kind.VIEW, "view-1", "file:///lake/view.json")
        put(catalog, "main", ORDERS, view)
        assert catalog.state().get(ORDERS) == view
        assert catalog.verify() == []

    def test_is_found_by_a_machine_that_was_not_there(
        self, catalog: Catalog, empty_nessie: running.Nessie, open_at: Callable[..., Catalog]
    ) -> None:
        catalog.create_branch("run/1")
        put(catalog, "run/1", ORDERS, table("1", "orders-1"))
        put(catalog, "run/1", SPENDING, table("1", "spending-1"))
        catalog.publish("run/1", "main", message="publish", author="ada")
        for version in range(2, 7):
            put(catalog, "main", SPENDING, table(str(version), "spending-1"))
        there = open_at(empty_nessie.url, "there").state()
        assert dict(there.items()) == {ORDERS: table("1", "orders-1"), SPENDING: table("6", "spending-1")}
        branch = open_at(empty_nessie.url, "elsewhere").state("run/1")
        assert branch.get(ORDERS) == table("1", "orders-1")
