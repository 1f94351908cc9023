"""`python -m services up NAME...` starts servers until Ctrl-C; `python -m services fetch [NAME...]` fetches."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from services import artifacts, java, running
from services.errors import ServiceError


def _postgres(folder: Path, stack: contextlib.ExitStack) -> dict[str, str]:
    server = stack.enter_context(running.postgres(folder))
    return {"url": server.url, "headgate.yml": f"catalog: {server.url}"}


def _nessie(folder: Path, stack: contextlib.ExitStack) -> dict[str, str]:
    server = stack.enter_context(running.nessie(folder))
    return {"url": server.url, "headgate.yml": f"catalog: nessie+{server.url}"}


def _s3(server: running.S3) -> dict[str, str]:
    uri = server.make_bucket("lake")
    shown = {"url": server.endpoint, "headgate.yml": f"storage: {uri}"}
    return {**shown, ".env": "\n".join(f"{key}={value}" for key, value in server.environment().items())}


def _versitygw(folder: Path, stack: contextlib.ExitStack) -> dict[str, str]:
    return _s3(stack.enter_context(running.versitygw(folder)))


def _minio(folder: Path, stack: contextlib.ExitStack) -> dict[str, str]:
    return _s3(stack.enter_context(running.minio(folder)))


def _trino(folder: Path, stack: contextlib.ExitStack) -> dict[str, str]:
    server = stack.enter_context(running.trino(folder))
    # Catalogs are added while it runs, from the properties that headgate prints, but for the first of them.
    add = "CREATE CATALOG lake USING iceberg WITH (\"iceberg.catalog.type\" = 'rest', ...)"
    return {"url": server.url, "any client of Trino, with what `headgate connect trino` prints": add}


def _spark(folder: Path, stack: contextlib.ExitStack) -> dict[str, str]:
    command = f"JAVA_HOME={java.for_spark()} {artifacts.environment('spark')}"
    jar = artifacts.maven("iceberg-spark-runtime")
    told = f"spark.jars = {jar}\n(in the place of spark.jars.packages)"
    return {"python with pyspark": command, "with what `headgate connect spark` prints, and": told}


_SERVERS: dict[str, Callable[[Path, contextlib.ExitStack], dict[str, str]]] = {
    "postgres": _postgres,
    "nessie": _nessie,
    "versitygw": _versitygw,
    "minio": _minio,
    "trino": _trino,
    "spark": _spark,
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m services", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help=f"start servers until Ctrl-C: {', '.join(_SERVERS)}")
    up.add_argument("names", nargs="+", metavar="NAME", choices=sorted(_SERVERS))
    up.add_argument("--folder", type=Path, help="where they keep logs and data; else a folder that goes with them")
    fetch = commands.add_parser("fetch", help="fetch and build what the servers need")
    fetch.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(artifacts.names())}; all when none")
    options = parser.parse_args(arguments)
    try:
        if options.command == "fetch":
            for name, place in artifacts.fetch(options.names):
                _print(f"{name}  {place}")
        else:
            _up(options.names, options.folder)
    except ServiceError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    except KeyboardInterrupt:
        _print("\nEnded.")
    return 0


def _up(names: list[str], chosen: Path | None) -> None:
    # A terminal that closes and `kill` end the servers in the same way as Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    with contextlib.ExitStack() as stack:
        folder = chosen or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headgate-services-")))
        for name in dict.fromkeys(names):
            _print(f"{name}")
            for key, value in _SERVERS[name](folder / name, stack).items():
                _print(f"  {key}")
                _print("".join(f"    {line}\n" for line in value.splitlines()))
        _print(f"Logs and data: {folder}\nCtrl-C ends what was started here.")
        signal.pause()


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
