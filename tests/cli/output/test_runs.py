"""What a person sees after a run."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from headgate.cli.invocation import Invocation
from headgate.cli.output import runs
from headgate.errors import Refused
from headgate.run.result import Plan, PlannedStep, RunResult, RunStatus
from headgate.types import CheckResult, CheckStatus, LoadResult, ModelResult, ModelStatus, Severity

COMMIT = "0123456789abcdef" * 4
BRANCH = "run/20260131T120000-3fa9c2"


def loaded(source: str, read: int, quarantined: int = 0, duplicates: int = 0) -> LoadResult:
    kept = read - quarantined - duplicates
    return LoadResult(
        "l", source, f"bronze.{source}", f"data/{source}.csv", "00", 1, read, kept, quarantined, duplicates
    )


LOADS = (loaded("sales", 1000, 12, 6), loaded("customers", 250))
MODELS = (
    ModelResult("silver.stg_sales", "m", ModelStatus.BUILT, None, 0.01),
    ModelResult("gold.fact_sales", "m", ModelStatus.BUILT, 982, 0.12),
    ModelResult("gold.dim_date", "m", ModelStatus.UNCHANGED, 10),
)
PASSED = CheckResult("contract:sales", "contract", Severity.ERROR, CheckStatus.PASSED)
WARNED = CheckResult("volume", "dbt", Severity.WARN, CheckStatus.FAILED, 1, message="Fewer rows than usual.")
FAILED = CheckResult(
    "unique_sale_id",
    "dbt",
    Severity.ERROR,
    CheckStatus.FAILED,
    2,
    "gold.fact_sales",
    "2 values of sale_id stand more than once.",
    ("sale_id", "n"),
    ((17, 2), (18, 3)),
    "checks.unique_sale_id",
)


def result(status: RunStatus, **more: object) -> RunResult:
    return RunResult("20260131T120000-3fa9c2", status, more.pop("branch", None), COMMIT, 4.21, **more)  # type: ignore[arg-type]  # a test's short cut


def told(capsys: pytest.CaptureFixture[str], found: RunResult, invocation: Invocation | None = None) -> tuple[str, str]:
    runs.report(invocation or Invocation(project=Path("my lake")), found)
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_a_merged_run_tells_what_was_loaded_built_checked_and_merged(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = told(capsys, result(RunStatus.MERGED, loads=LOADS, models=MODELS, checks=(PASSED, WARNED)))
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "Run 20260131T120000-3fa9c2 merged into main 4.2 s" in lines
    assert "bronze.sales 1 1,000 982 12 6" in lines
    assert "bronze.customers 1 250 250 · ·" in lines
    assert "total 2 1,250 1,232 12 6" in lines
    assert "Built 2 models, 1 unchanged" in lines
    assert "✓ silver.stg_sales view 0.01 s" in lines
    assert "✓ gold.fact_sales 982 rows 0.12 s" in lines
    assert "Checked 1 passed, 1 warned" in lines
    assert "! warn volume" in lines
    assert "Merged main is at 0123456789" in lines
    assert err == ""


def test_a_merged_run_ends_with_three_commands_that_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = told(capsys, result(RunStatus.MERGED, loads=LOADS, models=MODELS))
    commands = [line.strip() for line in out.split("Next")[1].splitlines() if line.strip()]
    assert [command.split("'my lake' ")[-1] for command in commands] == [
        'query "select * from gold.fact_sales limit 10"',
        "quarantine list",
        "log",
    ]


def test_a_refused_run_shows_the_rows_the_branch_and_the_query(capsys: pytest.CaptureFixture[str]) -> None:
    error = Refused("1 check failed.", hint="Repair the data.", data={"changes": 2})
    out, err = told(capsys, result(RunStatus.REFUSED, branch=BRANCH, checks=(PASSED, FAILED, WARNED), error=error))
    assert "refused: main is as it was" in out
    assert out.index("unique_sale_id") < out.index("volume")
    assert "2 values of sale_id stand more than once." in out
    rows = [line.split() for line in out.splitlines()]
    assert ["17", "2"] in rows
    assert ["18", "3"] in rows
    assert f'query "select * from checks.unique_sale_id limit 20" --ref {BRANCH}' in out
    assert f"merge {BRANCH} --into main --override" in out
    assert err == "Error: 1 check failed.\n  Repair the data.\n"


def test_an_override_that_would_bring_nothing_is_not_offered(capsys: pytest.CaptureFixture[str]) -> None:
    error = Refused("1 check failed.", data={"changes": 0})
    out, _ = told(capsys, result(RunStatus.REFUSED, branch=BRANCH, checks=(FAILED,), error=error))
    assert "diff main" in out
    assert "--override" not in out


def test_an_unchanged_run_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = told(capsys, result(RunStatus.UNCHANGED))
    assert "unchanged: main holds all of this already" in out
    assert "Loaded" not in out
    assert "Built" not in out


def test_json_is_the_document_of_the_run_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    error = Refused("1 check failed.")
    found = result(RunStatus.REFUSED, branch=BRANCH, loads=LOADS, models=MODELS, checks=(FAILED,), error=error)
    out, err = told(capsys, found, Invocation(json=True))
    document = json.loads(out)
    assert list(document) == (
        ["run_id", "status", "branch", "commit", "seconds", "loads", "models", "checks", "notes", "error"]
    )
    assert document["loads"][0] == {
        "source": "sales",
        "file": "data/sales.csv",
        "read": 1000,
        "loaded": 982,
        "quarantined": 12,
        "duplicates": 6,
    }
    assert document["models"][0] == {"name": "silver.stg_sales", "status": "built", "rows": None, "seconds": 0.01}
    assert document["checks"][0]["failures"] == 2
    assert document["error"]["type"] == "Refused"
    assert "1 check failed." in err


def test_a_merge_by_hand_names_its_branch(capsys: pytest.CaptureFixture[str]) -> None:
    runs.report(Invocation(), result(RunStatus.MERGED), "staging")
    assert "merged into staging" in capsys.readouterr().out


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.RUNNING])
def test_every_outcome_can_be_told(capsys: pytest.CaptureFixture[str], status: RunStatus) -> None:
    out, _ = told(capsys, result(status, branch=BRANCH))
    assert "20260131T120000-3fa9c2" in out


def text(plan: Plan) -> str:
    console = Console(file=io.StringIO(), width=120)
    runs.plan(plan).text(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_plan_gives_its_reasons() -> None:
    load = PlannedStep("sales", "load", "the file is new", "data/sales.csv")
    model = PlannedStep("gold.fact_sales", "build", "bronze.sales changes")
    found = Plan("main", (load,), (model,), (), 7)
    shown = text(found)
    assert "the file is new" in shown
    assert "1 to load, 1 to build, 0 to check, 7 up to date." in shown
    assert runs.plan(found).data["loads"] == [
        {"source": "sales", "file": "data/sales.csv", "action": "load", "reason": "the file is new"}
    ]


def test_a_plan_tells_what_stays_as_it_is() -> None:
    note = "The contract of [sales] has changed."
    found = Plan("main", (), (), (), 12, (note,))
    assert note in text(found)
    assert runs.plan(found).data["notes"] == [note]


def test_an_empty_plan_says_so() -> None:
    assert "Nothing to do" in text(Plan("main", (), (), (), 12))


def test_two_figures_that_differ_are_no_rows_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    figures = CheckResult(
        "reconciliation:kept",
        "reconciliation",
        Severity.ERROR,
        CheckStatus.FAILED,
        4600,
        columns=("bronze.sales", "silver.sales"),
        sample=((5000, 400),),
    )
    out, _ = told(capsys, result(RunStatus.REFUSED, branch=BRANCH, checks=(figures,), error=Refused("1 check failed.")))
    assert "5000" in out
    assert " row" not in out
