"""What a thread does beside other work, and what is told of the two."""

from __future__ import annotations

import threading

import pytest

from headgate.errors import Cancelled, DataError, ModelError
from headgate.run.beside import beside

PATIENCE = 30


def never() -> None:
    raise AssertionError("stopped")


def test_both_are_done_at_the_end() -> None:
    met = threading.Barrier(2, timeout=PATIENCE)
    done = []

    def work() -> None:
        met.wait()
        done.append("work")

    with beside(work, never):
        met.wait()
    assert done == ["work"]


def test_work_that_fails_stops_the_body_and_its_error_is_the_one_that_is_told() -> None:
    stopped = threading.Event()

    def work() -> None:
        raise ModelError("It does not parse.")

    def body() -> None:
        assert stopped.wait(PATIENCE)
        raise Cancelled("The query was stopped.")

    with pytest.raises(ModelError), beside(work, stopped.set):
        body()


def test_the_error_of_work_that_fails_later_goes_before_that_of_the_body() -> None:
    failed = threading.Event()

    def work() -> None:
        assert failed.wait(PATIENCE)
        raise ModelError("It does not parse.")

    def body() -> None:
        failed.set()
        raise DataError("The file is damaged.")

    with pytest.raises(ModelError), beside(work, lambda: None):
        body()


def test_the_error_of_a_body_is_told_where_the_work_is_right() -> None:
    with pytest.raises(DataError), beside(lambda: None, never):
        raise DataError("The file is damaged.")


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), Cancelled("The consumer has enough."), RuntimeError("Query interrupted")],
    ids=lambda error: type(error).__name__,
)
def test_who_interrupts_the_body_waits_for_nothing(error: BaseException) -> None:
    released, ended = threading.Event(), threading.Event()

    def work() -> None:
        released.wait(PATIENCE)
        ended.set()

    with pytest.raises(type(error)), beside(work, never):
        raise error
    assert not ended.is_set()
    released.set()
    assert ended.wait(PATIENCE)
