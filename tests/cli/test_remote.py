"""Commands over a served catalog print what they print in the project's folder."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from tests.cli.servers import Process, serve
from tests.conftest import SHOP

import headgate
from headgate.cli.main import main
from headgate.run.result import RunStatus


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shop")
    for name, text in SHOP.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with headgate.open(root) as lake:
        assert lake.run().status is RunStatus.MERGED
    return root


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[Process]:
    with serve(project) as found:
        yield found
        code, errors = found.end(signal.SIGTERM)
        assert (code, errors) == (0, "")


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    project: Path, server: Process, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[Run, Run]:
    """Run a command in the folder, and over the server: exit code, standard output, standard error."""
    monkeypatch.setenv("HEADGATE_TOKEN", server.token)
    monkeypatch.delenv("HEADGATE_CATALOG", raising=False)
    monkeypatch.delenv("HEADGATE_PROJECT", raising=False)

    def over(*where: str) -> Run:
        def command(*arguments: str) -> tuple[int, str, str]:
            capsys.readouterr()
            code = main([*arguments, *where])
            captured = capsys.readouterr()
            return code, captured.out, captured.err

        return command

    return over("--project", str(project)), over("--catalog", server.url)


TYPES = (
    "select 1.50::decimal(10,2) as d, 'é' as s, null as n, true as b, [1, null] as l, {'x': date '2026-01-02'} as st, "
    "timestamp '2026-01-02 03:04:05.678' as ts, timestamptz '2026-01-02 03:04:05+02' as tz, interval '1 day' as gap, "
    "'nan'::double as nan, '\\xFF'::blob as bin, 170141183460469231731687303715884105727::hugeint as huge"
)
COMMANDS = [
    ("tables",),
    ("show", "silver.stg_orders"),
    ("show", "silver.stg_order"),
    ("query", TYPES),
    ("query", "from gold.mart_spending order by 1"),
    ("query", "from gold.mart_spending order by 1", "--limit", "1"),
    ("query", "selct"),
    ("query", "drop table x"),
    ("query", "from silver.stg_orders", "--ref", "nothing"),
    ("loads",),
    ("runs",),
    ("checks",),
    ("log",),
    ("diff", "main", "main"),
    ("branch", "list"),
    ("tag", "list"),
    ("branch", "delete", "nothing"),
    ("quarantine", "list"),
    ("quarantine", "show", "orders"),
    ("quarantine", "show", "nothing"),
    ("merge", "nothing", "--into", "main"),
    ("revert", "main", "--branch", "nothing", "--reason", "x"),
]


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_both_print_the_same(run: tuple[Run, Run], arguments: tuple[str, ...], form: tuple[str, ...]) -> None:
    here, there = run
    assert there(*arguments, *form) == here(*arguments, *form)


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_both_write_the_same(run: tuple[Run, Run], form: str) -> None:
    here, there = run
    assert there("query", TYPES, "--format", form) == here("query", TYPES, "--format", form)


def test_both_write_the_same_parquet(run: tuple[Run, Run], tmp_path: Path) -> None:
    sql = TYPES.replace("interval '1 day' as gap, ", "")  # Parquet has no such type
    found = []
    for name, command in zip(("here", "there"), run, strict=True):
        target = tmp_path / f"{name}.parquet"
        assert command("query", sql, "--output", str(target))[0] == 0
        found.append(pyarrow.parquet.read_table(target))
    assert found[1].schema.equals(found[0].schema, check_metadata=True)
    assert repr(found[1].to_pylist()) == repr(found[0].to_pylist())


def test_what_is_changed_over_the_server_is_changed(run: tuple[Run, Run]) -> None:
    here, there = run

    def ask(command: Run, *arguments: str) -> Any:
        return json.loads(command(*arguments, "--json")[1])

    assert there("branch", "create", "team/feature-1")[0] == 0
    assert there("tag", "create", "v1", "--at", "team/feature-1")[0] == 0
    assert [ref["name"] for ref in ask(here, "branch", "list")["branches"]] == ["main", "team/feature-1"]
    assert ask(there, "merge", "team/feature-1", "--into", "main")["status"] == "unchanged"
    assert ask(there, "query", "select 1 as a, 2 as a")["rows"] == [{"a": 1, "a_1": 2}]
    head = ask(here, "log", "--limit", "1")["commits"][0]["id"]
    assert ask(there, "revert", head, "--branch", "team/feature-1", "--reason", "x")["commits"][0]["author"] == "local"
    code, out, err = there("merge", "team/feature-1", "--into", "main")
    # The revert took the tables away that the models read.
    assert (code, "failed" in out, "Building" in err) == (1, True, True)
    assert ask(here, "log", "--limit", "1")["commits"][0]["id"] == head
    assert there("branch", "delete", "team/feature-1")[0] == 0
    assert there("tag", "delete", "v1")[0] == 0
    assert [ref["name"] for ref in ask(here, "branch", "list")["branches"]] == ["main"]


def test_settings_name_the_server(run: tuple[Run, Run], server: Process) -> None:
    _, there = run
    assert f"{server.url}/iceberg" in there("connect", "pyiceberg")[1]


@pytest.mark.parametrize(
    "arguments",
    [("run",), ("plan",), ("doctor",), ("sources", "list"), ("token", "list"), ("serve", "--port", "0")],
    ids=" ".join,
)
def test_what_needs_the_folder_is_refused(run: tuple[Run, Run], arguments: tuple[str, ...]) -> None:
    _, there = run
    code, out, err = there(*arguments)
    assert (code, out) == (2, "")
    assert "needs the project's folder" in err


def test_the_catalog_of_the_environment_gives_way_to_a_project(
    run: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: Process
) -> None:
    here, _ = run
    monkeypatch.setenv("HEADGATE_CATALOG", server.url)
    assert main(["tables"]) == 0
    assert "silver.stg_orders" in capsys.readouterr().out
    monkeypatch.setenv("HEADGATE_CATALOG", "http://127.0.0.1:1")
    assert here("tables")[0] == 0
    assert main(["tables"]) == 1
    assert "does not answer" in capsys.readouterr().err


def test_an_address_and_a_project_exclude_each_other(run: tuple[Run, Run], project: Path, server: Process) -> None:
    here, there = run
    assert "exclude each other" in here("tables", "--catalog", server.url)[2]
    code, _, err = there("tables", "--profile", "prod")
    assert (code, "profile" in err) == (2, True)


@pytest.mark.parametrize("address", ["lake", "sqlite:///x.db", "ftp://lake"])
def test_what_is_no_address_of_a_server(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tables", "--catalog", address]) == 2
    assert "http://HOST:PORT" in capsys.readouterr().err


def test_the_token_stands_in_no_error(run: tuple[Run, Run], server: Process) -> None:
    _, there = run
    for arguments in (("query", "selct"), ("tables", "--ref", "nothing"), ("run",), ("show", "x")):
        assert server.token not in "".join(map(str, there(*arguments, "--debug")))
