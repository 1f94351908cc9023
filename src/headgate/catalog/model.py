"""The catalog's values: commits, operations, refs, and what lies between two states."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from headgate.types import Content, Name


@dataclass(frozen=True)
class Operation:
    """What a commit does to one name: `after` replaces `before`; None stands for absent.

    As a request it also says what its author believed to be there: `before` has to hold when it is applied.
    """

    name: Name
    before: Content | None
    after: Content | None

    @property
    def inverse(self) -> Operation:
        """The operation that undoes this one."""
        return Operation(self.name, before=self.after, after=self.before)


@dataclass(frozen=True)
class Commit:
    """One state of the lake and how it came about; its id is the hash of everything here but the generation.

    A commit in Nessie has the id that Nessie gave it. Nessie keeps neither trees nor generations: there `root` is the
    id as well, so that equal roots still mean equal states, and `generation` is 0 for the empty lake, else 1.

    Attributes:
        id: SHA-256 in 64 hexadecimal digits.
        parents: Ids; none for the first commit, two for a merge, the first being the branch that was merged into.
        root: Hash of the tree that maps every name to its content.
        operations: What differs from the first parent's state, in the order of the names.
        time: When, in UTC.
        properties: What else there is to say, such as the run that made it.
        generation: 1 more than the highest of the parents'; the first commit has 0.
    """

    id: str
    parents: tuple[str, ...]
    root: str
    operations: tuple[Operation, ...]
    author: str
    message: str
    time: datetime
    properties: dict[str, str]
    generation: int


class RefKind(enum.StrEnum):
    """A branch moves with every commit on it, a tag stays."""

    BRANCH = "branch"
    TAG = "tag"


@dataclass(frozen=True)
class Ref:
    """A name for a commit."""

    name: str
    kind: RefKind
    commit_id: str


@dataclass(frozen=True)
class Change:
    """A name that stands for different content in two states; None where it is absent."""

    name: Name
    before: Content | None
    after: Content | None


@dataclass(frozen=True)
class Diff:
    """What differs between two states, in the order of the names."""

    changes: tuple[Change, ...]

    @property
    def added(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.before is None)

    @property
    def removed(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.after is None)

    @property
    def changed(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.before is not None and change.after is not None)


@dataclass(frozen=True)
class Clash:
    """A name on which two changes cannot be joined: what both started from and what each made of it."""

    name: Name
    base: Content | None
    theirs: Content | None
    ours: Content | None

    @property
    def reason(self) -> str:
        """What others did to it, as the end of a sentence that starts with the name."""
        if self.base is None:
            return "was created"
        return "was dropped" if self.theirs is None else "was changed"


@dataclass(frozen=True)
class MergeResult:
    """What a merge did.

    Attributes:
        commit: Where the branch now points.
        fast_forward: Whether the branch took over the other's commit as it is.
        changed: The names whose content changed on the branch; empty when there was nothing to merge.
    """

    commit: Commit
    fast_forward: bool
    changed: tuple[Name, ...]


@dataclass(frozen=True)
class Problem:
    """Something in the stored history that does not add up.

    Attributes:
        table: The table of the state database.
        row: What identifies the row in it.
        message: What is wrong with it.
    """

    table: str
    row: str
    message: str


Rejoin = Callable[[Name, Content | None, Content, Content], Content | None]
"""Asked as `rejoin(name, base, theirs, ours)` when both sides changed a name: the joined content, or None.

`theirs` is what stands on the branch that is written to; the answer has to hold what both did since `base`.
"""
