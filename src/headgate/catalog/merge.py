"""Joining changes that were made at the same time, name by name.

A commit whose branch moved on, a merge and a revert are the same question: operations that hold for one state are to be
applied to another one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from headgate.catalog.interface import Changes, State
from headgate.catalog.model import Clash, Operation, Rejoin
from headgate.catalog.namespaces import join_properties
from headgate.errors import Conflict, UsageError
from headgate.types import Content, Kind, Name


class Joiner:
    """Applies operations to a head, and again to the next one, asking `rejoin` once for each combination.

    Args:
        operations: One per name; `before` is what both sides started from.
        rejoin: Joins content that both sides changed.
        unsettled: Names whose common start is not known for sure, so that only equal content joins.
    """

    def __init__(
        self, operations: Sequence[Operation], rejoin: Rejoin | None, unsettled: Collection[Name] = ()
    ) -> None:
        _check_operations(operations)
        self._operations = operations
        self._rejoin = rejoin
        self._unsettled = unsettled
        self._joined: dict[tuple[Name, Content, Content], Content | None] = {}

    @property
    def names(self) -> list[Name]:
        """The names that the operations touch."""
        return [operation.name for operation in self._operations]

    def onto(self, held: Mapping[Name, Content], since: str) -> list[Operation]:
        """The operations as they apply to a state; those that it has already are left out.

        Args:
            held: What the names stand for in that state.
            since: Where and since when others may have changed it, for the message.

        Raises:
            Conflict: Names every table that cannot be joined.
        """
        applicable: list[Operation] = []
        clashes: list[Clash] = []
        for operation in self._operations:
            theirs = held.get(operation.name)
            if theirs == operation.after:
                continue
            if operation.name in self._unsettled:
                clashes.append(Clash(operation.name, operation.before, theirs, operation.after))
                continue
            if theirs == operation.before:
                applicable.append(operation)
                continue
            joined = self._join(operation, theirs)
            if joined is None:
                clashes.append(Clash(operation.name, operation.before, theirs, operation.after))
            elif joined != theirs:
                applicable.append(Operation(operation.name, theirs, joined))
        if clashes:
            raise conflict(clashes, since)
        return applicable

    def _join(self, operation: Operation, theirs: Content | None) -> Content | None:
        if theirs is None or operation.after is None or operation.after == operation.before:
            return None
        if operation.after.kind is Kind.NAMESPACE:
            return join_properties(operation.before, theirs, operation.after)
        if self._rejoin is None:
            return None
        question = (operation.name, theirs, operation.after)
        if question not in self._joined:
            self._joined[question] = self._rejoin(operation.name, operation.before, theirs, operation.after)
        return self._joined[question]


def joiners(changes: Changes, rejoin: Rejoin | None) -> Callable[[State], Joiner]:
    """What gives the operations of a commit for a state: the same ones for each, or those that are worked out on it."""
    if isinstance(changes, Sequence):
        joiner = Joiner(changes, rejoin)
        return lambda state: joiner
    return lambda state: Joiner(changes(state), rejoin)


def conflict(clashes: Sequence[Clash], since: str) -> Conflict:
    """The error that names every table on which two changes clash."""
    first, others = clashes[0], [str(clash.name) for clash in clashes[1:]]
    kind = next((side.kind for side in (first.theirs, first.ours, first.base) if side), Kind.TABLE)
    more = f"; so {'was' if len(others) == 1 else 'were'} {_listed(others)}" if others else ""
    return Conflict(
        f"The {kind} {first.name} {first.reason} {since}{more}",
        hint="See both sides with headgate diff; then make the change again on the branch as it is now",
        data={
            "tables": [str(clash.name) for clash in clashes],
            "clashes": [{"table": str(clash.name), "reason": clash.reason} for clash in clashes],
        },
    )


def _listed(names: list[str]) -> str:
    shown = names[:5] + ([f"{len(names) - 5} more"] if len(names) > 5 else [])
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)


def _check_operations(operations: Sequence[Operation]) -> None:
    seen: set[Name] = set()
    for operation in operations:
        fault = _fault(operation)
        if fault:
            raise UsageError(
                f"'{operation.name}' cannot be the name of a table: {fault}",
                hint="Give the schema and the table each a name of visible characters",
            )
        if operation.name in seen:
            raise UsageError(
                f"A commit can change {operation.name} only once",
                hint="Make one operation of it: what was there before, and what is there after",
            )
        seen.add(operation.name)


def _fault(operation: Operation) -> str | None:
    name = operation.name
    namespace = Kind.NAMESPACE in {side.kind for side in (operation.before, operation.after) if side}
    if not all(name.namespace if namespace else name.parts) or (namespace and (name.table or not name.namespace)):
        return "a part of it is empty"
    # The unit separator stands between the parts of a key; Postgres keeps no U+0000 and nobody keeps half a character.
    bad = next((char for part in name.parts for char in part if char < " " or "\ud800" <= char <= "\udfff"), None)
    return None if bad is None else f"it holds the character U+{ord(bad):04X}"
