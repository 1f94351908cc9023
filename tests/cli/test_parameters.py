"""Options become values, and Pydantic stays away where none needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from headgate.cli.main import program
from headgate.cli.parameters import spare_validators

_PARSE = """
import sys, typer
from headgate.cli.main import program
from headgate.cli.parameters import spare_validators
command = typer.main.get_command(program())
if {spared}: spare_validators(command)
command.commands["run"].make_context("run", ["--select", "a"])
print("pydantic" in sys.modules)
"""


@pytest.mark.parametrize(("spared", "loaded"), [(True, "False"), (False, "True")])
def test_strings_and_options_not_given_need_no_pydantic(spared: bool, loaded: str) -> None:
    """The second case shows that the first can fail; it goes red when Typer no longer needs the help."""
    code = _PARSE.format(spared=spared)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == loaded


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("run", []),
        ("run", ["--select", "a", "-s", "b", "--full-refresh", "--project", "somewhere"]),
        ("query", ["select 1", "--ref", "dev", "--limit", "3"]),
        ("query", ["select 1"]),
    ],
)
def test_values_are_those_that_typer_gives(name: str, typed: list[str]) -> None:
    def parsed(command: object) -> object:
        return command.commands[name].make_context(name, list(typed)).params  # type: ignore[attr-defined]  # a group has commands

    typers = parsed(typer.main.get_command(program()))
    assert parsed(spare_validators(typer.main.get_command(program()))) == typers


def test_a_limit_that_is_no_number_is_still_refused() -> None:
    command = spare_validators(typer.main.get_command(program()))
    with pytest.raises(typer.BadParameter):
        command.commands["query"].make_context("query", ["select 1", "--limit", "many"])


def test_a_path_is_still_a_path() -> None:
    command = spare_validators(typer.main.get_command(program()))
    context = command.commands["run"].make_context("run", ["--project", "here"])
    assert context.params["project"] == Path("here")
