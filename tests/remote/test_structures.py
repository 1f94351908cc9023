"""Dataclasses and errors out of a server's documents, whatever its version."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from headgate import errors
from headgate.catalog.model import Commit, Operation, Ref, RefKind
from headgate.engines.description import ColumnInfo, FileInfo, SnapshotInfo, TableDetail
from headgate.errors import HeadgateError, ModelError, ServerError
from headgate.events import Checked, ModelFinished
from headgate.remote.encoding import exact, restore
from headgate.remote.structures import error_of, structure
from headgate.run.result import RunRecord, RunResult, RunStatus
from headgate.types import (
    CheckResult,
    CheckStatus,
    Content,
    Kind,
    LoadResult,
    ModelResult,
    ModelStatus,
    Name,
    Severity,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
CHECK = CheckResult("c", "dbt", Severity.ERROR, CheckStatus.FAILED, 1, columns=("a",), sample=((NOW,),), seconds=0.5)
MODEL = ModelResult("silver.x", "model.x", ModelStatus.BUILT, 3)
VALUES = [
    Ref("main", RefKind.BRANCH, "abc"),
    Commit(
        "id",
        ("p",),
        "root",
        (Operation(Name.of("a.b", "c"), None, Content(Kind.TABLE, "1", "file:///x")),),
        "Ada",
        "why",
        NOW,
        {"run_id": "1"},
        3,
    ),
    TableDetail(
        "a.b", "table", None, "l", "m", 1, 2, ("x",), (), None, (ColumnInfo("x", "int", True),),
        (SnapshotInfo(2**62, NOW, "append", 1, 1),), (FileInfo("p", 1, 2),), {"k": "v"},
    ),
    RunRecord("r", RunStatus.REFUSED, "b", "c", None, NOW, None, {"loads": []}, {"type": "Refused"}),
    LoadResult("l", "s", "t", "f", "h", 1, 2, 1, 1, 0),
    Checked(CHECK),
    ModelFinished(MODEL),
]  # fmt: skip  # a value per line says more


def sent(value: object) -> Any:
    return restore(json.loads(json.dumps(exact(value))))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_is_sent_comes_back_as_it_was(value: object) -> None:
    assert structure(type(value), sent(value)) == value


def test_a_run_comes_back_with_its_error() -> None:
    error = ModelError("no", place="x.sql:1", hint="do", data={"models": ["x"]})
    result = RunResult("1", RunStatus.FAILED, None, "c", 1.5, models=(MODEL,), checks=(CHECK,), error=error)
    found = structure(RunResult, sent(result))
    assert (found.models, found.checks, found.exit_code) == ((MODEL,), (CHECK,), 1)
    assert isinstance(found.error, ModelError)
    assert found.error.to_dict() == error.to_dict()


def test_what_a_newer_server_adds_is_passed_over() -> None:
    assert structure(Ref, {"name": "a", "kind": "tag", "commit_id": "c", "colour": "red"}) == Ref("a", RefKind.TAG, "c")


@pytest.mark.parametrize(
    "value", [None, [], "x", {}, {"name": "a"}, {"name": "a", "kind": "twig", "commit_id": "c"}, {"name": 1}]
)
def test_what_is_none_of_that_type_is_the_servers_fault(value: Any) -> None:
    with pytest.raises(ServerError, match="no Ref"):
        structure(Ref, value)


EVERY = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HeadgateError)]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_error_comes_back_as_itself(kind: type[HeadgateError]) -> None:
    found = error_of(sent(kind("message", place="place", hint="hint", data={"a": [1]})))
    assert type(found) is kind
    assert found.to_dict() == kind("message", place="place", hint="hint", data={"a": [1]}).to_dict()


@pytest.mark.parametrize("name", ["Novelty", "did_you_mean", "difflib", "ClassVar", None, "__doc__"])
def test_an_error_that_is_not_known_here_is_one_all_the_same(name: str | None) -> None:
    found = error_of({"type": name, "message": "m", "hint": "h"})
    assert type(found) is HeadgateError
    assert (found.message, found.hint, found.data) == ("m", "h", {})
