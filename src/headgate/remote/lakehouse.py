"""The facade over a lake that a server keeps: the methods of `Lakehouse`, asked over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from headgate import events
from headgate.catalog.interface import MAIN
from headgate.catalog.model import Commit, Ref
from headgate.errors import ServerError, UsageError
from headgate.events import Emit, ignore
from headgate.remote.client import Client, encoded
from headgate.remote.structures import error_of, structure
from headgate.run.result import Plan, RunRecord, RunResult, last_refused

if TYPE_CHECKING:
    from headgate.engines.answers import Answer, QueryResult
    from headgate.engines.description import TableDetail, TableInfo
    from headgate.run.connecting import Connection
    from headgate.run.findings import Finding
    from headgate.run.lake import Lake
    from headgate.run.sources import AddedSource

Names = str | Sequence[str] | None


class RemoteLakehouse:
    """A lake behind `headgate serve`; use it as a context manager or close it.

    What needs the project's folder, such as `run`, raises `UsageError`.

    Args:
        url: Address of the server.
        token: Default: `$HEADGATE_TOKEN`.

    Raises:
        ServerError: Nothing answers there, or something else than headgate.
        Unauthorized: The token does not hold.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self._client = Client(url, token)

    @property
    def url(self) -> str:
        """Address of the server."""
        return self._client.url

    @property
    def project(self) -> NoReturn:
        self._only_there("the project's settings")

    @property
    def lake(self) -> Lake:
        self._only_there("serving it, and its tokens,")

    # Runs

    def run(
        self, select: Names = None, exclude: Names = None, full_refresh: bool = False, emit: Emit = ignore
    ) -> RunResult:
        self._only_there("run")

    def plan(self, select: Names = None, exclude: Names = None, full_refresh: bool = False) -> Plan:
        self._only_there("plan")

    def merge(self, source: str, into: str = MAIN, override: str | None = None, emit: Emit = ignore) -> RunResult:
        """Merge a branch on the server, which carries out the checks; going away before the end stops it."""
        for line in self._client.lines("/merge", source=source, into=into, override=override):
            if "event" not in line:
                if "error" in line:
                    raise error_of(line["error"])
                return structure(RunResult, line.get("result"))
            kind = getattr(events, line.pop("event"), None)
            if isinstance(kind, type) and issubclass(kind, events.Event):
                emit(structure(kind, line))
        raise ServerError(
            "The server ended its answer before the merge was done.",
            place=self.url,
            hint="headgate log tells whether it was merged.",
        )

    def runs(self, limit: int | None = None) -> list[RunRecord]:
        return structure(list[RunRecord], self._client.get("/runs", limit=limit)["runs"])

    def checks(self, run_id: str | None = None) -> list[dict[str, Any]]:
        return structure(list[dict[str, Any]], self._client.get("/checks", run_id=run_id)["checks"])

    def refused_branch(self) -> str | None:
        return last_refused(self.runs(), (ref.name for ref in self.refs("branch")))

    # Reading

    def query(self, sql: str, ref: str = MAIN) -> QueryResult:
        with self.stream(sql, ref) as answer:
            return answer.result()

    @contextmanager
    def stream(self, sql: str, ref: str = MAIN) -> Iterator[Answer]:
        from headgate.remote import arrowstream

        with self._client.stream("/query", arrowstream.MEDIA_TYPE, sql=sql, ref=ref) as stream:
            yield arrowstream.read(stream)

    def tables(self, ref: str = MAIN) -> list[TableInfo]:
        from headgate.engines.description import TableInfo

        return structure(list[TableInfo], self._client.get("/tables", ref=ref)["tables"])

    def show(self, table: str, ref: str = MAIN) -> TableDetail:
        from headgate.engines.description import TableDetail

        return structure(TableDetail, self._client.get(f"/tables/{encoded(table)}", ref=ref)["table"])

    def loads(self, ref: str = MAIN) -> list[dict[str, Any]]:
        return structure(list[dict[str, Any]], self._client.get("/loads", ref=ref)["loads"])

    # Branches and history

    def refs(self, kind: str | None = None) -> list[Ref]:
        return structure(list[Ref], self._client.get("/refs", kind=kind)["refs"])

    def create_branch(self, name: str, at: str = MAIN) -> Ref:
        return structure(Ref, self._client.post("/branches", name=name, at=at)["branch"])

    def create_tag(self, name: str, at: str = MAIN) -> Ref:
        return structure(Ref, self._client.post("/tags", name=name, at=at)["tag"])

    def delete_branch(self, name: str) -> None:
        self._client.delete(f"/branches/{encoded(name)}")

    def delete_tag(self, name: str) -> None:
        self._client.delete(f"/tags/{encoded(name)}")

    def log(self, ref: str = MAIN, limit: int | None = None) -> list[Commit]:
        return structure(list[Commit], self._client.get("/log", ref=ref, limit=limit)["commits"])

    def diff(self, before: str, after: str, table: str | None = None) -> dict[str, Any]:
        return structure(dict[str, Any], self._client.get("/diff", before=before, after=after, table=table))

    def revert(self, commit: str, branch: str = MAIN, reason: str | None = None) -> Commit:
        return structure(Commit, self._client.post("/revert", commit=commit, branch=branch, reason=reason)["commit"])

    # Sources and quarantine

    def sources(self) -> list[dict[str, Any]]:
        self._only_there("sources list")

    def check_sources(self) -> list[Finding]:
        self._only_there("sources check")

    def add_sources(self, paths: Sequence[str | Path], name: str | None = None) -> list[AddedSource]:
        self._only_there("sources add")

    def quarantine_list(self, ref: str = MAIN) -> list[dict[str, Any]]:
        return structure(list[dict[str, Any]], self._client.get("/quarantine", ref=ref)["quarantine"])

    def quarantine_show(self, table: str, ref: str = MAIN, limit: int | None = 20) -> list[dict[str, Any]]:
        found = self._client.get(f"/quarantine/{encoded(table)}", ref=ref, limit=limit)
        return structure(list[dict[str, Any]], found["rows"])

    def quarantine_replay(self, table: str, emit: Emit = ignore) -> RunResult:
        self._only_there("quarantine replay")

    def quarantine_discard(self, table: str, reason: str, where: str | None = None, emit: Emit = ignore) -> RunResult:
        self._only_there("quarantine discard")

    # Sharing

    def connect(self, engine: str, branch: str = MAIN, url: str | None = None) -> Connection:
        from headgate.run.connecting import connect

        self.log(branch, limit=1)
        return connect(engine, branch, url or self.url, dict(self._client.about["files"]))

    # Health

    def doctor(self) -> list[Finding]:
        self._only_there("doctor")

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> RemoteLakehouse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _only_there(self, what: str) -> NoReturn:
        raise UsageError(
            f"A lake behind a server cannot be asked for this: {what} needs the project's folder.",
            place=self.url,
            hint="Run it where the project is, with --project DIR and not with --catalog.",
        )
