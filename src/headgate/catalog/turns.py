"""Turns: writers of one branch in a queue, so that one that keeps losing does not starve.

A turn is a row with a time at which it expires; its holder and those who wait renew theirs while they live. It orders
writers and protects nothing: the compare-and-swap on the ref does that, so a turn that expired too early
costs a retry and never a commit.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import Connection, bindparam, select

from headgate import database
from headgate.database import Database
from headgate.errors import HeadgateError, StaleRef

# A dead holder keeps the others waiting this long; clocks of machines may differ by less.
LEASE = timedelta(seconds=15)
_RENEWAL = LEASE / 4
# Seconds between two looks at the queue, for each who stands before.
_POLL = 0.01
_LONGEST_POLL = 0.25
_GLANCE = 0.004

# Tokens of the turns that the running thread (or task) holds.
_held: ContextVar[frozenset[str]] = ContextVar("headgate_turns", default=frozenset())


class Turns:
    """The queues for the refs of one catalog."""

    def __init__(self, db: Database) -> None:
        self._db = db
        # Tokens and holders of the living, in the order they came.
        living = database.turns.c.ref == bindparam("ref"), database.turns.c.expires > db.now()
        self._queue = (
            select(database.turns.c.token, database.turns.c.holder).where(*living).order_by(database.turns.c.ticket)
        )
        self._first = self._queue.limit(1)

    @contextmanager
    def take(self, ref: str, holder: str, patience: float) -> Iterator[None]:
        """Wait for the turn at a ref and hold it; at once when this thread holds it already."""
        queue = self._waiting(ref)
        if queue and queue[0][0] in _held.get():
            yield
            return
        token = uuid4().hex
        self._enqueue(ref, token, f"{holder} ({socket.gethostname()}, process {os.getpid()})")
        done = threading.Event()
        renewal = threading.Thread(target=self._renew, args=(token, done), daemon=True)
        renewal.start()
        try:
            self._wait(ref, token, patience)
            outer = _held.set(_held.get() | {token})
            try:
                yield
            finally:
                _held.reset(outer)
        finally:
            done.set()
            renewal.join()
            self._db.execute(database.turns.delete().where(database.turns.c.token == token))

    def held(self) -> frozenset[str]:
        """Tokens of the turns that the running thread holds, at whatever ref."""
        return _held.get()

    def is_anothers(self, connection: Connection, ref: str) -> bool:
        """Whether someone else has the turn at a ref, so that this writer had better queue."""
        first = connection.execute(self._first, {"ref": ref}).first()
        return first is not None and first.token not in _held.get()

    def is_over(self, ref: str, seconds: float) -> bool:
        """Whether nobody else has the turn at a ref, or no more after a while, which is waited for."""
        deadline = time.monotonic() + seconds
        while True:
            queue = self._waiting(ref)
            if not queue or queue[0][0] in _held.get():
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(random.uniform(0.5, 1.5) * _GLANCE)  # noqa: S311  # not a secret

    def _enqueue(self, ref: str, token: str, holder: str) -> None:
        refs, turns = database.refs, database.turns

        def work(connection: Connection, again: bool) -> None:
            # One after the other, so that whoever gets a lower ticket is seen by whoever gets a higher one.
            connection.execute(select(refs.c.name).where(refs.c.name == ref).with_for_update())
            connection.execute(turns.delete().where(turns.c.ref == ref, turns.c.expires <= self._db.now()))
            row = {"ref": ref, "token": token, "holder": holder, "expires": self._db.after(LEASE)}
            connection.execute(self._db.insert_new(turns).values(row))

        self._db.transact(work)

    def _waiting(self, ref: str) -> list[tuple[str, str]]:
        return [(row.token, row.holder) for row in self._db.fetch(self._queue, {"ref": ref})]

    def _wait(self, ref: str, token: str, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            queue = self._waiting(ref)
            tokens = [waiting for waiting, _ in queue]
            before = tokens.index(token) if token in tokens else 0
            if before == 0:
                return
            if time.monotonic() > deadline:
                raise StaleRef(
                    f"'{ref}' has been held for more than {patience:g} s by {queue[0][1]}",
                    hint="Wait for it to finish, or end it; its turn passes on seconds after it ended",
                    data={"ref": ref, "holder": queue[0][1]},
                )
            time.sleep(min(_POLL * before, _LONGEST_POLL) * random.uniform(0.8, 1.2))  # noqa: S311  # not a secret

    def _renew(self, token: str, done: threading.Event) -> None:
        turns = database.turns
        while not done.wait(_RENEWAL.total_seconds()):
            try:
                renewed = turns.update().where(turns.c.token == token).values(expires=self._db.after(LEASE))
                self._db.execute(renewed)
            except HeadgateError:
                # The next round tries again; an expired turn costs its holder a retry at most.
                continue
