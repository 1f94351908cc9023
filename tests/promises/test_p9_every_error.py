"""P9: each class of error is met on a real way through the product, and says thing, value, place and next step."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.web.serving import serving

import headgate
from headgate import errors
from headgate.catalog.s3errors import s3_error
from headgate.cli.main import main
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.errors import HeadgateError
from headgate.lakehouse import Lakehouse
from headgate.run.asking import Question
from headgate.types import Name

CLASSES: dict[str, type[HeadgateError]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, HeadgateError)
}
SOURCE = Path(headgate.__file__).parent

# What a scenario gives: the error as one object, as the command line and the server show it.
Scenario = Callable[[Path], dict[str, Any]]
SCENARIOS: dict[str, tuple[Scenario, str, str | None, str]] = {}


def meets(kind: str, value: str, place: str | None, hint: str) -> Callable[[Scenario], Scenario]:
    """Register a scenario, and what message, place and hint hold; no place where the message is all there is."""

    def register(scenario: Scenario) -> Scenario:
        SCENARIOS[kind] = (scenario, value, place, hint)
        return scenario

    return register


def raised(call: Callable[..., object], *arguments: object, **named: object) -> dict[str, Any]:
    with pytest.raises(HeadgateError) as caught:
        call(*arguments, **named)
    return caught.value.to_dict()


def failed(shop: Path) -> dict[str, Any]:
    """The error that a run ends with."""
    with headgate.open(shop) as lake:
        found = lake.run().error
    assert found is not None
    return found.to_dict()


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@meets("UsageError", "'main'", None, "revert")
def deleting_main(shop: Path) -> dict[str, Any]:
    with headgate.open(shop) as lake:
        return raised(lake.delete_branch, "main")


@meets("ProjectError", "'laod'", "ingestion/orders.yml:9", "'load'")
def a_key_of_a_contract_with_a_slip(shop: Path) -> dict[str, Any]:
    change(shop / "ingestion/orders.yml", "load: append", "laod: append")
    with headgate.open(shop) as lake:
        return raised(lake.run)


@meets("NotFound", "'order'", None, "bronze.orders")
def replaying_rows_that_no_source_had(shop: Path) -> dict[str, Any]:
    with headgate.open(shop) as lake:
        lake.run()
        return raised(lake.quarantine_replay, "order")


@meets("RefNotFound", "'mian'", None, "'main'")
def a_branch_with_a_slip(shop: Path) -> dict[str, Any]:
    with headgate.open(shop) as lake:
        return raised(lake.query, "SELECT 1", ref="mian")


@meets("TableNotFound", "'silver.stg_order'", "line 2 of the statement", "'silver.stg_orders'")
def a_table_with_a_slip(shop: Path) -> dict[str, Any]:
    with headgate.open(shop) as lake:
        lake.run()
        return raised(lake.query, "SELECT *\nFROM silver.stg_order")


@meets("AlreadyExists", "'work'", None, "name")
def a_branch_that_is_there(shop: Path) -> dict[str, Any]:
    with headgate.open(shop) as lake:
        lake.create_branch("work")
        return raised(lake.create_branch, "work")


@meets("Conflict", "bronze.customers", None, "")
def two_branches_that_changed_one_table(shop: Path) -> dict[str, Any]:
    with headgate.open(shop) as lake:
        lake.run()
        catalog = lake.lake.catalog
        for branch in ("one", "two"):
            lake.create_branch(branch)
            _rebuild(lake, branch)
        return raised(catalog.merge, "one", "two", message="merge", author="tester")


def _rebuild(lake: Lakehouse, branch: str) -> None:
    with Session(lake.lake.project.engine, lake.lake.storage) as session:
        workspace = Workspace(lake.lake.catalog, branch, session)
        workspace.replace(Name.of("bronze", "customers"), f"SELECT 1 AS customer_id, '{branch}' AS name")
        workspace.commit("again")


@meets("StaleRef", "'work'", None, "Read 'work' again")
def deleting_a_branch_that_moved(shop: Path) -> dict[str, Any]:
    with headgate.open(shop) as lake:
        lake.create_branch("work")
        before = lake.lake.catalog.ref("work").commit_id
        lake.run()
        _rebuild(lake, "work")
        return raised(lake.lake.catalog.delete_ref, "work", expected=before)


@meets("ReadOnly", "DROP", None, "SELECT")
def a_query_that_drops(shop: Path) -> dict[str, Any]:
    with headgate.open(shop) as lake:
        return raised(lake.query, "DROP TABLE silver.stg_orders")


@meets("Refused", "unique_stg_orders_order_id", "branch run/", "--override")
def a_run_with_a_failing_test(shop: Path) -> dict[str, Any]:
    change(shop / "ingestion/orders.yml", "key: [order_id]\n", "")
    with (shop / "data/orders-1.csv").open("a") as file:
        file.write("1,10,2026-01-05,12.50\n")
    return failed(shop)


@meets("ContractError", "'data/orders-1.csv'", "orders.yml", "changed_file")
def a_file_that_changed_where_none_may(shop: Path) -> dict[str, Any]:
    with (shop / "ingestion/orders.yml").open("a") as file:
        file.write("changed_file: fail\n")
    with headgate.open(shop) as lake:
        lake.run()
    change(shop / "data/orders-1.csv", "12.50", "12.51")
    return failed(shop)


@meets("DataError", "customers.csv'", "ingestion/customers.yml", "'customer.csv'")
def a_file_that_is_not_there(shop: Path) -> dict[str, Any]:
    (shop / "data/customers.csv").rename(shop / "data/customer.csv")
    return failed(shop)


@meets("QueryError", "order_idd", "line 1 of the statement", "")
def a_column_with_a_slip(shop: Path) -> dict[str, Any]:
    with headgate.open(shop) as lake:
        lake.run()
        return raised(lake.query, "SELECT order_idd FROM silver.stg_orders")


@meets("ModelError", "stg_nobody", "models/marts/mart_spending.sql", "")
def a_model_that_refers_to_none(shop: Path) -> dict[str, Any]:
    change(shop / "models/marts/mart_spending.sql", "ref('stg_customers')", "ref('stg_nobody')")
    return failed(shop)


@meets("CorruptHistory", "bronze/customers-", ".metadata.json", "doctor")
def metadata_that_somebody_wrote_over(shop: Path) -> dict[str, Any]:
    with headgate.open(shop) as lake:
        lake.run()
        for path in (shop / ".headgate/warehouse/bronze").glob("customers-*/metadata/*.metadata.json*"):
            path.chmod(0o644)
            path.write_text("{}")
        return raised(lake.show, "bronze.customers")


@meets("FileMissing", ".metadata.json", ".metadata.json", "doctor")
def metadata_that_is_gone(shop: Path) -> dict[str, Any]:
    with headgate.open(shop) as lake:
        lake.run()
        for path in (shop / ".headgate/warehouse/bronze").glob("customers-*/metadata/*.metadata.json*"):
            path.unlink()
        return raised(lake.show, "bronze.customers")


@meets("FileTaken", "taken.json", "taken.json", "run again")
def a_name_that_is_taken(shop: Path) -> dict[str, Any]:
    with headgate.open(shop) as lake:
        storage = lake.lake.storage
        storage.write(f"{storage.warehouse}/taken.json", b"1")
        return raised(storage.write, f"{storage.warehouse}/taken.json", b"2")


@meets("FileChanged", "'s3://lake/a.csv'", "s3://lake/a.csv", "Run again")
def an_object_that_changed(shop: Path) -> dict[str, Any]:
    """What an S3 server says is real; the way there needs one, and is tried in tests/contract/test_storage.py."""
    told = (
        "The operation lacked the necessary privileges: PreconditionFailed performing GET http://127.0.0.1/lake/a.csv"
    )
    answer = (
        "Server returned non-2xx status code: 412 Precondition Failed: <Error><Code>PreconditionFailed</Code></Error>"
    )
    return s3_error("s3://lake/a.csv", f"{told} {answer}").to_dict()


@meets("StorageError", "does not answer", "postgresql://lake@127.0.0.1:1/lake", "Start the server")
def a_database_that_does_not_answer(shop: Path) -> dict[str, Any]:
    change(shop / "headgate.yml", "author: tester", "catalog: postgresql://lake@127.0.0.1:1/lake")
    return raised(lambda: headgate.open(shop).tables())


@meets("MissingExtra", "openpyxl", "data/orders.xlsx", "pip install 'headgate[excel]'")
def a_sheet_without_the_library(shop: Path) -> dict[str, Any]:
    change(shop / "ingestion/orders.yml", "data/orders*.csv", "data/orders.xlsx")
    (shop / "data/orders.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.MonkeyPatch.context() as patch:
        # As Python has it for a library that cannot be imported.
        patch.setitem(sys.modules, "openpyxl", None)
        return failed(shop)


@meets("Unauthorized", "token", "http://127.0.0.1", "HEADGATE_TOKEN")
def a_token_that_does_not_hold(shop: Path) -> dict[str, Any]:
    with serving(shop) as served, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADGATE_TOKEN", "hg_0123456789abcdef_" + "a" * 43)
        return raised(lambda: headgate.open(served.url).tables())


@meets("Forbidden", "'evil.example'", None, "127.0.0.1")
def a_name_that_is_not_this_machine(shop: Path) -> dict[str, Any]:
    with serving(shop, no_auth=True) as served:
        answer = requests.get(f"{served.url}/api/v1/tables", headers={"Host": "evil.example"}, timeout=30)
        assert answer.status_code == 403
        found: dict[str, Any] = answer.json()["error"]
        return found


@meets("ServerError", "does not answer", "http://127.0.0.1:1", "")
def a_server_that_is_not_there(shop: Path) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADGATE_TOKEN", "hg_0123456789abcdef_" + "a" * 43)
        return raised(lambda: headgate.open("http://127.0.0.1:1").tables())


@meets("Cancelled", "stopped", None, "ask again")
def a_query_that_is_stopped(shop: Path) -> dict[str, Any]:
    with headgate.open(shop) as lake, Question(lake.lake, "SELECT 1", "main") as question:
        question.stop()
        return raised(question.ask)


@meets("HeadgateError", "RecursionError", None, "--debug")
def what_nobody_foresaw(shop: Path) -> dict[str, Any]:
    def broken(self: Lakehouse, ref: str) -> None:
        raise RecursionError("too deep")

    with pytest.MonkeyPatch.context() as patch, pytest.MonkeyPatch.context() as out:
        patch.setattr(Lakehouse, "tables", broken)
        written: list[str] = []
        out.setattr(sys.stdout, "write", written.append)
        assert main(["--project", str(shop), "tables", "--json"]) == 1
    found: dict[str, Any] = json.loads("".join(written))["error"]
    return found


@pytest.mark.parametrize("kind", CLASSES)
def test_a_class_of_error_has_a_scenario_that_says_all_four(
    kind: str, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goes red for a class without a scenario, and for a scenario that meets another class."""
    monkeypatch.chdir(shop)
    for name in ("HEADGATE_PROJECT", "HEADGATE_PROFILE", "HEADGATE_CATALOG", "HEADGATE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    scenario, value, place, hint = SCENARIOS[kind]
    error = scenario(shop)
    assert error["type"] == kind, error
    assert value in error["message"], error
    assert (place is None) == (error["place"] is None), error
    assert (place or "") in (error["place"] or ""), error
    assert hint in (error["hint"] or ""), error
    assert "errors.pydantic.dev" not in error["message"]
    assert error["hint"] or kind in ("QueryError", "ModelError"), error


def test_every_scenario_is_of_a_class() -> None:
    assert SCENARIOS.keys() == CLASSES.keys()
    assert all((kind.__doc__ or "").partition("\n")[0].endswith(".") for kind in CLASSES.values())
    assert {kind.exit_code for kind in CLASSES.values()} == {1, 2, 3, 4, 130}
    assert all(400 <= kind.status < 600 for kind in CLASSES.values())


def constructions() -> Iterator[tuple[str, ast.Call]]:
    """Every place of the product where an error of the tree is made."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CLASSES:
                yield f"{path.relative_to(SOURCE).as_posix()}:{node.lineno}", node


def test_every_error_that_is_made_has_a_next_step() -> None:
    found = list(constructions())
    assert len(found) > 250
    without = [place for place, call in found if "hint" not in {keyword.arg for keyword in call.keywords}]
    # DuckDB's own message ends with the closest name, where it knows one.
    assert [place.partition(":")[0] for place in without] == ["engines/duckdb.py"]


def test_no_error_is_made_without_words() -> None:
    for place, call in constructions():
        (message,) = call.args[:1]
        text = message.value if isinstance(message, ast.Constant) else None
        assert text is None or (isinstance(text, str) and len(text.split()) > 2), place


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (("tables",), 0, None),
        (("query", "SELECT nothing"), 1, "QueryError"),
        (("query", "DROP TABLE x"), 2, "ReadOnly"),
        (("query",), 2, "UsageError"),
        (("run",), 3, "Refused"),
        (("--profile", "none", "tables"), 2, "ProjectError"),
        (("show", "nothing.at_all"), 1, "TableNotFound"),
    ],
)
def test_text_and_json_say_the_same_and_the_exit_code_is_that_of_the_class(
    shop: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, kind: str | None
) -> None:
    change(shop / "ingestion/orders.yml", "key: [order_id]\n", "max_bad: 0%\n")
    change(shop / "ingestion/orders.yml", "max_bad: 50%\n", "")
    assert main(["--project", str(shop), *arguments, "--json"]) == code
    out, shown = capsys.readouterr()
    document = json.loads(out)
    if kind is None:
        assert "error" not in document
        assert not shown
        return
    error = document["error"]
    assert error["type"] == kind
    assert CLASSES[kind].exit_code == code
    for part in ("message", "place", "hint"):
        assert all(line.strip() in shown for line in (error[part] or "").splitlines()), shown
    assert "Traceback" not in shown
    assert main(["--project", str(shop), *arguments, "--debug"]) == code
    # What the command line finds to be wrong itself has no way through the code that would say more.
    assert ("Traceback" in capsys.readouterr().err) == (kind not in ("UsageError", "Refused"))


ENDLESS = "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM t) SELECT max(a) FROM t"


def test_ctrl_c_ends_a_query_that_has_no_end(shop: Path) -> None:
    """Exit code 130, one error, no traceback, and nothing left in the folder for temporary files."""
    with headgate.open(shop) as lake:
        lake.create_branch("any")
    temporary = shop / ".headgate/tmp"
    command = [sys.executable, "-m", "headgate", "--project", str(shop), "query", ENDLESS]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as running:
        deadline = time.monotonic() + 60
        while not list(temporary.glob("session-*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        # The statement runs, or is about to.
        time.sleep(2)
        running.send_signal(signal.SIGINT)
        try:
            _, told = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 130, told
    assert b"stopped" in told
    assert b"Traceback" not in told
    assert not list(temporary.glob("session-*"))
