from __future__ import annotations

import os
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from headgate import database
from headgate.database import MIGRATIONS, Database, transactions
from headgate.errors import MissingExtra, ProjectError, StorageError


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("select version from schema_version").fetchone()[0])


def test_open_makes_the_folder_and_a_second_open_finds_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "state.db"
    times = {"mtime_ns": 1_700_000_000_123_456_789, "ctime_ns": 1_700_000_000_123_456_790}
    row = {"path": "a.csv", "bytes": 2**40, "inode": 7, "sha256": "ab", **times}
    first = Database.open(url(path))
    with first.write() as connection:
        connection.execute(database.file_hashes.insert().values(row))
    first.close()
    second = Database.open(url(path))
    with second.read() as connection:
        assert connection.execute(select(database.file_hashes)).mappings().one() == row
    second.close()


def test_a_write_is_undone_by_an_exception(tmp_path: Path) -> None:
    db = Database.open(url(tmp_path / "state.db"))
    with pytest.raises(StorageError, match="UNIQUE"), db.write() as connection:
        connection.execute(database.nodes.insert(), [{"hash": "h", "body": "b"}] * 2)
    with db.read() as connection:
        assert connection.execute(select(database.nodes)).all() == []
    db.close()


def test_insert_new_keeps_and_upsert_replaces_a_row_that_is_there(tmp_path: Path) -> None:
    db = Database.open(url(tmp_path / "state.db"))
    with db.write() as connection:
        assert connection.execute(db.insert_new(database.nodes).values(hash="h", body="1")).rowcount == 1
        assert connection.execute(db.insert_new(database.nodes).values(hash="h", body="2")).rowcount == 0
        connection.execute(db.upsert(database.nodes), [{"hash": "h", "body": "3"}, {"hash": "i", "body": "4"}])
        assert [tuple(row) for row in connection.execute(select(database.nodes))] == [("h", "3"), ("i", "4")]
    db.close()


def test_a_time_keeps_its_microseconds_and_its_instant(tmp_path: Path) -> None:
    db = Database.open(url(tmp_path / "state.db"))
    moment = datetime(2026, 11, 20, 23, 30, 0, 123457, tzinfo=timezone(timedelta(hours=2)))
    with db.write() as connection:
        values = {"ref": "main", "token": "t", "holder": "me", "expires": moment}
        connection.execute(database.turns.insert().values(values))
        found: datetime = connection.execute(select(database.turns.c.expires)).scalar_one()
        # 2026-11-20T21:30:00Z is 1795210200 s after 1970: 20777 days and 77400 s.
        assert (
            connection.execute(text("select expires from turns")).scalar() == (20777 * 86400 + 77400) * 10**6 + 123457
        )
    assert (found, found.utcoffset()) == (moment, timedelta(0))
    db.close()


def test_migrations_run_in_order_on_an_older_database_and_once(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Database.open(url(path)).close()
    steps: list[str] = []

    def add_column(connection: Connection) -> None:
        connection.execute(text("alter table file_hashes add column seen integer"))
        steps.append("column")

    def fill_column(connection: Connection) -> None:
        connection.execute(text("update file_hashes set seen = 1"))
        steps.append("fill")

    Database.open(url(path), migrations=[*MIGRATIONS, add_column]).close()
    assert (version(path), steps) == (1 + len(MIGRATIONS) + 1, ["column"])
    Database.open(url(path), migrations=[*MIGRATIONS, add_column, fill_column]).close()
    Database.open(url(path), migrations=[*MIGRATIONS, add_column, fill_column]).close()
    assert (version(path), steps) == (1 + len(MIGRATIONS) + 2, ["column", "fill"])


def test_a_database_of_the_first_version_gets_what_a_server_needs(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Database.open(url(path)).close()
    added = ("tokens", "secrets", "idempotency")
    with closing(sqlite3.connect(path)) as connection:
        for table in added:
            connection.execute(f"drop table {table}")
        connection.execute("update schema_version set version = 1")
        connection.commit()
    Database.open(url(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        made = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
    assert made >= set(added)


def test_a_database_of_the_second_version_forgets_hashes_of_files(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Database.open(url(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("drop table file_hashes")
        connection.execute(
            "create table file_hashes (path text primary key, bytes bigint not null, mtime_ns bigint not null,"
            " inode bigint not null, sha256 text not null)"
        )
        connection.execute("insert into file_hashes values ('a', 1, 2, 3, 's')")
        connection.execute("update schema_version set version = 2")
        connection.commit()
    db = Database.open(url(path))
    assert db.fetch(select(database.file_hashes)) == []
    db.close()
    assert version(path) == 3


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Database.open(url(path)).close()

    def half(connection: Connection) -> None:
        connection.execute(text("drop table file_hashes"))
        connection.execute(text("no such statement"))

    with pytest.raises(StorageError):
        Database.open(url(path), migrations=[*MIGRATIONS, half])
    assert version(path) == 1 + len(MIGRATIONS)
    db = Database.open(url(path))
    with db.read() as connection:
        assert connection.execute(select(database.file_hashes)).all() == []
    db.close()


def test_a_new_database_starts_at_the_newest_version_without_migrating(tmp_path: Path) -> None:
    def explode(connection: Connection) -> None:
        raise AssertionError

    Database.open(url(tmp_path / "state.db"), migrations=[explode]).close()
    assert version(tmp_path / "state.db") == 2


def test_a_database_of_a_newer_headgate_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Database.open(url(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("update schema_version set version = 7")
        connection.commit()
    with pytest.raises(StorageError, match="schema version 7; this headgate knows versions up to 3") as caught:
        Database.open(url(path))
    assert caught.value.place == url(path)
    assert "upgrade" in str(caught.value.hint)
    assert version(path) == 7


def test_tables_of_something_else_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table commits (mine text)")
        connection.commit()
    with pytest.raises(StorageError, match="tables named commits that are not headgate's"):
        Database.open(url(path))


def test_a_file_that_is_no_database_is_named_with_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("name,amount\n" * 200)
    with pytest.raises(StorageError, match="file is not a database") as caught:
        Database.open(url(path))
    assert caught.value.place == url(path)
    assert caught.value.hint == "Another file stands in its place: move it away, or name another under 'catalog'"


def test_a_database_that_is_locked_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    db = Database.open(f"{url(path)}?timeout=0.05")
    with closing(sqlite3.connect(path)) as other:
        other.execute("begin immediate")
        with pytest.raises(StorageError, match="database is locked") as caught, db.write():
            pass
    assert "Another process keeps writing" in str(caught.value.hint)
    db.close()


def test_a_database_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Database.open(url(path)).close()
    db = Database.open(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(StorageError, match="readonly") as caught, db.write() as connection:
        connection.execute(database.nodes.insert().values(hash="h", body="b"))
    assert "writable" in str(caught.value.hint)
    db.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"folder .*file/deeper' of the state database cannot be made"):
        Database.open(url(tmp_path / "file" / "deeper" / "state.db"))


@pytest.mark.parametrize("wrong", ["state.db", "mysql://me:secret@host/lake", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_cannot_serve_is_refused_without_its_password(wrong: str) -> None:
    with pytest.raises(ProjectError) as caught:
        Database.open(wrong)
    assert "sqlite:///path/to/state.db" in str(caught.value.hint)
    assert "secret" not in str(caught.value)


def test_a_missing_driver_becomes_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match="needs the library 'psycopg'") as caught:
        Database.open("postgresql://me:secret@localhost/lake")
    assert caught.value.hint == "Install it with: pip install 'headgate[postgres]'"
    assert "secret" not in str(caught.value)


def test_statements_by_themselves_read_and_write(tmp_path: Path) -> None:
    db = Database.open(url(tmp_path / "state.db"))
    db.execute(database.nodes.insert().values(hash="h", body="b"))
    assert [tuple(row) for row in db.fetch(select(database.nodes))] == [("h", "b")]
    assert db.transact(lambda connection, again: (len(connection.execute(select(database.nodes)).all()), again)) == (
        1,
        False,
    )
    assert db.local(tmp_path) is db
    db.close()


def test_the_clock_of_a_database_is_that_of_its_machine(tmp_path: Path) -> None:
    db = Database.open(url(tmp_path / "state.db"))
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    row = db.fetch(select(db.now().label("now"), db.after(timedelta(hours=1)).label("later")))[0]
    now, later = row.now, row.later
    assert before <= now <= datetime.now(UTC)
    assert timedelta(minutes=59) < later - now < timedelta(minutes=61)
    db.close()


def test_a_name_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    one, two = Database.open(url(tmp_path / "state.db")), Database.open(url(tmp_path / "state.db"))
    with one.exclusive("maintenance") as held:
        held.check()
        with pytest.raises(StorageError, match="Another process holds 'maintenance'"), two.exclusive("maintenance"):
            pass
        with two.exclusive("something-else"):
            pass
        two.execute(database.nodes.insert().values(hash="h", body="b"))
    with two.exclusive("maintenance"):
        pass
    one.close()
    two.close()


def test_a_lane_is_gone_through_one_after_the_other(tmp_path: Path) -> None:
    databases = [Database.open(url(tmp_path / "state.db")) for _ in range(2)]
    inside, most = [0], [0]

    def go(number: int) -> None:
        with databases[number % 2].lane("main"):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.005)
            inside[0] -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(go, range(12)))
    assert most == [1]
    for each in databases:
        each.close()


def test_a_lane_that_somebody_blocks_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "_LANE", 0.05)
    one, two = Database.open(url(tmp_path / "state.db")), Database.open(url(tmp_path / "state.db"))
    with one.lane("main"), two.lane("main"):
        pass
    # Whoever left the line does not stand in it any more.
    monkeypatch.setattr(transactions, "_LANE", 60)
    start = time.monotonic()
    for each in (one, two, one):
        with each.lane("main"):
            pass
    assert time.monotonic() - start < 30
    one.close()
    two.close()


def test_a_forked_process_opens_the_file_anew(tmp_path: Path) -> None:
    db = Database.open(url(tmp_path / "state.db"))
    child = os.fork()
    if child == 0:
        db.execute(database.nodes.insert().values(hash="h", body="b"))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert len(db.fetch(select(database.nodes))) == 1
    db.close()
