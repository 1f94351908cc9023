"""The edge: usage, errors and exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from headgate import __version__
from headgate.cli import main as edge
from headgate.cli.main import main
from headgate.cli.output.document import Document
from headgate.cli.output.writer import JsonWriter


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"headgate {__version__}\n", "")


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys)
    assert code == 2
    assert "Usage: headgate" in out + err


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["rnu"], "There is no command 'rnu'.", "Did you mean 'run'?"),
        (["branch", "crate", "x"], "There is no command 'crate'.", "Did you mean 'create'?"),
        (["run", "--slect", "x"], "There is no option '--slect'.", "Did you mean '--select'?"),
        (["--projct", "x", "run"], "There is no option '--projct'.", "Did you mean '--project'?"),
        (["show"], "Missing argument 'TABLE'.", "See: headgate show --help"),
        (["tables", "--limit", "x"], "There is no option '--limit'.", "See: headgate tables --help"),
        (["log", "--limit", "many"], "Invalid value for '--limit'", "See: headgate log --help"),
        (["merge", "a"], "Missing option '--into'.", "See: headgate merge --help"),
        (["query", "select 1", "--format", "xml"], "Invalid value for '--format'", "See: headgate query --help"),
        (["query", "  "], "The statement is empty.", "headgate query"),
        (["query", "select 1", "--output", "a.xml"], "does not say which format", "--format"),
        (["query", "select 1", "--json", "--format", "csv"], "exclude each other", "Leave one"),
    ],
)
def test_what_is_not_understood_is_told_with_the_closest_name(
    capsys: pytest.CaptureFixture[str], project_dir: Path, arguments: list[str], message: str, hint: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert message in err
    assert hint in err
    if "--json" not in arguments:
        assert out == ""


def test_a_misuse_is_a_json_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "rnu", "--json")
    assert code == 2
    assert json.loads(out)["error"]["message"] == "There is no command 'rnu'."
    assert "Did you mean 'run'?" in err


def test_a_mistake_in_the_project_is_told_with_its_place(capsys: pytest.CaptureFixture[str], project_dir: Path) -> None:
    (project_dir / "headgate.yml").write_text("name: lake\nengin: {}\n", encoding="utf-8")
    code, out, err = run(capsys, "tables")
    assert (code, out) == (2, "")
    assert err == ("Error: 'engin' is not a key of this file.\n  at headgate.yml:2\n  Did you mean 'engine'?\n")


def test_json_stands_before_the_command_or_after_it(capsys: pytest.CaptureFixture[str], project_dir: Path) -> None:
    (project_dir / "headgate.yml").write_text("name: [\n", encoding="utf-8")
    documents = [
        run(capsys, *order)[1] for order in (["--json", "tables"], ["tables", "--json"], ["branch", "--json", "list"])
    ]
    assert {json.loads(document)["error"]["type"] for document in documents} == {"ProjectError"}


def test_the_project_is_taken_from_the_option_then_the_environment(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADGATE_PROJECT", "by-environment")
    assert "by-environment" in run(capsys, "tables")[2]
    assert "by-option" in run(capsys, "--project", "by-option", "tables")[2]
    assert "by-option" in run(capsys, "tables", "--project", "by-option")[2]


def test_a_run_that_cannot_start_is_a_run_document(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "run", "--json", "--project", str(tmp_path))
    document = json.loads(out)
    assert code == 2
    assert list(document) == ["run_id", "status", "branch", "commit", "seconds", "loads", "models", "checks", "error"]
    assert document["status"] == "failed"
    assert document["error"]["type"] == "ProjectError"


def raising(error: BaseException) -> object:
    def tables(*_: object, **__: object) -> None:
        raise error

    return tables


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (KeyboardInterrupt(), 130, "stopped"),
        (ValueError("boom"), 1, "ValueError: boom"),
    ],
)
def test_what_nobody_foresaw_is_a_sentence_and_an_exit_code(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    project_dir: Path,
    error: BaseException,
    code: int,
    told: str,
) -> None:
    monkeypatch.setattr("headgate.cli.invocation.Invocation.lakehouse", raising(error))
    found, out, err = run(capsys, "tables", "--json")
    assert found == code
    assert told in json.loads(out)["error"]["message"]
    assert "Traceback" not in err
    assert run(capsys, "tables", "--debug")[2].count("Traceback") == (1 if code == 1 else 0)


def test_an_interrupt_that_a_library_takes_for_a_wrong_value_is_one(
    capsys: pytest.CaptureFixture[str], shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbt.contracts.graph.nodes import SourceDefinition  # dbt takes a second to import

    calls = []

    def interrupted(_: type, data: dict[Any, Any]) -> dict[Any, Any]:
        calls.append(1)
        signal.raise_signal(signal.SIGINT)
        return data

    monkeypatch.setattr(SourceDefinition, "__pre_deserialize__", classmethod(interrupted))
    code, out, _ = run(capsys, "--project", str(shop), "run", "--json")
    assert calls
    assert (code, json.loads(out)["error"]["type"]) == (130, "Cancelled")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_answer_is_written_does_not_make_it_two(
    capsys: pytest.CaptureFixture[str], project_dir: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    write = JsonWriter.write

    def signalled(writer: JsonWriter, document: Document) -> None:
        write(writer, document)
        signal.raise_signal(number)

    monkeypatch.setattr(JsonWriter, "write", signalled)
    code, out, _ = run(capsys, "--project", str(project_dir), "tables", "--json")
    assert (code, list(json.loads(out))) == (0, ["tables"])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_request_to_end_is_an_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt):
        edge._interrupt(15, None)


def test_a_reader_that_leaves_early_is_no_error(project_dir: Path) -> None:
    """`headgate ... | head -1`: neither a traceback nor a message."""
    program = (
        "import sys; from headgate.cli.main import main; sys.stdout.write('x' * 200_000); sys.exit(main(['--version']))"
    )
    reading, writing = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    os.close(reading)
    _, err = process.communicate(timeout=60)
    assert b"BrokenPipeError" not in err.splitlines()[-1:] or process.returncode == 1


def completed(line: str, **environment: str) -> list[str]:
    words = line.split(" ")
    asked = {"_HEADGATE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    command = [sys.executable, "-m", "headgate"]
    done = subprocess.run(
        command, env={**os.environ, **asked, **environment}, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.split()


def test_commands_and_refs_are_completed(project_dir: Path) -> None:
    assert completed("headgate bra") == ["branch"]
    assert completed("headgate tables --ref ma") == []
    assert not (project_dir / ".headgate").exists()
    assert main(["branch", "create", "march"]) == 0
    assert completed("headgate tables --ref ma") == ["main", "march"]
    assert completed("headgate diff mar") == ["march"]


# Ctrl-C comes when the module of that name is looked for.
INTERRUPTED = """
import runpy, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            del sys.argv[1]
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Finder())
runpy.run_module("headgate", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("module", ["headgate.cli.main", "typer", "headgate.cli.commands.projects"])
def test_an_interrupt_while_it_starts_is_told_without_a_traceback(module: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED, module, "tables", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert "was stopped" in done.stderr
    assert json.loads(done.stdout)["error"]["type"] == "Cancelled"
