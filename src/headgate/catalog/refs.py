"""Branches and tags in the state database, and where each has pointed since when."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from sqlalchemy import Connection, Delete, Insert, Select, Update, bindparam, func, literal, select

from headgate import database
from headgate.catalog.interface import MAIN
from headgate.catalog.model import Commit, Ref, RefKind
from headgate.database import Database
from headgate.errors import AlreadyExists, ReadOnly, RefNotFound, StaleRef, UsageError, did_you_mean
from headgate.faults import Point, reached

_LONGEST = 255
# Control, format and surrogate characters, and every kind of space: they make two names look like one.
_INVISIBLE = {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"}


def check_ref_name(name: str) -> None:
    """Refuse a name that could not be told from other ways of naming a state, or not be typed in a shell.

    Raises:
        UsageError: Says what is wrong with it.
    """
    reason = _fault(name)
    if reason:
        raise UsageError(
            f"'{name}' cannot be the name of a branch or tag: it {reason}",
            hint="Letters, digits, '-', '_', '.' and '/' are safe, as in team/feature-1",
        )


def _fault(name: str) -> str | None:
    invisible = next((char for char in name if unicodedata.category(char) in _INVISIBLE), None)
    if not name:
        return "is empty"
    if len(name) > _LONGEST:
        return f"has {len(name)} characters, more than {_LONGEST}"
    if invisible is not None:
        return f"holds the character U+{ord(invisible):04X}, a space or an invisible one"
    if "@" in name or ".." in name:
        return "holds '@' or '..', which name states of a branch"
    if name.startswith(("-", "/")) or name.endswith("/") or "//" in name:
        return "starts with '-' or '/', ends with '/', or holds '//'"
    if re.fullmatch("[0-9a-fA-F]{64}", name):
        return "looks like the id of a commit"
    return None


_REF = select(database.refs).where(database.refs.c.name == bindparam("ref"))
_MOVED = (
    database.refs.update()
    .where(database.refs.c.name == bindparam("ref"), database.refs.c.commit_id == bindparam("before"))
    .values(commit_id=bindparam("after"))
    .returning(database.refs.c.name)
)
_LOGGED = database.reflog.insert()

_Movement = tuple[str, str | None, str | None, datetime, str]
"""Ref, commits before and after, time and reason: a row of the reflog."""


class RefTable:
    """Reads and moves refs; every movement leaves a row in the reflog."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, name: str) -> Ref:
        """The ref of this name, or RefNotFound."""
        ref = self.find(name)
        if ref is None:
            raise RefNotFound(f"There is no branch or tag '{name}'", hint=self.hint(name))
        return ref

    def branch(self, name: str) -> Ref:
        """The branch of this name; ReadOnly when it is a tag."""
        ref = self.get(name)
        if ref.kind is RefKind.TAG:
            raise ReadOnly(
                f"'{name}' is a tag, and a tag stays where it is",
                hint=f"Make a branch to write to: headgate branch create <name> --at {name}",
            )
        return ref

    def find(self, name: str) -> Ref | None:
        """The ref of this name, or None."""
        rows = self._db.fetch(_REF, {"ref": name})
        return Ref(rows[0].name, RefKind(rows[0].kind), rows[0].commit_id) if rows else None

    def hint(self, name: str) -> str | None:
        """Which ref may have been meant."""
        return did_you_mean(name, (ref.name for ref in self.all())) or "`headgate branch list` and `tag list` name all."

    def all(self) -> list[Ref]:
        """Every ref, by name."""
        rows = self._db.fetch(select(database.refs))
        return sorted((Ref(row.name, RefKind(row.kind), row.commit_id) for row in rows), key=lambda ref: ref.name)

    def create(self, ref: Ref, time: datetime, source: str | None = None) -> None:
        """Add a ref; AlreadyExists when its name is taken, RefNotFound when `source`, by which it came, is gone."""
        check_ref_name(ref.name)

        def work(connection: Connection, again: bool) -> bool:
            # What an earlier try left is looked for last: until then that one may still be under way at the server.
            added = self.add(connection, ref, time, source)
            return added or (again and is_logged(connection, ref.name, None, ref.commit_id, time))

        if not self._db.transact(work, one_statement=self._db.at_once):
            if source is not None:
                self.get(source)
            raise AlreadyExists(
                f"There is a branch or tag '{ref.name}' already",
                hint="Choose another name, or delete that one first",
            )
        reached(Point.BRANCH_CREATED)

    def add(self, connection: Connection, ref: Ref, time: datetime, source: str | None = None) -> bool:
        """Add a ref within a transaction; False when its name is taken, or `source` is gone."""
        values = {"name": ref.name, "kind": ref.kind.value, "commit_id": ref.commit_id}
        new = self._db.insert_new(database.refs)
        if source is None:
            new = new.values(values)
        else:
            row = select(*(literal(value) for value in values.values())).where(_standing(source).exists())
            new = new.from_select(list(values), row)
        return self._change(connection, new, (ref.name, None, ref.commit_id, time, "created"))

    def exists(self, connection: Connection, name: str) -> bool:
        """Whether there is a ref of this name, and will be to the end of the transaction."""
        return connection.execute(_standing(name)).first() is not None

    def move(self, connection: Connection, name: str, before: str, after: str, time: datetime, reason: str) -> bool:
        """Point a ref elsewhere if it still points at `before`; False when it does not."""
        if connection.execute(_MOVED, {"ref": name, "before": before, "after": after}).first() is None:
            return False
        row = {"ref": name, "before_id": before, "after_id": after, "time": time, "reason": reason}
        connection.execute(_LOGGED, row)
        return True

    def delete(self, name: str, expected: str | None, time: datetime) -> None:
        """Remove a ref if it points at `expected`, when that is given."""
        if name == MAIN:
            raise UsageError(
                f"'{MAIN}' cannot be deleted: every lake has it", hint="`headgate revert` undoes what it holds."
            )
        ref = self.get(name)
        held = ref.commit_id if expected is None else expected
        refs = database.refs

        def work(connection: Connection, again: bool) -> bool:
            gone = refs.delete().where(refs.c.name == name, refs.c.commit_id == held)
            done = self._change(connection, gone, (name, held, None, time, "deleted"))
            return done or (again and is_logged(connection, name, held, None, time))

        if not self._db.transact(work, one_statement=self._db.at_once):
            raise stale(name, held)
        reached(Point.BRANCH_DELETED)

    def _change(self, connection: Connection, change: Insert | Update | Delete, movement: _Movement) -> bool:
        """Change the row of a ref, and log it if that was possible; in one statement where the database can."""
        refs, log = database.refs, database.reflog
        columns = [log.c.ref, log.c.before_id, log.c.after_id, log.c.time, log.c.reason]
        changed = change.returning(refs.c.name)
        if self._db.at_once:
            values = [literal(value, column.type) for value, column in zip(movement, columns, strict=True)]
            row = select(*values).select_from(changed.cte("changed"))
            return connection.execute(log.insert().from_select(columns, row).returning(log.c.ref)).first() is not None
        if connection.execute(changed).first() is None:
            return False
        connection.execute(log.insert().values(dict(zip(columns, movement, strict=True))))
        return True

    def at(self, name: str, time: datetime) -> str:
        """The commit that a ref, perhaps deleted since, pointed at at a time."""
        log = database.reflog
        with self._db.read() as connection:
            row = connection.execute(
                select(log.c.after_id).where(log.c.ref == name, log.c.time <= time).order_by(log.c.id.desc()).limit(1)
            ).first()
            begin = connection.execute(select(func.min(log.c.time)).where(log.c.ref == name)).scalar()
        if row is not None and row.after_id is not None:
            return str(row.after_id)
        if begin is None:
            raise RefNotFound(f"There is no branch or tag '{name}'", hint=self.hint(name))
        raise RefNotFound(
            f"'{name}' did not exist at {time.isoformat()}",
            hint=f"It began at {begin.isoformat()}; see headgate log",
        )

    def has_pointed_at(self, name: str, commit_id: str) -> bool:
        """Whether a ref points or once pointed at a commit."""
        log = database.reflog
        return bool(self._db.fetch(select(log.c.id).where(log.c.ref == name, log.c.after_id == commit_id).limit(1)))


def _standing(name: str) -> Select[tuple[str]]:
    """The question for a ref that nobody may delete until the transaction ends."""
    refs = database.refs.alias("standing")
    return select(refs.c.name).where(refs.c.name == name).with_for_update(read=True, key_share=True)


def deletable(ref: str) -> str | None:
    """The ref, unless it is the one that is always there."""
    return None if ref == MAIN else ref


def not_made_on(branch: str, commit: Commit) -> UsageError:
    """What to say to who wants to undo on a branch what was done elsewhere."""
    return UsageError(
        f"Commit {commit.id[:12]} ({commit.message}) was not made on branch '{branch}', so there it cannot be undone",
        hint=f"headgate log {branch} lists what can; to undo it where it was made, name that branch with --branch",
    )


def stale(name: str, expected: str) -> StaleRef:
    """The error for a ref that is not where a writer believed it to be."""
    return StaleRef(
        f"'{name}' no longer points at commit {expected[:12]}",
        hint=f"Read '{name}' again and repeat the change on what it holds now",
        data={"ref": name, "expected": expected},
    )


def is_logged(connection: Connection, name: str, before: str | None, after: str | None, time: datetime) -> bool:
    """Whether this very movement of a ref is in the reflog; a ref may make the same one again at another time."""
    log = database.reflog
    found = select(log.c.id).where(
        log.c.ref == name, log.c.before_id == before, log.c.after_id == after, log.c.time == time
    )
    return connection.execute(found.limit(1)).first() is not None
