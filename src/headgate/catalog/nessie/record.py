"""What a commit of headgate says about itself in Nessie's history, beside its author, message and time.

A commit's own properties, such as the id of the run, stand there as they are, for everybody. What only headgate needs
stands under names of its own: its operations with what was there before, since Nessie tells only what came, and the
second parent of a merge where Nessie's own merge could not be used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from headgate.catalog.commits import from_entry, storable, to_entry
from headgate.catalog.model import Operation
from headgate.catalog.nessie import model
from headgate.types import Name

OPERATIONS = "headgate.operations"
MERGED = "headgate.merged"
CLEARING = "headgate.clearing"
"""On a commit that only makes room for the next one, which is a part of it: Nessie's store breaks when one commit takes
away content of one type and puts another at the same key."""
CLEARED = "headgate.cleared"
"""On that next commit: the one that made room, and the one that both of them follow."""
TOKEN = "headgate.token"  # noqa: S105  # names the attempt to commit, and opens nothing
_OWN = {OPERATIONS, MERGED, CLEARING, CLEARED, TOKEN}

Properties = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Draft:
    """A commit to be made.

    Attributes:
        operations: In the order of the names' keys.
        author: Who.
        message: Why.
        properties: Further facts.
        merged: The commit whose history it takes in.
    """

    operations: Sequence[Operation]
    author: str
    message: str
    properties: Mapping[str, str] = field(default_factory=dict)
    merged: str | None = None

    def meta(
        self, token: str, *, second_parent: bool = True, cleared: tuple[str, str] | None = None
    ) -> model.CommitMeta:
        """What Nessie is to keep with the commit.

        Args:
            token: Tells this attempt from any other, so that it is known when it landed.
            second_parent: Record `merged`, because Nessie will not.
            cleared: The commit that made room for this one, and the one before it.
        """
        own = {OPERATIONS: _write(self.operations), TOKEN: token}
        if second_parent and self.merged is not None:
            own[MERGED] = self.merged
        if cleared is not None:
            own[CLEARED] = " ".join(cleared)
        further = {storable(key): storable(value) for key, value in self.properties.items()}
        return self._meta({**further, **own})

    def clearing_meta(self, token: str) -> model.CommitMeta:
        """What Nessie is to keep with the commit that makes room for this one."""
        return self._meta({CLEARING: "true", TOKEN: token})

    def _meta(self, properties: Mapping[str, str]) -> model.CommitMeta:
        return model.CommitMeta(
            authors=(storable(self.author),),
            message=storable(self.message),
            all_properties={key: (value,) for key, value in properties.items()},
        )


def read_operations(properties: Properties) -> tuple[Operation, ...] | None:
    """The operations that a commit of headgate recorded; None for any other."""
    text = _first(properties, OPERATIONS)
    if text is None:
        return None
    return tuple(
        Operation(Name.from_key(key), before and from_entry(before), after and from_entry(after))
        for key, before, after in json.loads(text)
    )


def parents_of(made: model.Made) -> tuple[str, ...]:
    """The parents of a commit, the first being the branch it was made on."""
    merged = _first(made.all_properties, MERGED)
    known = made.parent_commit_hashes
    # A commit that was copied elsewhere, properties and all, has another one before it.
    cleared, _, before = (_first(made.all_properties, CLEARED) or "").partition(" ")
    if known and known[0] == cleared:
        known = (before, *known[1:])
    return known if merged is None or merged in known else (*known, merged)


def token_of(properties: Properties) -> str | None:
    """Which attempt a commit is of."""
    return _first(properties, TOKEN)


def is_clearing(properties: Properties) -> bool:
    """Whether a commit only makes room for the next one."""
    return CLEARING in properties


def further(properties: Properties) -> dict[str, str]:
    """The properties that are for everybody."""
    return {key: ", ".join(values) for key, values in properties.items() if key not in _OWN}


def _first(properties: Properties, name: str) -> str | None:
    return next(iter(properties.get(name, ())), None)


def _write(operations: Iterable[Operation]) -> str:
    rows = [[op.name.key, op.before and to_entry(op.before), op.after and to_entry(op.after)] for op in operations]
    return json.dumps(rows, separators=(",", ":"))
