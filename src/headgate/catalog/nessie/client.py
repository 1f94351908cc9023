"""Nessie's REST API, version 2: one method per request, with connections that are kept, timeouts and retries.

A request that only reads, or that does the same when it is sent twice, is sent again when the connection breaks or the
server is at a loss. One that moves a branch forward is not: whoever sent it has to look whether it landed.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from headgate.catalog.nessie import model
from headgate.errors import ProjectError, StorageError

if TYPE_CHECKING:
    import urllib3

_Answer = TypeVar("_Answer", bound=model.Answer)

# Seconds: for the connection, and for each part of an answer. A merge or a large commit may take its time.
_CONNECT, _READ, _WRITE = 5.0, 30.0, 120.0
# Pauses between the tries of a request, in seconds; the last failure is told.
_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)
# Nessie answers 500 under contention (`ContextNotActiveException`) and 503 while it starts.
_AT_A_LOSS = {500, 502, 503, 504}
_KEYS = 500
"""How many keys are asked for at once."""
_PAGE = 500
_REFERENCE_NOT_FOUND = "REFERENCE_NOT_FOUND"


class _NessieError(StorageError):
    """What the modules of this package tell apart; to everybody else it is a StorageError."""

    def to_dict(self) -> dict[str, object]:
        return {**super().to_dict(), "type": StorageError.__name__}


class NessieRefusal(_NessieError):
    """Nessie understood a request and refused it.

    Attributes:
        answered: The HTTP status.
        code: Nessie's own name of the error, such as `REFERENCE_CONFLICT`.
    """

    answered = 0
    code = ""


class Unsettled(_NessieError):
    """The connection broke, or Nessie failed, before it said what became of a request that may have been done."""


class _Silent(Unsettled):
    """The server took a request and said nothing for as long as it was waited for."""


class NessieClient:
    """A connection to one server; safe to share between threads.

    Args:
        url: The server, such as `http://127.0.0.1:19120`, without credentials.
        token: What it wants as bearer token, if anything.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self._url = url.rstrip("/")
        # Never shown: a URL with its user part is for the connection only.
        self._token = token
        self._pool: urllib3.PoolManager | None = None
        # A forked process must not talk on its parent's connections.
        self._process = os.getpid()
        self.requests = 0
        """How many requests were sent."""

    @property
    def place(self) -> str:
        """The server, for messages."""
        return self._url

    def config(self) -> model.Config:
        """What the server says about itself."""
        return self._read(model.Config, "config")

    def reference(self, name: str) -> model.Reference | None:
        """A branch or tag, or None."""
        try:
            return self._read(model.OneReference, f"trees/{quote(name, safe='')}").reference
        except NessieRefusal as refusal:
            if refusal.code == _REFERENCE_NOT_FOUND:
                return None
            raise

    def references(self) -> Iterator[model.Reference]:
        """Every branch and tag."""
        for page in self._pages(model.References, "trees", {"max-records": str(_PAGE)}):
            yield from page.references

    def create(self, name: str, kind: Literal["BRANCH", "TAG"], at: str) -> None:
        """Make a branch or tag at a commit."""
        self._send("POST", "trees", model.Target(hash=at), {"name": name, "type": kind})

    def assign(self, name: str, expected: str, to: str) -> None:
        """Point a branch at another commit, if it is still where it is expected to be."""
        self._send("PUT", _at(name, expected), model.Target(hash=to))

    def delete(self, name: str, expected: str) -> None:
        """Take a branch or tag away, if it is still where it is expected to be."""
        self._send("DELETE", _at(name, expected))

    def contents(self, at: str, keys: Sequence[model.Key]) -> model.Contents:
        """What stands at some keys, of which there is at least one.

        Args:
            at: The name of a reference, or `@<hash>`.
            keys: Those that are absent are left out of the answer.
        """
        found: list[model.Held] = []
        for start in range(0, len(keys), _KEYS):
            wanted = model.Wanted(requested_keys=tuple(keys[start : start + _KEYS]))
            path = f"trees/{quote(at, safe='@')}/contents"
            answer = self._parse(model.Contents, self._retry("POST", path, wanted.json_bytes()))
            found.extend(answer.contents)
            # The batches have to be of one state, wherever the branch moves meanwhile.
            at = f"@{answer.effective_reference.hash}"
        return model.Contents(contents=tuple(found), effective_reference=answer.effective_reference)

    def entries(self, commit: str) -> Iterator[model.Entries]:
        """Everything that stands in the state of a commit, page by page."""
        yield from self._pages(
            model.Entries, f"trees/@{commit}/entries", {"content": "true", "max-records": str(_PAGE)}
        )

    def history(
        self, at: str, limit: int | None = None, *, operations: bool = False, where: str | None = None
    ) -> Iterator[model.LogEntry]:
        """A commit and its ancestors along the first parents, newest first.

        Args:
            at: The name of a reference, `@<hash>`, or `name*<time>`.
            limit: How many at most.
            operations: With what each commit did.
            where: A condition in the server's expression language.
        """
        parameters = {"max-records": str(limit)} if limit is not None else {}
        if operations:
            parameters["fetch"] = "ALL"
        if where is not None:
            parameters["filter"] = where
        left = limit
        for page in self._pages(model.Log, f"trees/{quote(at, safe='@*:')}/history", parameters):
            for entry in page.log_entries:
                if left == 0:
                    return
                yield entry
                left = None if left is None else left - 1
            if left == 0:
                return

    def diff(self, before: str, after: str) -> Iterator[model.Difference]:
        """What differs between the states of two commits."""
        for page in self._pages(model.Differences, f"trees/@{before}/diff/@{after}", {"max-records": str(_PAGE)}):
            yield from page.diffs

    def commit(self, branch: str, expected: str, request: model.Commit) -> model.Committed:
        """Commit to a branch; what others did to other keys since `expected` stays.

        Raises:
            Unsettled: It may have landed.
            NessieRefusal: It did not, for others changed the same keys, or it cannot be.
        """
        return self._parse(model.Committed, self._send("POST", f"{_at(branch, expected)}/history/commit", request))

    def merge(self, branch: str, expected: str, request: model.Merge) -> model.Merged:
        """Merge into a branch; raises as `commit` does."""
        return self._parse(model.Merged, self._send("POST", f"{_at(branch, expected)}/history/merge", request))

    def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            self._pool.clear()

    def _read(self, answer: type[_Answer], path: str, parameters: dict[str, str] | None = None) -> _Answer:
        return self._parse(answer, self._retry("GET", path, None, parameters))

    def _pages(self, answer: type[_Page], path: str, parameters: dict[str, str]) -> Iterator[_Page]:
        while True:
            page = self._read(answer, path, parameters)
            yield page
            if not page.has_more or page.token is None:
                return
            parameters = {**parameters, "page-token": page.token}

    def _retry(self, method: str, path: str, body: bytes | None, parameters: dict[str, str] | None = None) -> bytes:
        """Send a request that does no harm when it is sent twice until it is answered, or met with silence."""
        for pause in _PAUSES:
            try:
                return self._exchange(method, path, body, parameters, _READ)
            except _Silent:
                # What restarts refuses connections. Of a server that hangs the next answer would take as long again.
                raise
            except Unsettled:
                time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # not a secret
        return self._exchange(method, path, body, parameters, _READ)

    def _send(
        self, method: str, path: str, request: model.Request | None = None, parameters: dict[str, str] | None = None
    ) -> bytes:
        return self._exchange(method, path, request.json_bytes() if request is not None else None, parameters, _WRITE)

    def _exchange(
        self, method: str, path: str, body: bytes | None, parameters: dict[str, str] | None, patience: float
    ) -> bytes:
        import urllib3

        self.requests += 1
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in (parameters or {}).items())
        url = f"{self._url}/api/v2/{path}" + (f"?{query}" if query else "")
        try:
            timeout = urllib3.Timeout(connect=_CONNECT, read=patience)
            answer = self._connections().request(method, url, body=body, timeout=timeout)
            content: bytes = answer.data
        except urllib3.exceptions.LocationValueError as error:
            raise ProjectError(
                f"'{self.place}' is not the address of a server",
                place="catalog",
                hint="Write it as nessie+http://host:19120 or nessie+https://host",
            ) from error
        except urllib3.exceptions.ReadTimeoutError as error:
            raise _Silent(
                f"Nessie does not answer: it said nothing for {patience:g} seconds",
                place=self.place,
                hint="See its log and what its machine is busy with; run again when it answers",
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        if answer.status in _AT_A_LOSS:
            raise Unsettled(
                f"Nessie failed with status {answer.status}: {_reason(content)}",
                place=self.place,
                hint="See its log; run again when it is well",
            )
        if answer.status >= 300:
            raise self._refusal(answer.status, content)
        return content

    def _connections(self) -> urllib3.PoolManager:
        """The pool, made when the first request is: the library is time that opening a lake need not take."""
        if self._pool is None or self._process != os.getpid():
            import urllib3

            headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "headgate"}
            if self._token:
                headers["Authorization"] = f"Bearer {self._token}"
            proxy = _proxy(self._url)
            kind = (lambda **kwargs: urllib3.ProxyManager(proxy, **kwargs)) if proxy else urllib3.PoolManager
            self._process = os.getpid()
            self._pool = kind(headers=headers, retries=False, maxsize=8)
        return self._pool

    def _unreachable(self, error: Exception) -> Unsettled:
        reason = str(getattr(error, "reason", None) or error).rpartition(": ")[2].strip("'\")(")
        return Unsettled(
            f"Nessie does not answer: {reason or type(error).__name__}",
            place=self.place,
            hint="Start it, or correct 'catalog' in headgate.yml",
        )

    def _refusal(self, status: int, content: bytes) -> StorageError:
        if status in (401, 403):
            what = "is not accepted" if self._token else "is missing"
            return StorageError(
                f"Nessie refuses access with status {status}: the token {what}",
                place=self.place,
                hint="Set NESSIE_AUTH_TOKEN to a token that may read and write this catalog",
            )
        try:
            failure = model.Failure.model_validate_json(content)
        except ValidationError:
            failure = model.Failure()
        if not failure.error_code:
            return self._stranger(f"it answered with status {status}")
        refusal = NessieRefusal(f"Nessie refused: {failure.message}", place=self.place)
        refusal.answered, refusal.code = status, failure.error_code
        return refusal

    def _parse(self, answer: type[_Answer], content: bytes) -> _Answer:
        try:
            return answer.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise self._stranger(f"{where or 'its answer'}: {first['msg']}") from error

    def _stranger(self, why: str) -> StorageError:
        return StorageError(
            f"What answers there is no Nessie with version 2 of its REST API: {why}",
            place=self.place,
            hint="Name the server alone under 'catalog' in headgate.yml, as in nessie+http://localhost:19120; "
            "it has to be Nessie 0.90 or newer",
        )


_Page = TypeVar("_Page", bound=model.Page)


def _at(name: str, commit: str) -> str:
    return f"trees/{quote(name, safe='')}@{commit}"


def _reason(content: bytes) -> str:
    try:
        return model.Failure.model_validate_json(content).message or "it gives no reason"
    except ValidationError:
        return content[:200].decode(errors="replace") or "it gives no reason"


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for a server, if any."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in ("localhost", "::1") or host.startswith("127."):
        return None
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
