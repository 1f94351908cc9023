"""From operations to what Nessie is asked to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from headgate.catalog.model import Operation
from headgate.catalog.nessie import model
from headgate.catalog.nessie.contents import IMPLIED, implied, read_metadata, to_nessie
from headgate.catalog.nessie.names import fault, key_of, namespaces_above
from headgate.catalog.nessie.state import NessieState
from headgate.catalog.storage import Storage
from headgate.errors import Conflict, UsageError
from headgate.types import Content, Kind, Name

_NESSIE_KINDS = {Kind.TABLE: model.Table, Kind.VIEW: model.View, Kind.NAMESPACE: model.Namespace}


def keys_of(names: Iterable[Name]) -> list[model.Key]:
    """Every key that has to be known before operations on some names can be asked for: theirs, and what is above.

    Raises:
        UsageError: Nessie takes no such name.
    """
    keys: dict[model.Key, None] = {}
    for name in names:
        key = key_of(name)
        reason = fault(key)
        if reason is not None:
            raise UsageError(f"'{name}' cannot stand in Nessie: it {reason}", hint="Choose another name")
        keys.update(dict.fromkeys([*namespaces_above(key), key]))
    return list(keys)


class Plan:
    """What Nessie is asked to do on the state that a branch is at, for some operations to be done.

    Attributes:
        operations: The request's, the deletions first.
        clearing: Deletions that have to be a commit of their own before that, since Nessie breaks its store when one
            commit takes away content of one type and puts another at the same key.
        changes: What stands at the keys afterwards, as far as it is known before Nessie gave ids to what is new.
        ids: Content ids of headgate by Nessie's, of what has an id already.
        new: Content ids of headgate by the key of what is new and has none yet.
        held: What stands at the keys before.
        source: What stands at them on the other side of a merge, or in the state that is published.
    """

    def __init__(
        self,
        state: NessieState,
        operations: Sequence[Operation],
        storage: Storage | None,
        source: NessieState | None = None,
    ) -> None:
        self.operations: list[model.Operation] = []
        self.clearing: list[model.Operation] = []
        self.changes: dict[model.Key, model.Content | None] = {}
        self.ids: dict[str, str] = {}
        self.new: dict[model.Key, str] = {}
        self._state = state
        self._asked = operations
        self._deletions: list[model.Operation] = []
        self.held = state.held(keys_of(operation.name for operation in operations))
        self.source = source.held([key_of(op.name) for op in operations]) if source is not None else {}
        self._metadata = self._read(operations, storage)
        self._free = self._renamed(operations)
        for operation in operations:
            if operation.after is None:
                self._delete(operation)
        for operation in operations:
            if operation.after is not None:
                self._put(operation, operation.after)
        self.operations = [*self._deletions, *self.operations] or [self._nothing()]

    def settle(self, added: Iterable[model.Added]) -> None:
        """Take in the ids that Nessie gave to what is new."""
        for item in added:
            content = self.changes.get(item.key)
            if content is not None:
                self.changes[item.key] = content.model_copy(update={"id": item.content_id})
            if item.key in self.new:
                self.ids[item.content_id] = self.new[item.key]

    def settle_as(self, entry: model.LogEntry) -> None:
        """Take in what a commit put, ids and all."""
        own = dict(self.new)
        for key, content in self.changes.items():
            if content is not None and content.id is not None and content.id in self.ids:
                own[key] = self.ids[content.id]
        for done in entry.operations or ():
            self.changes[done.key] = done.content
            if done.content is not None and done.content.id is not None and done.key in own:
                self.ids[done.content.id] = own[done.key]

    def _put(self, operation: Operation, after: Content) -> None:
        key = key_of(operation.name)
        held = self.held[key]
        if held is not None and not self._is_same(held, operation, after):
            of_another_type = not isinstance(held, _NESSIE_KINDS[after.kind])
            (self.clearing if of_another_type else self._deletions).append(model.Delete(key=key))
            held = None
        nessie_id = held.id if held is not None else self._free.pop((after.kind, after.content_id), None)
        for above in namespaces_above(key):
            self._ensure(above, operation.name)
        content = self._content(operation.name, key, after, nessie_id)
        self.operations.append(model.Put(key=key, content=content))
        self.changes[key] = content
        if after.kind is Kind.NAMESPACE:
            return
        if nessie_id is None:
            self.new[key] = after.content_id
        else:
            self.ids[nessie_id] = after.content_id

    def _content(
        self, name: Name, key: model.Key, after: Content, nessie_id: str | None
    ) -> model.Table | model.View | model.Namespace:
        """The content as Nessie is to hold it: as the other state of this plan has it, where it has the same."""
        there = self.source.get(key)
        if (
            isinstance(there, model.Table | model.View)
            and isinstance(there, _NESSIE_KINDS[after.kind])
            and there.metadata_location == after.metadata_location
        ):
            return there.model_copy(update={"id": nessie_id})
        return to_nessie(name, after, nessie_id, self._metadata.get(after.metadata_location, {}))

    def _is_same(self, held: model.Content, operation: Operation, after: Content) -> bool:
        """Whether what stands at a key is the table that the operation changes, and not another of the same name."""
        if not isinstance(held, _NESSIE_KINDS[after.kind]):
            if operation.before is None and not self._is_vacant(held):
                raise _taken(operation.name, held)
            return False
        before = operation.before
        return after.kind is Kind.NAMESPACE or before is None or before.content_id == after.content_id

    def _ensure(self, key: model.Key, name: Name) -> None:
        """Have a namespace be there."""
        held = self.changes[key] if key in self.changes else self.held[key]
        if isinstance(held, model.Namespace):
            return
        if held is not None:
            raise _taken(name, held)
        content = implied(key)
        self.operations.append(model.Put(key=key, content=content))
        self.changes[key] = content

    def _delete(self, operation: Operation) -> None:
        key = key_of(operation.name)
        held = self.held[key]
        if isinstance(held, model.Namespace) and self._is_filled(key.elements):
            content = implied(key, held.id)
            self.operations.append(model.Put(key=key, content=content))
            self.changes[key] = content
            return
        self._deletions.append(model.Delete(key=key))
        self.changes[key] = None

    def _is_vacant(self, held: model.Content) -> bool:
        """Whether content is a namespace that was there for tables which are gone."""
        return isinstance(held, model.Namespace) and IMPLIED in held.properties and not self._is_filled(held.elements)

    def _is_filled(self, levels: tuple[str, ...]) -> bool:
        """Whether anything stands in a namespace once the operations are done; Nessie deletes only empty ones."""
        gone = {key_of(op.name) for op in self._asked if op.after is None}
        coming = {key_of(op.name) for op in self._asked if op.after is not None}
        return any(
            key.elements[: len(levels)] == levels and len(key.elements) > len(levels)
            for key in (self._state.keys() - gone) | coming
        )

    def _renamed(self, operations: Sequence[Operation]) -> dict[tuple[Kind, str], str]:
        """Ids of Nessie that become free at one key and go to another: the table is the same under its new name."""
        free: dict[tuple[Kind, str], str] = {}
        for operation in operations:
            held = self.held[key_of(operation.name)]
            before = operation.before
            if operation.after is None and before is not None and held is not None and held.id is not None:
                free[before.kind, before.content_id] = held.id
        return free

    def _read(self, operations: Sequence[Operation], storage: Storage | None) -> dict[str, dict[str, object]]:
        """The metadata of what is new to Nessie."""
        known = {
            content.metadata_location
            for content in self.source.values()
            if isinstance(content, model.Table | model.View)
        }
        wanted = [op.after for op in operations if op.after is not None and op.after.kind is not Kind.NAMESPACE]
        locations = [content.metadata_location for content in wanted if content.metadata_location not in known]
        return {location: dict(found) for location, found in read_metadata(locations, storage).items()}

    def _nothing(self) -> model.Operation:
        """An operation that does nothing, on a key that is there."""
        there = next((key for key in sorted(self._state.keys(), key=lambda key: key.elements)), None)
        return model.Unchanged(key=there or model.Key(elements=("nothing",)))


def _taken(name: Name, held: model.Content) -> Conflict:
    return Conflict(
        f"{name} cannot be: in Nessie a {held.type} stands there, or above it",
        hint="Nessie keeps tables and namespaces in one space of names; choose another name",
        data={"tables": [str(name)]},
    )
