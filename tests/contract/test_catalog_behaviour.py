"""What every catalog does with commits, refs and names of states, whichever back end keeps it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from headgate.catalog import Catalog, Commit, Operation, Ref, RefKind, Rejoin
from headgate.errors import AlreadyExists, Conflict, ReadOnly, RefNotFound, StaleRef, UsageError
from headgate.types import Content, Kind, Name

Put = Callable[[str, Name, str | None], Commit]
Versions = Callable[..., dict[str, str]]

ORDERS, SALES, STORES = Name.of("bronze", "orders"), Name.of("bronze", "sales"), Name.of("gold", "stores")


def table(version: str) -> Content:
    return Content(Kind.TABLE, "one", f"file:///lake/{version}.json")


class TestAFreshCatalog:
    def test_has_main_at_a_first_commit_of_an_empty_lake(self, catalog: Catalog) -> None:
        (main,) = catalog.refs()
        assert (main.name, main.kind) == ("main", RefKind.BRANCH)
        first = catalog.resolve("main")
        assert (first.id, first.parents, first.operations, first.generation) == (main.commit_id, (), (), 0)
        assert list(catalog.state().items()) == []
        assert catalog.state().names() == []


class TestCommit:
    def test_says_who_why_when_and_what(self, catalog: Catalog) -> None:
        before = datetime.now(UTC)
        operation = Operation(ORDERS, None, table("1"))
        made = catalog.commit("main", [operation], message="a load", author="ada", properties={"run": "r1"})
        assert (made.author, made.message, made.properties, made.operations) == (
            "ada",
            "a load",
            {"run": "r1"},
            (operation,),
        )
        assert before <= made.time <= datetime.now(UTC)
        assert made.generation == 1
        assert catalog.resolve("main") == made
        assert catalog.resolve(made.parents[0]).parents == ()

    def test_holds_many_tables_or_none(self, catalog: Catalog, put: Put, versions: Versions) -> None:
        put("main", ORDERS, "1")
        changes = [Operation(SALES, None, table("1")), Operation(ORDERS, table("stale"), table("2"))]
        with pytest.raises(Conflict):
            catalog.commit("main", changes, message="", author="ada")
        assert versions() == {"bronze.orders": "1"}
        changes[1] = Operation(ORDERS, table("1"), table("2"))
        catalog.commit("main", changes, message="", author="ada")
        assert versions() == {"bronze.orders": "2", "bronze.sales": "1"}

    def test_keeps_views_and_nested_and_unicode_names(self, catalog: Catalog) -> None:
        view = Content(Kind.VIEW, "v", "file:///lake/view.json")
        name = Name.of("silver", "straße.köln", 'the "best" 表')
        catalog.commit("main", [Operation(name, None, view)], message="π", author="Ada Łovelace")
        assert catalog.state().get(name) == view
        assert catalog.state().names() == [name]
        assert catalog.resolve("main").author == "Ada Łovelace"

    def test_puts_another_kind_under_the_same_name(self, catalog: Catalog, put: Put) -> None:
        view = Content(Kind.VIEW, "v", "file:///lake/view.json")
        first = put("main", ORDERS, "1")
        catalog.create_branch("work")
        changes = [Operation(ORDERS, table("1"), view), Operation(SALES, None, table("1"))]
        made = catalog.commit("work", changes, message="a view now", author="ada")
        assert (made.parents, made.operations) == ((first.id,), tuple(changes))
        assert dict(catalog.state("work").items()) == {ORDERS: view, SALES: table("1")}
        published = catalog.publish("work", "main", message="publish", author="ada")
        assert (published.parents, published.operations) == ((first.id,), tuple(changes))
        assert [commit.message for commit in catalog.log()] == ["publish", "bronze.orders 1", "The empty lake"]
        catalog.create_branch("other", at=first.id)
        put("other", STORES, "1")
        done = catalog.merge("main", "other", message="merge", author="ada")
        assert (len(done.commit.parents), done.changed) == (2, (ORDERS, SALES))
        catalog.revert("main", "main", message="undo", author="ada")
        assert dict(catalog.state().items()) == {ORDERS: table("1")}
        assert dict(catalog.state("other").items()) == {ORDERS: view, SALES: table("1"), STORES: table("1")}

    def test_deletes(self, put: Put, versions: Versions) -> None:
        put("main", ORDERS, "1")
        made = put("main", ORDERS, None)
        assert made.operations == (Operation(ORDERS, table("1"), None),)
        assert versions() == {}

    def test_of_what_is_there_already_makes_no_commit(self, catalog: Catalog, put: Put) -> None:
        head = put("main", ORDERS, "1")
        same = Operation(ORDERS, table("0"), table("1"))
        assert catalog.commit("main", [same], message="again", author="ada") == head
        assert catalog.commit("main", [], message="nothing", author="ada") == head
        assert len(list(catalog.log())) == 2

    def test_leaves_out_what_is_there_already_and_makes_the_rest(self, catalog: Catalog, put: Put) -> None:
        put("main", ORDERS, "1")
        new = Operation(SALES, None, table("1"))
        made = catalog.commit("main", [Operation(ORDERS, None, table("1")), new], message="", author="ada")
        assert made.operations == (new,)

    def test_of_other_tables_lands_on_a_head_that_moved(self, catalog: Catalog, put: Put, versions: Versions) -> None:
        read = catalog.state("main")
        put("main", ORDERS, "1")
        late = Operation(SALES, read.get(SALES), table("1"))
        catalog.commit("main", [late], message="", author="bob")
        assert versions() == {"bronze.orders": "1", "bronze.sales": "1"}

    def test_of_a_table_that_moved_is_joined_when_it_can_be(
        self, catalog: Catalog, put: Put, versions: Versions, concatenate: Rejoin
    ) -> None:
        put("main", ORDERS, "a")
        put("main", ORDERS, "a+b")
        late = Operation(ORDERS, table("a"), table("a+c"))
        made = catalog.commit("main", [late], message="", author="bob", rejoin=concatenate)
        assert versions() == {"bronze.orders": "a+b+c"}
        assert made.operations == (Operation(ORDERS, table("a+b"), table("a+b+c")),)

    def test_of_tables_that_moved_and_cannot_be_joined_names_them_all(self, catalog: Catalog, put: Put) -> None:
        for name in (ORDERS, SALES):
            put("main", name, "1")
            put("main", name, "2")
        put("main", STORES, "1")
        late = [Operation(name, table("1"), table("3")) for name in (ORDERS, SALES, STORES)]
        with pytest.raises(Conflict, match=r"table bronze\.orders was changed on branch 'main' meanwhile") as caught:
            catalog.commit("main", late, message="", author="bob", rejoin=lambda *_: None)
        assert caught.value.data["tables"] == ["bronze.orders", "bronze.sales"]
        assert "bronze.sales" in caught.value.message

    @pytest.mark.parametrize(
        ("before", "held", "after", "reason"),
        [
            (None, "1", "2", "was created"),
            ("1", None, "2", "was dropped"),
            ("1", "2", None, "was changed"),
        ],
    )
    def test_never_asks_to_join_what_one_side_dropped_or_loses_it(
        self,
        catalog: Catalog,
        before: str | None,
        held: str | None,
        after: str | None,
        reason: str,
        put: Put,
        versions: Versions,
        concatenate: Rejoin,
    ) -> None:
        if held is not None:
            put("main", ORDERS, held)
        believed, wanted = (None if version is None else table(version) for version in (before, after))
        late = Operation(ORDERS, believed, wanted)
        with pytest.raises(Conflict, match=f"bronze.orders {reason} on branch 'main'"):
            catalog.commit("main", [late], message="", author="bob", rejoin=concatenate)
        assert versions() == ({} if held is None else {"bronze.orders": held})

    def test_can_insist_on_a_head(self, catalog: Catalog, put: Put, versions: Versions) -> None:
        start = catalog.resolve("main")
        head = put("main", ORDERS, "1")
        new = [Operation(SALES, None, table("1"))]
        with pytest.raises(StaleRef, match=f"'main' no longer points at commit {start.id[:12]}"):
            catalog.commit("main", new, message="", author="ada", expected_head=start.id)
        catalog.commit("main", new, message="", author="ada", expected_head=head.id)
        assert versions() == {"bronze.orders": "1", "bronze.sales": "1"}

    def test_needs_a_branch(self, catalog: Catalog, put: Put) -> None:
        catalog.create_tag("v1")
        with pytest.raises(ReadOnly, match="'v1' is a tag"):
            put("v1", ORDERS, "1")
        with pytest.raises(RefNotFound, match="'mian'") as caught:
            catalog.commit("mian", [Operation(ORDERS, None, table("1"))], message="", author="ada")
        assert caught.value.hint == "Did you mean 'main'?"

    def test_refuses_a_table_twice_and_a_name_that_cannot_be(self, catalog: Catalog) -> None:
        twice = [Operation(ORDERS, None, table("1")), Operation(ORDERS, table("1"), table("2"))]
        with pytest.raises(UsageError, match=r"can change bronze\.orders only once"):
            catalog.commit("main", twice, message="", author="ada")
        for name in (Name.of("bronze", ""), Name.of("a\x1fb"), Name.of("a", "b\x00"), Name.of("\ud800")):
            with pytest.raises(UsageError, match="cannot be the name of a table"):
                catalog.commit("main", [Operation(name, None, table("1"))], message="", author="ada")

    def test_keeps_what_text_cannot_hold_written_out(self, catalog: Catalog) -> None:
        new = [Operation(ORDERS, None, table("1"))]
        made = catalog.commit("main", new, message="load caf\udce9.csv\x00", author="ada", properties={"f": "\udce9"})
        assert (made.message, made.properties) == ("load caf\\udce9.csv\\x00", {"f": "\\udce9"})
        assert catalog.resolve("main") == made


class TestBranchesAndTags:
    @pytest.mark.parametrize("name", ["run/20261120T2130-ab12", "team/feature-1", "größe", "v1.2.3", "a" * 255])
    def test_are_named_as_people_name_them(self, catalog: Catalog, name: str, put: Put, versions: Versions) -> None:
        made = catalog.create_branch(name)
        assert catalog.ref(name) == made == Ref(name, RefKind.BRANCH, catalog.ref("main").commit_id)
        put(name, ORDERS, "1")
        assert versions(name) == {"bronze.orders": "1"}
        assert versions() == {}

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "a b",
            "a\tb",
            "a\nb",
            "a@b",
            "a..b",
            "-x",
            "/x",
            "x/",
            "a//b",
            "a\u200bb",
            "a\u00a0b",
            "f" * 64,
            "a" * 256,
        ],
    )
    def test_have_no_name_that_misleads(self, catalog: Catalog, name: str) -> None:
        with pytest.raises(UsageError, match="cannot be the name of a branch or tag"):
            catalog.create_branch(name)
        assert len(catalog.refs()) == 1

    def test_share_one_space_of_names(self, catalog: Catalog) -> None:
        catalog.create_tag("v1")
        with pytest.raises(AlreadyExists, match="'v1'"):
            catalog.create_branch("v1")
        with pytest.raises(AlreadyExists, match="'main'"):
            catalog.create_tag("main")
        assert [ref.name for ref in catalog.refs()] == ["main", "v1"]
        assert [ref.name for ref in catalog.refs(RefKind.TAG)] == ["v1"]

    def test_start_at_any_state_and_keep_it(self, catalog: Catalog, put: Put, versions: Versions) -> None:
        first = put("main", ORDERS, "1")
        catalog.create_tag("v1")
        put("main", ORDERS, "2")
        catalog.create_branch("old", at=first.id[:10])
        catalog.create_branch("older", at="main@" + first.parents[0])
        assert [versions(at) for at in ("v1", "old", "older")] == [{"bronze.orders": "1"}] * 2 + [{}]

    def test_go_when_they_are_deleted_and_their_commits_stay(
        self, catalog: Catalog, put: Put, versions: Versions
    ) -> None:
        catalog.create_branch("work")
        made = put("work", ORDERS, "1")
        with pytest.raises(StaleRef):
            catalog.delete_ref("work", expected=made.parents[0])
        catalog.delete_ref("work", expected=made.id)
        with pytest.raises(RefNotFound, match="no branch or tag 'work'"):
            catalog.ref("work")
        with pytest.raises(RefNotFound):
            catalog.delete_ref("work")
        assert versions(made.id) == {"bronze.orders": "1"}
        catalog.create_branch("work", at=made.id)

    def test_main_cannot_be_deleted(self, catalog: Catalog) -> None:
        with pytest.raises(UsageError, match="'main' cannot be deleted"):
            catalog.delete_ref("main")


class TestNamingAState:
    def test_by_commit_and_its_first_digits(self, catalog: Catalog, put: Put) -> None:
        made = put("main", ORDERS, "1")
        put("main", ORDERS, "2")
        for text in (made.id, made.id[:7], made.id[:20].upper(), f"main@{made.id}", f"main@{made.id[:8]}"):
            assert catalog.resolve(text) == made
        for text in (made.id[:6], "0" * 64, "main@" + "0" * 64, "nowhere@" + made.id):
            with pytest.raises(RefNotFound):
                catalog.resolve(text)

    def test_by_a_commit_of_a_branch_and_not_of_another(self, catalog: Catalog, put: Put) -> None:
        catalog.create_branch("work")
        made = put("work", ORDERS, "1")
        assert catalog.resolve(f"work@{made.id}") == made
        with pytest.raises(RefNotFound, match="is not part of the history of 'main'"):
            catalog.resolve(f"main@{made.id}")
        catalog.merge("work", "main", message="", author="ada")
        assert catalog.resolve(f"main@{made.id}") == made

    def test_by_time(self, put: Put, versions: Versions) -> None:
        moments = []
        for version in "123":
            put("main", ORDERS, version)
            time.sleep(0.002)
            moments.append(datetime.now(UTC))
            time.sleep(0.002)
        for version, moment in zip("123", moments, strict=True):
            assert versions(f"main@{moment.isoformat()}") == {"bronze.orders": version}
        naive = moments[0].replace(tzinfo=None).isoformat()
        assert versions(f"main@{naive}") == {"bronze.orders": "1"}
        there = moments[1].astimezone(UTC).isoformat().replace("+00:00", "Z")
        assert versions(f"main@{there}") == {"bronze.orders": "2"}

    def test_by_a_time_at_which_there_was_none(self, catalog: Catalog) -> None:
        yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        with pytest.raises(RefNotFound, match="'main' did not exist at") as caught:
            catalog.resolve(f"main@{yesterday}")
        assert "It began at" in str(caught.value.hint)
        with pytest.raises(RefNotFound, match="neither a commit nor a time"):
            catalog.resolve("main@yesterday")
        with pytest.raises(RefNotFound, match="neither a commit nor a time"):
            catalog.resolve("main@9999-12-31T23:59:59-14:00")
        with pytest.raises(RefNotFound, match="no branch or tag 'nowhere'"):
            catalog.resolve("nowhere@2026-01-01")

    def test_a_state_stays_what_it_is_when_the_branch_moves_on(self, catalog: Catalog, put: Put) -> None:
        put("main", ORDERS, "1")
        state = catalog.state("main")
        put("main", ORDERS, "2")
        assert state.get(ORDERS) == table("1")
        assert state.commit == catalog.resolve(state.commit_id)

    def test_names_are_in_order_and_can_be_of_one_schema(self, catalog: Catalog, put: Put) -> None:
        for name in (STORES, SALES, ORDERS):
            put("main", name, "1")
        state = catalog.state()
        assert state.names() == [ORDERS, SALES, STORES]
        assert state.names("bronze") == [ORDERS, SALES]
        assert state.names("none") == []
        assert len(state.names()) == 3
        assert state.get_many([ORDERS, Name.of("x", "y")]) == {ORDERS: table("1")}


class TestTurns:
    def test_one_writer_goes_ahead_within_its_turn(self, catalog: Catalog, put: Put, versions: Versions) -> None:
        with catalog.turn("main", "run r1"), catalog.turn("main", "run r1"):
            put("main", ORDERS, "1")
            catalog.create_branch("work")
            put("work", ORDERS, "2")
            catalog.publish("work", "main", message="", author="ada")
        put("main", ORDERS, "3")
        assert versions() == {"bronze.orders": "3"}

    def test_need_a_branch(self, catalog: Catalog) -> None:
        with pytest.raises(RefNotFound), catalog.turn("nowhere", "r1"):
            pass
