"""Servers start, answer, survive a crash with their data, and end with whoever started them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pyarrow.fs as fs
import pytest

from services import artifacts, java, running
from services.errors import Absent, ServiceError
from services.fixtures import available
from services.process import Process, free_port, listens

pytestmark = pytest.mark.services


def exists(process_id: int) -> bool:
    """Whether a process of this id runs; one that has ended and waits to be collected does not."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, check=False)
    return done.stdout.strip() not in ("", "Z") and not done.stdout.startswith("Z")


def gone(process_id: int) -> bool:
    deadline = time.monotonic() + 15
    while exists(process_id):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_process_ends_with_everything_that_it_started(tmp_path: Path) -> None:
    script = "sleep 300 & echo $! ; wait"
    with Process("pair", ["sh", "-c", script], tmp_path) as process:
        process.wait(lambda: process.log.read_text().endswith("\n"), seconds=10)
        grandchild = int(process.log.read_text())
        assert exists(process.child)
        assert exists(grandchild)
    assert gone(process.child)
    assert gone(grandchild)


def test_a_process_ends_when_whoever_started_it_is_killed(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time\n"
        "from services.process import Process\n"
        "process = Process('sleeper', ['sleep', '300'], pathlib.Path(sys.argv[1]))\n"
        "process.start()\n"
        "print(process.child, flush=True)\n"
        "time.sleep(300)\n"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as starter:
        assert starter.stdout is not None
        sleeper = int(starter.stdout.readline())
        assert exists(sleeper)
        starter.kill()
    assert gone(sleeper)


def test_a_process_that_ends_while_starting_shows_its_log(tmp_path: Path) -> None:
    process = Process("broken", ["sh", "-c", "echo the port is taken >&2; exit 7"], tmp_path)
    with (
        process,
        pytest.raises(ServiceError, match=r"(?s)broken ended with exit code 7.*the port is taken.*broken\.log"),
    ):
        process.wait(lambda: False, seconds=10)


def test_a_command_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="absent could not be started"):
        Process("absent", [tmp_path / "no-such-program"], tmp_path).start()


def test_ports_are_free_and_never_given_twice() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    assert not any(listens(port) for port in ports)


def test_a_missing_tool_skips_for_a_person_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class NeedsGo:
        def __enter__(self) -> None:
            raise Absent("go is not on PATH")

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"go is not on PATH"), available(NeedsGo()):
        pass
    monkeypatch.setenv("CI", "1")
    with pytest.raises(Absent), available(NeedsGo()):
        pass


def test_artifacts_name_what_they_miss(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADGATE_SERVICES_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Absent, match=r"mvn is not on PATH.*Install Apache Maven"):
        artifacts.maven.__wrapped__("nessie")
    with pytest.raises(Absent, match=r"go is not on PATH.*Install Go"):
        artifacts.go.__wrapped__("versitygw")


def test_a_seed_of_other_content_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADGATE_SERVICES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HEADGATE_SERVICES_SEED", str(tmp_path))
    (tmp_path / "iceberg-aws-bundle-1.12.0.jar").write_bytes(b"not what it says")
    with pytest.raises(ServiceError, match=r"iceberg-aws-bundle:1.12.0 has the checksum"):
        artifacts.maven.__wrapped__("iceberg-aws-bundle")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_damaged_artifact_is_fetched_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADGATE_SERVICES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HEADGATE_SERVICES_SEED", str(tmp_path))
    (tmp_path / "versitygw").write_bytes(b"#!/bin/sh\n")
    binary = artifacts.go.__wrapped__("versitygw")
    binary.write_bytes(b"#!/bin/sh\nrm -rf everything\n")
    assert artifacts.go.__wrapped__("versitygw").read_bytes() == b"#!/bin/sh\n"


@pytest.mark.parametrize("server", ["versitygw_server", "minio_server"])
def test_an_s3_server_keeps_its_objects_through_a_crash(server: str, request: pytest.FixtureRequest) -> None:
    s3: running.S3 = request.getfixturevalue(server)
    bucket = s3.make_bucket("crash").removeprefix("s3://")
    client = fs.S3FileSystem(
        access_key=s3.access_key, secret_key=s3.secret_key, region=s3.region, endpoint_override=s3.endpoint
    )
    with client.open_output_stream(f"{bucket}/folder/object") as stream:
        stream.write(b"kept")
    s3.kill()
    assert not s3.ready()
    s3.restart()
    with client.open_input_stream(f"{bucket}/folder/object") as stream:
        assert stream.read() == b"kept"


@pytest.mark.parametrize("server", ["versitygw_server", "minio_server"])
def test_an_s3_server_refuses_other_credentials(server: str, request: pytest.FixtureRequest) -> None:
    s3: running.S3 = request.getfixturevalue(server)
    client = fs.S3FileSystem(
        access_key=s3.access_key, secret_key="wrong", region=s3.region, endpoint_override=s3.endpoint
    )
    with pytest.raises(OSError, match=r"ACCESS_DENIED|403|SignatureDoesNotMatch"):
        client.create_dir("others")
    assert "wrong" not in repr(s3)
    assert s3.secret_key not in repr(s3)


def test_postgres_keeps_its_rows_through_a_crash(postgres_server: running.Postgres, postgres_url: str) -> None:
    database = postgres_url.rsplit("/", 1)[1]
    postgres_server.execute("create table kept as select 42 as answer", database)
    os.kill(postgres_server.pid, signal.SIGKILL)
    postgres_server.restart()
    assert postgres_server.execute("select answer from kept", database) == [["42"]]
    assert postgres_server.password not in repr(postgres_server)


def test_nessie_answers(nessie_url: str) -> None:
    with urllib.request.urlopen(f"{nessie_url}/api/v2/trees/main") as response:
        assert json.load(response)["reference"]["name"] == "main"


def test_make_services_tells_where_they_are_and_ends_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "services", "up", "versitygw", "postgres", "--folder", str(tmp_path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as up:
        assert up.stdout is not None
        shown: list[str] = []
        while not shown or not shown[-1].startswith("Ctrl-C"):
            shown.append(up.stdout.readline())
        text = "".join(shown)
        ports = [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)\n", text)]
        assert len(ports) == 2
        assert "storage: s3://lake" in text
        assert "catalog: postgresql://owner:" in text
        assert all(map(listens, set(ports)))
        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 0
    assert not any(map(listens, ports))


def test_java_of_a_wheel_passes_over_what_spark_asks_for(tmp_path: Path) -> None:
    home = tmp_path / "runtime"
    (home / "bin").mkdir(parents=True)
    (home / "release").write_text('JAVA_VERSION="17.0.9"\nMODULES="java.base"\n')
    (home / "bin" / "java").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (home / "bin" / "java").chmod(0o755)
    assert java.version(home) == 17
    found = java.without_vectors(home, tmp_path / "spark")
    asked = ["-cp", "a b", "--add-modules=jdk.incubator.vector", "Main", "$HOME"]
    done = subprocess.run([found / "bin" / "java", *asked], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["-cp", "a b", "Main", "$HOME"]
    (home / "release").write_text('JAVA_VERSION="17.0.9"\nMODULES="java.base jdk.incubator.vector"\n')
    assert java.without_vectors(home, tmp_path) == home
