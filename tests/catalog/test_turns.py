from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from headgate import database
from headgate.catalog import turns as module
from headgate.catalog.embedded import EmbeddedCatalog
from headgate.catalog.model import Operation
from headgate.catalog.turns import Turns
from headgate.database import Database
from headgate.errors import StaleRef
from headgate.types import Content, Kind, Name


@pytest.fixture
def db(state_url: str) -> Iterator[Database]:
    opened = Database.open(state_url)
    yield opened
    opened.close()


def waiting(db: Database) -> int:
    with db.read() as connection:
        return len(connection.execute(select(database.turns)).all())


def wait_until(db: Database, count: int) -> None:
    deadline = time.monotonic() + 20
    while waiting(db) != count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def leave_turn(db: Database, expires: datetime) -> None:
    """What a process leaves behind that is killed in its turn."""
    with db.write() as connection:
        row = {"ref": "main", "token": expires.isoformat(), "holder": "dead run (host, process 1)", "expires": expires}
        connection.execute(database.turns.insert().values(row))


def test_those_who_wait_go_in_the_order_they_came(db: Database) -> None:
    order: list[int] = []

    def wait(number: int) -> None:
        with Turns(db).take("main", f"writer {number}", 20):
            order.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
    with Turns(db).take("main", "first", 20):
        for number, thread in enumerate(threads):
            thread.start()
            wait_until(db, number + 2)
        assert order == []
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]
    assert waiting(db) == 0


def test_refs_have_queues_of_their_own(db: Database) -> None:
    with Turns(db).take("main", "one", 0), Turns(db).take("work", "two", 0):
        assert waiting(db) == 2


def test_a_turn_passes_on_when_its_body_fails(db: Database) -> None:
    with pytest.raises(ZeroDivisionError), Turns(db).take("main", "one", 0):
        raise ZeroDivisionError
    assert waiting(db) == 0


def test_patience_that_runs_out_names_the_holder_and_leaves_the_queue(db: Database) -> None:
    leave_turn(db, datetime.now(UTC) + timedelta(minutes=1))
    message = r"held for more than 0.02 s by dead run \(host, process 1\)"
    with pytest.raises(StaleRef, match=message) as caught, Turns(db).take("main", "me", 0.02):
        pass
    assert caught.value.data["ref"] == "main"
    assert waiting(db) == 1


def test_the_turn_of_the_dead_ends_by_itself(db: Database) -> None:
    leave_turn(db, datetime.now(UTC) + timedelta(seconds=0.2))
    with Turns(db).take("main", "me", 20):
        assert waiting(db) <= 2
    leave_turn(db, datetime.now(UTC) - timedelta(seconds=1))
    with Turns(db).take("main", "me", 0):
        assert waiting(db) == 1
    assert waiting(db) == 0


def test_holders_and_those_who_wait_live_longer_than_a_lease(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE", timedelta(seconds=0.4))
    monkeypatch.setattr(module, "_RENEWAL", timedelta(seconds=0.05))
    overtaken = []

    def wait() -> None:
        with Turns(db).take("main", "second", 20):
            overtaken.append(time.monotonic())

    second = threading.Thread(target=wait)
    with Turns(db).take("main", "first", 0):
        second.start()
        time.sleep(0.9)
        left = time.monotonic()
    second.join()
    assert overtaken[0] >= left


def test_commits_of_others_wait_until_the_turn_is_over(db: Database) -> None:
    catalog = EmbeddedCatalog(db)
    landed: list[str] = []

    def put(name: str) -> None:
        new = Operation(Name.of("bronze", name), None, Content(Kind.TABLE, name, name))
        catalog.commit("main", [new], message="", author=name)
        landed.append(name)

    other = threading.Thread(target=put, args=("other",))
    with catalog.turn("main", "holder"):
        other.start()
        wait_until(db, 2)
        put("holder")
    other.join()
    assert landed == ["holder", "other"]
