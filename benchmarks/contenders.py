"""Catalogs that take commits, each behind the same few calls: headgate's, Nessie's own, PyIceberg's SqlCatalog."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import time
import urllib.parse
import uuid
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any, Protocol

from headgate.catalog import Operation, open_catalog
from headgate.database import Database
from headgate.errors import Conflict
from headgate.types import Content, Kind, Name

# A writer that was refused this often asks for its turn.
_PATIENCE = 25


class Refused(Exception):
    """Somebody else changed the same table first; the writer reads it again and repeats its change."""


class Client(Protocol):
    """One process's way to a catalog; tables are numbers."""

    def put(self, branch: str, tables: list[int]) -> None:
        """Read where some tables are, and commit a new version of each, together; raises `Refused`."""

    def branch(self, name: str) -> None:
        """Make a branch of `main`."""

    def merge(self, branch: str) -> None:
        """Merge a branch into `main`."""

    def turn(self, branch: str) -> AbstractContextManager[None]:
        """What the catalog offers to a writer that keeps losing."""

    def close(self) -> None: ...


class Headgate:
    """Any back end of headgate's, by its URL; `state` is the database that one without its own needs."""

    def __init__(self, url: str, state: str | None = None) -> None:
        self._db = Database.open(state or url)
        self._catalog = open_catalog(url, self._db)

    def put(self, branch: str, tables: list[int]) -> None:
        names = {number: Name.of("bronze", f"table_{number}") for number in tables}
        held = self._catalog.state(branch).get_many(list(names.values()))
        operations = [
            Operation(name, held.get(name), Content(Kind.TABLE, f"id-{number}", _location(number)))
            for number, name in names.items()
        ]
        try:
            self._catalog.commit(branch, operations, message="a commit", author="bench")
        except Conflict as error:
            raise Refused from error

    def branch(self, name: str) -> None:
        self._catalog.create_branch(name)

    def merge(self, branch: str) -> None:
        self._catalog.merge(branch, "main", message="a merge", author="bench")

    def turn(self, branch: str) -> AbstractContextManager[None]:
        return self._catalog.turn(branch, "bench")

    def close(self) -> None:
        self._catalog.close()
        self._db.close()


class RawNessie:
    """Nessie's own REST API, version 2, over one connection that stays open."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"))

    def put(self, branch: str, tables: list[int]) -> None:
        keys = [["bronze", f"table_{number}"] for number in tables]
        asked = {"requestedKeys": [{"elements": key} for key in keys]}
        answer = self._ask("POST", f"trees/{_quoted(branch)}/contents", asked)
        held = {tuple(each["key"]["elements"]): each["content"] for each in answer["contents"]}
        operations: list[dict[str, Any]] = []
        if not held:
            # The first commit of a namespace has to make it.
            namespace = {"type": "NAMESPACE", "elements": ["bronze"]}
            operations = [{"type": "PUT", "key": {"elements": ["bronze"]}, "content": namespace}]
        for number, key in zip(tables, keys, strict=True):
            content = {"type": "ICEBERG_TABLE", "metadataLocation": _location(number), "snapshotId": 1}
            content |= {"schemaId": 0, "specId": 0, "sortOrderId": 0}
            before = held.get(tuple(key))
            if before is not None:
                content["id"] = before["id"]
            operations.append({"type": "PUT", "key": {"elements": key}, "content": content})
        at = answer["effectiveReference"]["hash"]
        body = {"commitMeta": {"message": "a commit", "authors": ["bench"]}, "operations": operations}
        self._ask("POST", f"trees/{_quoted(branch)}@{at}/history/commit", body)

    def branch(self, name: str) -> None:
        main = self._ask("GET", "trees/main")["reference"]
        self._ask("POST", f"trees?name={_quoted(name)}&type=BRANCH", main)

    def merge(self, branch: str) -> None:
        source = self._ask("GET", f"trees/{_quoted(branch)}")["reference"]
        main = self._ask("GET", "trees/main")["reference"]
        body = {"fromRefName": branch, "fromHash": source["hash"], "message": "a merge"}
        self._ask("POST", f"trees/main@{main['hash']}/history/merge", body)

    def turn(self, branch: str) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: object | None = None) -> Any:
        sent = None if body is None else json.dumps(body)
        self._connection.request(method, f"/api/v2/{path}", sent, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        answer = response.read()
        if response.status >= 400:
            # Under contention 500 stands beside 409: nothing landed, and the writer tries again.
            raise Refused(f"{response.status}: {answer[:300].decode()}")
        return json.loads(answer or b"null")


class PyIcebergSql:
    """A commit changes a property: a metadata file and a compare-and-swap, the least that PyIceberg can do."""

    def __init__(self, url: str, warehouse: Path) -> None:
        from pyiceberg.catalog.sql import SqlCatalog

        self._catalog = SqlCatalog("bench", uri=url, warehouse=f"file://{warehouse}")
        self._numbers = itertools.count()

    def make(self, tables: int) -> None:
        from pyiceberg.schema import Schema
        from pyiceberg.types import LongType, NestedField

        self._catalog.create_namespace_if_not_exists("bronze")
        for number in range(tables):
            schema = Schema(NestedField(1, "id", LongType()))
            self._catalog.create_table_if_not_exists(f"bronze.table_{number}", schema)

    def put(self, branch: str, tables: list[int]) -> None:
        from pyiceberg.exceptions import CommitFailedException
        from sqlalchemy.exc import OperationalError

        (number,) = tables
        try:
            table = self._catalog.load_table(f"bronze.table_{number}")
            with table.transaction() as change:
                change.set_properties({"commit": str(next(self._numbers))})
        except (CommitFailedException, OperationalError) as error:
            raise Refused from error

    def branch(self, name: str) -> None:
        raise NotImplementedError

    def merge(self, branch: str) -> None:
        raise NotImplementedError

    def turn(self, branch: str) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        self._catalog.close()


def landed(client: Client, branch: str, tables: list[int]) -> int:
    """Commit until it lands, as a writer does; how often it was refused."""
    with ExitStack() as turn:
        for refusals in itertools.count():
            if refusals == _PATIENCE:
                turn.enter_context(client.turn(branch))
            try:
                client.put(branch, tables)
            except Refused:
                time.sleep(random.uniform(0, 0.005))
            else:
                return refusals
    raise AssertionError


def _location(number: int) -> str:
    return f"file:///data/lake/bronze/table_{number}-3fa9c2/metadata/{uuid.uuid4()}.metadata.json"


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")
