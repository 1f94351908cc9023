"""Questions to the lake, where the engine does not answer as it should."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import headgate
from headgate.engines.duckdb import Session, Unexplained
from headgate.errors import Cancelled, QueryError
from headgate.run.asking import Question

FAILS = "select case when i = 1999999 then error('too late') else i end as i from range(2000000) as t(i)"


@pytest.fixture
def question(project_dir: Path) -> Iterator[Callable[[str], Question]]:
    """Asks a statement of an empty lake; its rows are still to be taken."""
    (project_dir / "headgate.yml").write_text("name: lake\n")
    asked: list[Question] = []

    def ask(sql: str) -> Question:
        asked.append(Question(lake._lake, sql, "main"))
        asked[-1].ask()
        return asked[-1]

    with headgate.open(project_dir) as lake:
        yield ask
        for each in asked:
            each.close()


@pytest.fixture
def reasons_lost(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the next results end with an interruption that nobody asked for, as DuckDB's do now and then."""

    def lose(times: int) -> None:
        left = [times]
        read = Session.batches_of

        def losing(self: Session, reader: Any, sql: str) -> Iterator[Any]:
            if not left[0]:
                return read(self, reader, sql)
            left[0] -= 1
            raise Unexplained(sql)

        monkeypatch.setattr(Session, "batches_of", losing)

    return lose


def test_a_lost_reason_is_found_by_reading_again(
    question: Callable[[str], Question], reasons_lost: Callable[[int], None]
) -> None:
    asked = question(FAILS)
    reasons_lost(2)
    with pytest.raises(QueryError, match="too late"):
        list(asked.batches())
    assert asked._session.value("SELECT current_setting('threads')") == 1, "it could lose it by itself again"


def test_a_reason_that_is_not_found_is_said_to_be_lost(
    question: Callable[[str], Question], reasons_lost: Callable[[int], None]
) -> None:
    asked = question(FAILS)
    reasons_lost(100)
    with pytest.raises(Unexplained, match="does not say why"):
        list(asked.batches())


def test_rows_that_were_given_are_never_followed_by_others(
    question: Callable[[str], Question], reasons_lost: Callable[[int], None]
) -> None:
    asked = question("select 1 as i")
    reasons_lost(1)
    with pytest.raises(Unexplained):
        list(asked.batches())


def test_a_question_that_is_stopped_is_not_asked_again(
    question: Callable[[str], Question], reasons_lost: Callable[[int], None]
) -> None:
    asked = question(FAILS)
    reasons_lost(1)
    asked.stop()
    with pytest.raises(Cancelled):
        list(asked.batches())
