"""Requests made up from the OpenAPI documents, Iceberg's and our own: no 500, no hang, and only promised statuses.

Iceberg's document is not part of this repository: it is read from a folder beside it, or from where `$ICEBERG_OPENAPI`
names `open-api/rest-catalog-open-api.yaml` of Apache Iceberg's release 1.11.0.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.web.conftest import shop_served
from tests.web.serving import Served, serving

__all__ = ["shop_served"]

pytestmark = pytest.mark.services

VARIABLE = "ICEBERG_OPENAPI"
BESIDE = Path(__file__).parents[3] / "shared" / "spec" / "iceberg-rest" / "rest-catalog-open-api.yaml"
SHA256 = "80d2ec83a70eeff6e7194853f8791c17cceb14610fae6a0e6afdd2921806ee4a"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
# Long for any single request, short for a hang.
SECONDS = 30
KNOWN = {"prefix": "dev", "namespace": "ns", "table": "t", "view": "v"}
SCHEMA = {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "a", "type": "int", "required": False}]}
VIEW = {
    "version-id": 1,
    "timestamp-ms": 1,
    "schema-id": 0,
    "summary": {},
    "representations": [{"type": "sql", "sql": "select 1 as a", "dialect": "duckdb"}],
    "default-namespace": ["ns"],
}


@pytest.fixture(scope="module")
def iceberg_document() -> Any:
    """Apache Iceberg's document, of the release that is meant."""
    path = Path(os.environ.get(VARIABLE, BESIDE))
    if not path.exists():
        pytest.skip(f"${VARIABLE} does not name Iceberg's rest-catalog-open-api.yaml of release 1.11.0")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256, "the document is of another release"
    # `make test` collects this module too, without what only tests of servers need.
    import schemathesis

    return schemathesis.openapi.from_path(path)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("lake")
    (root / "headgate.yml").write_text("name: lake\n")
    with serving(root) as served:
        served.lake.catalog.create_branch("dev")
        yield served


def prepare(served: Served) -> None:
    """Have the namespace, the table and the view that requests may be about, whatever earlier ones did."""
    below = "/iceberg/v1/dev/namespaces"
    served.post(below, json={"namespace": ["ns"]})
    served.post(f"{below}/ns/tables", json={"name": "t", "schema": SCHEMA})
    served.post(f"{below}/ns/views", json={"name": "v", "schema": SCHEMA, "view-version": VIEW, "properties": {}})
    assert served.ask("HEAD", f"{below}/ns/tables/t").status_code == 204
    assert served.ask("HEAD", f"{below}/ns/views/v").status_code == 204


def statuses(served: Served, operation: Any, base: str, known: dict[str, str]) -> Counter[int]:
    """What an operation answers to requests of all kinds, of which most are about what is there."""
    found: Counter[int] = Counter()
    chosen = st.fixed_dictionaries({name: st.sampled_from([True, True, True, False]) for name in known})
    headers = {"Authorization": f"Bearer {served.token}"}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(), chosen=chosen)
    def ask(case: Any, chosen: dict[str, bool]) -> None:
        for name, value in known.items():
            if chosen[name] and name in (case.path_parameters or {}):
                case.path_parameters[name] = value
        try:
            answer = requests.request(
                **case.as_transport_kwargs(base_url=served.url + base, headers=headers), timeout=SECONDS
            )
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL):
            return  # cannot be sent at all
        found[answer.status_code] += 1
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400 and answer.request.method != "HEAD":
            assert answer.json()["error"]

    ask()
    return found


def test_no_request_of_icebergs_document_is_too_much(lake: Served, iceberg_document: Any) -> None:
    found = {}
    for result in iceberg_document.get_all_operations():
        prepare(lake)
        operation = result.ok()
        found[operation.method.upper(), operation.path] = statuses(lake, operation, "/iceberg", KNOWN)

    assert len(found) == 32
    reached = [key for key, counted in found.items() if any(status < 300 or status == 406 for status in counted)]
    assert len(reached) > 20, found
    prepare(lake)
    assert lake.lake.catalog.verify() == []


def test_no_request_of_our_own_document_is_too_much(shop_served: Served) -> None:
    import schemathesis

    document: Any = schemathesis.openapi.from_dict(shop_served.get("/api/v1/openapi.json").json())
    known = {"table": "silver.stg_orders", "name": "nothing/there"}
    found = {}
    for result in document.get_all_operations():
        operation = result.ok()
        found[operation.method.upper(), operation.path] = statuses(shop_served, operation, "", known)

    assert len(found) == 17
    refused = {path for (method, path), counted in found.items() if method == "GET" and 200 not in counted}
    # Two refs that are there, and a table with refused rows, are not made up by chance.
    assert refused <= {"/api/v1/diff", "/api/v1/quarantine/{table}"}
    assert shop_served.lake.catalog.verify() == []
