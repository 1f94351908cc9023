"""Every command on a real lake: what it prints as text and as JSON, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from headgate.cli.main import main

# Six rows: one with a price that is no number, one with a price below zero.
SALES = """id,sold,price
1,2026-01-01,10.50
2,2026-01-02,20.00
3,2026-01-03,oops
4,2026-01-04,-1
5,2026-01-05,5.25
6,2026-01-06,4.25
"""
CONTRACT = """
table: sales
files: data/sales*.csv
columns:
  id: {type: bigint, required: true}
  sold: date
  price: {type: "decimal(10,2)", min: 0}
"""
MODEL = "select sold as day, price, id as sale_id from {{ source('bronze', 'sales') }}\n"
TESTS = """
models:
  - name: fact_sales
    columns:
      - name: sale_id
        data_tests: [unique]
"""
# 10.50 + 20.00 + 5.25 + 4.25
TOTAL = "40.00"


def make_lake(root: Path) -> Path:
    files = {
        "headgate.yml": "name: shop\nauthor: Ada\n",
        "data/sales.csv": SALES,
        "ingestion/sales.yml": CONTRACT,
        "models/marts/fact_sales.sql": MODEL,
        "models/marts/_marts.yml": TESTS,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    assert main(["--project", str(root), "run", "--json"]) == 0
    return root


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_lake(tmp_path_factory.mktemp("lake"))


Ask = Callable[..., Any]


@pytest.fixture
def ask(lake: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run a command with `--json` and read its document."""

    def run(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main(["--project", str(lake), *arguments, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def read(lake: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command and give what a person reads."""

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(["--project", str(lake), *arguments]) == code
        return capsys.readouterr().out

    return run


def test_a_second_run_is_unchanged(ask: Ask) -> None:
    before = ask("log")["commits"][0]["id"]
    assert ask("run")["status"] == "unchanged"
    assert ask("log")["commits"][0]["id"] == before


def test_the_books_balance(ask: Ask) -> None:
    (load,) = ask("loads")["loads"]
    assert (load["read"], load["loaded"], load["quarantined"], load["duplicates"]) == (6, 4, 2, 0)


def test_tables_are_listed_and_shown(ask: Ask, read: Callable[..., str]) -> None:
    rows = {table["name"]: table["rows"] for table in ask("tables")["tables"]}
    assert rows["bronze.sales"] == 4
    assert rows["gold.fact_sales"] == 4
    assert "gold.fact_sales" in read("tables")
    (table,) = ask("show", "gold.fact_sales")["tables"]
    assert [column["name"] for column in table["columns"]] == ["day", "price", "sale_id"]
    assert "sale_id" in read("show", "gold.fact_sales")


def test_an_unknown_table_names_the_closest(ask: Ask) -> None:
    assert "gold.fact_sales" in ask("show", "gold.fact_sale", code=1)["error"]["hint"]


def test_a_query_as_json_keeps_every_digit(read: Callable[..., str], ask: Ask) -> None:
    sql = "select sum(price) as total, count(*) as n, null as nothing from gold.fact_sales"
    document = ask("query", sql)
    assert [column["name"] for column in document["columns"]] == ["total", "n", "nothing"]
    assert document["rows"] == [{"total": 40.0, "n": 4, "nothing": None}]
    assert f'"total": {TOTAL}' in read("query", sql, "--format", "json")


def test_a_query_as_csv(read: Callable[..., str]) -> None:
    text = read(
        "query", "select sale_id, day, price, null as no, '' as empty from gold.fact_sales order by 1", "-f", "csv"
    )
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[:2] == [["sale_id", "day", "price", "no", "empty"], ["1", "2026-01-01", "10.50", "", ""]]
    assert len(rows) == 5


def test_a_query_as_parquet_in_a_file(read: Callable[..., str], tmp_path: Path) -> None:
    target = tmp_path / "sales.parquet"
    assert read("query", "from gold.fact_sales", "--output", str(target)) == ""
    table = pyarrow.parquet.read_table(target)
    assert table.num_rows == 4
    assert str(sum(table["price"].to_pylist())) == TOTAL


def test_a_query_as_a_table_is_cut_at_the_limit(read: Callable[..., str]) -> None:
    text = read("query", "select sale_id from gold.fact_sales order by 1", "--limit", "2")
    assert text.split() == ["sale_id", "1", "2", "(2", "of", "4", "rows)"]


def test_a_statement_from_standard_input(read: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("select 42 as answer"))
    assert "42" in read("query", "-")


@pytest.mark.parametrize(
    "sql", ["create table x as select 1", "drop view gold.fact_sales", "from read_csv('/etc/passwd')"]
)
def test_a_query_only_reads_the_lake(ask: Ask, sql: str) -> None:
    assert main(["query", sql, "--project", "nowhere"]) == 2
    document = ask("query", sql, code=ask_code(ask, sql))
    assert document["error"]["type"] in ("ReadOnly", "QueryError")


def ask_code(ask: Ask, sql: str) -> int:
    """ReadOnly is a misuse (2), what DuckDB itself rejects an error (1)."""
    return 1 if "read_csv" in sql else 2


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "txt"])
def test_what_was_written_to_a_file_is_told(
    lake: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str
) -> None:
    target = tmp_path / f"rows.{form}"
    for limit, told in (("3", "3 rows"), ("1", "1 row")):
        capsys.readouterr()
        sql = "from gold.fact_sales"
        assert main(["--project", str(lake), "query", sql, "--output", str(target), "--limit", limit]) == 0
        captured = capsys.readouterr()
        of = " of 4" if form == "txt" else ""
        assert (captured.out, captured.err) == ("", f"Wrote {told}{of} to {target}.\n")


def test_a_run_without_sources_says_what_comes_first(project_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["run"]) == 0
        assert "headgate sources add FILE" in capsys.readouterr().err


def test_a_file_in_a_query_is_to_be_a_source(ask: Ask) -> None:
    for sql in ("from 'my sales.csv'", "from read_csv('my sales.csv')"):
        error = ask("query", sql, code=1)["error"]
        assert "'my sales.csv' is a file" in error["message"]
        assert error["hint"].splitlines()[1] == "headgate sources add 'my sales.csv'"


def test_a_table_that_a_branch_lacks_is_looked_for_there(project_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["branch", "create", "bare"]) == 0
    for command in (["query", "from gold.sales"], ["show", "gold.sales"]):
        for options, listing in (([], "headgate tables"), (["--ref", "bare"], "headgate tables --ref bare")):
            capsys.readouterr()
            assert main([*command, *options, "--json"]) == 1
            assert json.loads(capsys.readouterr().out)["error"]["hint"] == listing


def test_a_model_that_fails_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_lake(tmp_path / "shop")
    model = "select\n  prise,\n  id as sale_id\nfrom {{ source('bronze', 'sales') }}\n"
    (root / "models/marts/fact_sales.sql").write_text(model, encoding="utf-8")
    capsys.readouterr()
    assert main(["--project", str(root), "run"]) == 1
    told = capsys.readouterr()
    assert "prise" not in told.out
    assert "\\n" not in told.out + told.err
    assert told.err.count("Referenced column") == 1
    assert "\n  at models/marts/fact_sales.sql:2\n" in told.err
    assert main(["--project", str(root), "run", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["place"] == "models/marts/fact_sales.sql:2"


def test_branches_and_tags(ask: Ask, read: Callable[..., str]) -> None:
    assert ask("branch", "create", "try")["branches"][0]["name"] == "try"
    assert ask("tag", "create", "v1", "--at", "try")["tags"][0]["name"] == "v1"
    assert {ref["name"] for ref in ask("branch", "list")["branches"]} >= {"main", "try"}
    assert [ref["name"] for ref in ask("tag", "list")["tags"]] == ["v1"]
    assert ask("diff", "main", "try")["changes"] == []
    assert "hold the same" in read("diff", "main", "v1")
    assert ask("query", "select count(*) as n from gold.fact_sales", "--ref", "v1")["rows"] == [{"n": 4}]
    assert ask("branch", "delete", "try")["deleted"] == "try"
    assert ask("tag", "delete", "v1")["deleted"] == "v1"
    head = ask("log", "--limit", "1")["commits"][0]["id"][:10]
    assert read("tag", "create", "v2") == f"Tag v2 names main, commit {head}.\n"
    assert ask("branch", "delete", "gone", code=1)["error"]["type"] == "RefNotFound"


def test_the_log_names_author_and_tables(ask: Ask, read: Callable[..., str]) -> None:
    commits = ask("log")["commits"]
    assert set(commits[0]) >= {"id", "parents", "author", "message", "time", "operations"}
    assert commits[0]["author"] == "Ada"
    assert "gold.fact_sales" in {operation["name"] for operation in commits[0]["operations"]}
    assert len(ask("log", "--limit", "1")["commits"]) == 1
    assert "Ada" in read("log")


def test_checks_and_runs_are_remembered(ask: Ask, read: Callable[..., str]) -> None:
    checks = ask("checks")["checks"]
    assert {check["status"] for check in checks} == {"passed"}
    assert any("unique" in check["name"] for check in checks)
    statuses = {run["status"] for run in ask("runs")["runs"]}
    assert "merged" in statuses
    assert "merged" in read("runs")
    assert "passed" in read("checks")


def test_quarantine_is_listed_and_shown(ask: Ask, read: Callable[..., str]) -> None:
    listed = ask("quarantine", "list")["quarantine"]
    assert sum(entry["rows"] for entry in listed) == 2
    rows = ask("quarantine", "show", "sales")["rows"]
    assert len(rows) == 2
    assert "oops" in read("quarantine", "show", "sales")


def test_sources_are_listed_and_checked(ask: Ask) -> None:
    assert [source["name"] for source in ask("sources", "list")["sources"]] == ["sales"]
    assert ask("sources", "check")["sources"]


def test_a_sound_lake_passes_the_doctor(ask: Ask, read: Callable[..., str]) -> None:
    assert {finding["status"] for finding in ask("doctor")["findings"]} <= {"ok", "warn"}
    assert "history" in read("doctor")


def test_the_plan_of_nothing_is_empty(ask: Ask, read: Callable[..., str]) -> None:
    plan = ask("plan")
    assert (plan["loads"], plan["models"]) == ([], [])
    assert "Nothing to do" in read("plan") or plan["checks"]


def test_a_reader_that_leaves_early_sees_no_error(lake: Path) -> None:
    """As in `headgate query ... | head -1`."""
    sql = "select * from range(200000)"
    command = [sys.executable, "-m", "headgate", "--project", str(lake), "query", sql, "--format", "csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b"range\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(timeout=60)
    assert process.returncode == 141


def test_a_pipe_gets_quiet_progress_and_no_escapes(lake: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "COLUMNS")}
    command = [sys.executable, "-m", "headgate", "--project", str(lake), "run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "unchanged" in done.stdout


def test_from_a_refused_run_to_a_repaired_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_lake(tmp_path / "shop")

    def ask(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main(["--project", str(root), *arguments, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    before = ask("log")["commits"][0]["id"]
    (root / "data/sales_more.csv").write_text("id,sold,price\n1,2026-01-07,1.00\n", encoding="utf-8")
    refused = ask("run", code=3)
    assert refused["status"] == "refused"
    assert ask("log")["commits"][0]["id"] == before
    count = "select count(*) as n from gold.fact_sales"
    assert ask("query", count, "--ref", refused["branch"])["rows"] == [{"n": 5}]
    assert ask("query", count)["rows"] == [{"n": 4}]

    capsys.readouterr()
    assert main(["--project", str(root), "diff", "main", refused["branch"], "gold.fact_sales"]) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert shown[-3:] == [["change", "day", "price", "sale_id"], ["+", "2026-01-07", "1.00", "1"], ["(1", "row)"]]

    assert main(["--project", str(root), "run"]) == 3
    told = capsys.readouterr()
    assert "unique" in told.out
    assert "--ref run/" in told.out
    assert told.err

    assert ask("merge", refused["branch"], "--into", "main", code=3)["status"] == "refused"
    merged = ask("merge", refused["branch"], "--into", "main", "--override", "the vendor sells twice")
    assert merged["status"] == "merged"
    assert ask("query", count)["rows"] == [{"n": 5}]
    assert "the vendor sells twice" in json.dumps(ask("log")["commits"][0])

    assert main(["--project", str(root), "revert", "main", "--reason", "they do not"]) == 0
    assert capsys.readouterr().out.startswith(f"Commit {merged['commit'][:10]} is undone on main by ")
    assert ask("query", count)["rows"] == [{"n": 4}]


def test_a_new_project_from_nothing_to_its_first_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "new"
    assert main(["init", str(root)]) == 0
    assert "headgate sources add" in capsys.readouterr().out
    (root / "data" / "sales.csv").write_text(SALES.replace("oops", "7").replace("-1", "8"), encoding="utf-8")
    assert main(["--project", str(root), "sources", "add", str(root / "data" / "sales.csv")]) == 0
    assert (root / "ingestion" / "sales.yml").is_file()
    capsys.readouterr()
    assert main(["--project", str(root), "run", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["status"] == "merged"
    assert [(load["read"], load["loaded"]) for load in document["loads"]] == [(6, 6)]
