"""headgate's own API, asked as any HTTP client would."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import requests
from tests.web.serving import Served

from headgate.catalog.model import RefKind
from headgate.lakehouse import Lakehouse
from headgate.web import answers

ARROW = "application/vnd.apache.arrow.stream"


def query(served: Served, sql: str, **options: Any) -> requests.Response:
    return served.post("/api/v1/query", json={"sql": sql}, **options)


def test_a_query_as_json_keeps_every_digit(shop_served: Served) -> None:
    answer = query(shop_served, "select sum(amount) as total, count(*) as n, null as nothing from silver.stg_orders")
    # 12.50 + 7.25
    assert '"total": 19.75' in answer.text
    assert answer.json()["rows"] == [{"total": 19.75, "n": 2, "nothing": None}]
    assert answer.json()["columns"][0] == {"name": "total", "type": "DECIMAL(38,2)"}


def test_a_query_as_arrow(shop_served: Served) -> None:
    answer = query(shop_served, "from silver.stg_orders order by order_id", headers={"Accept": ARROW})
    assert answer.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(io.BytesIO(answer.content)).read_all()
    assert table["order_id"].to_pylist() == [1, 2]
    assert table.schema.field("amount").type == pa.decimal128(10, 2)


def test_a_query_reads_the_state_that_is_named(shop_served: Served) -> None:
    (first,) = shop_served.get("/api/v1/log").json()["commits"][-1:]
    body = {"sql": "from headgate.tables", "ref": first["id"]}
    assert shop_served.post("/api/v1/query", json=body).json()["rows"] == []


@pytest.mark.parametrize("accept", ["application/json", ARROW])
@pytest.mark.parametrize(
    ("sql", "status", "kind"),
    [
        ("selct", 400, "QueryError"),
        ("select cast('x' || i as integer) from range(5) as t(i)", 400, "QueryError"),
        ("select error('no')", 400, "QueryError"),
        ("create table x as select 1", 409, "ReadOnly"),
        ("from gold.nothing", 404, "TableNotFound"),
        ("from read_csv('/etc/passwd')", 400, "QueryError"),
        ("from enable_profiling()", 409, "ReadOnly"),
    ],
)
def test_a_query_that_is_wrong(shop_served: Served, accept: str, sql: str, status: int, kind: str) -> None:
    answer = query(shop_served, sql, headers={"Accept": accept})
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert "root:" not in answer.text


@pytest.mark.parametrize("sql", ["from test_all_types() limit 1", "select [date '290000-01-01'] as d"])
def test_a_value_that_python_lacks_is_told(shop_served: Served, sql: str) -> None:
    answer = query(shop_served, sql)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (422, "DataError")
    assert "::VARCHAR" in error["hint"]


LATE = "select case when i = 199999 then error('late') else i end as n from range(200000) as t(i)"


def test_an_error_in_the_last_row_of_a_short_answer_has_a_status(shop_served: Served) -> None:
    for accept in ("application/json", ARROW):
        answer = query(shop_served, LATE, headers={"Accept": accept})
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "QueryError")
        assert "late" in answer.json()["error"]["message"]


def test_an_error_in_the_last_row_of_a_long_answer_breaks_it_off(
    shop_served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_HELD_BACK", 100_000)
    for accept in ("application/json", ARROW):
        with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
            query(shop_served, LATE, headers={"Accept": accept})


def test_whoever_goes_away_ends_the_query(shop_served: Served) -> None:
    scratch = Path(shop_served.lake.project.engine.temp_directory)
    # Some minutes on any machine.
    sql = "select sum(a.i * b.j % 7) as n from range(3000000) as a(i), range(1000000) as b(j)"
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(
            f"{shop_served.url}/api/v1/query",
            json={"sql": sql},
            headers={"Authorization": f"Bearer {shop_served.token}"},
            timeout=(5, 1),
        )
    while list(scratch.glob("session-*")):
        time.sleep(0.05)


def test_whoever_stops_reading_ends_the_query(shop_served: Served) -> None:
    scratch = Path(shop_served.lake.project.engine.temp_directory)
    sql = "select i, md5(i::varchar) as h from range(1000000000) as t(i)"
    answer = query(shop_served, sql, headers={"Accept": ARROW}, stream=True)
    assert answer.raw.read(1_000_000)
    assert list(scratch.glob("session-*"))
    answer.close()
    while list(scratch.glob("session-*")):
        time.sleep(0.05)


def test_tables_are_listed_and_shown(shop_served: Served) -> None:
    tables = {table["name"]: table for table in shop_served.get("/api/v1/tables").json()["tables"]}
    assert tables["silver.stg_orders"]["rows"] == 2
    table = shop_served.get("/api/v1/tables/silver.stg_orders").json()["table"]
    assert [column["name"] for column in table["columns"]] == ["order_id", "customer_id", "order_date", "amount"]
    missing = shop_served.get("/api/v1/tables/silver.stg_order")
    assert (missing.status_code, missing.json()["error"]["type"]) == (404, "TableNotFound")
    assert "silver.stg_orders" in missing.json()["error"]["hint"]


def test_records_and_quarantine(shop_served: Served) -> None:
    loads = shop_served.get("/api/v1/loads").json()["loads"]
    assert sum(load["read"] for load in loads) == 5
    (run,) = shop_served.get("/api/v1/runs").json()["runs"]
    assert run["status"] == "merged"
    checks = shop_served.get("/api/v1/checks", params={"run_id": run["run_id"]}).json()["checks"]
    assert {check["status"] for check in checks} == {"passed"}
    (refused,) = shop_served.get("/api/v1/quarantine").json()["quarantine"]
    assert (refused["table"], refused["rows"]) == ("orders", 1)
    (row,) = shop_served.get("/api/v1/quarantine/orders", params={"limit": 5}).json()["rows"]
    assert row["value"] == "not a day"


def test_branches_and_tags_are_made_and_deleted_in_the_name_of_the_token(shop_served: Served) -> None:
    made = shop_served.post("/api/v1/branches", json={"name": "team/feature-1"})
    assert (made.status_code, made.json()["branch"]["name"]) == (201, "team/feature-1")
    assert shop_served.post("/api/v1/branches", json={"name": "team/feature-1"}).status_code == 409
    assert shop_served.post("/api/v1/tags", json={"name": "v1", "at": "team/feature-1"}).status_code == 201
    kinds = {ref["name"]: ref["kind"] for ref in shop_served.get("/api/v1/refs").json()["refs"]}
    assert kinds == {"main": "branch", "team/feature-1": "branch", "v1": "tag"}
    diff = shop_served.get("/api/v1/diff", params={"before": "v1", "after": "main"})
    assert diff.json() == {"changes": []}
    for path in ("branches/team%2Ffeature-1", "tags/v1"):
        deleted = shop_served.ask("DELETE", f"/api/v1/{path}")
        assert (deleted.status_code, deleted.content) == (204, b"")
        assert shop_served.ask("DELETE", f"/api/v1/{path}").status_code == 404
    assert shop_served.ask("DELETE", "/api/v1/branches/main").status_code == 400


def test_a_merge_tells_its_events_and_runs_the_checks(shop_served: Served) -> None:
    catalog = shop_served.lake.catalog
    catalog.create_branch("other")
    before = catalog.ref("main").commit_id
    commit = shop_served.post("/api/v1/revert", json={"commit": before, "branch": "other", "reason": "try"}).json()
    assert commit["commit"]["author"] == "client"

    answer = shop_served.post(
        "/api/v1/merge", json={"source": "other"}, headers={"Accept": "application/x-ndjson"}, stream=True
    )
    lines = [json.loads(line) for line in answer.iter_lines() if line]
    assert lines[0]["event"] == "Started"
    result = lines[-1]["result"]
    # The models' tables are gone, so that they are built again from nothing, and that fails.
    assert result["status"] == "failed"
    assert catalog.ref("main").commit_id == before

    again = shop_served.post("/api/v1/merge", json={"source": "other"})
    assert (again.status_code, again.json()["status"]) == (500, "failed")
    assert again.json()["error"]["type"] == "ModelError"
    catalog.delete_ref("other")


def test_a_merge_of_what_is_there_already(shop_served: Served) -> None:
    shop_served.lake.catalog.create_branch("same")
    answer = shop_served.post("/api/v1/merge", json={"source": "same"})
    assert (answer.status_code, answer.json()["status"]) == (200, "unchanged")
    shop_served.lake.catalog.delete_ref("same")
    for accept in ("application/json", "application/x-ndjson"):
        missing = shop_served.post("/api/v1/merge", json={"source": "gone"}, headers={"Accept": accept})
        assert (missing.status_code, missing.json()["error"]["type"]) == (404, "RefNotFound")


@pytest.mark.parametrize(
    ("method", "path", "options", "word"),
    [
        ("GET", "/log", {"params": {"limit": "-1"}}, "limit"),
        ("GET", "/log", {"params": {"limit": "x"}}, "limit"),
        ("GET", "/log", {"params": {"limit": "99999999999"}}, "limit"),
        ("GET", "/log", {"params": {"limt": "1"}}, "limt"),
        ("GET", "/log", {"params": [("ref", "a"), ("ref", "b")]}, "twice"),
        ("GET", "/diff", {"params": {"before": "main"}}, "after"),
        ("GET", "/refs", {"params": {"kind": "twig"}}, "twig"),
        ("GET", "/tables/a%00b", {}, "text"),
        ("POST", "/query", {"data": "["}, "JSON"),
        ("POST", "/query", {"data": b"\xff"}, "JSON"),
        ("POST", "/query", {"data": "[" * 100_000}, "JSON"),
        ("POST", "/query", {"data": "[1]"}, "object"),
        ("POST", "/query", {"json": {}}, "sql"),
        ("POST", "/query", {"json": {"sql": 1}}, "sql"),
        ("POST", "/query", {"json": {"sql": None}}, "sql"),
        ("POST", "/query", {"data": '{"sql": "\\ud800"}'}, "text"),
        ("POST", "/query", {"json": {"sql": "select 1", "emit": "x"}}, "emit"),
        ("POST", "/query", {"json": {"sql": "select 1"}, "params": {"sql": "select 2"}}, "twice"),
        ("POST", "/branches", {"json": {"name": "a b"}}, "a b"),
        ("POST", "/merge", {"json": {"source": "main", "override": " "}}, "reason"),
    ],
)
def test_wrong_arguments_are_named(
    shop_served: Served, method: str, path: str, options: dict[str, Any], word: str
) -> None:
    answer = shop_served.ask(method, f"/api/v1{path}", **options)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["type"] == "UsageError"
    assert word in error["message"] + str(error["hint"])


def test_branches_are_those_of_the_lake(shop_served: Served) -> None:
    refs = shop_served.get("/api/v1/refs", params={"kind": "branch"}).json()["refs"]
    assert [ref["name"] for ref in refs] == [ref.name for ref in shop_served.lake.catalog.refs(RefKind.BRANCH)]


def test_a_query_has_its_share_of_the_memory(shop_served: Served) -> None:
    sql = "select current_setting('memory_limit') as n"
    served = query(shop_served, sql).json()["rows"][0]["n"]
    alone = Lakehouse(shop_served.lake.project, shop_served.lake).query(sql).rows()[0][0]
    assert served.split()[1] == alone.split()[1]
    assert float(served.split()[0]) == pytest.approx(float(alone.split()[0]) / 4, abs=0.11)


def test_a_name_that_comes_again_gets_one_of_its_own(shop_served: Served) -> None:
    assert query(shop_served, "select 1 as a, 2 as a").json()["rows"] == [{"a": 1, "a_1": 2}]
