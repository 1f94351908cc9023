"""A map from text to tuples of text, as a tree of nodes that are named by the hash of their content.

It is a hash trie: a node of up to 64 entries is a leaf; a larger one is split in 64 by the next six bits of the
SHA-256 of the key. The shape follows from the entries alone, whatever order they came in, so two maps are equal exactly
when their roots are, a change writes one node per level, and a comparison descends only where hashes differ.
The idea is that of Merkle tries (Git's trees, IPLD's HashMap), with the leaf size making small lakes one node.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

LEAF_SIZE = 64
_BITS = 6
_FAN_OUT = 64
_HASH_BITS = 256

Entry = tuple[str, ...]
Entries = dict[str, Entry]


@dataclass(frozen=True)
class Leaf:
    """Some entries."""

    entries: Entries

    @property
    def count(self) -> int:
        return len(self.entries)


@dataclass(frozen=True)
class Split:
    """More entries than fit a leaf: per slot the hash of a node and how many entries are below it."""

    children: dict[int, tuple[str, int]]

    @property
    def count(self) -> int:
        return sum(count for _, count in self.children.values())


Node = Leaf | Split
Load = Callable[[Collection[str]], Mapping[str, Node]]
"""Nodes by their hashes; raises when one is missing."""


@dataclass(frozen=True)
class Edit:
    """A new root, and the nodes below it that are not below the old one: (node, its stored form) by hash."""

    root: str
    nodes: dict[str, tuple[Node, str]]


def encode(node: Node) -> str:
    """The stored form of a node: JSON without a choice in it."""
    content: dict[str, object] = (
        {"leaf": node.entries}
        if isinstance(node, Leaf)
        else {"split": [[slot, *node.children[slot]] for slot in sorted(node.children)]}
    )
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def decode(body: str) -> Node:
    """The node that `encode` wrote."""
    content = json.loads(body)
    if "leaf" in content:
        return Leaf({key: tuple(entry) for key, entry in content["leaf"].items()})
    return Split({slot: (child, count) for slot, child, count in content["split"]})


def digest(body: str) -> str:
    """The hash that names a node."""
    return hashlib.sha256(body.encode()).hexdigest()


EMPTY_BODY = encode(Leaf({}))
EMPTY = digest(EMPTY_BODY)
"""Root of the map without entries."""


class Tree:
    """Reads and rewrites trees whose nodes `load` provides; a tree is named by the hash of its root."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def get(self, root: str, key: str) -> Entry | None:
        """The entry of one key; loads one node per level."""
        bits, depth = _bits(key), 0
        node = self._one(root)
        while isinstance(node, Split):
            child = node.children.get(_slot(bits, depth))
            if child is None:
                return None
            node, depth = self._one(child[0]), depth + 1
        return node.entries.get(key)

    def get_many(self, root: str, keys: Collection[str]) -> Entries:
        """The entries of those keys that are there; loads level by level."""
        if len(keys) == 1:
            (key,) = keys
            entry = self.get(root, key)
            return {} if entry is None else {key: entry}
        found: Entries = {}
        for _, node, wanted in self._paths(root, keys):
            if isinstance(node, Leaf):
                found.update((key, node.entries[key]) for key in wanted if key in node.entries)
        return found

    def items(self, root: str) -> Iterator[tuple[str, Entry]]:
        """Every entry, in no particular order."""
        level = [root]
        while level:
            deeper: list[str] = []
            for node in self._load(level).values():
                if isinstance(node, Leaf):
                    yield from node.entries.items()
                else:
                    deeper.extend(child for child, _ in node.children.values())
            level = deeper

    def count(self, root: str) -> int:
        """How many entries there are; loads one node."""
        return self._one(root).count

    def apply(self, root: str, changes: Mapping[str, Entry | None]) -> Edit:
        """The tree with some keys set, or removed where the entry is None."""
        known = {name: node for name, node, _ in self._paths(root, changes.keys())}
        edit = _Rewrite(lambda name: known[name] if name in known else self._one(name))
        work = [(_bits(key), key, entry) for key, entry in changes.items()]
        top = edit.rewrite(root, work, 0)
        if top is None:
            edit.written[EMPTY] = (Leaf({}), EMPTY_BODY)
        new_root = EMPTY if top is None else top[0]
        return Edit(new_root, {name: written for name, written in edit.written.items() if name not in known})

    def diff(self, before: str, after: str) -> Iterator[tuple[str, Entry | None, Entry | None]]:
        """Each key whose entries differ, with both; descends only where hashes differ."""
        pairs: list[tuple[_Side, _Side]] = [(before, after)] if before != after else []
        depth = 0
        while pairs:
            names = {side for pair in pairs for side in pair if isinstance(side, str)}
            loaded = self._load(names) if names else {}
            deeper: list[tuple[_Side, _Side]] = []
            for pair in pairs:
                left, right = (loaded[side] if isinstance(side, str) else Leaf(side) for side in pair)
                if isinstance(left, Leaf) and isinstance(right, Leaf):
                    yield from _differences(left.entries, right.entries)
                else:
                    deeper.extend(_descend(left, right, depth))
            pairs, depth = deeper, depth + 1

    def _one(self, name: str) -> Node:
        return self._load((name,))[name]

    def _paths(self, root: str, keys: Iterable[str]) -> Iterator[tuple[str, Node, list[str]]]:
        """The nodes on the way to some keys, each with those of the keys that lead to it."""
        bits = {key: _bits(key) for key in keys}
        level, depth = {root: list(bits)}, 0
        while level:
            loaded = self._load(level.keys())
            deeper: dict[str, list[str]] = {}
            for name, wanted in level.items():
                node = loaded[name]
                yield name, node, wanted
                if isinstance(node, Split):
                    for key in wanted:
                        child = node.children.get(_slot(bits[key], depth))
                        if child is not None:
                            deeper.setdefault(child[0], []).append(key)
            level, depth = deeper, depth + 1


_Side = str | Entries
"""One side of a comparison: a node by its hash, or the entries of a leaf that the other side has split."""

_Work = tuple[int, str, Entry | None]
"""A change on its way down: bits of the key's hash, key, entry."""

_Item = TypeVar("_Item", bound=tuple[int, str, Entry | None])


class _Rewrite:
    """One rebuilding of a tree along the paths that change, gathering the nodes that it makes."""

    def __init__(self, load: Callable[[str], Node]) -> None:
        self._load = load
        self.written: dict[str, tuple[Node, str]] = {}

    def rewrite(self, name: str | None, work: list[_Work], depth: int) -> tuple[str, int] | None:
        """The hash and count of what a node becomes; None when nothing is left of it."""
        node = Leaf({}) if name is None else self._load(name)
        if isinstance(node, Leaf):
            entries = dict(node.entries)
            for _, key, entry in work:
                if entry is None:
                    entries.pop(key, None)
                else:
                    entries[key] = entry
            return self._build([(_bits(key), key, entry) for key, entry in entries.items()], depth)
        children = dict(node.children)
        for slot, part in _by_slot(work, depth).items():
            child = self.rewrite(children[slot][0] if slot in children else None, part, depth + 1)
            if child is None:
                children.pop(slot, None)
            else:
                children[slot] = child
        split = Split(children)
        if split.count > LEAF_SIZE:
            return self._write(split)
        entries = {}
        for child_name, _ in children.values():
            # What a node of at most LEAF_SIZE entries holds is in leaves.
            leaf = self.written.pop(child_name)[0] if child_name in self.written else self._load(child_name)
            assert isinstance(leaf, Leaf)
            entries.update(leaf.entries)
        return self._write(Leaf(entries)) if entries else None

    def _build(self, entries: list[tuple[int, str, Entry]], depth: int) -> tuple[str, int] | None:
        if len(entries) <= LEAF_SIZE:
            return self._write(Leaf({key: entry for _, key, entry in entries})) if entries else None
        parts = {slot: self._build(part, depth + 1) for slot, part in _by_slot(entries, depth).items()}
        return self._write(Split({slot: child for slot, child in parts.items() if child is not None}))

    def _write(self, node: Node) -> tuple[str, int]:
        body = encode(node)
        name = digest(body)
        self.written[name] = (node, body)
        return name, node.count


def _bits(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest(), "big")


def _slot(bits: int, depth: int) -> int:
    return (bits >> (_HASH_BITS - _BITS * (depth + 1))) & (_FAN_OUT - 1)


def _by_slot(items: Iterable[_Item], depth: int) -> dict[int, list[_Item]]:
    parts: dict[int, list[_Item]] = {}
    for item in items:
        parts.setdefault(_slot(item[0], depth), []).append(item)
    return parts


def _differences(left: Entries, right: Entries) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    for key in left.keys() | right.keys():
        before, after = left.get(key), right.get(key)
        if before != after:
            yield key, before, after


def _descend(left: Node, right: Node, depth: int) -> Iterator[tuple[_Side, _Side]]:
    """The pairs to compare below two nodes of which at least one is split."""
    lefts, rights = _sides(left, depth), _sides(right, depth)
    for slot in lefts.keys() | rights.keys():
        pair: tuple[_Side, _Side] = (lefts.get(slot, {}), rights.get(slot, {}))
        if pair[0] != pair[1]:
            yield pair


def _sides(node: Node, depth: int) -> dict[int, _Side]:
    if isinstance(node, Split):
        return {slot: child for slot, (child, _) in node.children.items()}
    parts = _by_slot(((_bits(key), key, entry) for key, entry in node.entries.items()), depth)
    return {slot: {key: entry for _, key, entry in part} for slot, part in parts.items()}
