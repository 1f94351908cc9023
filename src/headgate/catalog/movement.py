"""Pointing a branch at a commit, together with all that the commit brings, if nobody has moved the branch meanwhile.

One compare-and-swap on the row of the ref decides; see docs/decisions/isolation.md. Where the database can write to
several tables with one statement, all is one statement: one round trip, and the row is locked for no longer than that.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text

from headgate import database
from headgate.catalog.commits import CommitStore, operation_row
from headgate.catalog.model import Commit
from headgate.catalog.nodes import NodeStore
from headgate.catalog.refs import RefTable, is_logged
from headgate.catalog.tree import Edit
from headgate.catalog.turns import Turns
from headgate.database import Database, to_micros
from headgate.faults import Point, reached


class Outcome(enum.Enum):
    """What became of a movement."""

    LANDED = enum.auto()
    LOST = enum.auto()
    ANOTHERS_TURN = enum.auto()


@dataclass(frozen=True)
class Movement:
    """A branch on its way to a commit.

    Attributes:
        branch: Its name.
        before: Where it has to be.
        commit: Where it is to be.
        edit: The nodes that the commit brings; None where the commit is there already.
        time: When, for the reflog; with the rest it tells this movement from every other.
        reason: What the reflog calls it.
        source: A ref that has to be there still: whoever deletes it takes away the files of what is not published.
    """

    branch: str
    before: str
    commit: Commit
    edit: Edit | None
    time: datetime
    reason: str
    source: str | None = None


class Mover:
    """Writes movements."""

    def __init__(self, db: Database, nodes: NodeStore, commits: CommitStore, refs: RefTable, turns: Turns) -> None:
        self._db = db
        self._nodes = nodes
        self._commits = commits
        self._refs = refs
        self._turns = turns

    def move(self, movement: Movement) -> Outcome:
        """Write a movement, whole or not at all; tried again, and found again, when the database goes away."""

        def work(connection: Connection, again: bool) -> Outcome:
            outcome = self._at_once(connection, movement) if self._db.at_once else self._in_steps(connection, movement)
            if outcome is not Outcome.LANDED and again and self._is_there(connection, movement):
                return Outcome.LANDED
            return outcome

        outcome = self._db.transact(work, one_statement=self._db.at_once)
        if outcome is Outcome.LANDED:
            reached(Point.REF_MOVED)
            if movement.edit is not None:
                self._nodes.remember(movement.edit)
        return outcome

    def _is_there(self, connection: Connection, movement: Movement) -> bool:
        return is_logged(connection, movement.branch, movement.before, movement.commit.id, movement.time)

    def _in_steps(self, connection: Connection, movement: Movement) -> Outcome:
        if connection.execute(_HELD, {"ref": movement.branch}).scalar() != movement.before:
            return Outcome.LOST
        if movement.source is not None and not self._refs.exists(connection, movement.source):
            return Outcome.LOST
        if self._turns.is_anothers(connection, movement.branch):
            return Outcome.ANOTHERS_TURN
        if movement.edit is not None:
            self._nodes.write(connection, movement.edit)
            self._commits.write(connection, movement.commit)
        reached(Point.REF_DUE)
        self._refs.move(
            connection, movement.branch, movement.before, movement.commit.id, movement.time, movement.reason
        )
        return Outcome.LANDED

    def _at_once(self, connection: Connection, movement: Movement) -> Outcome:
        values: dict[str, object] = {
            "branch": movement.branch,
            "before": movement.before,
            "id": movement.commit.id,
            "moment": to_micros(movement.time),
            "reason": movement.reason,
            "source": movement.source,
            "held": list(self._turns.held()),
        }
        if movement.edit is not None:
            values |= _brought(movement.commit, movement.edit)
        answer = connection.execute(_MOVE if movement.edit is None else _LAND, values).one()
        if answer.moved:
            return Outcome.LANDED
        return Outcome.ANOTHERS_TURN if answer.anothers else Outcome.LOST


_HELD = select(database.refs.c.commit_id).where(database.refs.c.name == bindparam("ref")).with_for_update()


def _brought(commit: Commit, edit: Edit) -> dict[str, object]:
    """The values of a commit and its nodes, a list for each column of the tables that get several rows."""
    rows = [operation_row(commit.id, position, operation) for position, operation in enumerate(commit.operations)]
    columns: Collection[str] = _OPERATION_COLUMNS
    return {
        "root": commit.root,
        "author": commit.author,
        "message": commit.message,
        "time": to_micros(commit.time),
        "properties": json.dumps(dict(commit.properties)),
        "generation": commit.generation,
        "hashes": list(edit.nodes),
        "bodies": [body for _, body in edit.nodes.values()],
        "parents": list(commit.parents),
        **{column: [row[column] for row in rows] for column in columns},
    }


_OPERATION_COLUMNS = (
    "key",
    "before_kind",
    "before_id",
    "before_location",
    "after_kind",
    "after_id",
    "after_location",
)

# Postgres carries all parts out on one snapshot and checks foreign keys at the end. A ref that moves at the same time
# is waited for, and compared as it is then. Nodes go in by their order, so that two writers of the same nodes
# do not wait for each other in a circle.
_MOVED = """
WITH turn AS MATERIALIZED (
    SELECT token FROM turns
    WHERE ref = :branch AND expires > CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)
    ORDER BY ticket LIMIT 1
), moved AS (
    UPDATE refs SET commit_id = :id
    WHERE name = :branch AND commit_id = :before
        AND NOT EXISTS (SELECT FROM turn WHERE token <> ALL (CAST(:held AS text[])))
        AND (CAST(:source AS text) IS NULL
            OR EXISTS (SELECT FROM refs AS source WHERE source.name = :source FOR KEY SHARE))
    RETURNING name
), logged AS (
    INSERT INTO reflog (ref, before_id, after_id, time, reason)
    SELECT name, :before, :id, CAST(:moment AS bigint), :reason FROM moved
)"""
_BROUGHT = f"""
, brought_nodes AS (
    INSERT INTO nodes (hash, body)
    SELECT hash, body FROM moved, unnest(CAST(:hashes AS text[]), CAST(:bodies AS text[])) AS node (hash, body)
    ORDER BY hash COLLATE "C"
    ON CONFLICT DO NOTHING
), brought_commit AS (
    INSERT INTO commits (id, root, author, message, time, properties, generation)
    SELECT :id, :root, :author, :message, CAST(:time AS bigint), CAST(:properties AS json), CAST(:generation AS integer)
    FROM moved
    ON CONFLICT DO NOTHING
), brought_parents AS (
    INSERT INTO commit_parents (commit_id, position, parent_id)
    SELECT :id, position - 1, parent
    FROM moved, unnest(CAST(:parents AS text[])) WITH ORDINALITY AS row (parent, position)
    ON CONFLICT DO NOTHING
), brought_operations AS (
    INSERT INTO operations (commit_id, position, {", ".join(_OPERATION_COLUMNS)})
    SELECT :id, position - 1, {", ".join(_OPERATION_COLUMNS)}
    FROM moved, unnest({", ".join(f"CAST(:{column} AS text[])" for column in _OPERATION_COLUMNS)})
        WITH ORDINALITY AS row ({", ".join(_OPERATION_COLUMNS)}, position)
    ON CONFLICT DO NOTHING
)"""
_ANSWER = """
SELECT EXISTS (SELECT FROM moved) AS moved,
    EXISTS (SELECT FROM turn WHERE token <> ALL (CAST(:held AS text[]))) AS anothers"""
_MOVE = text(_MOVED + _ANSWER)
_LAND = text(_MOVED + _BROUGHT + _ANSWER)
