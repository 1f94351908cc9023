"""The session: its limits, what it leaves behind, and what its errors say."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from headgate.catalog.storage import Storage
from headgate.config import EngineSettings, StorageSettings
from headgate.engines.duckdb import Session, Unexplained
from headgate.errors import Cancelled, MissingExtra, QueryError, StorageError


def test_settings_reach_duckdb(make_session: Callable[..., Session]) -> None:
    session = make_session(memory_limit="256MB", threads=1)
    assert session.value("SELECT current_setting('threads')") == 1
    assert session.value("SELECT current_setting('memory_limit')") == "244.1 MiB"
    assert session.value("SELECT current_setting('TimeZone')") == "UTC"


def test_what_does_not_fit_into_memory_is_spilled_and_removed(tmp_path: Path) -> None:
    settings = EngineSettings(memory_limit="60MB", threads=2, temp_directory=str(tmp_path / "not" / "there"))
    with Session(settings, Storage(str(tmp_path))) as session:
        rows = session.value("SELECT count(*) FROM (SELECT hash(i) AS h, i FROM range(3000000) AS t(i) ORDER BY h)")
        assert rows == 3_000_000
        session.execute("CREATE TABLE big AS SELECT hash(i) AS h, hash(i + 1) AS g FROM range(6000000) AS t(i)")
        assert list(session.scratch.rglob("*.tmp"))
    assert not session.scratch.exists()


def test_memory_that_does_not_suffice_is_a_sentence_with_a_next_step(tmp_path: Path) -> None:
    settings = EngineSettings(memory_limit="20MB", threads=1, temp_directory=str(tmp_path))
    with (
        Session(settings, Storage(str(tmp_path))) as session,
        pytest.raises(QueryError, match="out of memory") as caught,
    ):
        session.value("SELECT string_agg(repeat('x', 1000), '') FROM range(1000000)")
    assert "engine.memory_limit" in str(caught.value.hint)


def test_the_scratch_of_killed_sessions_is_removed(tmp_path: Path) -> None:
    program = (
        "import os, sys; from headgate.engines.duckdb import Session; from headgate.config import EngineSettings\n"
        "from headgate.catalog.storage import Storage\n"
        "Session(EngineSettings(temp_directory=sys.argv[1]), Storage('/nowhere')); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with Session(EngineSettings(temp_directory=str(tmp_path)), Storage(str(tmp_path))) as session:
        assert list(tmp_path.iterdir()) == [session.scratch]
        with Session(EngineSettings(temp_directory=str(tmp_path)), Storage(str(tmp_path))):
            assert session.scratch.exists()


def test_a_session_that_cannot_spill_still_answers(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("", encoding="utf-8")
    with Session(EngineSettings(temp_directory=str(occupied)), Storage(str(tmp_path))) as session:
        assert session.value("SELECT 1") == 1
        with pytest.raises(StorageError, match="temporary folder"):
            session.scratch_folder("x")


def test_errors_name_the_line(session: Session) -> None:
    with pytest.raises(QueryError) as caught:
        session.rows("SELECT 1,\n       nonsense\nFROM range(3)")
    assert caught.value.place == "line 2 of the statement"
    assert caught.value.data["line"] == 2
    assert "nonsense" in caught.value.message


@pytest.mark.parametrize(
    "message",
    [
        "IO Error: Could not write file '/x/y.parquet': No space left on device",
        "IO Error: Cannot open file '/x/y.parquet': Permission denied",
        'IO Error: Failed to create directory "/x/data": Not a directory',
    ],
)
def test_trouble_with_the_disk_is_a_storage_error(session: Session, message: str) -> None:
    error = session.translate(duckdb.IOException(message), "COPY")
    assert isinstance(error, StorageError)
    assert error.hint


@pytest.mark.parametrize(
    ("url", "is_lake"),
    [
        ("http://store.lan:9000/lake/x", True),
        ("http://lake.store.lan:9000/x", True),
        ("http://me:word@files.lan/404/x", False),
    ],
)
@pytest.mark.parametrize("what", ["HTTP GET error on '{}' (HTTP 404)", "Could not connect to server error for '{}'"])
def test_an_address_that_sql_names_is_not_taken_for_the_lake_s(
    make_session: Callable[..., Session], tmp_path: Path, url: str, is_lake: bool, what: str
) -> None:
    error = duckdb.IOException(f"IO Error: {what.format(url)}")
    stored = Storage("s3://lake", StorageSettings(endpoint="http://store.lan:9000"))
    with Session(EngineSettings(temp_directory=str(tmp_path / "t")), stored) as session:
        assert isinstance(session.translate(error, "FROM t"), StorageError) is is_lake
    told = make_session().translate(error, f"FROM read_csv('{url}')")
    assert isinstance(told, QueryError)
    assert told.message == str(error).replace("me:word@", "")


ENDLESS = "SELECT count(*) FROM range(1000000000) AS a(i), range(1000) AS b(j) WHERE hash(i * j) = 7"


def test_a_statement_is_stopped_from_another_thread(session: Session) -> None:
    timer = threading.Timer(0.3, session.interrupt)
    timer.start()
    with pytest.raises(Cancelled):
        session.value(ENDLESS)
    timer.join()
    assert session.value("SELECT 1") == 1


def test_a_session_that_was_stopped_begins_no_statement(make_session: Callable[..., Session]) -> None:
    session = make_session()
    timer = threading.Timer(0.3, session.stop)
    timer.start()
    with pytest.raises(Cancelled):
        session.value(ENDLESS)
    timer.join()
    with pytest.raises(Cancelled):
        session.value("SELECT 1")


def test_relative_paths_start_where_they_are_told_to(session: Session, tmp_path: Path) -> None:
    (tmp_path / "it's here").mkdir()
    (tmp_path / "it's here" / "x.csv").write_text("a\n7\n", encoding="utf-8")
    with session.searching(tmp_path / "it's here"):
        assert session.rows("FROM 'x.csv'") == [(7,)]
    with pytest.raises(QueryError):
        session.rows("FROM 'x.csv'")


def test_results_come_as_arrow(session: Session) -> None:
    assert session.arrow("SELECT i FROM range(3) AS t(i)").column("i").to_pylist() == [0, 1, 2]
    sql = "FROM range(250000)"
    reader = session.execute(sql).to_arrow_reader(100_000)
    assert sum(batch.num_rows for batch in session.batches_of(reader, sql)) == 250_000


def interrupted_stream() -> pa.RecordBatchReader:
    """A stream that ends as DuckDB's does when a thread that another one interrupted is the first to be heard."""

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"i": [0]})
        raise OSError("INTERRUPT Error: Interrupted!\n")

    return pa.RecordBatchReader.from_batches(pa.schema({"i": pa.int64()}), batches())


def test_only_who_was_interrupted_was_stopped(make_session: Callable[..., Session]) -> None:
    session = make_session()
    with pytest.raises(Unexplained, match="does not say why") as caught:
        list(session.batches_of(interrupted_stream(), "FROM t"))
    assert caught.value.data["sql"] == "FROM t"
    assert caught.value.hint
    session.interrupt()
    with pytest.raises(Cancelled):
        list(session.batches_of(interrupted_stream(), "FROM t"))


def test_an_unused_extension_is_not_fetched(session: Session) -> None:
    with pytest.raises(QueryError):
        session.execute("LOAD spatial")


def test_extensions_come_from_their_wheels(session: Session) -> None:
    with pytest.raises(MissingExtra, match="'spatial'") as caught:
        session.load("spatial")
    assert "pip install 'duckdb-extension-spatial==" in str(caught.value.hint)
    session.load("tpch")
    assert session.value("SELECT count(*) FROM tpch_queries()") == 22


def test_no_extension_without_a_signature_is_loaded_later(make_session: Callable[..., Session], tmp_path: Path) -> None:
    session = make_session()
    wheel = Path(str(importlib.util.find_spec("duckdb_extension_tpch").origin)).parent  # type: ignore[union-attr]  # it is installed
    (source,) = wheel.rglob("*.duckdb_extension")
    forged = tmp_path / source.name
    content = bytearray(source.read_bytes())
    # The signature is in the last 256 bytes.
    content[-1] ^= 1
    forged.write_bytes(content)
    with pytest.raises(QueryError, match="signature"):
        session.execute(f"LOAD '{forged}'")


def test_the_scratch_of_other_machines_stays(tmp_path: Path) -> None:
    # Containers that share the folder have process ids of their own.
    other = tmp_path / "session-0badc0de-999999999-abcdef"
    other.mkdir()
    with Session(EngineSettings(temp_directory=str(tmp_path)), Storage(str(tmp_path))):
        assert other.exists()


def test_a_limit_may_be_a_share_of_the_machine(tmp_path: Path) -> None:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    settings = EngineSettings(memory_limit="25%", temp_directory=str(tmp_path))
    with Session(settings, Storage(str(tmp_path))) as session:
        shown = session.value("SELECT current_setting('memory_limit')")
    number, unit = shown.split()
    found = float(number) * {"MiB": 2**20, "GiB": 2**30, "TiB": 2**40}[unit]
    assert found == pytest.approx(machine / 4, rel=0.02)
