"""What a thread does beside other work, and what is told of the two."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from pydantic_core import SchemaError

from headgate.errors import Cancelled, DataError, ModelError, was_interrupted
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
    "error", [KeyboardInterrupt(), RuntimeError("Query interrupted")], ids=lambda error: type(error).__name__
)
def test_an_interrupt_of_the_body_ends_the_work(error: BaseException, capfd: pytest.CaptureFixture[str]) -> None:
    begun, threads = threading.Event(), []

    def work() -> None:
        threads.append(threading.current_thread())
        begun.set()
        while True:
            time.sleep(0.001)

    def body() -> None:
        assert begun.wait(PATIENCE)
        raise error

    with pytest.raises(type(error)), beside(work, lambda: None):
        body()
    assert not threads[0].is_alive()
    assert capfd.readouterr().err == ""


def test_an_interrupt_while_the_work_is_waited_for_ends_it() -> None:
    threads = []

    def work() -> None:
        threads.append(threading.current_thread())
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt), beside(work, lambda: None):
        pass
    assert not threads[0].is_alive()


def test_a_body_that_was_cancelled_waits_for_the_work() -> None:
    ended = threading.Event()

    def work() -> None:
        time.sleep(0.2)
        ended.set()

    with pytest.raises(Cancelled), beside(work, never):
        raise Cancelled("The consumer has enough.")
    assert ended.is_set()


def test_an_interrupt_is_one_in_whatever_error_a_library_puts_it() -> None:
    # Signals in the midst of `import headgate.config` brought these forth.
    met = SchemaError('Error building "model" validator:\n  KeyboardInterrupt: ')
    assert was_interrupted(met)
    assert was_interrupted(RuntimeError("Query interrupted"))
    assert not was_interrupted(SchemaError('Error building "model" validator:\n  TypeError: no'))
