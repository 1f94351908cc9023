"""Nessie when others are faster, when an answer is lost, and when the server dies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.services.nessie.conftest import Proxy, put, table

from headgate.catalog import Catalog, Commit, Operation
from headgate.catalog.nessie.names import LANDING
from headgate.errors import Conflict, StaleRef, StorageError
from headgate.types import Content, Kind, Name
from services import running

pytestmark = pytest.mark.services

ORDERS, SALES = Name.of("bronze", "orders"), Name.of("bronze", "sales")


class TestRaces:
    """What others commit between the moment at which a head is read and the one at which it is written."""

    def test_a_publication_never_lands_on_a_main_that_it_has_not_seen(self, catalog: Catalog) -> None:
        head = put(catalog, "main", ORDERS, table("1"))
        catalog.create_branch("run/1")
        put(catalog, "run/1", ORDERS, table("2"))
        between: list[str] = []

        def drop(name: Name) -> bool:
            if not between:
                between.append(put(catalog, "main", SALES, table("1")))
            return False

        with pytest.raises(StaleRef, match=f"'main' no longer points at commit {head[:12]}"):
            catalog.publish("run/1", "main", message="publish", author="ada", drop=drop)
        assert catalog.ref("main").commit_id == between[0]
        assert [ref.name for ref in catalog.refs()] == ["main", "run/1"]

    @pytest.mark.parametrize("strictly", [True, False])
    def test_a_commit_lands_beside_what_others_did_elsewhere_unless_it_is_of_one_head_only(
        self, catalog: Catalog, strictly: bool
    ) -> None:
        head = put(catalog, "main", ORDERS, table("1"))
        between: list[str] = []

        def rejoin(name: Name, base: Content | None, theirs: Content, ours: Content) -> Content:
            if not between:
                between.append(put(catalog, "main", SALES, table("1")))
            return table("3")

        def commit() -> Commit:
            late = [Operation(ORDERS, table("0"), table("2"))]
            expected = head if strictly else None
            return catalog.commit("main", late, message="", author="bob", rejoin=rejoin, expected_head=expected)

        if strictly:
            with pytest.raises(StaleRef):
                commit()
            assert catalog.state().get(ORDERS) == table("1")
        else:
            assert commit().parents == (between[0],)
            assert catalog.state().get(ORDERS) == table("3")
        assert catalog.state().get(SALES) == table("1")

    def test_a_merge_sees_what_came_between(self, catalog: Catalog) -> None:
        put(catalog, "main", ORDERS, table("a"))
        catalog.create_branch("work")
        ours = put(catalog, "work", ORDERS, table("a+b"))
        put(catalog, "main", ORDERS, table("a+c"))
        between: list[str] = []

        def rejoin(name: Name, base: Content | None, theirs: Content, mine: Content) -> Content:
            if not between:
                between.append(put(catalog, "main", ORDERS, table("a+c+d")))
            return Content(Kind.TABLE, "one", theirs.metadata_location.replace(".json", "+b.json"))

        done = catalog.merge("work", "main", message="merge", author="ada", rejoin=rejoin)
        assert done.commit.parents == (between[0], ours)
        assert catalog.state().get(ORDERS) == table("a+c+d+b")
        assert catalog.verify() == []


class TestTrouble:
    """A server that fails, or an answer that is lost, before it says what became of a request."""

    @pytest.mark.parametrize("how", ["lose", "fail"])
    @pytest.mark.parametrize("what", ["/history/commit", "PUT /api/v2/trees/main", "POST /api/v2/trees?", "DELETE "])
    def test_nothing_is_done_twice_and_nothing_is_left_out(
        self, proxy: Proxy, open_at: Callable[..., Catalog], how: str, what: str
    ) -> None:
        catalog = open_at(proxy.url)
        head = put(catalog, "main", ORDERS, table("1"))
        setattr(proxy, how, what)
        catalog.create_branch("run/1")
        put(catalog, "run/1", ORDERS, table("2"))
        made = catalog.publish("run/1", "main", message="publish", author="ada", expected=head)
        catalog.delete_ref("run/1")
        assert len(proxy.lost) == 1
        assert [commit.message for commit in catalog.log()] == ["publish", "put bronze.orders", "The empty lake"]
        assert catalog.resolve("main") == made
        assert [ref.name for ref in catalog.refs()] == ["main"]
        assert catalog.state().get(ORDERS) == table("2")
        assert catalog.verify() == []

    @pytest.mark.parametrize("how", ["lose", "fail"])
    def test_an_append_that_was_joined_is_not_joined_again(
        self, proxy: Proxy, open_at: Callable[..., Catalog], how: str
    ) -> None:
        catalog = open_at(proxy.url)
        put(catalog, "main", ORDERS, table("a"))
        put(catalog, "main", ORDERS, table("a+b"))
        setattr(proxy, how, "/history/commit")

        def rejoin(name: Name, base: Content | None, theirs: Content, ours: Content) -> Content:
            return Content(Kind.TABLE, "one", theirs.metadata_location.replace(".json", "+c.json"))

        late = [Operation(ORDERS, table("a"), table("a+c"))]
        made = catalog.commit("main", late, message="late", author="bob", rejoin=rejoin)
        assert len(proxy.lost) == 1
        assert made.message == "late"
        assert catalog.state().get(ORDERS) == table("a+b+c")

    def test_what_others_changed_is_not_overwritten_by_a_commit_whose_answer_was_lost(
        self, proxy: Proxy, open_at: Callable[..., Catalog]
    ) -> None:
        catalog = open_at(proxy.url)
        put(catalog, "main", ORDERS, table("1"))
        put(catalog, "main", ORDERS, table("2"))
        proxy.lose = "/history/commit"
        with pytest.raises(Conflict, match=r"bronze\.orders was changed on branch 'main' meanwhile"):
            catalog.commit("main", [Operation(ORDERS, table("1"), table("3"))], message="", author="bob")
        assert catalog.state().get(ORDERS) == table("2")

    def test_a_branch_that_a_dead_writer_left_is_not_shown_and_is_swept_away(
        self, catalog: Catalog, empty_nessie: running.Nessie
    ) -> None:
        head = put(catalog, "main", ORDERS, table("1"))
        for started in (1_700_000_000, 99_999_999_999):
            name = f"{LANDING}{started}-dead".replace("/", "%2F")
            empty_nessie.ask("POST", f"trees?name={name}&type=BRANCH", {"type": "DETACHED", "hash": head})
        assert [ref.name for ref in catalog.refs()] == ["main"]
        assert catalog.verify() == []
        left = [ref["name"] for ref in empty_nessie.ask("GET", "trees")["references"]]
        assert left == [f"{LANDING}99999999999-dead", "main"]

    def test_a_commit_that_was_tampered_with_is_found(self, catalog: Catalog, empty_nessie: running.Nessie) -> None:
        head = put(catalog, "main", ORDERS, table("1"))
        (entry,) = empty_nessie.ask("GET", "trees/main/history?fetch=ALL")["logEntries"]
        content = {**entry["operations"][-1]["content"], "metadataLocation": "file:///lake/other.json"}
        properties = entry["commitMeta"]["allProperties"]
        meta = {"authors": ["eve"], "message": "looks like ours", "allProperties": properties}
        change = {"type": "PUT", "key": {"elements": ["bronze", "orders"]}, "content": content}
        empty_nessie.ask("POST", f"trees/main@{head}/history/commit", {"commitMeta": meta, "operations": [change]})
        (problem,) = catalog.verify()
        assert problem.message == "it recorded another bronze.orders than it put there"

    def test_a_server_that_dies_is_named(self, tmp_path: Path, open_at: Callable[..., Catalog]) -> None:
        with running.nessie(tmp_path / "server", persistent=True) as server:
            catalog = open_at(server.url)
            head = put(catalog, "main", ORDERS, table("1"))
            server.process.kill()
            with pytest.raises(StorageError, match="Nessie does not answer") as caught:
                put(catalog, "main", ORDERS, table("2"))
            assert caught.value.place == server.url
            server.restart()
            assert catalog.ref("main").commit_id == head
            put(catalog, "main", ORDERS, table("2"))
            assert catalog.state().names() == [ORDERS]
