"""The state of the lake at one commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from headgate.catalog.commits import CommitStore, Header, from_entry
from headgate.catalog.model import Commit
from headgate.catalog.tree import Tree
from headgate.types import Content, Name


class TreeState:
    """Reads a commit's tree, node by node as it is asked."""

    def __init__(self, tree: Tree, commits: CommitStore, header: Header) -> None:
        self._tree = tree
        self._commits = commits
        self._header = header

    def __len__(self) -> int:
        return self._tree.count(self._header.root)

    @property
    def commit_id(self) -> str:
        return self._header.id

    @cached_property
    def commit(self) -> Commit:
        """The commit in full, its operations included."""
        return self._commits.load(self._header.id)

    def get(self, name: Name) -> Content | None:
        """What a name stands for, or None."""
        entry = self._tree.get(self._header.root, name.key)
        return None if entry is None else from_entry(entry)

    def get_many(self, names: Sequence[Name]) -> dict[Name, Content]:
        """What several names stand for, without those that are absent."""
        found = self._tree.get_many(self._header.root, {name.key for name in names})
        return {Name.from_key(key): from_entry(entry) for key, entry in found.items()}

    def names(self, schema: str | None = None) -> list[Name]:
        """The names, or those of one schema, in order."""
        names = (Name.from_key(key) for key, _ in self._tree.items(self._header.root))
        return sorted(name for name in names if schema is None or name.schema == schema)

    def items(self) -> Iterator[tuple[Name, Content]]:
        """Every name with its content, in the order of the names."""
        entries = sorted((Name.from_key(key), entry) for key, entry in self._tree.items(self._header.root))
        for name, entry in entries:
            yield name, from_entry(entry)
