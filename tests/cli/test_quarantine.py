"""Refused rows and the commands about them: where they are, how many there are, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.servers import serve

from headgate.cli.main import main

# 30 rows: every third has a price that is no number, rows 4 and 5 have a value too many.
BROKEN = [row for row in range(1, 31) if row % 3 == 0]
LONG = [4, 5]
ROWS = "".join(f"{row},{'oops' if row in BROKEN else '1.50'}{',more' if row in LONG else ''}\n" for row in range(1, 31))
CONTRACT = """
table: sales
files: data/sales.csv
columns:
  id: {type: bigint, required: true}
  price: "decimal(10,2)"
"""
Ask = Callable[..., tuple[int, str, str]]


def project(root: Path, limit: str) -> Path:
    files = {"headgate.yml": "name: shop\n", "data/sales.csv": f"id,price\n{ROWS}"}
    for name, text in {**files, "ingestion/sales.yml": f"{CONTRACT}max_bad: {limit}\n"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def on(root: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run a command on a project: exit code, standard output, standard error."""

    def ask(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*arguments, "--project", str(root)])
        return code, *capsys.readouterr()

    return ask


@pytest.fixture
def lake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """A project whose refused rows are on main."""
    ask = on(project(tmp_path / "shop", "90%"), capsys)
    assert ask("run")[0] == 0
    return ask


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose only run was refused."""
    root = project(tmp_path_factory.mktemp("refused"), "0%")
    assert main(["--project", str(root), "run", "--json"]) == 3
    return root


@pytest.fixture(params=["in the folder", "over a server"])
def after_refusal(
    request: pytest.FixtureRequest,
    refused: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Ask]:
    if request.param == "in the folder":
        yield on(refused, capsys)
        return
    with serve(refused) as server:
        monkeypatch.setenv("HEADGATE_TOKEN", server.token)

        def ask(*arguments: str) -> tuple[int, str, str]:
            capsys.readouterr()
            code = main([*arguments, "--catalog", server.url])
            return code, *capsys.readouterr()

        yield ask


def document(answer: tuple[int, str, str]) -> Any:
    return json.loads(answer[1])


def test_after_a_refused_run_main_names_the_branch(after_refusal: Ask) -> None:
    branch = next(
        ref["name"] for ref in document(after_refusal("branch", "list", "--json"))["branches"] if ref["name"] != "main"
    )
    for command, key in (("quarantine list", "quarantine"), ("loads", "loads")):
        code, out, _ = after_refusal(*command.split())
        assert code == 0
        assert "on main" in out
        assert f"headgate {command} --ref {branch}" in out
        empty = document(after_refusal(*command.split(), "--json"))
        assert empty[key] == []
        assert empty["hint"].endswith(f"headgate {command} --ref {branch}")
        there = document(after_refusal(*command.split(), "--ref", branch, "--json"))
        assert there[key]
        assert "hint" not in there
    code, _, err = after_refusal("quarantine", "show", "sales")
    assert code == 1
    assert "on main" in err
    assert f"headgate quarantine show sales --ref {branch}" in err
    code, _, err = after_refusal("quarantine", "show", "sails")
    assert code == 1
    assert "--ref" not in err


def test_a_run_that_was_refused_for_something_else_is_not_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(tmp_path / "shop", "0%")
    (root / "data/sales.csv").write_text("id,price\n1,1.50\n", encoding="utf-8")
    test = "select id from {{ source('bronze', 'sales') }}\n"
    (root / "tests").mkdir()
    (root / "tests/no_sales.sql").write_text(test, encoding="utf-8")
    ask = on(root, capsys)
    assert ask("run")[0] == 3
    assert "--ref" not in ask("quarantine", "list")[1]
    assert "headgate loads --ref run/" in ask("loads")[1]


def test_a_cut_list_of_refused_rows_says_so(lake: Ask) -> None:
    assert (
        f"(5 of {len(BROKEN + LONG)} rows; --limit N shows more)" in lake("quarantine", "show", "sales", "-n", "5")[1]
    )
    assert "--limit" not in lake("quarantine", "show", "sales")[1]
    found = document(lake("quarantine", "show", "bronze.sales", "-n", "5", "--json"))
    assert (len(found["rows"]), found["total"]) == (5, len(BROKEN + LONG))


def test_a_record_that_could_not_be_cut_is_shown_as_it_came(lake: Ask) -> None:
    lines = lake("quarantine", "show", "sales")[1].splitlines()
    assert sum("4,1.50,more" in line or "5,1.50,more" in line for line in lines) == len(LONG)


def test_a_replay_says_how_many_rows_passed(lake: Ask, tmp_path: Path) -> None:
    code, out, _ = lake("quarantine", "replay", "sales")
    assert code == 0
    assert f"{len(BROKEN + LONG)} rows: 0 passed; {len(BROKEN + LONG)} rows still refused" in out
    assert "holds all of this" not in out

    contract = CONTRACT.replace('"decimal(10,2)"', '{type: "decimal(10,2)", null_values: [oops]}')
    (tmp_path / "shop/ingestion/sales.yml").write_text(f"{contract}max_bad: 90%\n", encoding="utf-8")
    code, out, _ = lake("quarantine", "replay", "sales", "--json")
    assert code == 0
    assert json.loads(out)["repair"] == {
        "tried": len(BROKEN + LONG),
        "passed": len(BROKEN),
        "discarded": 0,
        "left": len(LONG),
    }


def test_a_discard_says_how_many_rows_are_given_up(lake: Ask) -> None:
    code, out, _ = lake("quarantine", "discard", "sales", "--reason", "tests", "--where", "row = 4")
    assert (code, f"1 row; {len(BROKEN + LONG) - 1} rows still refused" in out) == (0, True)
    found = document(lake("quarantine", "discard", "sales", "--reason", "tests", "--json"))
    assert (found["repair"]["discarded"], found["repair"]["left"]) == (len(BROKEN + LONG) - 1, 0)
    code, out, _ = lake("quarantine", "discard", "sales", "--reason", "tests")
    assert (code, "no row was concerned; 0 rows still refused" in out) == (0, True)


@pytest.mark.parametrize(
    ("condition", "code", "told"),
    [
        ("rule = 'kolumns'", 1, ["No refused row of sales", "--where rule = 'kolumns'", "columns, type"]),
        ("rul = 'columns'", 2, ["rul", "--where rul = 'columns'", '"rule"']),
        ("rule = ", 2, ["--where rule = ", "syntax error"]),
        ("exists (from nowhere)", 2, ["--where exists (from nowhere)", "nowhere"]),
        ("", 2, ["cannot be asked"]),
        ("true) or (true", 2, ["--where true) or (true", "syntax error"]),
        ("select true", 2, ["syntax error"]),
        ("true); select 1 where (true", 2, ["more than one statement"]),
        ("true;", 2, ["more than one statement"]),
        ("exists (from query('select 1'))", 2, ["function query is not allowed"]),
        ("exists (from read_text('/etc/hostname'))", 2, ["/etc/hostname"]),
    ],
)
def test_a_condition_that_meets_nothing_is_told(lake: Ask, condition: str, code: int, told: list[str]) -> None:
    found, out, err = lake("quarantine", "discard", "sales", "--reason", "tests", "--where", condition)
    assert (found, out) == (code, "")
    assert [part for part in told if part not in err] == []
    _, out, _ = lake("quarantine", "discard", "sales", "--reason", "tests", "--where", condition, "--json")
    error = json.loads(out)["error"]
    assert (error["place"], bool(error["hint"])) == (f"--where {condition}", True)
    assert len(document(lake("runs", "--json"))["runs"]) == 1


def test_a_condition_may_end_in_a_comment_and_name_tables(lake: Ask) -> None:
    condition = "row in (select 4 from bronze.sales) -- )"
    found = document(lake("quarantine", "discard", "sales", "--reason", "tests", "--where", condition, "--json"))
    assert found["repair"]["discarded"] == 1
