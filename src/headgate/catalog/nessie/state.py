"""The state of the lake at one commit of Nessie: asked for when it is needed, and kept, since it never changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from headgate.catalog.model import Commit
from headgate.catalog.namespaces import levels_of, properties_of
from headgate.catalog.nessie import model
from headgate.catalog.nessie.client import NessieClient
from headgate.catalog.nessie.contents import ContentIds, name_of_content, to_content
from headgate.catalog.nessie.history import History
from headgate.catalog.nessie.names import fault, key_of
from headgate.catalog.nessie.recent import Recent
from headgate.types import Content, Kind, Name, namespace_name

_KEPT = 32


@dataclass
class Known:
    """What is known of one state.

    Attributes:
        contents: What stands at a key in Nessie; None for a key that was asked for and is absent.
        complete: Whether a key that is not here is absent.
        begun: Whether the first page of everything was read.
    """

    contents: dict[model.Key, model.Content | None] = field(default_factory=dict)
    complete: bool = False
    begun: bool = False

    def lacks(self, keys: Iterable[model.Key]) -> list[model.Key]:
        """The keys of which nothing is known yet."""
        return [] if self.complete else [key for key in keys if key not in self.contents]


class States:
    """The states of one server that were read lately, by commit."""

    def __init__(self, client: NessieClient, ids: ContentIds, history: History) -> None:
        self.client = client
        self.ids = ids
        self.history = history
        self._known = Recent[str, Known](_KEPT)

    def at(self, commit: str) -> NessieState:
        """The state of a commit."""
        return NessieState(self, commit)

    def head(self, ref: str, keys: Sequence[model.Key]) -> tuple[model.Reference, NessieState]:
        """Where a ref points, and the state there with some keys read along."""
        answer = self.client.contents(ref, keys)
        commit = answer.effective_reference.hash
        known = self.known(commit)
        known.contents.update(dict.fromkeys(keys))
        known.contents.update({held.key: held.content for held in answer.contents})
        return answer.effective_reference, self.at(commit)

    def known(self, commit: str) -> Known:
        """What is known of the state of a commit, for whoever learns more."""
        return self._known.get(commit) or self._known.keep(commit, Known())

    def follow(self, parent: str, commit: str, changes: Mapping[model.Key, model.Content | None]) -> None:
        """Derive the state of a commit from that of its parent."""
        before = self._known.get(parent)
        after = self.known(commit)
        if before is not None:
            after.contents = {**before.contents, **changes}
            after.complete = before.complete
        else:
            after.contents.update(changes)


class NessieState:
    """Reads what stands in a commit's state; small lakes at once, large ones by what is asked for."""

    def __init__(self, states: States, commit: str) -> None:
        self._states = states
        self._commit = commit
        self._known = states.known(commit)

    @property
    def commit_id(self) -> str:
        return self._commit

    @cached_property
    def commit(self) -> Commit:
        """The commit in full, its operations included."""
        return self._states.history.commit(self._commit)

    def get(self, name: Name) -> Content | None:
        """What a name stands for, or None."""
        return self.get_many([name]).get(name)

    def get_many(self, names: Sequence[Name]) -> dict[Name, Content]:
        """What several names stand for, without those that are absent."""
        keys = [key for key in dict.fromkeys(map(key_of, names)) if key.elements and fault(key) is None]
        found = {key: content for key, content in self.held(keys).items() if content is not None}
        ids = self._states.ids.of(found.values(), self._commit)
        contents = {name_of_content(key, content): to_content(content, ids) for key, content in found.items()}
        wanted = set(names)
        return {name: content for name, content in contents.items() if content is not None and name in wanted}

    def held(self, keys: Sequence[model.Key]) -> dict[model.Key, model.Content | None]:
        """What stands at some keys in Nessie; None where nothing does."""
        if self._known.lacks(keys) and not self._known.begun:
            # Whoever asks for one name asks for the next: a small lake is read whole, by one request.
            self._read_entries(one_page=True)
        missing = self._known.lacks(keys)
        if missing:
            answer = self._states.client.contents(f"@{self._commit}", missing)
            self._known.contents.update(dict.fromkeys(missing))
            self._known.contents.update({held.key: held.content for held in answer.contents})
        return {key: self._known.contents.get(key) for key in keys}

    def names(self, schema: str | None = None) -> list[Name]:
        """The names of tables and views, or those of one schema, in order."""
        names = (name for name, content in self._all() if not isinstance(content, model.Namespace))
        return sorted(name for name in names if schema is None or name.schema == schema)

    def items(self) -> Iterator[tuple[Name, Content]]:
        """Every table and view with its content, in the order of the names."""
        found = sorted(self._all(), key=lambda item: item[0])
        ids = self._states.ids.of((content for _, content in found), self._commit)
        for name, content in found:
            own = to_content(content, ids)
            if own is not None and own.kind is not Kind.NAMESPACE:
                yield name, own

    def namespaces(self) -> list[tuple[str, ...]]:
        """The levels of every namespace, in order: those that were created, those that hold something, and parents."""
        return levels_of(name for name, _ in self._all())

    def namespace(self, levels: Sequence[str]) -> dict[str, str] | None:
        """The properties of a namespace; empty for one that was never created but holds something, None for none."""
        wanted = tuple(levels)
        content = self.get(namespace_name(wanted))
        if content is not None:
            return properties_of(content)
        return {} if wanted and self.holds(wanted) else None

    def keys(self) -> set[model.Key]:
        """Every key at which something stands in Nessie."""
        self._read_entries(one_page=False)
        return {key for key, content in list(self._known.contents.items()) if content is not None}

    def holds(self, levels: tuple[str, ...]) -> bool:
        """Whether something that is not only implied stands below a namespace."""
        depth = len(levels)
        return any(name.parts[:depth] == levels and len(name.parts) > depth for name, _ in self._all())

    def _all(self) -> list[tuple[Name, model.Content]]:
        """Everything that somebody asked for, without namespaces that are only implied."""
        self._read_entries(one_page=False)
        entries = ((key, content) for key, content in list(self._known.contents.items()) if content is not None)
        return [
            (name_of_content(key, content), content)
            for key, content in entries
            if not isinstance(content, model.Foreign) and to_content(content, {}) is not None
        ]

    def _read_entries(self, *, one_page: bool) -> None:
        if self._known.complete:
            return
        for page in self._states.client.entries(self._commit):
            self._known.contents.update({entry.name: entry.content for entry in page.entries})
            self._known.begun, self._known.complete = True, not page.has_more
            if one_page:
                return
