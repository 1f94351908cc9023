"""The Iceberg REST catalog asked as a client asks it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import requests
from tests.web.serving import Served

from headgate.web.iceberg.prefix import encode

Json = dict[str, Any]

NOWHERE = "file:///nowhere"
"""Stands for a folder of the warehouse that is not there."""

SCHEMA: Json = {
    "type": "struct",
    "fields": [
        {"id": 1, "name": "id", "type": "long", "required": False},
        {"id": 2, "name": "name", "type": "string", "required": False},
    ],
}
VERSION: Json = {
    "version-id": 1,
    "timestamp-ms": 1_600_000_000_000,
    "schema-id": 0,
    "summary": {},
    "default-namespace": ["ns"],
    "representations": [{"type": "sql", "sql": "select 1 as id", "dialect": "duckdb"}],
}


class Asking:
    """A branch, tag, commit or time of a served lake."""

    def __init__(self, served: Served, ref: str) -> None:
        self.served = served
        self.ref = ref
        self.base = f"/iceberg/v1/{encode(ref)}"

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """Send a request; every answer is in the standard's shape."""
        if body is not None:
            inside = f"file://{self.served.lake.storage.warehouse}/nowhere"
            options["json"] = json.loads(json.dumps(body).replace(NOWHERE, inside))
        answer = self.served.ask(method, f"{self.base}{path}", **options)
        if answer.status_code >= 400 and method != "HEAD":
            error = answer.json()["error"]
            assert set(error) == {"message", "type", "code"}
            assert error["code"] == answer.status_code
        assert ":null" not in answer.text
        return answer

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        return self.ask("POST", path, body, **options)

    def namespace(self, *levels: str, **properties: str) -> Json:
        """Create a namespace."""
        return good(self.post("/namespaces", {"namespace": list(levels), "properties": properties}))

    def table(self, name: str = "t", ns: str = "ns", /, **more: Any) -> Json:
        """Create a table."""
        return good(self.post(f"/namespaces/{quote(ns, safe='')}/tables", {"name": name, "schema": SCHEMA, **more}))

    def view(self, name: str = "v", ns: str = "ns") -> Json:
        """Create a view."""
        body = {"name": name, "schema": SCHEMA, "view-version": VERSION, "properties": {}}
        return good(self.post(f"/namespaces/{ns}/views", body))

    def load(self, name: str = "t", ns: str = "ns") -> Json:
        """Load a table."""
        return good(self.get(f"/namespaces/{ns}/tables/{quote(name, safe='')}"))

    def commit(self, updates: list[Json], requirements: list[Json] | None = None, name: str = "t") -> requests.Response:
        """Commit to a table."""
        return self.post(f"/namespaces/ns/tables/{name}", {"requirements": requirements or [], "updates": updates})

    def tables(self, ns: str = "ns") -> list[str]:
        """The names of a namespace's tables."""
        found = good(self.get(f"/namespaces/{ns}/tables"))
        return [identifier["name"] for identifier in found["identifiers"]]


def good(answer: requests.Response) -> Json:
    """The body of an answer that is no error."""
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def refused(answer: requests.Response, status: int, kind: str) -> str:
    """The message of an answer that is this error."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["type"] == kind
    return str(error["message"])


def snapshot(number: int, sequence: int, parent: int | None = None) -> Json:
    """A snapshot without files."""
    found: Json = {
        "snapshot-id": number,
        "sequence-number": sequence,
        "timestamp-ms": 1_700_000_000_000 + sequence,
        "manifest-list": f"{NOWHERE}/snap-{number}.avro",
        "summary": {"operation": "append"},
        "schema-id": 0,
    }
    return found if parent is None else {**found, "parent-snapshot-id": parent}


def append(number: int, sequence: int, parent: int | None = None) -> list[Json]:
    """The updates of an append."""
    return [
        {"action": "add-snapshot", "snapshot": snapshot(number, sequence, parent)},
        {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": number},
    ]


def main_at(number: int | None) -> Json:
    """The requirement that the table's current snapshot is this one."""
    return {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": number}
