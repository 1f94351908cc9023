"""The cache of parsed manifests."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from headgate.project import Project
from headgate.transform.project import open_project
from headgate.types import CheckStatus

from .conftest import Lake

MODELS = {"models/a.sql": "select 1 as n", "models/b.sql": "select * from {{ ref('a') }}"}


def manifests(lake: Lake) -> list[Path]:
    return [path for path in (lake.root / ".headgate/dbt/manifests").rglob("*") if path.is_file()]


def cached(lake: Lake) -> list[str]:
    return sorted(path.name for path in manifests(lake))


def test_an_unchanged_project_is_read_from_the_cache(lake: Lake) -> None:
    lake.write(MODELS)
    first = lake.open()
    names = cached(lake)
    second = lake.open()
    assert second == first
    assert cached(lake) == names


def test_each_state_of_the_files_has_its_manifest(lake: Lake) -> None:
    lake.write(MODELS).open()
    lake.write({"models/c.sql": "select * from {{ ref('b') }}"})
    assert [model.name.table for model in lake.open().models] == ["a", "b", "c"]
    (lake.root / "models/c.sql").unlink()
    assert [model.name.table for model in lake.open().models] == ["a", "b"]


def test_hashes_do_not_depend_on_how_the_project_was_parsed(lake: Lake) -> None:
    lake.write(MODELS).open()
    lake.write({"models/c.sql": "select 3 as n"})
    partly = lake.open()
    for path in manifests(lake):
        path.unlink()
    assert lake.open().models == partly.models


UNIQUE = "{% test unique(model, column_name) %}select 1 as x{% endtest %}"


@pytest.mark.parametrize("file", ["macros/u.sql", "macros/others.sql", "tests/generic/u.sql"])
def test_a_macro_that_takes_the_place_of_one_of_dbts_counts_at_once(lake: Lake, file: str) -> None:
    lake.write(MODELS).write({"macros/others.sql": "{% macro other() %}1{% endmacro %}"})
    lake.write({"models/m.yml": "models: [{name: a, columns: [{name: n, data_tests: [unique]}]}]"})
    assert lake.built().checks[0].status is CheckStatus.PASSED
    (plain,) = lake.open().tests
    before = (lake.root / file).read_text(encoding="utf-8") if (lake.root / file).exists() else ""
    lake.write({file: before + UNIQUE})
    (own,) = lake.open().tests
    assert own.code_hash != plain.code_hash
    assert lake.build().checks[0].status is CheckStatus.FAILED
    lake.write({file: before + " "})
    assert lake.open().tests == (plain,)


def test_the_cache_is_kept_small(lake: Lake) -> None:
    for number in range(12):
        lake.write({"models/a.sql": f"select {number} as n"}).open()
    assert len(cached(lake)) == 8


def test_a_damaged_manifest_is_parsed_anew(lake: Lake) -> None:
    lake.write(MODELS).open()
    for path in manifests(lake):
        path.write_bytes(path.read_bytes()[:1000])
    assert [model.name.table for model in lake.open().models] == ["a", "b"]


def test_threads_wait_for_each_other(lake: Lake) -> None:
    lake.write(MODELS)
    project = Project.open(lake.root)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(open_project(project).models))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2, 2, 2, 2]


def test_processes_share_a_project(lake: Lake) -> None:
    lake.write({**MODELS, **{f"models/m{number}.sql": f"select {number} as n" for number in range(20)}})
    script = """
import sys
from pathlib import Path
from headgate.project import Project
from headgate.transform.project import open_project
for round in range(5):
    Path(f"models/of_{sys.argv[1]}.sql").write_text(f"select {round} as n")
    names = {model.name.table for model in open_project(Project.open(".")).models}
    assert {"a", "b", "m19", f"of_{sys.argv[1]}"} <= names, names
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(number)], cwd=lake.root, stderr=subprocess.PIPE, text=True)
        for number in range(2)
    ]
    assert [process.communicate()[1] for process in processes] == ["", ""]
    assert [process.returncode for process in processes] == [0, 0]
    assert list((lake.root / ".headgate/dbt/tmp").iterdir()) == []


def test_files_of_other_tools_are_no_business_of_ours(lake: Lake) -> None:
    lake.write({**MODELS, ".venv/lib/models/x.yml": "sources: [", "data/notes.txt": "x"})
    assert len(lake.open().models) == 2
    assert not Path(lake.root / "target").exists()
    assert not Path(lake.root / "logs").exists()


def test_what_a_killed_process_left_is_removed(lake: Lake) -> None:
    lake.write({**MODELS, ".headgate/dbt/tmp/4194304999-x/compiled.sql": "select 1"}).open()
    assert list((lake.root / ".headgate/dbt/tmp").iterdir()) == []


SCHEMA = """
    version: 2
    models:
      - {{name: a, description: {description}}}
      - name: {tested}
        columns:
          - {{name: n, data_tests: [not_null, unique]}}
"""


def verdicts(lake: Lake) -> dict[str, str]:
    return {check.name: check.status.value for check in lake.build().checks}


def test_tests_of_a_model_that_is_not_there_stay_wrong_whatever_else_is_edited(lake: Lake) -> None:
    lake.write(MODELS | {"models/schema.yml": SCHEMA.format(description="One.", tested="aa")})
    wrong = {"not_null_aa_n": "error", "unique_aa_n": "error"}
    assert verdicts(lake) == wrong
    for number in range(3):
        lake.write({"models/schema.yml": SCHEMA.format(description=f"Edit {number}.", tested="aa")})
        assert verdicts(lake) == wrong
    lake.write({"models/b.sql": "select n from {{ ref('a') }}"})
    assert verdicts(lake) == wrong
    lake.write({"models/schema.yml": SCHEMA.format(description="Right.", tested="b")})
    assert verdicts(lake) == {"not_null_b_n": "passed", "unique_b_n": "passed"}


def test_tests_of_a_model_that_was_renamed_stay_wrong_whatever_else_is_edited(lake: Lake) -> None:
    lake.write(MODELS | {"models/schema.yml": SCHEMA.format(description="One.", tested="b")})
    assert verdicts(lake) == {"not_null_b_n": "passed", "unique_b_n": "passed"}
    (lake.root / "models/b.sql").rename(lake.root / "models/c.sql")
    wrong = {"not_null_b_n": "error", "unique_b_n": "error"}
    assert verdicts(lake) == wrong
    lake.write({"models/c.sql": "select n from {{ ref('a') }}"})
    assert verdicts(lake) == wrong
