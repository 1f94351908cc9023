"""What every catalog does, whichever back end keeps it: a new back end is a row in `BACK_ENDS`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headgate.catalog import MAIN, Catalog, Change, Commit, Operation, Ref, RefKind, Rejoin, open_catalog
from headgate.errors import (
    AlreadyExists,
    Conflict,
    ReadOnly,
    RefNotFound,
    StaleRef,
    UsageError,
)
from headgate.types import Content, Kind, Name

BACK_ENDS: dict[str, Callable[[Path], str]] = {
    "sqlite": lambda folder: f"sqlite:///{folder}/state.db",
}

ORDERS, SALES, STORES = Name.of("bronze", "orders"), Name.of("bronze", "sales"), Name.of("gold", "stores")


@pytest.fixture(params=sorted(BACK_ENDS))
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    opened = open_catalog(BACK_ENDS[request.param](tmp_path))
    yield opened
    assert opened.verify() == []
    opened.close()


def table(version: str, identity: str = "one") -> Content:
    return Content(Kind.TABLE, identity, f"file:///lake/{version}.json")


def put(catalog: Catalog, branch: str, name: Name, version: str | None, *, rejoin: Rejoin | None = None) -> Commit:
    """Commit one table as a writer does who has just read the branch."""
    after = None if version is None else table(version)
    operation = Operation(name, before=catalog.state(branch).get(name), after=after)
    return catalog.commit(branch, [operation], message=f"{name} {version}", author="ada", rejoin=rejoin)


def versions(catalog: Catalog, at: str = MAIN) -> dict[str, str]:
    """Every name and the version it stands for."""
    items = catalog.state(at).items()
    return {str(name): content.metadata_location.split("/")[-1].removesuffix(".json") for name, content in items}


def concatenate(name: Name, base: Content | None, theirs: Content, ours: Content) -> Content | None:
    """Joins appends for tables whose location lists what was appended: file:///lake/a+b.json."""

    def parts(content: Content | None) -> list[str]:
        return [] if content is None else content.metadata_location.removeprefix("file:///lake/")[:-5].split("+")

    known, added = parts(base), parts(ours)
    if base is None or added[: len(known)] != known or parts(theirs)[: len(known)] != known:
        return None
    return table("+".join(parts(theirs) + added[len(known) :]))


class TestAFreshCatalog:
    def test_has_main_at_a_first_commit_of_an_empty_lake(self, catalog: Catalog) -> None:
        (main,) = catalog.refs()
        assert (main.name, main.kind) == ("main", RefKind.BRANCH)
        first = catalog.resolve("main")
        assert (first.id, first.parents, first.operations, first.generation) == (main.commit_id, (), (), 0)
        assert list(catalog.state().items()) == []
        assert len(catalog.state()) == 0


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

    def test_holds_many_tables_or_none(self, catalog: Catalog) -> None:
        put(catalog, "main", ORDERS, "1")
        changes = [Operation(SALES, None, table("1")), Operation(ORDERS, table("stale"), table("2"))]
        with pytest.raises(Conflict):
            catalog.commit("main", changes, message="", author="ada")
        assert versions(catalog) == {"bronze.orders": "1"}
        changes[1] = Operation(ORDERS, table("1"), table("2"))
        catalog.commit("main", changes, message="", author="ada")
        assert versions(catalog) == {"bronze.orders": "2", "bronze.sales": "1"}

    def test_keeps_views_and_nested_and_unicode_names(self, catalog: Catalog) -> None:
        view = Content(Kind.VIEW, "v", "file:///lake/view.json")
        name = Name.of("silver", "straße.köln", 'the "best" 表')
        catalog.commit("main", [Operation(name, None, view)], message="π", author="Ada Łovelace")
        assert catalog.state().get(name) == view
        assert catalog.state().names() == [name]
        assert catalog.resolve("main").author == "Ada Łovelace"

    def test_deletes(self, catalog: Catalog) -> None:
        put(catalog, "main", ORDERS, "1")
        made = put(catalog, "main", ORDERS, None)
        assert made.operations == (Operation(ORDERS, table("1"), None),)
        assert versions(catalog) == {}

    def test_of_what_is_there_already_makes_no_commit(self, catalog: Catalog) -> None:
        head = put(catalog, "main", ORDERS, "1")
        same = Operation(ORDERS, table("0"), table("1"))
        assert catalog.commit("main", [same], message="again", author="ada") == head
        assert catalog.commit("main", [], message="nothing", author="ada") == head
        assert len(list(catalog.log())) == 2

    def test_leaves_out_what_is_there_already_and_makes_the_rest(self, catalog: Catalog) -> None:
        put(catalog, "main", ORDERS, "1")
        new = Operation(SALES, None, table("1"))
        made = catalog.commit("main", [Operation(ORDERS, None, table("1")), new], message="", author="ada")
        assert made.operations == (new,)

    def test_of_other_tables_lands_on_a_head_that_moved(self, catalog: Catalog) -> None:
        read = catalog.state("main")
        put(catalog, "main", ORDERS, "1")
        late = Operation(SALES, read.get(SALES), table("1"))
        catalog.commit("main", [late], message="", author="bob")
        assert versions(catalog) == {"bronze.orders": "1", "bronze.sales": "1"}

    def test_of_a_table_that_moved_is_joined_when_it_can_be(self, catalog: Catalog) -> None:
        put(catalog, "main", ORDERS, "a")
        put(catalog, "main", ORDERS, "a+b")
        late = Operation(ORDERS, table("a"), table("a+c"))
        made = catalog.commit("main", [late], message="", author="bob", rejoin=concatenate)
        assert versions(catalog) == {"bronze.orders": "a+b+c"}
        assert made.operations == (Operation(ORDERS, table("a+b"), table("a+b+c")),)

    def test_of_tables_that_moved_and_cannot_be_joined_names_them_all(self, catalog: Catalog) -> None:
        for name in (ORDERS, SALES):
            put(catalog, "main", name, "1")
            put(catalog, "main", name, "2")
        put(catalog, "main", STORES, "1")
        late = [Operation(name, table("1"), table("3")) for name in (ORDERS, SALES, STORES)]
        with pytest.raises(Conflict, match="table bronze.orders was changed on branch 'main' meanwhile") as caught:
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
        self, catalog: Catalog, before: str | None, held: str | None, after: str | None, reason: str
    ) -> None:
        if held is not None:
            put(catalog, "main", ORDERS, held)
        late = Operation(ORDERS, before and table(before), after and table(after))  # type: ignore[arg-type]
        with pytest.raises(Conflict, match=f"bronze.orders {reason} on branch 'main'"):
            catalog.commit("main", [late], message="", author="bob", rejoin=concatenate)
        assert versions(catalog) == ({} if held is None else {"bronze.orders": held})

    def test_can_insist_on_a_head(self, catalog: Catalog) -> None:
        start = catalog.resolve("main")
        head = put(catalog, "main", ORDERS, "1")
        new = [Operation(SALES, None, table("1"))]
        with pytest.raises(StaleRef, match=f"'main' no longer points at commit {start.id[:12]}"):
            catalog.commit("main", new, message="", author="ada", expected_head=start.id)
        catalog.commit("main", new, message="", author="ada", expected_head=head.id)
        assert versions(catalog) == {"bronze.orders": "1", "bronze.sales": "1"}

    def test_needs_a_branch(self, catalog: Catalog) -> None:
        catalog.create_tag("v1")
        with pytest.raises(ReadOnly, match="'v1' is a tag"):
            put(catalog, "v1", ORDERS, "1")
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
    def test_are_named_as_people_name_them(self, catalog: Catalog, name: str) -> None:
        made = catalog.create_branch(name)
        assert catalog.ref(name) == made == Ref(name, RefKind.BRANCH, catalog.ref("main").commit_id)
        put(catalog, name, ORDERS, "1")
        assert versions(catalog, name) == {"bronze.orders": "1"}
        assert versions(catalog) == {}

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

    def test_start_at_any_state_and_keep_it(self, catalog: Catalog) -> None:
        first = put(catalog, "main", ORDERS, "1")
        catalog.create_tag("v1")
        put(catalog, "main", ORDERS, "2")
        catalog.create_branch("old", at=first.id[:10])
        catalog.create_branch("older", at="main@" + first.parents[0])
        assert [versions(catalog, at) for at in ("v1", "old", "older")] == [{"bronze.orders": "1"}] * 2 + [{}]

    def test_go_when_they_are_deleted_and_their_commits_stay(self, catalog: Catalog) -> None:
        catalog.create_branch("work")
        made = put(catalog, "work", ORDERS, "1")
        with pytest.raises(StaleRef):
            catalog.delete_ref("work", expected=made.parents[0])
        catalog.delete_ref("work", expected=made.id)
        with pytest.raises(RefNotFound, match="no branch or tag 'work'"):
            catalog.ref("work")
        with pytest.raises(RefNotFound):
            catalog.delete_ref("work")
        assert versions(catalog, made.id) == {"bronze.orders": "1"}
        catalog.create_branch("work", at=made.id)

    def test_main_cannot_be_deleted(self, catalog: Catalog) -> None:
        with pytest.raises(UsageError, match="'main' cannot be deleted"):
            catalog.delete_ref("main")


class TestNamingAState:
    def test_by_commit_and_its_first_digits(self, catalog: Catalog) -> None:
        made = put(catalog, "main", ORDERS, "1")
        put(catalog, "main", ORDERS, "2")
        for text in (made.id, made.id[:7], made.id[:20].upper(), f"main@{made.id}", f"main@{made.id[:8]}"):
            assert catalog.resolve(text) == made
        for text in (made.id[:6], "0" * 64, "main@" + "0" * 64, "nowhere@" + made.id):
            with pytest.raises(RefNotFound):
                catalog.resolve(text)

    def test_by_a_commit_of_a_branch_and_not_of_another(self, catalog: Catalog) -> None:
        catalog.create_branch("work")
        made = put(catalog, "work", ORDERS, "1")
        assert catalog.resolve(f"work@{made.id}") == made
        with pytest.raises(RefNotFound, match="is not part of the history of 'main'"):
            catalog.resolve(f"main@{made.id}")
        catalog.merge("work", "main", message="", author="ada")
        assert catalog.resolve(f"main@{made.id}") == made

    def test_by_time(self, catalog: Catalog) -> None:
        moments = []
        for version in "123":
            put(catalog, "main", ORDERS, version)
            time.sleep(0.002)
            moments.append(datetime.now(UTC))
            time.sleep(0.002)
        for version, moment in zip("123", moments, strict=True):
            assert versions(catalog, f"main@{moment.isoformat()}") == {"bronze.orders": version}
        naive = moments[0].replace(tzinfo=None).isoformat()
        assert versions(catalog, f"main@{naive}") == {"bronze.orders": "1"}
        there = moments[1].astimezone(UTC).isoformat().replace("+00:00", "Z")
        assert versions(catalog, f"main@{there}") == {"bronze.orders": "2"}

    def test_by_a_time_at_which_there_was_none(self, catalog: Catalog) -> None:
        yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        with pytest.raises(RefNotFound, match="'main' did not exist at") as caught:
            catalog.resolve(f"main@{yesterday}")
        assert "It began at" in str(caught.value.hint)
        with pytest.raises(RefNotFound, match="neither a commit nor a time"):
            catalog.resolve("main@yesterday")
        with pytest.raises(RefNotFound, match="no branch or tag 'nowhere'"):
            catalog.resolve("nowhere@2026-01-01")

    def test_a_state_stays_what_it_is_when_the_branch_moves_on(self, catalog: Catalog) -> None:
        put(catalog, "main", ORDERS, "1")
        state = catalog.state("main")
        put(catalog, "main", ORDERS, "2")
        assert state.get(ORDERS) == table("1")
        assert state.commit == catalog.resolve(state.commit_id)

    def test_names_are_in_order_and_can_be_of_one_schema(self, catalog: Catalog) -> None:
        for name in (STORES, SALES, ORDERS):
            put(catalog, "main", name, "1")
        state = catalog.state()
        assert state.names() == [ORDERS, SALES, STORES]
        assert state.names("bronze") == [ORDERS, SALES]
        assert state.names("none") == []
        assert len(state) == 3
        assert state.get_many([ORDERS, Name.of("x", "y")]) == {ORDERS: table("1")}


class TestMerge:
    def test_fast_forwards_where_it_can(self, catalog: Catalog) -> None:
        catalog.create_branch("work")
        put(catalog, "work", ORDERS, "1")
        head = put(catalog, "work", SALES, "1")
        done = catalog.merge("work", "main", message="", author="ada")
        assert (done.commit, done.fast_forward, done.changed) == (head, True, (ORDERS, SALES))
        assert catalog.ref("main").commit_id == head.id

    def test_of_what_is_there_does_nothing(self, catalog: Catalog) -> None:
        catalog.create_branch("work")
        head = put(catalog, "main", ORDERS, "1")
        done = catalog.merge("work", "main", message="", author="ada")
        assert (done.commit, done.changed) == (head, ())

    def test_of_different_tables_makes_a_commit_with_both_parents(self, catalog: Catalog) -> None:
        put(catalog, "main", STORES, "1")
        catalog.create_branch("work")
        theirs, ours = put(catalog, "main", ORDERS, "1"), put(catalog, "work", SALES, "1")
        put(catalog, "work", STORES, None)
        done = catalog.merge("work", "main", message="both", author="ada", properties={"why": "because"})
        assert done.commit.parents == (theirs.id, catalog.ref("work").commit_id)
        assert (done.fast_forward, done.changed, done.commit.properties) == (False, (SALES, STORES), {"why": "because"})
        assert versions(catalog) == {"bronze.orders": "1", "bronze.sales": "1"}
        assert catalog.merge_base("work", "main").id == catalog.ref("work").commit_id
        assert ours.id in [commit.id for commit in catalog.log("main", first_parent=False)]

    def test_of_a_table_that_both_appended_to_joins_them(self, catalog: Catalog) -> None:
        put(catalog, "main", ORDERS, "a")
        catalog.create_branch("work")
        put(catalog, "main", ORDERS, "a+b")
        put(catalog, "work", ORDERS, "a+c")
        put(catalog, "work", ORDERS, "a+c+d")
        catalog.merge("work", "main", message="", author="ada", rejoin=concatenate)
        assert versions(catalog) == {"bronze.orders": "a+b+c+d"}
        catalog.merge("main", "work", message="", author="ada", rejoin=concatenate)
        assert versions(catalog, "work") == {"bronze.orders": "a+b+c+d"}

    def test_of_a_table_that_both_changed_is_a_conflict_that_names_it(self, catalog: Catalog) -> None:
        put(catalog, "main", ORDERS, "1")
        put(catalog, "main", SALES, "1")
        catalog.create_branch("work")
        for branch, version in (("main", "2"), ("work", "3")):
            put(catalog, branch, ORDERS, version)
        put(catalog, "work", SALES, "2")
        before = catalog.ref("main")
        with pytest.raises(Conflict, match="bronze.orders was changed on branch 'main' and on 'work'") as caught:
            catalog.merge("work", "main", message="", author="ada", rejoin=concatenate)
        assert caught.value.data["tables"] == ["bronze.orders"]
        assert caught.value.exit_code == 4
        assert catalog.ref("main") == before

    def test_of_the_same_change_made_twice_is_no_conflict(self, catalog: Catalog) -> None:
        catalog.create_branch("work")
        put(catalog, "main", ORDERS, "1")
        put(catalog, "work", ORDERS, "1")
        done = catalog.merge("work", "main", message="", author="ada")
        assert done.changed == ()
        assert len(done.commit.parents) == 2

    def test_after_a_merge_starts_from_there(self, catalog: Catalog) -> None:
        put(catalog, "main", ORDERS, "1")
        catalog.create_branch("work")
        put(catalog, "main", SALES, "1")
        catalog.merge("main", "work", message="", author="ada")
        put(catalog, "work", SALES, "2")
        put(catalog, "main", ORDERS, "2")
        catalog.merge("work", "main", message="", author="ada")
        assert versions(catalog) == {"bronze.orders": "2", "bronze.sales": "2"}

    def test_with_two_starting_points_never_guesses(self, catalog: Catalog) -> None:
        put(catalog, "main", ORDERS, "1")
        put(catalog, "main", SALES, "1")
        catalog.create_branch("work")
        left, right = put(catalog, "main", ORDERS, "2"), put(catalog, "work", SALES, "2")
        catalog.create_branch("left", at=left.id)
        catalog.create_branch("right", at=right.id)
        # Each side merges the other's first commit: two common ancestors, neither an ancestor of the other.
        catalog.merge(right.id, "left", message="", author="ada")
        catalog.merge(left.id, "right", message="", author="ada")
        put(catalog, "right", STORES, "1")
        catalog.merge("right", "left", message="", author="ada")
        assert versions(catalog, "left") == {"bronze.orders": "2", "bronze.sales": "2", "gold.stores": "1"}
        catalog.create_branch("undone", at=catalog.log("right").__next__().parents[0])
        put(catalog, "undone", ORDERS, "1")
        put(catalog, "left", STORES, "2")
        catalog.create_branch("crossed", at=left.id)
        catalog.merge(right.id, "crossed", message="", author="ada")
        with pytest.raises(Conflict, match=r"bronze\.orders"):
            catalog.merge("undone", "crossed", message="", author="ada", rejoin=concatenate)

    def test_into_a_tag_is_refused(self, catalog: Catalog) -> None:
        catalog.create_tag("v1")
        with pytest.raises(ReadOnly):
            catalog.merge("main", "v1", message="", author="ada")


class TestAdvanceAndPublish:
    def test_advance_moves_forward_by_compare_and_swap(self, catalog: Catalog) -> None:
        start = catalog.resolve("main")
        catalog.create_branch("work")
        first = put(catalog, "work", ORDERS, "1")
        second = put(catalog, "work", ORDERS, "2")
        catalog.advance("main", first.id, expected=start.id)
        assert catalog.ref("main").commit_id == first.id
        with pytest.raises(StaleRef, match="'main' no longer points at"):
            catalog.advance("main", second.id, expected=start.id)
        with pytest.raises(Conflict, match="does not descend from"):
            catalog.advance("main", start.id, expected=first.id)
        catalog.create_tag("v1")
        with pytest.raises(ReadOnly):
            catalog.advance("v1", second.id, expected=first.id)

    def test_publish_puts_the_very_state_on_main_as_one_commit(self, catalog: Catalog) -> None:
        head = put(catalog, "main", STORES, "1")
        catalog.create_branch("run/1")
        put(catalog, "run/1", ORDERS, "1")
        put(catalog, "run/1", ORDERS, "2")
        put(catalog, "run/1", STORES, None)
        checked = catalog.resolve("run/1")
        made = catalog.publish(
            "run/1", "main", message="a run", author="ada", properties={"run": "1"}, expected=head.id
        )
        assert made.parents == (head.id,)
        assert made.root == checked.root
        assert made.operations == (Operation(ORDERS, None, table("2")), Operation(STORES, table("1"), None))
        assert [commit.message for commit in catalog.log()] == ["a run", "gold.stores 1", "The empty lake"]

    def test_publish_leaves_out_what_is_dropped(self, catalog: Catalog) -> None:
        checks = Name.of("checks", "orders_unique")
        catalog.create_branch("run/1")
        put(catalog, "run/1", ORDERS, "1")
        put(catalog, "run/1", checks, "1")
        catalog.publish("run/1", "main", message="", author="ada", drop=lambda name: name.schema == "checks")
        assert versions(catalog) == {"bronze.orders": "1"}
        assert versions(catalog, "run/1") == {"bronze.orders": "1", "checks.orders_unique": "1"}

    def test_publish_of_what_is_there_makes_no_commit(self, catalog: Catalog) -> None:
        head = put(catalog, "main", ORDERS, "1")
        catalog.create_branch("run/1")
        put(catalog, "run/1", ORDERS, "2")
        put(catalog, "run/1", ORDERS, "1")
        assert catalog.publish("run/1", "main", message="", author="ada") == head

    def test_publish_over_a_main_that_moved_is_refused_until_it_is_merged_in(self, catalog: Catalog) -> None:
        start = catalog.resolve("main")
        catalog.create_branch("run/1")
        put(catalog, "run/1", ORDERS, "1")
        put(catalog, "main", SALES, "1")
        for expected in (None, start.id):
            with pytest.raises(StaleRef, match="'main' no longer points at") as caught:
                catalog.publish("run/1", "main", message="", author="ada", expected=expected)
            assert caught.value.data == {"ref": "main", "expected": start.id}
        assert versions(catalog) == {"bronze.sales": "1"}
        catalog.merge("main", "run/1", message="", author="ada")
        catalog.publish("run/1", "main", message="", author="ada", expected=catalog.ref("main").commit_id)
        assert versions(catalog) == {"bronze.orders": "1", "bronze.sales": "1"}

    def test_a_published_branch_can_go_on_once_main_is_merged_into_it(self, catalog: Catalog) -> None:
        catalog.create_branch("run/1")
        put(catalog, "run/1", ORDERS, "1")
        catalog.publish("run/1", "main", message="", author="ada")
        put(catalog, "run/1", SALES, "1")
        with pytest.raises(StaleRef):
            catalog.publish("run/1", "main", message="", author="ada")
        catalog.merge("main", "run/1", message="", author="ada")
        catalog.publish("run/1", "main", message="", author="ada")
        assert versions(catalog) == {"bronze.orders": "1", "bronze.sales": "1"}


class TestRevert:
    def test_undoes_one_commit_and_keeps_what_came_after(self, catalog: Catalog) -> None:
        put(catalog, "main", ORDERS, "1")
        changes = [Operation(ORDERS, table("1"), table("2")), Operation(SALES, None, table("1"))]
        wrong = catalog.commit("main", changes, message="wrong", author="ada")
        put(catalog, "main", STORES, "1")
        made = catalog.revert(wrong.id[:8], "main", message="undo", author="bob")
        assert versions(catalog) == {"bronze.orders": "1", "gold.stores": "1"}
        assert made.properties["reverts"] == wrong.id
        assert [commit.message for commit in catalog.log(limit=2)] == ["undo", "gold.stores 1"]
        catalog.revert("main", "main", message="redo", author="bob")
        assert versions(catalog) == {"bronze.orders": "2", "bronze.sales": "1", "gold.stores": "1"}

    def test_of_a_table_that_changed_since_is_a_conflict_that_names_it(self, catalog: Catalog) -> None:
        put(catalog, "main", ORDERS, "1")
        wrong = put(catalog, "main", ORDERS, "2")
        put(catalog, "main", ORDERS, "3")
        with pytest.raises(Conflict, match=f"bronze.orders was changed on branch 'main' since commit {wrong.id[:12]}"):
            catalog.revert(wrong.id, "main", message="", author="bob")

    def test_of_what_is_undone_already_makes_no_commit(self, catalog: Catalog) -> None:
        wrong = put(catalog, "main", ORDERS, "1")
        head = put(catalog, "main", ORDERS, None)
        assert catalog.revert(wrong.id, "main", message="", author="bob") == head

    def test_of_a_merge_takes_the_other_side_out(self, catalog: Catalog) -> None:
        catalog.create_branch("work")
        put(catalog, "main", ORDERS, "1")
        put(catalog, "work", SALES, "1")
        done = catalog.merge("work", "main", message="", author="ada")
        catalog.revert(done.commit.id, "main", message="", author="ada")
        assert versions(catalog) == {"bronze.orders": "1"}


class TestHistory:
    def test_log_goes_back_along_the_first_parents(self, catalog: Catalog) -> None:
        for version in range(40):
            put(catalog, "main", ORDERS, str(version))
        messages = [commit.message for commit in catalog.log()]
        assert messages == [f"bronze.orders {version}" for version in range(39, -1, -1)] + ["The empty lake"]
        assert [commit.message for commit in catalog.log(limit=3)] == messages[:3]
        assert [commit.message for commit in catalog.log(next(iter(catalog.log())).parents[0], limit=1)] == messages[
            1:2
        ]
        assert list(catalog.log(limit=0)) == []

    def test_log_of_all_parents_has_each_commit_once_and_after_its_descendants(self, catalog: Catalog) -> None:
        catalog.create_branch("work")
        put(catalog, "main", ORDERS, "1")
        put(catalog, "work", SALES, "1")
        put(catalog, "work", SALES, "2")
        catalog.merge("work", "main", message="merge", author="ada")
        first = [commit.message for commit in catalog.log()]
        assert first == ["merge", "bronze.orders 1", "The empty lake"]
        everything = list(catalog.log(first_parent=False))
        assert {commit.message for commit in everything} == {*first, "bronze.sales 1", "bronze.sales 2"}
        assert len(everything) == 5
        seen: set[str] = set()
        for commit in everything:
            assert not seen.intersection(commit.parents)
            seen.add(commit.id)

    def test_diff_says_what_was_added_removed_and_changed(self, catalog: Catalog) -> None:
        put(catalog, "main", ORDERS, "1")
        put(catalog, "main", SALES, "1")
        catalog.create_branch("work")
        put(catalog, "work", ORDERS, "2")
        put(catalog, "work", SALES, None)
        put(catalog, "work", STORES, "1")
        found = catalog.diff("main", "work")
        assert found.changed == (Change(ORDERS, table("1"), table("2")),)
        assert found.removed == (Change(SALES, table("1"), None),)
        assert found.added == (Change(STORES, None, table("1")),)
        assert [change.name for change in found.changes] == [ORDERS, SALES, STORES]
        assert catalog.diff("work", "work").changes == ()

    def test_merge_base_is_where_two_parted(self, catalog: Catalog) -> None:
        fork = put(catalog, "main", ORDERS, "1")
        catalog.create_branch("work")
        put(catalog, "main", SALES, "1")
        put(catalog, "work", STORES, "1")
        assert catalog.merge_base("main", "work") == catalog.merge_base("work", "main") == fork
        assert catalog.merge_base("main", fork.id) == fork


class TestTurns:
    def test_one_writer_goes_ahead_within_its_turn(self, catalog: Catalog) -> None:
        with catalog.turn("main", "run r1"), catalog.turn("main", "run r1"):
            put(catalog, "main", ORDERS, "1")
            catalog.create_branch("work")
            put(catalog, "work", ORDERS, "2")
            catalog.publish("work", "main", message="", author="ada")
        put(catalog, "main", ORDERS, "3")
        assert versions(catalog) == {"bronze.orders": "3"}

    def test_need_a_branch(self, catalog: Catalog) -> None:
        with pytest.raises(RefNotFound), catalog.turn("nowhere", "r1"):
            pass
