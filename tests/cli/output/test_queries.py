"""Answers are written as they are computed, and a file or a JSON document is whole or not there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from headgate.cli.main import main

ENDLESS = "select i from range(1000000000000) as t(i)"
# It fails when many rows are on their way.
LATE = "select case when i = 199999 then error('too late') else i end as i from range(200000) as t(i)"


@pytest.fixture
def lake(project_dir: Path) -> Path:
    (project_dir / "headgate.yml").write_text("name: lake\n")
    return project_dir


def query(lake: Path, *arguments: str) -> int:
    return main(["--project", str(lake), "query", *arguments])


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_the_first_rows_of_many_are_there_at_once(lake: Path, form: str) -> None:
    output = lake / f"first.{form}"
    assert query(lake, ENDLESS, "--limit", "3", "--output", str(output)) == 0
    if form == "csv":
        assert output.read_text() == "i\n0\n1\n2\n"
    elif form == "json":
        assert json.loads(output.read_text())["rows"] == [{"i": 0}, {"i": 1}, {"i": 2}]
    else:
        assert pyarrow.parquet.read_table(output).to_pydict() == {"i": [0, 1, 2]}


def test_a_reader_that_has_enough_ends_it(lake: Path) -> None:
    command = [sys.executable, "-m", "headgate", "--project", str(lake), "query", ENDLESS, "--format", "csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(3)] == ["i\n", "0\n", "1\n"]
        process.stdout.close()
        assert process.wait(60) == 141


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "txt"])
def test_a_query_that_fails_late_leaves_the_file_as_it_was(lake: Path, form: str) -> None:
    output = lake / f"all.{form}"
    output.write_text("of yesterday")
    arguments = ["--format", "table"] if form == "txt" else []
    assert query(lake, LATE, "--output", str(output), *arguments) == 1
    assert output.read_text() == "of yesterday"
    assert [path.name for path in lake.iterdir() if "all" in path.name] == [output.name]


def test_a_query_that_fails_late_gives_one_document_that_says_so(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert query(lake, LATE, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert "rows" not in found
    assert "too late" in found["error"]["message"]


def test_an_answer_without_rows_is_a_whole_one(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = "select 1 as one where false"
    assert query(lake, nothing, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"columns": [{"name": "one", "type": "INTEGER"}], "rows": []}
    assert query(lake, nothing, "--format", "csv") == 0
    assert capsys.readouterr().out == "one\n"
    assert query(lake, nothing, "--output", str(lake / "none.parquet")) == 0
    assert pyarrow.parquet.read_table(lake / "none.parquet").schema.names == ["one"]


def test_a_table_shows_its_first_rows_and_counts_all(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert query(lake, "select i from range(120000) as t(i)", "--limit", "2") == 0
    assert "(2 of 120,000 rows)" in capsys.readouterr().out


def test_a_name_that_comes_again_gets_one_of_its_own(lake: Path) -> None:
    output = lake / "twice.json"
    assert query(lake, "select 1 as a, 2 as a, 3 as a_1, 4 as a, 5 as A", "--output", str(output)) == 0
    found = json.loads(output.read_text())
    assert found["rows"] == [{"a": 1, "a_2": 2, "a_1": 3, "a_3": 4, "A": 5}]
    assert [column["name"] for column in found["columns"]] == ["a", "a_2", "a_1", "a_3", "A"]
