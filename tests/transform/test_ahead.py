"""A project that another process parses: what it comes to, when that is done, and that nothing of it is left."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.transform.conftest import Lake

from headgate import lakehouse
from headgate.errors import HeadgateError, ModelError, ProjectError
from headgate.project import Project
from headgate.run import ahead as begun
from headgate.run.result import RunStatus
from headgate.transform import ahead as module
from headgate.transform import project as parsed_here
from headgate.transform.ahead import Parsing, parse_ahead
from headgate.transform.manifest import read_manifest
from headgate.transform.project import open_project
from headgate.transform.values import DbtProject

MODELS = {
    "models/staging/src.sql": "select 1 as k, '{{ env_var('REGION', 'north') }}' as region",
    "models/marts/total.sql": "select k, region, {{ var('rate', 2) }} as rate from {{ ref('src') }}",
    "models/marts/total.yml": """
        models:
          - name: total
            config: {meta: {since: 2026-01-31}}
            columns:
              - {name: k, data_tests: [unique]}
              - {name: rate, data_tests: [{accepted_values: {arguments: {values: [2]}}}]}
        unit_tests:
          - name: one
            model: total
            given: [{input: ref('src'), rows: [{k: 7, region: west}]}]
            expect: {rows: [{k: 7, rate: 2}]}
    """,
    "snapshots/s.sql": """
        {% snapshot s %}{{ config(unique_key='k', strategy='check', check_cols=['region']) }}
        select * from {{ ref('total') }}{% endsnapshot %}
    """,
    "seeds/units.csv": "unit,name\nkWh,kilowatt hour\n",
}
ENDLESS = "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %} select 1 as k"
TWO_CORES = pytest.mark.skipif(module._cores() == 1, reason="a run parses by itself where it has one core")
COMMAND = [sys.executable, "-P", "-m", "headgate", "run"]


@pytest.fixture
def parsing() -> Iterator[Parsing]:
    process = Parsing()
    yield process
    process.close()


def cold(lake: Lake) -> Path:
    """The project as it is before its first run."""
    (lake.root / ".headgate/dbt/manifests").rename(lake.root / "parsed")
    return lake.root


def is_there(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody waited for does not."""
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def facts(dbt: DbtProject) -> dict[str, object]:
    manifest = read_manifest(dbt.packed).to_dict(omit_none=False)
    nodes = [node for kind in ("nodes", "macros", "sources", "unit_tests", "docs") for node in manifest[kind].values()]
    for node in nodes:
        node.pop("created_at", None)
    return {**vars(replace(dbt, packed=b"")), "told": dbt.definition.environment.told, "nodes": nodes}


def test_it_comes_to_the_same_as_here(lake: Lake, parsing: Parsing) -> None:
    lake.write(MODELS).write({".env": "REGION=of-the-north\n", "ingestion/raw.yml": "table: raw\nfiles: raw.csv\n"})
    project = Project.open(cold(lake))
    parsing.begin(project)
    found = parsing.found()
    assert found is not None
    assert [str(model.name) for model in found.models] == ["silver.src", "silver.units", "gold.total", "silver.s"]
    assert found.definition.environment.told == {"of-the-north": "${REGION}"}
    # What is parsed here finds what that process left in the cache, and has to find it right.
    assert facts(found) == facts(lake.open())
    (lake.root / ".headgate/dbt/manifests").rename(lake.root / "parsed-there")
    assert facts(found) == facts(lake.open())


def test_the_files_are_read_once_it_is_told_to_begin(lake: Lake, parsing: Parsing) -> None:
    lake.write(MODELS)
    time.sleep(0.1)  # as long as it takes a project to open
    lake.write({"models/marts/total.sql": "select 1 as k, 2 as rate", "models/more.sql": "select 2 as k"})
    parsing.begin(Project.open(lake.root))
    found = parsing.found()
    assert found is not None
    assert {"silver.more", "gold.total"} <= {str(model.name) for model in found.models}
    assert next(model.inputs for model in found.models if str(model.name) == "gold.total") == ()


def test_warnings_are_told(lake: Lake, parsing: Parsing) -> None:
    lake.write({"models/a.sql": "select 1 as k", "models/a.yml": "models: [{name: gone, description: x}]"})
    parsing.begin(Project.open(lake.root))
    found = parsing.found()
    assert found is not None
    assert any("gone" in warning for warning in found.warnings)


WRONG: list[tuple[dict[str, str], type[HeadgateError], str, str]] = [
    ({"models/a.sql": "select * from {{ ref('src') }}"}, ModelError, "There is no model", "models/a.sql:1"),
    ({"models/a.sql": "{% if true %} select 1"}, ModelError, "Unexpected end of template", "models/a.sql"),
    ({"models/a.sql": "select 1", "ingestion/b.yml": "table: [\n"}, ProjectError, "YAML", "ingestion/b.yml"),
]


@pytest.mark.parametrize(("files", "kind", "message", "place"), WRONG)
def test_errors_are_those_of_here(
    lake: Lake, parsing: Parsing, files: dict[str, str], kind: type[HeadgateError], message: str, place: str
) -> None:
    project = Project.open(lake.write(files).root)
    parsing.begin(project)
    with pytest.raises(kind, match=message) as there:
        parsing.found()
    assert place in str(there.value.place)
    with pytest.raises(kind) as here:
        lake.open()
    assert there.value.to_dict() == here.value.to_dict()
    (note,) = there.value.__notes__
    assert "in open_project" in note, "the traceback of that process"
    with pytest.raises(kind, match=message):
        parsing.found()


@pytest.mark.parametrize("when", ["before", "after"])
def test_where_the_process_dies_the_run_parses(lake: Lake, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    lake.write(MODELS)
    processes = []

    def killed(root: Path) -> Parsing:
        process = Parsing()
        processes.append(process)
        if when == "before":
            process._process.kill()
            wait_until(lambda: not is_there(process._process.pid))
        else:
            monkeypatch.setattr(process, "begin", begin_and_kill(process, process.begin))
        return process

    monkeypatch.setattr(begun, "parse_ahead", killed)
    with lakehouse.open_to_run(cold(lake)) as opened:
        assert opened.run().status is RunStatus.MERGED
    assert len(processes) == 1
    assert not is_there(processes[0]._process.pid)


def begin_and_kill(process: Parsing, begin: Callable[[Project], None]) -> Callable[[Project], None]:
    def begun_and_killed(project: Project) -> None:
        begin(project)
        process._process.kill()

    return begun_and_killed


def test_the_run_builds_what_was_parsed_for_it_and_the_next_what_is_there(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.write(MODELS)
    parsed = []

    def noted(project: Project) -> DbtProject:
        parsed.append(project)
        return open_project(project)

    monkeypatch.setattr(begun, "parse_ahead", lambda _: Parsing())
    monkeypatch.setattr(parsed_here, "open_project", noted)
    with lakehouse.open_to_run(cold(lake)) as opened:
        assert opened.run().status is RunStatus.MERGED
        assert parsed == []
        assert opened.query("select k, rate from gold.total").rows() == [(1, 2)]
        lake.write({"models/staging/src.sql": "select 5 as k, 'south' as region"})
        assert opened.run().status is RunStatus.MERGED
        assert parsed != []
        assert opened.query("select k, region from gold.total").rows() == [(5, "south")]


Change = Callable[[Path, pytest.MonkeyPatch], None]


def no_models(root: Path, _: pytest.MonkeyPatch) -> None:
    for folder in ("models", "seeds", "snapshots"):
        (root / folder).rename(root / f"no-{folder}")


def parsed_before(root: Path, _: pytest.MonkeyPatch) -> None:
    (root / "parsed").rename(root / ".headgate/dbt/manifests")


def imported_here(_: Path, patched: pytest.MonkeyPatch) -> None:
    patched.setitem(sys.modules, "dbt", sys)


def one_core(root: Path, patched: pytest.MonkeyPatch) -> None:
    for number in range(2):
        topology = root / f"processors/cpu{number}/topology"
        topology.mkdir(parents=True)
        (topology / "core_cpus_list").write_text("0-1\n")
    patched.setattr(module, "_PROCESSORS", root / "processors")


def no_python(root: Path, patched: pytest.MonkeyPatch) -> None:
    patched.setattr(sys, "executable", str(root / "none"))


@pytest.mark.parametrize("change", [no_models, parsed_before, imported_here, one_core, no_python])
def test_no_process_starts_where_it_would_save_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    root = cold(lake.write(MODELS))
    monkeypatch.setattr(module, "_PROCESSORS", root / "none")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.delitem(sys.modules, "dbt")
    started = parse_ahead(root)
    assert started is not None
    started.close()
    assert not is_there(started._process.pid)
    change(root, monkeypatch)
    assert parse_ahead(root) is None


def test_a_project_that_does_not_open_leaves_no_process(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, parsing: Parsing
) -> None:
    monkeypatch.setattr(begun, "parse_ahead", lambda _: parsing)
    (lake.root / "headgate.yml").write_text("name: [\n")
    with pytest.raises(ProjectError):
        lakehouse.open_to_run(lake.root)
    assert not is_there(parsing._process.pid)


def children(process: int) -> list[int]:
    """The processes that a process has started and that have begun to parse."""
    started = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [
        int(each) for each in started if b"headgate.transform.parsing" in Path(f"/proc/{each}/cmdline").read_bytes()
    ]


@pytest.fixture
def endless(lake: Lake) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The first run of a project that takes hours to parse, and the process that has begun to."""
    root = cold(lake.write({"models/a.sql": ENDLESS, "ingestion/raw.yml": "table: raw\nfiles: raw.csv\n"}))
    lake.write({"raw.csv": "k\n1\n"})
    pipe = subprocess.PIPE
    run = subprocess.Popen([*COMMAND, "--json"], cwd=root, stdout=pipe, stderr=pipe, text=True)
    scratch, loaded = root / ".headgate/dbt/tmp", root / ".headgate/warehouse/bronze"
    wait_until(lambda: loaded.is_dir() and scratch.is_dir() and any(scratch.iterdir()))
    (parser,) = children(run.pid)
    yield run, parser
    run.kill()
    run.communicate()


@TWO_CORES
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_both(endless: tuple[subprocess.Popen[str], int], lake: Lake, number: signal.Signals) -> None:
    run, parser = endless
    run.send_signal(number)
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 130
    told = json.loads(out)
    assert told["error"]["type"] == "Cancelled"
    assert not is_there(parser)
    assert lake.workspace.catalog.resolve("main").id == told["commit"]


@TWO_CORES
def test_a_kill_ends_both_and_the_next_run_is_as_the_first(
    endless: tuple[subprocess.Popen[str], int], lake: Lake
) -> None:
    run, parser = endless
    run.kill()
    wait_until(lambda: not is_there(parser))
    lake.write({"models/a.sql": "select 1 as k"})
    again = subprocess.run([*COMMAND, "--json"], cwd=lake.root, capture_output=True, text=True, check=False)
    assert json.loads(again.stdout)["status"] == "merged"
    assert list((lake.root / ".headgate/dbt/tmp").iterdir()) == []


def test_the_command_tells_of_a_model_that_does_not_parse(lake: Lake) -> None:
    root = cold(lake.write({"models/a.sql": "select *\nfrom {{ ref('src') }}", "models/scr.sql": "select 1 as k"}))
    done = subprocess.run([*COMMAND, "--debug"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "There is no model, seed or snapshot 'src'." in done.stderr
    assert "models/a.sql:2" in done.stderr
    assert "in open_project" in done.stderr, "the traceback"


def first_run(lake: Lake, *interpreter: str, site: Path) -> subprocess.CompletedProcess[str]:
    """The first run of a project with one model, and with a folder that Python looks into before its own packages."""
    root = cold(lake.write({"models/a.sql": "select 1 as k"}))
    code = "import sys; from headgate.cli.main import main; sys.exit(main(['run', '--json']))"
    return subprocess.run(
        [sys.executable, *interpreter, "-c", code],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("text", ["INFO site configured", "coverage on", "Loading", "(dp0"])
def test_what_a_start_of_python_prints_is_no_answer(lake: Lake, tmp_path: Path, text: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(f"print({text!r})\n")
    done = first_run(lake, "-P", site=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(text)
    assert json.loads(done.stdout[done.stdout.index("{") :])["status"] == "merged"


def test_what_the_run_is_kept_from_is_not_imported(lake: Lake, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    (tmp_path / "agate.py").write_text(f"open({str(marker)!r}, 'w').close()\nraise ImportError\n")
    done = first_run(lake, "-I", site=tmp_path)
    assert (done.returncode, marker.exists()) == (0, False), done.stderr


def test_any_number_of_files_may_be_open(lake: Lake) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lake.write(MODELS)
    with ExitStack() as opened:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1100):
            opened.enter_context(open(os.devnull))  # noqa: PTH123  # as many descriptors
        parsing = Parsing()
        opened.callback(parsing.close)
        parsing.begin(Project.open(lake.root))
        assert parsing.found() is not None
