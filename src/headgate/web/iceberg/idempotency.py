"""Requests that carry a key are done once, however often they are sent.

The key is claimed in the state database before the work begins, and goes into the commit that the work makes. So a
server that dies between the commit and its answer leaves what the next attempt needs to know: whether it landed.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from starlette.responses import Response

from headgate import database
from headgate.catalog.interface import Catalog
from headgate.catalog.rest.problems import BadRequest, CommitStateUnknown
from headgate.database import Database
from headgate.errors import HeadgateError, StorageError
from headgate.web.iceberg.answers import json_answer

LIFETIME = "PT1H"
"""How long a client may send a request again under its key, as ISO 8601 has it."""

_KEPT = timedelta(hours=24)
# A request that takes longer is taken for one whose server died.
_LONGEST = timedelta(minutes=5)
_WAIT_SECONDS, _POLL_SECONDS = 20.0, 0.1
_LOG_SLACK = timedelta(minutes=1)
_LOG_LENGTH = 1000
# Answers that may be another one the next time, though nothing has been done.
_PASSING = {401, 403, 408, 413, 419, 429}
_RUNNING = 0


@dataclass(frozen=True)
class Keyed:
    """A request with a key.

    Attributes:
        key: The key.
        digest: Tells it from other requests.
        branch: The branch that it writes to.
    """

    key: str
    digest: str
    branch: str

    @classmethod
    def of(cls, key: str, branch: str, method: str, path: str, content: bytes) -> Keyed:
        """The request of these parts.

        Raises:
            BadRequest: The key is not a UUID.
        """
        try:
            known = str(uuid.UUID(key))
        except ValueError as error:
            raise BadRequest(f"Invalid Idempotency-Key: '{key:.60}' is not a UUID") from error
        digest = hashlib.sha256(b"\0".join([branch.encode(), method.encode(), path.encode(), content])).hexdigest()
        return cls(known, digest, branch)


class Once:
    """Does requests with a key once, on all servers that share the state database."""

    def __init__(self, db: Database, catalog: Catalog) -> None:
        self._db = db
        self._catalog = catalog

    def answer(self, keyed: Keyed, work: Callable[[], Response], again: Callable[[], Response]) -> Response:
        """The answer of `work`, or what it was when the request came before.

        Args:
            keyed: The request.
            work: Does it.
            again: Answers anew what was done already: the answer itself holds credentials, which are not kept.
        """
        found = self._claim(keyed)
        if found is not None:
            status, body = found
            return again() if status < 400 else json_answer(json.loads(body), status)
        try:
            response = work()
        except BaseException:
            self._release(keyed)
            raise
        self._settle(keyed, response)
        return response

    def _claim(self, keyed: Keyed) -> tuple[int, str] | None:
        """None when the work is ours to do, else how it ended."""
        deadline = time.monotonic() + _WAIT_SECONDS
        table = database.idempotency
        while True:
            if self._insert(keyed):
                return None
            with self._db.read() as connection:
                row = connection.execute(select(table).where(table.c.key == keyed.key)).first()
            if row is None:
                continue
            if row.request_hash != keyed.digest:
                raise BadRequest(f"The Idempotency-Key {keyed.key} was used for another request")
            if row.status != _RUNNING:
                return int(row.status), str(row.body)
            if self._landed(keyed, row.created):
                self._write(keyed, 200, "")
                return 200, ""
            if row.created < _now() - _LONGEST and self._take_over(keyed, row.created):
                return None
            if time.monotonic() > deadline:
                raise StorageError(
                    f"The request with the Idempotency-Key {keyed.key} is still being worked on", hint="Send it again"
                )
            time.sleep(_POLL_SECONDS)

    def _insert(self, keyed: Keyed) -> bool:
        table = database.idempotency
        values = {"key": keyed.key, "request_hash": keyed.digest, "status": _RUNNING, "body": "", "created": _now()}
        with self._db.write() as connection:
            connection.execute(table.delete().where(table.c.created < _now() - _KEPT, table.c.status != _RUNNING))
            # Of an INSERT not every database counts the rows.
            inserted = self._db.insert_new(table).values(values).returning(table.c.key)
            return connection.execute(inserted).first() is not None

    def _take_over(self, keyed: Keyed, created: datetime) -> bool:
        table = database.idempotency
        claim = table.update().where(table.c.key == keyed.key, table.c.created == created, table.c.status == _RUNNING)
        with self._db.write() as connection:
            return connection.execute(claim.values(created=_now())).rowcount == 1

    def _landed(self, keyed: Keyed, since: datetime) -> bool:
        """Whether a commit of the branch carries the key, though nobody lived to say so."""
        try:
            for commit in self._catalog.log(keyed.branch, _LOG_LENGTH):
                if commit.properties.get("idempotency-key") == keyed.key:
                    return True
                if commit.time < since - _LOG_SLACK:
                    return False
        except HeadgateError:
            return False
        return False

    def _settle(self, keyed: Keyed, response: Response) -> None:
        """Keep how it ended, if that is the end of it."""
        if response.status_code < 400:
            self._write(keyed, response.status_code, "")
        elif response.status_code >= 500:
            unknown = CommitStateUnknown.exception.encode() in bytes(response.body)
            self._write(keyed, _RUNNING, "", _now() - _LONGEST) if unknown else self._release(keyed)
        elif response.status_code in _PASSING:
            self._release(keyed)
        else:
            self._write(keyed, response.status_code, bytes(response.body).decode())

    def _write(self, keyed: Keyed, status: int, body: str, created: datetime | None = None) -> None:
        table = database.idempotency
        values: dict[str, object] = {"status": status, "body": body}
        if created is not None:
            values["created"] = created
        try:
            with self._db.write() as connection:
                connection.execute(table.update().where(table.c.key == keyed.key).values(values))
        except StorageError:
            # The work is done and its commit carries the key: who sends the request again finds it there.
            return

    def _release(self, keyed: Keyed) -> None:
        table = database.idempotency
        try:
            with self._db.write() as connection:
                connection.execute(table.delete().where(table.c.key == keyed.key, table.c.status == _RUNNING))
        except StorageError:
            return


def _now() -> datetime:
    return datetime.now(UTC)
