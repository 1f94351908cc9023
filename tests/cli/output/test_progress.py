"""Progress is told from the events of a run, and from nothing else."""

from __future__ import annotations

import io
import sys

import pytest

from headgate import events
from headgate.cli.output import progress
from headgate.types import CheckResult, CheckStatus, LoadResult, ModelResult, ModelStatus, Severity

LOADED = LoadResult("l", "sales", "bronze.sales", "a.csv", "00", 1, 1, 1, 0, 0)


def check(name: str, kind: str = "dbt") -> events.Checked:
    return events.Checked(CheckResult(name, kind, Severity.ERROR, CheckStatus.PASSED))


STREAM: list[events.Event] = [
    events.Started("r", "run/r", "c"),
    events.Note("An interrupted run was cleaned up."),
    events.LoadStarted("sales", "a.csv", 10),
    events.LoadProgress("sales", "a.csv", 0.5),
    events.Loaded(LOADED),
    events.LoadStarted("sales", "b.csv", 10),
    events.Loaded(LOADED),
    check("contract:sales", "contract"),
    events.Planned(2, 1, 2, 5),
    events.ModelStarted("gold.x"),
    events.ModelFinished(ModelResult("gold.x", "m", ModelStatus.BUILT)),
    check("one"),
    check("two"),
    events.Rebased("c2", ("bronze.y",)),
    events.ModelStarted("gold.y"),
    events.Rebased("c3", ()),
    events.Rebased("c4", tuple(f"bronze.t{number}" for number in range(9))),
    events.Merged("c4"),
    events.RunRefused("run/r", ("one",)),
    events.Failed("no"),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def consume(quiet: bool = False) -> None:
    with progress.consumer(quiet=quiet) as emit:
        for event in STREAM:
            emit(event)


def test_a_pipe_gets_one_line_per_phase(capsys: pytest.CaptureFixture[str]) -> None:
    consume()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "An interrupted run was cleaned up.",
        "Loading files",
        "Building 1 model",
        "Running 2 checks",
        "main has moved on: what bronze.y changed is built and checked again",
        "main has moved on: everything is built and checked again",
        "main has moved on: what bronze.t0, bronze.t1, bronze.t2, bronze.t3, others changed is built and checked again",
    ]


def test_beside_json_there_is_silence(capsys: pytest.CaptureFixture[str]) -> None:
    consume(quiet=True)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_bars_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    consume()
    assert capsys.readouterr().out == ""
    assert "An interrupted run was cleaned up." in terminal.getvalue()
    assert "bronze.y changed is built" in terminal.getvalue()


def test_phases_that_the_plan_did_not_foresee_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress.consumer(quiet=False) as emit:
        emit(events.ModelStarted("gold.x"))
        emit(events.ModelFinished(ModelResult("gold.x", "m", ModelStatus.BUILT)))
