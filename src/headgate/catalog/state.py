"""The state of the lake at one commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from headgate.catalog.commits import CommitStore, Header, from_entry
from headgate.catalog.model import Commit
from headgate.catalog.namespaces import levels_of, properties_of
from headgate.catalog.tree import Tree
from headgate.types import Content, Kind, Name, namespace_name


class TreeState:
    """Reads a commit's tree, node by node as it is asked."""

    def __init__(self, tree: Tree, commits: CommitStore, header: Header) -> None:
        self._tree = tree
        self._commits = commits
        self._header = header

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
        """The names of tables and views, or those of one schema, in order."""
        names = (name for name, kind in self._kinds() if kind != Kind.NAMESPACE)
        return sorted(name for name in names if schema is None or name.schema == schema)

    def items(self) -> Iterator[tuple[Name, Content]]:
        """Every table and view with its content, in the order of the names."""
        entries = sorted((Name.from_key(key), entry) for key, entry in self._tree.items(self._header.root))
        for name, entry in entries:
            content = from_entry(entry)
            if content.kind is not Kind.NAMESPACE:
                yield name, content

    def namespaces(self) -> list[tuple[str, ...]]:
        """The levels of every namespace, in order: those that were created, those that hold something, and parents."""
        return levels_of(name for name, _ in self._kinds())

    def namespace(self, levels: Sequence[str]) -> dict[str, str] | None:
        """The properties of a namespace; empty for one that was never created but holds something, None for none."""
        content = self.get(namespace_name(levels))
        if content is not None:
            return properties_of(content)
        wanted = tuple(levels)
        held = any(name.parts[: len(wanted)] == wanted and len(name.parts) > len(wanted) for name, _ in self._kinds())
        return {} if held and wanted else None

    def _kinds(self) -> Iterator[tuple[Name, str]]:
        for key, (kind, _, _) in self._tree.items(self._header.root):
            yield Name.from_key(key), kind
