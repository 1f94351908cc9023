"""What a catalog can do, whichever back end keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from headgate.catalog.model import Commit, Diff, MergeResult, Operation, Problem, Ref, RefKind, Rejoin
from headgate.types import Content, Name

MAIN = "main"
"""The branch that every lake has, and that the gate guards."""


class State(Protocol):
    """What every name stands for at one commit; loads only what is asked for."""

    @property
    def commit_id(self) -> str: ...

    @property
    def commit(self) -> Commit:
        """The commit in full, its operations included."""

    def get(self, name: Name) -> Content | None:
        """What a name stands for, or None."""

    def get_many(self, names: Sequence[Name]) -> dict[Name, Content]:
        """What several names stand for, without those that are absent; cheaper than one by one."""

    def names(self, schema: str | None = None) -> list[Name]:
        """The names of tables and views, or those of one schema, in order."""

    def items(self) -> Iterator[tuple[Name, Content]]:
        """Every table and view with its content, in the order of the names."""

    def namespaces(self) -> list[tuple[str, ...]]:
        """The levels of every namespace, in order: those that were created, those that hold something, and parents."""

    def namespace(self, levels: Sequence[str]) -> dict[str, str] | None:
        """The properties of a namespace; empty for one that was never created but holds something, None for none."""


Changes = Sequence[Operation] | Callable[[State], Sequence[Operation]]
"""One operation per name; or what works them out on a state, and is asked again for every head that is tried."""


class Catalog(Protocol):
    """Git for tables: a commit names the state of every table, a ref names a commit.

    Wherever a state is named as text it can be a branch, a tag, a commit id or at least seven of its first digits,
    `branch@<commit>`, or `branch@<ISO time>` for where the branch pointed at that time (UTC unless it says otherwise).
    """

    def ref(self, name: str) -> Ref:
        """The branch or tag of this name.

        Raises:
            RefNotFound: There is none.
        """

    def refs(self, kind: RefKind | None = None) -> list[Ref]:
        """The branches and tags in the order of their names."""

    def resolve(self, text: str) -> Commit:
        """The commit that a text names.

        Raises:
            RefNotFound: It names none, or the first digits of several.
        """

    def state(self, at: str = MAIN) -> State:
        """The state that a text names; it stays what it is, however the ref moves on."""

    def create_branch(self, name: str, at: str = MAIN) -> Ref:
        """A new branch at a commit; costs one row, whatever the size of the lake.

        Raises:
            AlreadyExists: A branch or tag has this name.
            UsageError: The name cannot be one of a ref.
        """

    def create_tag(self, name: str, at: str = MAIN) -> Ref:
        """A new tag at a commit; raises as `create_branch` does."""

    def delete_ref(self, name: str, expected: str | None = None) -> None:
        """Delete a branch or tag; its commits stay.

        Args:
            name: Any but `main`.
            expected: The commit it has to point at, when that matters.

        Raises:
            StaleRef: It points elsewhere.
        """

    def commit(
        self,
        branch: str,
        changes: Changes,
        *,
        message: str,
        author: str,
        properties: Mapping[str, str] | None = None,
        rejoin: Rejoin | None = None,
        expected_head: str | None = None,
    ) -> Commit:
        """Apply operations to the head of a branch, together or not at all, however many others do the same.

        A change holds when its name still stands for what the operation's `before` says. Where it does not, `rejoin`
        is asked to join both. Operations that find their `after` already there are left out; when none is left,
        there is no new commit and the head is returned.

        Args:
            branch: The branch that is written to.
            changes: One operation per name, or what gives them for a state of the branch. What it writes is written
                while others who commit to the branch wait, so that it is seldom done in vain.
            message: Why.
            author: Who.
            properties: Further facts to keep with the commit.
            rejoin: Joins content that others changed meanwhile; may be asked again when the head moves again.
            expected_head: The only head that will do, when the operations stand for a whole state.

        Raises:
            Conflict: A name was changed meanwhile and could not be joined; names the tables.
            StaleRef: The head is not `expected_head`.
            ReadOnly: `branch` is a tag.
        """

    def advance(self, branch: str, to: str, expected: str) -> None:
        """Move a branch from one commit to a descendant of it, if it still points there.

        Raises:
            StaleRef: It points elsewhere.
            Conflict: `to` does not descend from `expected`.
        """

    def publish(
        self,
        source: str,
        onto: str,
        *,
        message: str,
        author: str,
        properties: Mapping[str, str] | None = None,
        drop: Callable[[Name], bool] | None = None,
        expected: str | None = None,
        merged: str | None = None,
        checked: str | None = None,
    ) -> Commit:
        """Make the state of `source` that of the branch `onto`, as one commit on it.

        Args:
            source: The state, which has to have the head of `onto` among its ancestors, so that nothing is undone.
            onto: The branch.
            message: Why.
            author: Who.
            properties: Further facts to keep with the commit.
            drop: Names for which it is true keep on `onto` what they have there.
            expected: The only head of `onto` that will do.
            merged: A commit that the state brings in, so that merging it again finds nothing new.
            checked: The only commit of `source` that will do.

        Raises:
            StaleRef: `onto` has moved on: merge it into the source, check that, and publish again. Or `source` is not
                at the commit that was checked.
        """

    def merge(
        self,
        source: str,
        into: str,
        *,
        message: str,
        author: str,
        properties: Mapping[str, str] | None = None,
        rejoin: Rejoin | None = None,
    ) -> MergeResult:
        """Bring what happened on `source` since it parted from the branch `into` to that branch.

        Raises:
            Conflict: Both changed a name and could not be joined; names the tables.
        """

    def revert(self, commit: str, branch: str, *, message: str, author: str) -> Commit:
        """Undo the operations of one commit by a new commit on a branch.

        Raises:
            UsageError: The commit was not made on the branch: undoing what happened elsewhere would bring a state that
                the branch never had.
            Conflict: A table was changed since; names it.
        """

    def log(self, at: str = MAIN, limit: int | None = None, first_parent: bool = True) -> Iterator[Commit]:
        """A commit and its ancestors, newest first: along the first parents, or all of them."""

    def diff(self, before: str, after: str) -> Diff:
        """What differs between two states; costs what differs, not the size of the lake."""

    def merge_base(self, one: str, other: str) -> Commit:
        """The nearest commit that both descend from.

        Raises:
            RefNotFound: They have no history in common.
        """

    def ahead(self, one: str, other: str) -> list[Commit]:
        """The commits that the history of one state has and that of the other has not, along all parents."""

    def turn(self, ref: str, holder: str, patience: float = 600) -> AbstractContextManager[None]:
        """Be the one writer of a ref while the body lasts; others wait in the order they came.

        A writer that keeps losing takes a turn rather than starve. Within the body the same thread's commits go
        ahead; a dead holder's turn ends by itself after seconds.

        Args:
            ref: The branch.
            holder: Who, for the message to those who wait.
            patience: Seconds to wait for the turn.

        Raises:
            StaleRef: Patience ran out.
        """

    def verify(self) -> list[Problem]:
        """Recompute every hash and every step of the history; empty when all adds up."""

    def close(self) -> None:
        """Let go of connections and files."""
