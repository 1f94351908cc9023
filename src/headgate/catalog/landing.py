"""Bringing a change to a branch: worked out on its head, written by compare-and-swap, tried again after a lost race."""

from __future__ import annotations

import getpass
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime

from headgate.catalog.commits import CommitStore, Header, make_commit, to_entry
from headgate.catalog.model import Commit, Operation, RefKind
from headgate.catalog.movement import Movement, Mover, Outcome
from headgate.catalog.nodes import NodeStore
from headgate.catalog.refs import RefTable
from headgate.catalog.tree import Edit, Entry, Tree
from headgate.catalog.turns import Turns
from headgate.database import Database

# A writer that lost the race for a branch this often waits for its turn.
_LOSSES = 3
# Seconds that it waits for it.
_PATIENCE = 600.0
# Seconds of pause after a lost race, times the number of losses.
_PAUSE = 0.005


@dataclass(frozen=True)
class Proposal:
    """A commit to be made on the head that it was worked out on.

    Attributes:
        operations: What changes against the first parent.
        parents: The head first.
        movement: What the reflog calls it.
        author: Who.
        message: Why.
        properties: Further facts.
        source: A ref that has to be there still when it lands.
    """

    operations: Sequence[Operation]
    parents: Sequence[Header]
    movement: str
    author: str
    message: str
    properties: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None


@dataclass(frozen=True)
class FastForward:
    """A commit that is there already and that the branch is to point at."""

    to: Header
    movement: str


Propose = Callable[[Header], Proposal | FastForward | None]
"""Works out on a head what is to become of a branch; None when it stays as it is."""


class Lander:
    """Writes commits to branches."""

    def __init__(
        self,
        db: Database,
        nodes: NodeStore,
        commits: CommitStore,
        refs: RefTable,
        turns: Turns,
        clock: Callable[[], datetime],
    ) -> None:
        self._tree = Tree(nodes.load)
        self._mover = Mover(db, nodes, commits, refs, turns)
        self._commits = commits
        self._refs = refs
        self._turns = turns
        self._clock = clock

    def land(self, branch: str, propose: Propose) -> Commit:
        """Ask for a change until one lands; the commit that the branch then points at.

        Whatever `propose` raises ends it.
        """
        losses, queued = 0, False
        with ExitStack() as stack:
            while True:
                head = self._head(branch)
                proposal = propose(head)
                if proposal is None:
                    return self._commits.load(head.id)
                edit, commit = self._work_out(head, proposal)
                source = proposal.source if isinstance(proposal, Proposal) else None
                movement = Movement(branch, head.id, commit, edit, self._clock(), proposal.movement, source)
                outcome = self._mover.move(movement)
                if outcome is Outcome.LANDED:
                    return commit
                losses += 1
                if not queued and (losses >= _LOSSES or outcome is Outcome.ANOTHERS_TURN):
                    holder = proposal.author if isinstance(proposal, Proposal) else getpass.getuser()
                    stack.enter_context(self._turns.take(branch, holder, _PATIENCE))
                    queued = True
                else:
                    time.sleep(random.uniform(0, _PAUSE * losses))  # noqa: S311  # not a secret

    def _head(self, branch: str) -> Header:
        head = self._commits.head(branch, RefKind.BRANCH)
        # The lookup of the ref alone says what is wrong with it.
        return head if head is not None else self._commits.header(self._refs.branch(branch).commit_id)

    def _work_out(self, head: Header, proposal: Proposal | FastForward) -> tuple[Edit | None, Commit]:
        """The commit to point at, and the nodes it brings; no nodes where it is there already."""
        if isinstance(proposal, FastForward):
            return None, self._commits.load(proposal.to.id)
        edit = self._tree.apply(head.root, changes(proposal.operations))
        commit = make_commit(
            proposal.parents,
            edit.root,
            proposal.operations,
            author=proposal.author,
            message=proposal.message,
            time=self._clock(),
            properties=proposal.properties,
        )
        return edit, commit


def changes(operations: Iterable[Operation]) -> dict[str, Entry | None]:
    """Operations as the tree applies them."""
    return {op.name.key: None if op.after is None else to_entry(op.after) for op in operations}
