"""The description of the API says what the API does."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from starlette.routing import Route
from tests.web.serving import Served

from headgate.web.api import routes
from headgate.web.openapi import describe
from headgate.web.operations import OPERATIONS

DOCUMENT = describe(OPERATIONS)


def test_every_route_is_described_and_nothing_else(shop_served: Served) -> None:
    described = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    found = {
        (method, route.path.removeprefix("/api/v1").replace(":path", ""))
        for route in routes(shop_served.lake)
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert found - described == {("GET", ""), ("GET", "/openapi.json")}
    assert described <= found


def test_the_document_is_served(shop_served: Served) -> None:
    assert shop_served.get("/api/v1/openapi.json").json() == DOCUMENT


def test_arguments_are_those_of_the_facade() -> None:
    log = DOCUMENT["paths"]["/api/v1/log"]["get"]
    assert [(parameter["name"], parameter["in"], parameter["required"]) for parameter in log["parameters"]] == [
        ("ref", "query", False),
        ("limit", "query", False),
    ]
    assert log["parameters"][0]["schema"] == {"type": "string", "default": "main"}
    merge = DOCUMENT["paths"]["/api/v1/merge"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert merge["required"] == ["source"]
    assert set(merge["properties"]) == {"source", "into", "override"}
    assert all(item["get"]["summary"] for item in DOCUMENT["paths"].values() if "get" in item)


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/tables", {}),
        ("/tables/{table}", {"table": "silver.stg_orders"}),
        ("/loads", {}),
        ("/runs", {}),
        ("/checks", {}),
        ("/refs", {}),
        ("/log", {}),
        ("/diff", {"before": "main", "after": "main"}),
        ("/quarantine", {}),
        ("/quarantine/{table}", {"table": "orders"}),
    ],
)
def test_answers_are_as_described(shop_served: Served, path: str, parameters: dict[str, Any]) -> None:
    content = DOCUMENT["paths"][f"/api/v1{path}"]["get"]["responses"]["200"]["content"]
    answer = shop_served.get(f"/api/v1{path.format(**parameters)}", params=parameters if "{" not in path else {})
    jsonschema.validate(answer.json(), content["application/json"]["schema"])
    assert any(answer.json().values()) or path == "/diff"
