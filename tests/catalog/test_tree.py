from __future__ import annotations

import random
from collections.abc import Collection, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.catalog.tree import EMPTY, Edit, Entry, Leaf, Node, Split, Tree, decode, digest, encode


class Memory:
    """Nodes in a dict, with a count of those that were read."""

    def __init__(self) -> None:
        self.bodies = {EMPTY: encode(Leaf({}))}
        self.read = 0
        self.tree = Tree(self.load)

    def load(self, hashes: Collection[str]) -> Mapping[str, Node]:
        self.read += len(hashes)
        return {name: decode(self.bodies[name]) for name in hashes}

    def apply(self, root: str, changes: Mapping[str, Entry | None]) -> Edit:
        edit = self.tree.apply(root, changes)
        self.bodies.update((name, body) for name, (_, body) in edit.nodes.items())
        return edit

    def build(self, entries: Mapping[str, Entry | None]) -> str:
        return self.apply(EMPTY, entries).root


def entries(count: int) -> dict[str, Entry]:
    return {f"schema\x1ftable {number}": ("table", str(number), f"s3://lake/{number}") for number in range(count)}


# Few keys, so that histories set and remove the same ones, and enough to pass the size of a leaf both ways.
changes = st.dictionaries(st.integers(0, 150).map(str), st.none() | st.tuples(st.sampled_from("abc")), max_size=120)


@given(st.lists(changes, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_tree_is_a_dict_whose_root_depends_on_nothing_but_its_entries(history: list[dict[str, Entry | None]]) -> None:
    memory, root, model = Memory(), EMPTY, {}
    for step in history:
        root = memory.apply(root, step).root
        model.update(step)
        model = {key: entry for key, entry in model.items() if entry is not None}
    assert dict(memory.tree.items(root)) == model
    assert memory.tree.count(root) == len(model)
    assert memory.tree.get_many(root, [str(number) for number in range(151)]) == model
    shuffled = random.Random(0).sample(sorted(model), len(model))
    one_by_one = EMPTY
    for key in shuffled:
        one_by_one = memory.apply(one_by_one, {key: model[key]}).root
    assert root == memory.build(model) == one_by_one


@given(changes, changes)
@settings(max_examples=60, deadline=None)
def test_a_difference_is_what_two_dicts_say_it_is(one: dict[str, Entry | None], two: dict[str, Entry | None]) -> None:
    memory = Memory()
    found = {key: (a, b) for key, a, b in memory.tree.diff(memory.build(one), memory.build(two))}
    keys = one.keys() | two.keys()
    assert found == {key: (one.get(key), two.get(key)) for key in keys if one.get(key) != two.get(key)}


def test_sixty_four_entries_are_one_node_and_one_more_splits_it() -> None:
    memory = Memory()
    full = memory.build(entries(64))
    assert isinstance(decode(memory.bodies[full]), Leaf)
    over = memory.build(entries(65))
    assert isinstance(decode(memory.bodies[over]), Split)
    (extra,) = entries(65).keys() - entries(64).keys()
    assert memory.apply(over, {extra: None}).root == full


def test_removing_everything_gives_the_empty_tree() -> None:
    memory = Memory()
    full = memory.build(entries(5000))
    assert memory.apply(full, dict.fromkeys(entries(5000))).root == EMPTY


def test_every_node_has_the_hash_that_names_it_and_survives_its_encoding() -> None:
    memory = Memory()
    memory.build(entries(5000) | {"ünï": ("view", "é", "")})
    for name, body in memory.bodies.items():
        assert digest(body) == name
        assert encode(decode(body)) == body


def test_one_change_among_ten_thousand_reads_and_writes_a_node_per_level() -> None:
    memory = Memory()
    root = memory.build(entries(10_000))
    key = "schema\x1ftable 77"
    memory.read = 0
    assert memory.tree.get(root, key) == ("table", "77", "s3://lake/77")
    # 10,000 = 64 * 156 entries: two levels of splits above the leaves.
    assert memory.read == 3
    memory.read = 0
    edit = memory.apply(root, {key: ("table", "77", "elsewhere")})
    assert (memory.read, len(edit.nodes)) == (3, 3)
    memory.read = 0
    before, after = ("table", "77", "s3://lake/77"), ("table", "77", "elsewhere")
    assert list(memory.tree.diff(root, edit.root)) == [(key, before, after)]
    assert memory.read == 6
    memory.read = 0
    assert list(memory.tree.diff(root, root)) == []
    assert memory.read == 0


def test_a_change_that_changes_nothing_writes_nothing() -> None:
    memory = Memory()
    root = memory.build(entries(1000))
    edit = memory.apply(root, {"absent": None, "schema\x1ftable 5": ("table", "5", "s3://lake/5")})
    assert edit == Edit(root, {})
