"""One state of the lake as a request names it, and how a request changes a branch."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from headgate.catalog.interface import MAIN, Catalog, State
from headgate.catalog.model import Operation, RefKind
from headgate.catalog.rest.documents import Documents
from headgate.catalog.rest.problems import (
    CommitFailed,
    CommitStateUnknown,
    Forbidden,
    NoSuchWarehouse,
)
from headgate.catalog.rest.serving import Overlay
from headgate.catalog.storage import Storage
from headgate.errors import Conflict, HeadgateError, ReadOnly, RefNotFound, StorageError

_ATTEMPTS = 20
# Seconds of pause after a lost race, doubled each time up to the second.
_PAUSE, _LONGEST_PAUSE = 0.01, 0.5


@dataclass(frozen=True)
class Client:
    """Who asks, and with what.

    Attributes:
        author: Name of the request's principal.
        engine: What the client calls itself.
        key: The request's idempotency key, which its commit carries.
        makes_folders: Whether it makes the folders on a disk that it writes into; DuckDB does not.
    """

    author: str
    engine: str | None = None
    key: str | None = None
    makes_folders: bool = True

    @property
    def properties(self) -> dict[str, str]:
        """What a commit keeps of it."""
        facts = {"via": "iceberg-rest", "engine": self.engine, "idempotency-key": self.key}
        return {name: value for name, value in facts.items() if value is not None}


@dataclass(frozen=True)
class Change:
    """What a request does to a state.

    Attributes:
        operations: One per name; none when there is nothing to do.
        message: Why, for the log.
        written: Metadata files that are to go again if the change does not land.
        whole: Whether it stands for the whole state, so that no other change may come between.
    """

    operations: Sequence[Operation]
    message: str
    written: list[str] = field(default_factory=list)
    whole: bool = False


@dataclass(frozen=True)
class Target:
    """The state that a request reads, or the branch that it writes to.

    Attributes:
        catalog: The catalog.
        storage: The lake's files.
        documents: Metadata files as JSON.
        overlay: What is laid over metadata before clients see it.
        at: The branch, tag, commit or time as the request names it.
        client: Who asks.
        protect: Whether `main` is closed to clients.
    """

    catalog: Catalog
    storage: Storage
    documents: Documents
    overlay: Overlay
    at: str
    client: Client
    protect: bool = True

    def state(self) -> State:
        """The state that is read.

        Raises:
            NoSuchWarehouse: There is none of that name.
        """
        try:
            return self.catalog.state(self.at)
        except RefNotFound as error:
            raise NoSuchWarehouse(error.message, hint=error.hint) from error

    def check_writable(self) -> None:
        """Refuse to write to what stays as it is, and to `main` where the project protects it.

        Raises:
            ReadOnly: It is a tag, a commit or a time.
            Forbidden: It is `main`.
        """
        try:
            ref = self.catalog.ref(self.at)
        except RefNotFound as error:
            self.state()
            raise ReadOnly(
                f"'{self.at}' names a commit, which stays as it is",
                hint="Make a branch of it and write there: headgate branch create <name> --at "
                f"{self.at}, then set the client's warehouse to <name>",
            ) from error
        if ref.kind is RefKind.TAG:
            raise ReadOnly(
                f"'{self.at}' is a tag, which stays where it is",
                hint="Make a branch of it and write there: headgate branch create <name> --at "
                f"{self.at}, then set the client's warehouse to <name>",
            )
        if self.at == MAIN and self.protect:
            raise Forbidden(
                f"'{MAIN}' takes no writes from outside, because nothing reaches it before its checks have passed",
                hint="Make a branch (headgate branch create <name>), set the client's warehouse to <name>, write there,"
                f" and bring it in through the checks: headgate merge <name> --into {MAIN}",
            )

    def land(self, prepare: Callable[[State], Change]) -> None:
        """Change the branch, working the change out again on each state in which others came first.

        Raises:
            CommitFailed: Others came first every time; nothing was changed.
            CommitStateUnknown: The catalog went away while it wrote.
        """
        self.check_writable()
        for attempt in range(_ATTEMPTS):
            state = self.state()
            change = prepare(state)
            if not change.operations or self._lands(state, change):
                return
            self.documents.discard(change.written)
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE, _PAUSE * 2**attempt)))  # noqa: S311  # not a secret
        raise CommitFailed(f"Others changed the same tables on '{self.at}' {_ATTEMPTS} times in a row; try again")

    def _lands(self, state: State, change: Change) -> bool:
        """Whether the change is there now; False when it surely is not."""
        try:
            self.catalog.commit(
                self.at,
                change.operations,
                message=change.message,
                author=self.client.author,
                properties=self.client.properties,
                expected_head=state.commit_id if change.whole else None,
            )
        except Conflict:
            return False
        except StorageError as error:
            return self._is_there(change, error)
        except HeadgateError:
            self.documents.discard(change.written)
            raise
        return True

    def _is_there(self, change: Change, error: StorageError) -> bool:
        """Look for a change whose commit ended without an answer."""
        with suppress(HeadgateError):
            found = self.catalog.state(self.at).get_many([operation.name for operation in change.operations])
            if all(found.get(operation.name) == operation.after for operation in change.operations):
                return True
            if all(found.get(operation.name) == operation.before for operation in change.operations):
                return False
        raise CommitStateUnknown(f"The catalog did not say whether the commit landed: {error.message}") from error
