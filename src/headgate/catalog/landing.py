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
# Seconds in which a turn ends that is taken for one commit; a longer one is queued for.
_SHORT_TURN = 0.5
# Seconds for which a branch counts as busy after a lost race or a wait; and what counts as a wait.
_BUSY, _WAIT = 1.0, 0.002
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
        source: A ref that has to be there still when it lands; else RefNotFound ends it.
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
    """A commit that is there already and that the branch is to point at; `source` is as for a proposal."""

    to: Header
    movement: str
    source: str | None = None


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
        self._db = db
        self._tree = Tree(nodes.load)
        self._mover = Mover(db, nodes, commits, refs, turns)
        self._commits = commits
        self._refs = refs
        self._turns = turns
        self._clock = clock
        # Until when each branch is taken to have several writers.
        self._busy: dict[str, float] = {}

    def land(self, branch: str, propose: Propose, last_seen: Header | None = None) -> Commit:
        """Ask for a change until one lands; the commit that the branch then points at.

        Whatever `propose` raises ends it.

        Args:
            branch: The branch.
            propose: Is asked.
            last_seen: The branch's head as it was a moment ago, where that is known.
        """
        # Whoever has a turn goes ahead of all who line up.
        losses, queued, lined_up = 0, False, self._is_busy(branch) and not self._turns.held()
        with ExitStack() as turn, ExitStack() as lane:
            if lined_up:
                self._line_up(lane, branch)
                last_seen = None
            while True:
                head, last_seen = last_seen or self._head(branch), None
                proposal = propose(head)
                if proposal is None:
                    return self._commits.load(head.id)
                edit, commit = self._work_out(head, proposal)
                movement = Movement(branch, head.id, commit, edit, self._clock(), proposal.movement, proposal.source)
                outcome = self._mover.move(movement)
                if outcome is Outcome.LANDED:
                    return commit
                if outcome is Outcome.LOST and proposal.source is not None:
                    self._refs.get(proposal.source)
                losses += outcome is Outcome.LOST
                if queued:
                    time.sleep(random.uniform(0, _PAUSE * losses))  # noqa: S311  # not a secret
                elif losses >= _LOSSES or (
                    outcome is Outcome.ANOTHERS_TURN and not self._turns.is_over(branch, _SHORT_TURN)
                ):
                    lane.close()
                    holder = proposal.author if isinstance(proposal, Proposal) else getpass.getuser()
                    turn.enter_context(self._turns.take(branch, holder, _PATIENCE))
                    queued = True
                elif not lined_up and not self._turns.held():
                    self._line_up(lane, branch)
                    lined_up = True

    def _is_busy(self, branch: str) -> bool:
        return self._busy.get(branch, 0) > time.monotonic()

    def _line_up(self, lane: ExitStack, branch: str) -> None:
        """Line up with the others who write to a branch; whoever had to wait lines up at once the next time."""
        start = time.monotonic()
        lane.enter_context(self._db.lane(branch))
        if time.monotonic() - start > _WAIT or not self._is_busy(branch):
            self._busy[branch] = time.monotonic() + _BUSY

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
