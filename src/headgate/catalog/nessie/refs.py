"""Branches and tags of Nessie."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal

from headgate.catalog.interface import MAIN
from headgate.catalog.model import Ref, RefKind
from headgate.catalog.nessie import model
from headgate.catalog.nessie.client import NessieClient, NessieRefusal, Unsettled
from headgate.catalog.nessie.history import History
from headgate.catalog.nessie.names import LANDING, from_nessie, to_nessie
from headgate.catalog.nessie.record import is_clearing
from headgate.catalog.nessie.state import NessieState, States
from headgate.catalog.refs import check_ref_name, stale
from headgate.errors import AlreadyExists, ReadOnly, RefNotFound, UsageError, did_you_mean

_ID = re.compile("[0-9a-f]{7,64}")
_WHOLE = 64
_CONFLICT, _NOT_FOUND = 409, 404
_PAUSE = 0.1


class RefReader:
    """Reads and names refs."""

    def __init__(self, client: NessieClient, states: States) -> None:
        self._client = client
        self._states = states
        self._history: History = states.history

    def find(self, name: str) -> Ref | None:
        """The ref of this name, or None."""
        found = self._client.reference(to_nessie(name)) if name else None
        if found is None and name == MAIN:
            # Every lake has one; another process may be making it.
            with suppress(AlreadyExists):
                self.make(MAIN, "BRANCH", self._history.beginning)
            found = self._client.reference(MAIN)
        return Ref(name, RefKind(found.type.lower()), found.hash) if found is not None else None

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
            raise _read_only(name)
        return ref

    def head(self, branch: str, keys: Sequence[model.Key]) -> NessieState:
        """The state that a branch is at, with some keys read along."""
        if not keys or not branch:
            return self._states.at(self.branch(branch).commit_id)
        try:
            reference, state = self._states.head(to_nessie(branch), keys)
        except NessieRefusal as refusal:
            if refusal.answered != _NOT_FOUND:
                raise
            return self._states.at(self.branch(branch).commit_id)
        if reference.type == "TAG":
            raise _read_only(branch)
        return state

    def all(self) -> list[Ref]:
        """Every ref, by name."""
        found = [
            Ref(from_nessie(ref.name), RefKind(ref.type.lower()), ref.hash)
            for ref in self._client.references()
            if ref.name is not None and not ref.name.startswith(LANDING)
        ]
        return sorted(found, key=lambda ref: ref.name)

    def hint(self, name: str) -> str | None:
        """Which ref may have been meant."""
        return did_you_mean(name, (ref.name for ref in self.all())) or "`headgate branch list` and `tag list` name all."

    def create(self, ref: Ref) -> None:
        """Add a ref; AlreadyExists when its name is taken."""
        check_ref_name(ref.name)
        self.make(to_nessie(ref.name), "TAG" if ref.kind is RefKind.TAG else "BRANCH", ref.commit_id)

    def make(self, name: str, kind: Literal["BRANCH", "TAG"], at: str) -> None:
        """Add a ref by its name in Nessie."""
        in_doubt = False
        while True:
            try:
                self._client.create(name, kind, at)
            except Unsettled:
                # Once more: where that fails as well, the server is really away.
                if in_doubt:
                    raise
                in_doubt = True
                time.sleep(_PAUSE)
                continue
            except NessieRefusal as refusal:
                if refusal.answered != _CONFLICT:
                    raise
                found = self._client.reference(name)
                if not (in_doubt and found is not None and found.hash == at):
                    raise AlreadyExists(
                        f"There is a branch or tag '{from_nessie(name)}' already",
                        hint="Choose another name, or delete that one first",
                    ) from refusal
            return

    def delete(self, name: str, expected: str | None) -> None:
        """Remove a ref if it points at `expected`, when that is given."""
        if name == MAIN:
            raise UsageError(
                f"'{MAIN}' cannot be deleted: every lake has it", hint="`headgate revert` undoes what it holds."
            )
        ref = self.get(name)
        if expected is not None and ref.commit_id != expected:
            raise stale(name, expected)
        in_doubt = False
        while True:
            try:
                self._client.delete(to_nessie(name), ref.commit_id)
            except Unsettled:
                if in_doubt:
                    raise
                in_doubt = True
                time.sleep(_PAUSE)
                continue
            except NessieRefusal as refusal:
                if refusal.answered == _NOT_FOUND and in_doubt:
                    return
                if refusal.answered == _CONFLICT:
                    raise stale(name, ref.commit_id) from refusal
                raise
            return

    # Naming a state

    def commit_of(self, text: str) -> str:
        """The commit named by a ref, an id or its first digits, `ref@<commit>` or `ref@<time>`.

        Raises:
            RefNotFound: None is, or several are.
        """
        if len(text) == _WHOLE and _ID.fullmatch(text.lower()):
            found = self._by_id(text)
        else:
            ref = self.find(text) if "@" not in text else None
            if ref is not None:
                return ref.commit_id
            if "@" in text:
                name, _, moment = text.partition("@")
                return self._of_ref(name, moment)
            found = self._by_id(text)
        if found is None:
            raise RefNotFound(f"There is no branch, tag or commit '{text}'", hint=self.hint(text))
        return found

    def _of_ref(self, name: str, moment: str) -> str:
        ref = self.get(name)
        commit = self._by_id(moment, within=ref)
        if commit is not None:
            if self._history.is_ancestor(commit, ref.commit_id):
                return commit
            raise RefNotFound(
                f"Commit {commit[:12]} is not part of the history of '{name}'",
                hint=f"Read it by its id alone, or see headgate log {name}",
            )
        try:
            at = datetime.fromisoformat(moment)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise RefNotFound(
                f"'{moment}' in '{name}@{moment}' is neither a commit nor a time",
                hint=f"Write a time like {name}@2026-11-20T21:30:00Z, or a commit id of headgate log {name}",
            ) from error
        return self._at_time(name, at)

    def _at_time(self, name: str, at: datetime) -> str:
        """The newest commit in the history of a ref that was made by a time."""
        # Nessie counts nanoseconds, of which a time that people copy from the log has lost the last three.
        instant = at.replace(tzinfo=None).isoformat(timespec="microseconds") + "999Z"
        entry = next(self._client.history(f"{to_nessie(name)}*{instant}", 1), None)
        if entry is not None:
            link = self._history.note(entry)
            return link.parents[0] if is_clearing(entry.commit_meta.all_properties) else link.id
        begin = self._history.known(self._history.beginning)
        if begin.time > at:
            raise RefNotFound(
                f"'{name}' did not exist at {at.isoformat()}",
                hint=f"It began at {begin.time.isoformat()}; see headgate log",
            )
        return begin.id

    def _by_id(self, text: str, within: Ref | None = None) -> str | None:
        """The commit with an id, or whose id begins with some digits in the history of a ref, or of any."""
        digits = text.lower()
        if not _ID.fullmatch(digits):
            return None
        if len(digits) == _WHOLE:
            link = self._history.link(digits)
            return link.id if link is not None else None
        found = {self._history.beginning} if self._history.beginning.startswith(digits) else set[str]()
        # Most commits that people name are on main; the histories of other refs hold nearly all of the same.
        refs = [within] if within is not None else sorted(self.all(), key=lambda ref: ref.name != MAIN)
        for ref in refs:
            condition = f"commit.hash.startsWith('{digits}')"
            for entry in self._client.history(to_nessie(ref.name), where=condition):
                found.add(self._history.note(entry).id)
            if len(found) > 1:
                raise RefNotFound(
                    f"More than one commit starts with '{text}'", hint="Give more digits of the one that is meant"
                )
            if found:
                break
        return next(iter(found), None)


def _read_only(name: str) -> ReadOnly:
    return ReadOnly(
        f"'{name}' is a tag, and a tag stays where it is",
        hint=f"Make a branch to write to: headgate branch create <name> --at {name}",
    )
