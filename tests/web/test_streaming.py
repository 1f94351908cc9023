"""Answers that are made in a thread: order, pace, errors, and what becomes of them when nobody waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from anyio import CapacityLimiter
from starlette.types import Message

from headgate.errors import QueryError
from headgate.web.streaming import Broken, Put, Work


class Client:
    """The other side of an answer; `leave` lets it go away."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.gone = asyncio.Event()

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def complete(self) -> bool:
        return bool(self.messages) and self.messages[-1].get("more_body") is False


def answered(run: Callable[[Put], None], **options: Any) -> Client:
    async def main() -> Client:
        client = Client()
        limiter = CapacityLimiter(1)
        await Work(run, lambda: None, "text/plain", limiter, **options)({}, client.receive, client.send)
        return client

    return asyncio.run(main())


def test_pieces_arrive_in_order() -> None:
    def run(put: Put) -> None:
        for number in range(100):
            put(f"{number},".encode())

    client = answered(run)
    assert client.body == b"".join(f"{number},".encode() for number in range(100))
    assert client.messages[0]["status"] == 200
    assert client.complete


def test_an_answer_without_pieces_has_a_status_all_the_same() -> None:
    client = answered(lambda put: None)
    assert client.complete
    assert client.messages[0]["status"] == 200


def test_an_error_before_the_first_piece_is_raised() -> None:
    def run(put: Put) -> None:
        raise QueryError("wrong")

    with pytest.raises(QueryError, match="wrong"):
        answered(run)


def test_an_error_after_it_breaks_the_answer_off() -> None:
    def run(put: Put) -> None:
        put(b"begun")
        raise QueryError("late")

    with pytest.raises(Broken, match="late"):
        answered(run)


def test_a_pause_is_filled_with_heartbeats() -> None:
    def run(put: Put) -> None:
        threading.Event().wait(0.3)
        put(b"done")

    client = answered(run, heartbeat=b"\n", heartbeat_seconds=0.05)
    assert client.body.startswith(b"\n\n")
    assert client.body.endswith(b"done")


def test_whoever_makes_pieces_waits_for_a_slow_reader() -> None:
    made: list[int] = []

    async def main() -> None:
        client = Client()
        may_read = asyncio.Event()

        async def slow(message: Message) -> None:
            await may_read.wait()
            await client.send(message)

        def run(put: Put) -> None:
            for number in range(50):
                put(b"x")
                made.append(number)

        work = Work(run, lambda: None, "text/plain", CapacityLimiter(1))
        answering = asyncio.create_task(work({}, client.receive, slow))
        await asyncio.sleep(0.2)
        assert len(made) < 10
        may_read.set()
        await answering
        assert client.body == b"x" * 50

    asyncio.run(main())


def test_whoever_goes_away_stops_the_work() -> None:
    async def main() -> None:
        client = Client()
        stopped = threading.Event()
        began = threading.Event()
        ended = threading.Event()

        def run(put: Put) -> None:
            began.set()
            assert stopped.wait(30)
            ended.set()

        answering = asyncio.create_task(
            Work(run, stopped.set, "text/plain", CapacityLimiter(1))({}, client.receive, client.send)
        )
        while not began.is_set():
            await asyncio.sleep(0.01)
        client.gone.set()
        await answering
        assert ended.is_set()
        assert client.messages == []

    asyncio.run(main())


def test_whoever_makes_pieces_for_nobody_is_told() -> None:
    async def main() -> None:
        client = Client()
        told = threading.Event()

        def run(put: Put) -> None:
            try:
                while True:
                    put(b"x")
            finally:
                told.set()

        answering = asyncio.create_task(
            Work(run, lambda: None, "text/plain", CapacityLimiter(1))({}, client.receive, client.send)
        )
        while not client.messages:
            await asyncio.sleep(0.01)
        client.gone.set()
        await answering
        assert told.is_set()

    asyncio.run(main())


def test_who_waits_for_a_turn_and_goes_away_never_begins() -> None:
    async def main() -> None:
        limiter = CapacityLimiter(1)
        release = threading.Event()
        first, second = Client(), Client()
        began: list[str] = []

        def held(put: Put) -> None:
            began.append("first")
            assert release.wait(30)

        one = asyncio.create_task(Work(held, lambda: None, "a/b", limiter)({}, first.receive, first.send))
        while not began:
            await asyncio.sleep(0.01)
        work = Work(lambda put: began.append("second"), lambda: None, "a/b", limiter)
        two = asyncio.create_task(work({}, second.receive, second.send))
        await asyncio.sleep(0.05)
        second.gone.set()
        await two
        release.set()
        await one
        assert began == ["first"]

    asyncio.run(main())


def test_a_server_that_ends_stops_the_work() -> None:
    async def main() -> None:
        client = Client()
        stopped = threading.Event()
        began = threading.Event()

        def run(put: Put) -> None:
            began.set()
            assert stopped.wait(30)

        answering = asyncio.create_task(
            Work(run, stopped.set, "a/b", CapacityLimiter(1))({}, client.receive, client.send)
        )
        while not began.is_set():
            await asyncio.sleep(0.01)
        answering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answering
        assert stopped.is_set()

    asyncio.run(main())
