"""The configuration that a client asks for first, and the prefix that it gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.web.iceberg.asking import Asking, good, refused
from tests.web.serving import Served

from headgate.web.iceberg.endpoints import SERVED
from headgate.web.iceberg.prefix import decode, encode


def test_the_warehouse_names_a_branch(served: Served, branch: Asking) -> None:
    found = good(served.get("/iceberg/v1/config", params={"warehouse": "team/feature-1"}))
    assert found["overrides"] == {"prefix": "team~2Ffeature-1"}
    assert "POST /v1/{prefix}/transactions/commit" in found["endpoints"]
    assert sum(len(methods) for methods in SERVED.values()) == len(found["endpoints"])


@pytest.mark.parametrize("warehouse", [None, ""])
def test_without_one_it_is_main(served: Served, warehouse: str | None) -> None:
    found = good(served.get("/iceberg/v1/config", params={"warehouse": warehouse} if warehouse is not None else {}))
    assert found["overrides"]["prefix"] == "main"


def test_an_unknown_branch_is_not_main(served: Served) -> None:
    answer = served.get("/iceberg/v1/config", params={"warehouse": "mian"})
    assert "mian" in refused(answer, 404, "NoSuchWarehouseException")
    assert refused(served.get("/iceberg/v1/mian/namespaces"), 404, "NoSuchWarehouseException")


@pytest.mark.parametrize("prefix", ["team~2Ffeature-1", "team~2ffeature-1", "team%2Ffeature-1", "team/feature-1"])
def test_every_way_of_sending_a_slash_is_understood(branch: Asking, prefix: str) -> None:
    branch.namespace("ns")
    assert good(branch.served.get(f"/iceberg/v1/{prefix}/namespaces"))["namespaces"] == [["ns"]]
    assert branch.served.ask("HEAD", f"/iceberg/v1/{prefix}/namespaces/ns").status_code == 204


def test_names_may_be_words_of_paths(branch: Asking) -> None:
    for name in ("namespaces", "tables", "views", "register"):
        branch.namespace(name)
        branch.table(name, name)
        assert branch.tables(name) == [name]
        assert branch.load(name, name)["metadata-location"]
        assert good(branch.get(f"/namespaces/{name}"))["namespace"] == [name]


@given(st.text(min_size=1))
def test_a_prefix_names_its_ref_and_holds_nothing_to_encode(ref: str) -> None:
    encodable = ref.encode("utf-8", "ignore").decode()
    prefix = encode(encodable)
    assert decode(prefix) == encodable
    assert all(char.isascii() and (char.isalnum() or char in "~-_.") for char in prefix)


@pytest.mark.parametrize("path", ["/v1/main/nothing", "/v1", "/v1/main/namespaces/a/tables/b/c", "/v2/config", "/"])
def test_a_path_that_is_none_answers_in_the_standards_shape(served: Served, path: str) -> None:
    answer = served.get(f"/iceberg{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == 404


def test_a_method_that_is_none_answers_in_the_standards_shape(served: Served) -> None:
    answer = served.ask("PUT", "/iceberg/v1/main/namespaces")
    assert refused(answer, 405, "UnsupportedOperationException")
    assert answer.headers["Allow"] == "GET, POST"


def test_planning_scans_is_left_to_clients(filled: Asking) -> None:
    for path in ("plan", "tasks", "sign"):
        assert refused(filled.post(f"/namespaces/ns/tables/t/{path}", {}), 406, "UnsupportedOperationException")
