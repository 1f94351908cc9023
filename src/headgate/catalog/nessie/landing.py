"""Bringing a change to a branch of Nessie: worked out on its head, tried again after a lost race, never done twice.

A commit goes to the branch itself, where Nessie refuses it if others changed the same keys since, and lets it land
beside what they did to other keys. Where only one head will do, as for `main`, the commit is made on a branch of its
own and the branch is then pointed at it, which Nessie does by compare-and-swap.

Each attempt carries a token in the commit's properties. When the connection breaks, or Nessie fails, before
it says what became of the attempt, the branch is read again for that token.
"""

from __future__ import annotations

import getpass
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from headgate.catalog.model import Commit
from headgate.catalog.nessie import model
from headgate.catalog.nessie.client import NessieClient, NessieRefusal, Unsettled
from headgate.catalog.nessie.merging import merge_natively
from headgate.catalog.nessie.names import LANDING, to_nessie
from headgate.catalog.nessie.record import Draft, token_of
from headgate.catalog.nessie.refs import RefReader
from headgate.catalog.nessie.request import Plan, keys_of
from headgate.catalog.nessie.state import NessieState, States
from headgate.catalog.storage import Storage
from headgate.catalog.turns import Turns
from headgate.database import Database
from headgate.errors import StorageError
from headgate.types import Name

# A writer that lost the race for a branch this often waits for its turn, for so many seconds.
_LOSSES, _PATIENCE = 3, 600.0
# Seconds of pause after a lost race, times the number of losses.
_PAUSE = 0.02
# Pauses after an answer that leaves open what became of a request.
_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)
_CONFLICT, _BAD_REQUEST = 409, 400


@dataclass(frozen=True)
class FastForward:
    """A commit that is there already and that the branch is to point at."""

    to: str


Propose = Callable[[NessieState], Draft | FastForward | None]
"""Works out on the state that a branch is at what is to become of it; None when it stays as it is."""


@dataclass
class _Landing:
    """A branch that a commit is made on before it is shown to anybody, and where it points."""

    name: str
    tip: str


class _Lost(Exception):
    """Others were faster."""


class Lander:
    """Writes commits to branches."""

    def __init__(
        self,
        client: NessieClient,
        states: States,
        refs: RefReader,
        turns: Turns,
        db: Database,
        storage: Storage | None,
    ) -> None:
        self._client = client
        self._states = states
        self._refs = refs
        self._turns = turns
        self._db = db
        self._storage = storage

    def land(
        self,
        branch: str,
        propose: Propose,
        touching: Sequence[Name] = (),
        *,
        exactly: bool = False,
        source: str | None = None,
    ) -> Commit:
        """Ask for a change until one lands; the commit that the branch then points at.

        Whatever `propose` raises ends it.

        Args:
            branch: The branch.
            propose: Works the change out.
            touching: Names that it will ask for; they are read along with the head.
            exactly: The commit has to follow the very head that it was worked out on.
            source: A commit in whose state the new contents stand already.
        """
        losses, queued = 0, False
        with ExitStack() as stack:
            while True:
                state = self._refs.head(branch, keys_of(touching))
                proposal = propose(state)
                if proposal is None:
                    return self._states.history.commit(state.commit_id)
                anothers = self._is_anothers_turn(branch)
                if not anothers:
                    with suppress(_Lost):
                        return self._write(branch, state, proposal, exactly, source)
                losses += 1
                if not queued and (losses >= _LOSSES or anothers):
                    holder = proposal.author if isinstance(proposal, Draft) else getpass.getuser()
                    stack.enter_context(self._turns.take(branch, holder, _PATIENCE))
                    queued = True
                else:
                    time.sleep(random.uniform(0, _PAUSE * losses))  # noqa: S311  # not a secret

    def _is_anothers_turn(self, branch: str) -> bool:
        with self._db.read() as connection:
            return self._turns.is_anothers(connection, branch)

    def _write(
        self, branch: str, state: NessieState, proposal: Draft | FastForward, exactly: bool, source: str | None
    ) -> Commit:
        name = to_nessie(branch)
        if isinstance(proposal, FastForward):
            self._move(name, state.commit_id, proposal.to)
            return self._states.history.commit(proposal.to)
        plan = Plan(state, proposal.operations, self._storage, self._states.at(source) if source else None)
        # What has to follow one head is a state of its own, of which the commit that it brings in is a part only.
        if proposal.merged is not None and not exactly:
            merged = self._merge(name, state.commit_id, proposal, plan)
            if merged is not None:
                return merged
        if not exactly and not plan.clearing:
            return self._commit(name, state.commit_id, proposal, plan)
        with self._landing(state.commit_id) as landing:
            made = self._commit(landing.name, state.commit_id, proposal, plan, landing)
            self._move(name, state.commit_id, made.id)
            return made

    def _commit(self, name: str, expected: str, draft: Draft, plan: Plan, landing: _Landing | None = None) -> Commit:
        token, before, cleared = uuid.uuid4().hex, expected, None
        if landing is not None and plan.clearing:
            request = model.Commit(
                commit_meta=draft.clearing_meta(f"{token}-clearing"), operations=tuple(plan.clearing)
            )
            before = self._send(name, expected, request, f"{token}-clearing").target_branch.hash
            landing.tip, cleared = before, (before, expected)
        meta = draft.meta(token, cleared=cleared)
        request = model.Commit(commit_meta=meta, operations=tuple(plan.operations))
        made = self._send(name, before, request, token)
        if landing is not None:
            landing.tip = made.target_branch.hash
        plan.settle(made.added_contents or ())
        self._states.ids.remember(plan.ids)
        commit = self._states.history.commit(made.target_branch.hash)
        if commit.parents[0] == expected:
            self._states.follow(expected, commit.id, plan.changes)
        return commit

    def _merge(self, name: str, expected: str, draft: Draft, plan: Plan) -> Commit | None:
        """Have Nessie merge, out of sight until it is seen to have come to the same; None when it does not."""
        with self._landing(expected) as landing:
            entry = merge_natively(self._client, landing.name, expected, draft, plan, uuid.uuid4().hex)
            if entry is None:
                return None
            landing.tip = self._states.history.note(entry).id
            self._move(name, expected, landing.tip)
        plan.settle_as(entry)
        self._states.ids.remember(plan.ids)
        self._states.follow(expected, landing.tip, plan.changes)
        return self._states.history.commit(landing.tip)

    def _send(self, name: str, expected: str, request: model.Commit, token: str) -> model.Committed:
        """Have a commit land once; `_Lost` when it cannot on the head that it was made for."""
        in_doubt = False
        for pause in (*_PAUSES, None):
            try:
                return self._client.commit(name, expected, request)
            except Unsettled:
                in_doubt = True
                landed = self._landed(name, expected, token)
                if landed is None and pause is None:
                    raise
                if landed is None:
                    time.sleep(pause or 0)
            except NessieRefusal as refusal:
                landed = self._landed(name, expected, token) if in_doubt else None
                if landed is None:
                    self._judge(refusal, name, expected)
            if landed is not None:
                return landed
        raise AssertionError("the last try returns or raises")

    def _judge(self, refusal: NessieRefusal, name: str, expected: str) -> None:
        """Whether a refusal came of a race."""
        if refusal.answered == _CONFLICT:
            raise _Lost from refusal
        moved = self._client.reference(name)
        if refusal.answered == _BAD_REQUEST and moved is not None and moved.hash != expected:
            raise _Lost from refusal
        raise refusal

    def _landed(self, name: str, expected: str, token: str) -> model.Committed | None:
        """The commit of an attempt, if it has landed on a branch since it was at `expected`."""
        for entry in self._client.history(name):
            if entry.commit_meta.hash == expected:
                return None
            if token_of(entry.commit_meta.all_properties) == token:
                reference = model.Reference(type="BRANCH", name=name, hash=entry.commit_meta.hash)
                return model.Committed(target_branch=reference)
        return None

    def _move(self, name: str, expected: str, to: str) -> None:
        """Point a branch elsewhere, if it is still where it was."""
        for pause in (*_PAUSES, None):
            try:
                self._client.assign(name, expected, to)
            except Unsettled:
                found = self._client.reference(name)
                if found is not None and self._states.history.is_ancestor(to, found.hash):
                    return
                if pause is None:
                    raise
                time.sleep(pause)
            except NessieRefusal as refusal:
                if refusal.answered != _CONFLICT:
                    raise
                found = self._client.reference(name)
                if found is not None and found.hash == to:
                    return
                raise _Lost from refusal
            else:
                return

    @contextmanager
    def _landing(self, at: str) -> Iterator[_Landing]:
        """A branch at a commit that nobody else knows; one that stays behind is swept away by `verify`."""
        landing = _Landing(f"{LANDING}{int(time.time())}-{uuid.uuid4().hex}", at)
        self._refs.make(landing.name, "BRANCH", at)
        try:
            yield landing
        finally:
            with suppress(StorageError):
                self._client.delete(landing.name, landing.tip)
