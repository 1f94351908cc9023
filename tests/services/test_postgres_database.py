"""The state database on a real Postgres: who opens it first, and what goes wrong."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.engine import make_url

from headgate import database
from headgate.catalog import open_catalog
from headgate.catalog.embedded import EmbeddedCatalog
from headgate.database import Database
from headgate.errors import RefNotFound, StorageError
from services import running
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


def test_many_who_open_a_new_database_at_once_make_it_once(postgres_url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(Database.open, [postgres_url] * 8))
        catalogs = list(pool.map(EmbeddedCatalog, opened))
    assert len({catalog.ref("main").commit_id for catalog in catalogs}) == 1
    assert len(opened[0].fetch(select(database.commits))) == 1
    assert catalogs[0].verify() == []
    for each in opened:
        each.close()


def test_ids_sort_by_code_point_whatever_the_database_sorts_by(postgres_server: Postgres, db: Database) -> None:
    columns = db.fetch(
        text("SELECT count(*) FROM information_schema.columns WHERE data_type = 'text' AND table_schema = 'public'")
    )
    sorted_by = db.fetch(
        text(
            "SELECT count(*) FROM information_schema.columns"
            " WHERE data_type = 'text' AND table_schema = 'public' AND collation_name = 'C'"
        )
    )
    assert columns[0][0] == sorted_by[0][0] > 40


def test_numbers_that_grow_have_64_bits(db: Database) -> None:
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    row = {"id": 2**40, "ref": "main", "time": moment, "reason": "made"}
    with db.write() as connection:
        connection.execute(database.reflog.insert().values(row))
        connection.execute(
            database.turns.insert().values(ticket=2**41, ref="main", token="t", holder="h", expires=moment)
        )
    assert db.fetch(select(database.reflog.c.id))[0].id == 2**40


def test_two_lakes_share_a_database_in_schemas_of_their_own(postgres_server: Postgres, postgres_url: str) -> None:
    name = str(make_url(postgres_url).database)
    with pytest.raises(StorageError, match="no schema has been selected to create in") as caught:
        Database.open(f"{postgres_url}?options=-csearch_path%3Done")
    assert "CREATE SCHEMA" in str(caught.value.hint)
    for schema in ("one", "two"):
        postgres_server.execute(f"CREATE SCHEMA {schema}", name)
    one, two = (open_catalog(f"{postgres_url}?options=-csearch_path%3D{schema}") for schema in ("one", "two"))
    one.create_branch("work")
    with pytest.raises(RefNotFound):
        two.ref("work")
    one.close()
    two.close()


class TestWhatGoesWrong:
    def test_a_wrong_password(self, postgres_url: str) -> None:
        wrong = make_url(postgres_url).set(password="letmein").render_as_string(hide_password=False)
        with pytest.raises(StorageError, match="password authentication failed") as caught:
            Database.open(wrong)
        assert "letmein" not in str(caught.value)
        assert "Check the user and its password" in str(caught.value.hint)
        assert "***" in str(caught.value.place)

    def test_a_password_in_the_query(self, postgres_url: str) -> None:
        wrong = make_url(postgres_url).set(password=None).render_as_string() + "?password=letmein&sslmode=disable"
        with pytest.raises(StorageError, match="password authentication failed") as caught:
            Database.open(wrong)
        assert "password=" not in str(caught.value)
        assert "sslmode=disable" in str(caught.value.place)

    def test_a_database_that_is_not_there(self, postgres_server: Postgres) -> None:
        with pytest.raises(StorageError, match='database "nowhere" does not exist') as caught:
            Database.open(postgres_server.url_of("nowhere"))
        assert "createdb" in str(caught.value.hint)

    def test_a_server_that_is_not_there(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        start = time.monotonic()
        with pytest.raises(StorageError, match="Connection refused") as caught:
            Database.open(f"postgresql://ada:secret@127.0.0.1:{port}/lake")
        assert "Start the server" in str(caught.value.hint)
        assert "secret" not in str(caught.value)
        assert time.monotonic() - start < 4

    def test_a_server_without_ssl(self, postgres_url: str) -> None:
        with pytest.raises(StorageError, match="SSL") as caught:
            Database.open(f"{postgres_url}?sslmode=require")
        assert "sslmode" in str(caught.value.hint)

    def test_a_user_who_may_not_make_tables(self, postgres_server: Postgres, postgres_url: str) -> None:
        postgres_server.execute("DROP ROLE IF EXISTS guest")
        postgres_server.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        guest = make_url(postgres_url).set(username="guest", password="guest")
        with pytest.raises(StorageError, match="permission denied for schema public") as caught:
            Database.open(guest.render_as_string(hide_password=False))
        assert "GRANT USAGE, CREATE" in str(caught.value.hint)

    def test_a_database_that_cannot_hold_every_name(self, postgres_server: Postgres) -> None:
        url = postgres_server.create_database("latin", "TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        with pytest.raises(StorageError, match="has the encoding LATIN1") as caught:
            Database.open(url)
        assert "--encoding UTF8" in str(caught.value.hint)

    def test_a_standby(self, postgres_url: str) -> None:
        with pytest.raises(StorageError, match="read-only transaction") as caught:
            Database.open(f"{postgres_url}?options=-cdefault_transaction_read_only%3Don")
        assert "primary" in str(caught.value.hint)

    def test_tables_of_something_else(self, postgres_server: Postgres, postgres_url: str) -> None:
        postgres_server.execute("CREATE TABLE commits (mine text)", str(make_url(postgres_url).database))
        with pytest.raises(StorageError, match="tables named commits that are not headgate's"):
            Database.open(postgres_url)

    def test_a_newer_headgate(self, postgres_server: Postgres, postgres_url: str) -> None:
        Database.open(postgres_url).close()
        postgres_server.execute("UPDATE schema_version SET version = 77", str(make_url(postgres_url).database))
        with pytest.raises(StorageError, match="schema version 77; this headgate knows versions up to"):
            Database.open(postgres_url)

    def test_a_migration_that_fails_leaves_the_database_as_it_was(self, postgres_url: str) -> None:
        Database.open(postgres_url).close()

        def half(connection: Connection) -> None:
            connection.execute(text("DROP TABLE file_hashes"))
            connection.execute(text("no such statement"))

        with pytest.raises(StorageError, match="syntax error"):
            Database.open(postgres_url, migrations=[*database.MIGRATIONS, half])
        db = Database.open(postgres_url)
        assert db.fetch(select(database.file_hashes)) == []
        db.close()

    @pytest.mark.parametrize(
        ("state", "hint"),
        [("53100", "room on the server's disk"), ("53200", "short of memory"), ("42501", "GRANT USAGE, CREATE")],
    )
    def test_what_the_server_says(self, db: Database, state: str, hint: str) -> None:
        with pytest.raises(StorageError, match="it says") as caught, db.write() as connection:
            connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'it says' USING ERRCODE = '{state}'; END $$"))
        assert hint in str(caught.value.hint)

    def test_a_limit_of_the_url(self, postgres_url: str) -> None:
        db = Database.open(f"{postgres_url}?options=-cstatement_timeout%3D50ms")
        with pytest.raises(StorageError, match="statement timeout") as caught:
            db.fetch(text("SELECT pg_sleep(10)"))
        assert "pg_stat_activity" in str(caught.value.hint)
        db.close()

    def test_the_second_of_several_hosts(self, postgres_server: Postgres, postgres_url: str) -> None:
        url = make_url(postgres_url)
        several = f"postgresql://{url.username}:{url.password}@/{url.database}?host=127.0.0.1:1"
        db = Database.open(f"{several}&host=127.0.0.1:{postgres_server.port}&target_session_attrs=read-write")
        assert db.fetch(text("SELECT 1"))[0][0] == 1
        db.close()

    def test_more_connections_than_the_server_takes(self, tmp_path: Path) -> None:
        with running.postgres(tmp_path, settings={"max_connections": "5"}) as server, contextlib.ExitStack() as stack:
            url = server.create_database("lake")
            db = Database.open(url)
            stack.callback(db.close)
            for _ in range(5):
                stack.enter_context(db.read())
            with pytest.raises(StorageError, match="too many clients") as caught:
                Database.open(url)
            assert "max_connections" in str(caught.value.hint)

    def test_text_that_postgres_cannot_hold(self, db: Database) -> None:
        with pytest.raises(StorageError, match="NUL"), db.write() as connection:
            connection.execute(database.nodes.insert().values(hash="h", body="a\x00b"))


class TestProcesses:
    def test_a_forked_process_makes_connections_of_its_own(self, db: Database) -> None:
        def backends() -> set[int]:
            return {db.fetch(text("SELECT pg_backend_pid()"))[0][0] for _ in range(3)}

        ours = backends()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writing, repr(ours & backends()).encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reading, 100) == b"set()"
        assert backends() == ours

    def test_a_name_is_held_by_one_until_its_process_dies(self, db: Database, postgres_url: str) -> None:
        program = (
            "import sys, time; from headgate.database import Database\n"
            "with Database.open(sys.argv[1]).exclusive('maintenance') as held:\n"
            "    print('held', flush=True); time.sleep(300)\n"
        )
        command = [sys.executable, "-c", program, postgres_url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with pytest.raises(StorageError, match="Another process holds 'maintenance'"), db.exclusive("maintenance"):
                pass
            with db.exclusive("something-else") as held:
                held.check()
            other.kill()
        with db.exclusive("maintenance", patience=20) as held:
            held.check()
        with db.exclusive("maintenance"):
            pass

    def test_a_name_whose_connection_broke_is_not_held(self, postgres_server: Postgres, db: Database) -> None:
        with db.exclusive("maintenance") as held:
            held.check()
            sever(postgres_server, str(make_url(db.place).database))
            with pytest.raises(StorageError, match=r"connection that held 'maintenance' .* was lost"):
                held.check()
        with db.exclusive("maintenance"):
            pass

    def test_more_threads_than_connections_wait(self, db: Database) -> None:
        def look(_: int) -> int:
            with db.read() as connection:
                return int(connection.execute(text("SELECT 1 FROM pg_sleep(0.01)")).scalar_one())

        with ThreadPoolExecutor(40) as pool:
            assert sum(pool.map(look, range(200))) == 200

    def test_hashes_of_local_files_stay_on_this_machine(self, db: Database, tmp_path: Path) -> None:
        here = db.local(tmp_path)
        assert here is db.local(tmp_path)
        here.execute(here.insert_new(database.file_hashes).values(path="a", bytes=1, mtime_ns=2, inode=3, sha256="s"))
        assert db.fetch(select(database.file_hashes)) == []
        assert (tmp_path / "local.db").is_file()
