"""Connections to a real Postgres that break, at the worst moment too, and transactions that get in each other's way."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.engine import make_url

from headgate import database
from headgate.catalog import Operation
from headgate.catalog.embedded import EmbeddedCatalog
from headgate.database import Database, transactions
from headgate.dialects import liveness
from headgate.dialects.liveness import WatchedConnection
from headgate.errors import AlreadyExists, RefNotFound, StorageError
from headgate.types import Content, Kind, Name
from services.running import Postgres

pytestmark = pytest.mark.services


@pytest.fixture
def db(postgres_url: str) -> Iterator[Database]:
    opened = Database.open(postgres_url)
    yield opened
    opened.close()


def sever(server: Postgres, name: str) -> None:
    """End every connection to a database, as an administrator or a restart does."""
    server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


class Cutter:
    """A wire to the server that breaks once, when the client sends a text: before it arrives, or after it was done.

    Or it freezes, as a server does that was stopped: connections stay, new ones come about, and nothing is answered.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._cut: tuple[bytes, bool] | None = None
        self.cuts = 0
        self._frozen = False
        self._wires: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, at: bytes, *, after: bool) -> None:
        self._cut = (at, after)

    def freeze(self) -> None:
        self._frozen = True

    def close(self) -> None:
        for wire in (self._listener, *self._wires):
            _end(wire)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._wires.append(client)
            if self._frozen:
                continue
            server = socket.create_connection(("127.0.0.1", self._port))
            self._wires.append(server)
            threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        answered = threading.Event()
        cutting = threading.Event()

        def answer() -> None:
            while (data := _received(server)) and not self._frozen:
                if cutting.is_set():
                    answered.set()
                    return
                client.sendall(data)
            answered.set()
            if not self._frozen:
                _end(client)

        threading.Thread(target=answer, daemon=True).start()
        while data := _received(client):
            if self._frozen:
                return
            if self._cut is not None and self._cut[0] in data:
                after, self._cut = self._cut[1], None
                self.cuts += 1
                if after:
                    cutting.set()
                    server.sendall(data)
                    answered.wait(10)
                break
            server.sendall(data)
        _end(client)
        _end(server)


def _received(wire: socket.socket) -> bytes:
    try:
        return wire.recv(1 << 16)
    except OSError:
        return b""


def _end(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
    wire.close()


@pytest.fixture
def cutter(postgres_server: Postgres) -> Iterator[Cutter]:
    made = Cutter(postgres_server.port)
    yield made
    made.close()


def through(cutter: Cutter, url: str) -> str:
    return make_url(url).set(port=cutter.port).render_as_string(hide_password=False)


class TestFrozenServers:
    @pytest.fixture(autouse=True)
    def in_little_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(WatchedConnection, "silence", 0.3)
        monkeypatch.setattr(liveness, "_SIGN", 2)
        monkeypatch.setattr(transactions, "_ABSENCE", 0.0)

    def test_a_server_that_answers_nothing_any_more_is_given_up(self, cutter: Cutter, postgres_url: str) -> None:
        opened = Database.open(through(cutter, postgres_url))
        cutter.freeze()
        # Ends what waits for ever; then the error is that of a connection that was closed.
        closing = threading.Timer(15, cutter.close)
        closing.start()
        with pytest.raises(StorageError, match=r"does not answer: no answer for 0\.3 seconds") as caught:
            opened.fetch(select(database.refs))
        closing.cancel()
        assert caught.value.hint
        assert "hangs" in caught.value.hint
        opened.close()

    def test_a_statement_that_takes_long_is_waited_for(self, db: Database) -> None:
        assert db.fetch(text("SELECT 7 FROM pg_sleep(1)"))[0][0] == 7


class TestRacesAndBreaks:
    def test_a_deadlock_is_tried_again(self, db: Database) -> None:
        with db.write() as connection:
            connection.execute(database.nodes.insert(), [{"hash": "a", "body": "0"}, {"hash": "b", "body": "0"}])
        both, tries = threading.Barrier(2), [0]

        def add(first: str, second: str) -> None:
            def work(connection: Connection, again: bool) -> None:
                tries[0] += 1
                for position, name in enumerate((first, second)):
                    if position and tries[0] <= 2:
                        both.wait(10)
                    mine = database.nodes.update().where(database.nodes.c.hash == name)
                    connection.execute(mine.values(body=database.nodes.c.body + "1"))

            db.transact(work)

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(add, "a", "b"), pool.submit(add, "b", "a")]:
                done.result()
        assert tries[0] == 3
        assert {row.hash: row.body for row in db.fetch(select(database.nodes))} == {"a": "011", "b": "011"}

    def test_reading_and_writing_go_on_after_a_restart(self, postgres_server: Postgres, db: Database) -> None:
        name = str(make_url(db.place).database)
        for use in (
            lambda: db.fetch(select(database.refs)),
            lambda: db.execute(db.insert_new(database.nodes).values(hash="h", body="b")),
            lambda: _read(db),
            lambda: _write(db),
        ):
            with db.read() as connection:
                connection.execute(select(database.refs))
            sever(postgres_server, name)
            use()

    def test_a_break_within_a_write_is_an_error_and_leaves_nothing(
        self, postgres_server: Postgres, db: Database
    ) -> None:
        def work() -> None:
            with db.write() as connection:
                connection.execute(database.nodes.insert().values(hash="h", body="b"))
                sever(postgres_server, str(make_url(db.place).database))
                connection.execute(database.nodes.insert().values(hash="i", body="b"))

        with pytest.raises(StorageError, match=r"terminating connection|closed the connection") as caught:
            work()
        assert "stopped or restarted" in str(caught.value.hint)
        assert db.fetch(select(database.nodes)) == []

    @pytest.mark.parametrize("after", [True, False], ids=["it landed", "it did not"])
    def test_a_commit_whose_answer_is_lost_is_there_once(self, cutter: Cutter, postgres_url: str, after: bool) -> None:
        catalog = EmbeddedCatalog(Database.open(through(cutter, postgres_url)))
        new = Operation(Name.of("bronze", "orders"), None, Content(Kind.TABLE, "one", "file:///1.json"))
        cutter.cut(b"UPDATE refs SET commit_id", after=after)
        made = catalog.commit("main", [new], message="lost", author="ada")
        assert cutter.cuts == 1
        assert [commit.message for commit in catalog.log()] == ["lost", "The empty lake"]
        assert catalog.ref("main").commit_id == made.id
        assert catalog.verify() == []
        catalog.close()

    @pytest.mark.parametrize("after", [True, False], ids=["it landed", "it did not"])
    def test_a_branch_is_made_and_deleted_once(self, cutter: Cutter, postgres_url: str, after: bool) -> None:
        catalog = EmbeddedCatalog(Database.open(through(cutter, postgres_url)))
        cutter.cut(b"INSERT INTO refs", after=after)
        catalog.create_branch("work")
        assert cutter.cuts == 1
        with pytest.raises(AlreadyExists):
            catalog.create_branch("work")
        cutter.cut(b"DELETE FROM refs", after=after)
        catalog.delete_ref("work")
        assert cutter.cuts == 2
        with pytest.raises(RefNotFound):
            catalog.delete_ref("work")
        assert catalog.verify() == []
        catalog.close()

    @pytest.mark.parametrize("after", [True, False], ids=["it landed", "it did not"])
    def test_work_is_told_that_it_may_have_landed(self, cutter: Cutter, postgres_url: str, after: bool) -> None:
        db = Database.open(through(cutter, postgres_url))
        told: list[bool] = []

        def work(connection: Connection, again: bool) -> int:
            told.append(again)
            connection.execute(db.insert_new(database.nodes).values(hash="h", body="b"))
            return len(connection.execute(select(database.nodes)).all())

        cutter.cut(b"COMMIT\x00", after=after)
        assert db.transact(work) == 1
        assert (cutter.cuts, told) == (1, [False, True])
        db.close()

    def test_a_server_that_stays_away_is_said_to_be(self, cutter: Cutter, postgres_url: str) -> None:
        db = Database.open(through(cutter, postgres_url))
        cutter.close()
        cutter.cut(b"refs", after=False)
        with pytest.raises(StorageError, match="Connection refused"):
            db.fetch(select(database.refs))
        db.close()


def _read(db: Database) -> None:
    with db.read() as connection:
        connection.execute(select(database.refs))


def _write(db: Database) -> None:
    with db.write() as connection:
        connection.execute(database.refs.delete())
