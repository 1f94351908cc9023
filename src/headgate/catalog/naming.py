"""How a text names a commit: by ref, by id, or by where a branch was."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from headgate.catalog import history
from headgate.catalog.commits import CommitStore, Header
from headgate.catalog.refs import RefTable, deletable
from headgate.errors import RefNotFound

_ID = re.compile("[0-9a-f]{7,64}")
# No ref is called so.
_WHOLE_ID = re.compile("[0-9a-f]{64}")


class Resolver:
    """Finds the commit that a text names."""

    def __init__(self, refs: RefTable, commits: CommitStore) -> None:
        self._refs = refs
        self._commits = commits

    def header(self, text: str) -> Header:
        """The commit named by a ref, an id or its first digits, `ref@<commit>` or `ref@<time>`.

        Raises:
            RefNotFound: None is, or several are.
        """
        return self.named(text)[0]

    def named(self, text: str) -> tuple[Header, str | None]:
        """The commit that a text names, and the ref that does so, if it is one that may be deleted meanwhile.

        Raises:
            RefNotFound: As `header` does.
        """
        whole = _WHOLE_ID.fullmatch(text) is not None
        found = self._commits.find(text) if whole else self._commits.head(text)
        if found is not None:
            return found, None if whole else deletable(text)
        if "@" in text:
            ref, _, moment = text.partition("@")
            return self._of_ref(ref, moment), None
        found = self._by_id(text)
        if found is not None:
            return found, None
        raise RefNotFound(f"There is no branch, tag or commit '{text}'", hint=self._refs.hint(text))

    def _of_ref(self, ref: str, moment: str) -> Header:
        commit = self._by_id(moment)
        if commit is not None:
            head = self._commits.head(ref)
            reached = self._refs.has_pointed_at(ref, commit.id) or (
                head is not None and history.is_ancestor(self._commits, commit, head)
            )
            if reached:
                return commit
            self._refs.get(ref)
            raise RefNotFound(
                f"Commit {commit.id[:12]} is not part of the history of '{ref}'",
                hint=f"Read it by its id alone, or see headgate log {ref}",
            )
        try:
            time = datetime.fromisoformat(moment)
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise RefNotFound(
                f"'{moment}' in '{ref}@{moment}' is neither a commit nor a time",
                hint=f"Write a time like {ref}@2026-11-20T21:30:00Z, or a commit id of headgate log {ref}",
            ) from error
        return self._commits.header(self._refs.at(ref, time))

    def _by_id(self, text: str) -> Header | None:
        if not _ID.fullmatch(text.lower()):
            return None
        ids = self._commits.starting_with(text.lower())
        if len(ids) > 1:
            raise RefNotFound(
                f"More than one commit starts with '{text}'", hint="Give more digits of the one that is meant"
            )
        return self._commits.header(ids[0]) if ids else None
