"""A DuckDB session: one in-memory database with the extensions that Iceberg needs, made for one run or request."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import duckdb

from headgate.catalog.s3errors import is_s3_error, s3_error
from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.engines.durability import Syncs
from headgate.engines.reach import is_in_store, reach
from headgate.errors import Cancelled, HeadgateError, MissingExtra, QueryError, StorageError
from headgate.scratch import claim_folder
from headgate.types import literal

if TYPE_CHECKING:
    import pyarrow as pa

# avro reads Iceberg's manifests; httpfs has to be there before both.
_EXTENSIONS = ("httpfs", "avro", "iceberg")
_URI = re.compile(r"s3://[^'\s]*[^'\s:]")
_URL = re.compile(r"https?://[^/\s']+/([^'\s?]+)")
_USER = re.compile(r"(https?://)[^/\s'?]*@")
_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
_DISK = (
    "No space left on device",
    "Permission denied",
    "Disk quota exceeded",
    "File too large",
    "Read-only file system",
    "Failed to create directory",
)
_KINDS = {
    "INTERRUPT Error": duckdb.InterruptException,
    "IO Error": duckdb.IOException,
    "Out of Memory Error": duckdb.OutOfMemoryException,
}


class Unexplained(QueryError):
    """A statement failed and the engine does not say why.

    Where one of DuckDB's threads meets an error it interrupts the others, and now and then it hands on the interruption
    that one of these met in place of the error: about once in 300 such failures of DuckDB 1.5.5 with two threads.
    """

    def __init__(self, sql: str) -> None:
        super().__init__(
            "A part of the statement failed, and the engine does not say why.",
            hint="Run it again: it mostly says so then.",
            data={"sql": sql, "line": None},
        )


class Session:
    """An in-memory DuckDB database; nothing of it outlives `close`.

    Args:
        settings: Limits of memory and threads, and where to spill.
        storage: Where the lake's tables are.

    Attributes:
        connection: DuckDB's own connection, for what the methods here do not offer.
        storage: As given.
        syncs: Data files that were written through this session, on their way to the disk.
        functions: Names of the functions that were defined on this session so far.
        views: What each view over the lake shows, a metadata location, by its quoted name in lower case.
        scratch: A folder of this session's own for spilled and temporary files, removed at the end.
        interrupted: Whether `interrupt` was called.
        stopped: Whether `stop` was.
    """

    def __init__(self, settings: EngineSettings, storage: Storage) -> None:
        self.storage = storage
        self.syncs = Syncs(storage)
        self.functions: set[str] = set()
        self.views: dict[str, str] = {}
        self.interrupted = False
        self.stopped = False
        temporary = Path(settings.temp_directory or tempfile.gettempdir()).expanduser().absolute()
        self.scratch = claim_folder(temporary)
        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            # DuckDB would hash the extensions, 85 MB, at every start: 0.3 s. pip has checked the wheels that hold them;
            # once they are loaded, no others without a signature are.
            "allow_unsigned_extensions": True,
            # Variables of the calling Python code are not tables.
            "python_enable_replacements": False,
            "temp_directory": str(self.scratch / "spill"),
        }
        if settings.memory_limit:
            config["memory_limit"] = _memory(settings.memory_limit)
        if settings.threads:
            config["threads"] = settings.threads
        self.connection = duckdb.connect(":memory:", config=config)
        for extension in _EXTENSIONS:
            self.load(extension)
        self.connection.execute("SET allow_unsigned_extensions = false")
        self.connection.execute("SET TimeZone = 'UTC'")
        reach(self.connection, storage)

    def load(self, extension: str) -> None:
        """Load an extension from its installed wheel, without a copy in the user's home.

        Raises:
            MissingExtra: The wheel is not installed, or is for another version of DuckDB.
        """
        found = importlib.util.find_spec(f"duckdb_extension_{extension}")
        folders = found.submodule_search_locations if found is not None and found.submodule_search_locations else []
        for folder in folders:
            path = Path(folder, "extensions", f"v{duckdb.__version__}", f"{extension}.duckdb_extension")
            if path.exists():
                self.connection.execute(f"LOAD {literal(str(path))}")
                return
        raise MissingExtra(
            f"DuckDB's extension '{extension}' is not installed for DuckDB {duckdb.__version__}.",
            hint=f"pip install 'duckdb-extension-{extension.replace('_', '-')}=={duckdb.__version__}'",
        )

    def execute(self, sql: str, parameters: Sequence[object] | None = None) -> duckdb.DuckDBPyConnection:
        """Run SQL and leave the result on the connection.

        Raises:
            Cancelled: The session was interrupted.
            QueryError: DuckDB rejects the statement, or it fails; `Unexplained` if DuckDB does not say why.
            StorageError: A file cannot be read or written.
        """
        if self.stopped:
            raise query_stopped()
        try:
            return self.connection.execute(sql, parameters)
        except duckdb.Error as error:
            raise self.translate(error, sql) from error
        except BaseException:
            # A signal ends the call and not the threads that work for it, which the next statement would wait for.
            self.connection.interrupt()
            raise

    def rows(self, sql: str, parameters: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a small result as Python values."""
        cursor = self.execute(sql, parameters)
        try:
            return cursor.fetchall()
        except duckdb.Error as error:
            raise self.translate(error, sql) from error

    def value(self, sql: str, parameters: Sequence[object] | None = None) -> Any:
        """The first column of the first row; None without rows."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None

    def arrow(self, sql: str, parameters: Sequence[object] | None = None) -> pa.Table:
        """The whole result as an Arrow table."""
        cursor = self.execute(sql, parameters)
        try:
            return cursor.to_arrow_table()
        except duckdb.Error as error:
            raise self.translate(error, sql) from error

    def batches_of(self, reader: pa.RecordBatchReader, sql: str) -> Iterator[pa.RecordBatch]:
        """The batches of a result that is still being computed; raises as `execute` does."""
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except OSError as error:
                # Through Arrow's interface DuckDB's error keeps its text only, which begins with its kind.
                message = str(error).rstrip()
                kind = _KINDS.get(message.partition(":")[0], duckdb.Error)
                raise self.translate(kind(message), sql) from error
            yield batch

    def scratch_folder(self, name: str) -> Path:
        """A folder for temporary files below `scratch`, which is made if it is not there."""
        folder = self.scratch / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"Cannot make the temporary folder '{folder}': {error.strerror}.",
                hint="Set engine.temp_directory in headgate.yml to a folder that can be written to.",
            ) from error
        return folder

    def temporary(self, name: str) -> str:
        """A name that no other temporary table of this session has."""
        return f"{name}_{uuid.uuid4().hex[:12]}"

    @contextmanager
    def searching(self, folder: Path) -> Iterator[None]:
        """Let relative paths in SQL start at a folder while the body lasts."""
        before = self.value("SELECT current_setting('file_search_path')")
        self.execute(f"SET file_search_path = {literal(str(folder))}")
        try:
            yield
        finally:
            self.execute(f"SET file_search_path = {literal(before)}")

    def interrupt(self) -> None:
        """Stop the statement that is running, from another thread; nothing is left to stop once it was closed."""
        self.interrupted = True
        with suppress(duckdb.ConnectionException):
            self.connection.interrupt()

    def stop(self) -> None:
        """Stop the statement that is running, from another thread, and begin no other."""
        self.stopped = True
        self.interrupt()

    def translate(self, error: duckdb.Error, sql: str) -> HeadgateError:
        """An error of DuckDB's as one of ours, with the line of the statement where DuckDB names one."""
        if isinstance(error, duckdb.InterruptException):
            return query_stopped() if self.interrupted else Unexplained(sql)
        return _translated(error, sql, self.storage)

    def close(self) -> None:
        """Drop the database and what it spilled, and end what still runs."""
        # A signal ends a call of DuckDB's Python API and not the threads that work for it, which closing waits for.
        self.interrupt()
        self.connection.close()
        self.syncs.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _location(message: str, sql: str) -> str:
    """The file that an error is about: DuckDB names its URI, its URL, or nothing that the statement does not name."""
    # Below its first line DuckDB quotes the statement, cut short.
    found = _URI.search(message.partition("\n")[0]) or _URI.search(sql)
    if found is not None:
        return found[0]
    url = _URL.search(message)
    return f"s3://{url[1]}" if url is not None else "s3://"


def _memory(text: str) -> str:
    """A limit as DuckDB takes it, which knows no share of the machine's memory."""
    if not text.endswith("%"):
        return text
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{int(machine * float(text.removesuffix('%')) / 100)}B"


def query_stopped() -> Cancelled:
    """What whoever asked is told when a query was stopped from outside."""
    return Cancelled("The query was stopped.", hint="Nothing was changed; ask again.")


def _translated(error: duckdb.Error, sql: str, storage: Storage) -> HeadgateError:
    # An address is told as `files` of a source are: without user and password.
    message = _USER.sub(r"\1", str(error))
    if isinstance(error, duckdb.OutOfMemoryException):
        return QueryError(
            f"The engine ran out of memory: {message.partition(': ')[2] or message}",
            hint="Raise engine.memory_limit in headgate.yml, or let it spill to a larger engine.temp_directory.",
        )
    if isinstance(error, duckdb.IOException) and any(sign in message for sign in _DISK):
        full = any(sign in message for sign in ("No space", "quota", "too large"))
        hint = "Free some space and run again." if full else "Give the user who runs headgate access to the folder."
        return StorageError(message.splitlines()[0], hint=f"{hint} Nothing refers to what was half written.")
    if isinstance(error, duckdb.IOException) and is_s3_error(message) and is_in_store(message, storage):
        return s3_error(_location(message, sql), message)
    if isinstance(error, duckdb.InternalException):
        # The rest is a stack trace of DuckDB's.
        message = message.partition("\n")[0]
    line = _LINE.search(message)
    place = f"line {line[1]} of the statement" if line else None
    return QueryError(message, place=place, data={"sql": sql, "line": int(line[1]) if line else None})
