"""`serve`, `token` and `connect` from the command line."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.cli.servers import command, environment, serve

from headgate.cli.main import main

Ask = Callable[..., Any]


@pytest.fixture
def ask(project_dir: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    def run(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main([*arguments, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_tells_where_it_is_and_ends_when_it_is_told_to(project_dir: Path, number: int) -> None:
    with serve(project_dir) as server:
        host, port = server.url.removeprefix("http://").split(":")
        assert host == "127.0.0.1"
        assert int(port) > 0
        assert server.document["iceberg"] == f"{server.url}/iceberg"
        assert server.document["api"] == f"{server.url}/api/v1"
        assert requests.get(f"{server.url}/health", timeout=30).json() == {"status": "alive"}
        assert requests.get(f"{server.url}/ready", timeout=30).json() == {"status": "ready"}
        assert requests.get(f"{server.url}/api/v1", timeout=30).status_code == 401
        headers = {"Authorization": f"Bearer {server.token}"}
        assert requests.get(f"{server.url}/api/v1", headers=headers, timeout=30).json()["project"] == "lake"
        assert server.end(number) == (0, "")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/health", timeout=5)


def test_the_first_token_is_shown_once_and_kept_nowhere(project_dir: Path) -> None:
    with serve(project_dir, "--log-level", "debug") as server:
        secret = server.token
        headers = {"Authorization": f"Bearer {secret}"}
        form = {"grant_type": "client_credentials", "client_id": "local", "client_secret": secret}
        answer = requests.post(f"{server.url}/iceberg/v1/oauth/tokens", data=form, timeout=30)
        access = answer.json()["access_token"]
        for path in ("/api/v1/log", "/api/v1/nothing", "/iceberg/v1/config", "/iceberg/v1/nothing/x"):
            assert secret not in requests.get(server.url + path, headers=headers, timeout=30).text
        wrong = requests.get(f"{server.url}/api/v1", headers={"Authorization": f"Bearer {secret}x"}, timeout=30)
        assert secret not in wrong.text
        code, log = server.end(signal.SIGTERM)
        assert code == 0
        assert '"GET /api/v1/log HTTP/1.1" 200' in log
        assert secret not in log
        assert access not in log
    with serve(project_dir) as again:
        assert again.document["token"] is None
    kept = [path for path in (project_dir / ".headgate").rglob("*") if path.is_file()]
    assert any(path.name == "state.db" for path in kept)
    assert [path for path in kept if secret.encode() in path.read_bytes()] == []


def test_a_person_reads_the_token_and_what_comes_next(project_dir: Path) -> None:
    running = subprocess.Popen(
        command("serve", "--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    assert running.stdout
    lines: list[str] = []
    while not lines or "Ctrl-C" not in lines[-1]:
        lines.append(running.stdout.readline())
        assert lines[-1], running.communicate()
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    text = "".join(lines)
    assert running.returncode == 0
    assert "Serving lake at http://127.0.0.1:" in text
    assert "export HEADGATE_TOKEN=hg_" in text
    assert "headgate connect duckdb" in text


def test_a_request_that_is_under_way_is_finished(project_dir: Path) -> None:
    with serve(project_dir) as server:
        answers: list[requests.Response] = []
        sql = "select sum(a.i * b.j % 7) as n from range(30000) as a(i), range(10000) as b(j)"

        def query() -> None:
            headers = {"Authorization": f"Bearer {server.token}"}
            answers.append(requests.post(f"{server.url}/api/v1/query", json={"sql": sql}, headers=headers, timeout=60))

        asking = threading.Thread(target=query)
        asking.start()
        while not list((project_dir / ".headgate/tmp").glob("session-*")):
            time.sleep(0.01)
        code, _ = server.end(signal.SIGTERM)
        asking.join(60)
        assert code == 0
        assert [answer.status_code for answer in answers] == [200]


def test_a_server_without_tokens_says_so(project_dir: Path) -> None:
    with serve(project_dir, "--no-auth") as server:
        assert server.document["auth"] is False
        assert server.document["token"] is None
        assert requests.get(f"{server.url}/api/v1", timeout=30).status_code == 200
        code, errors = server.end(signal.SIGTERM)
    assert code == 0
    assert "No token is asked for" in errors


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3"])
def test_without_tokens_only_loopback_will_do(ask: Ask, host: str) -> None:
    error = ask("serve", "--no-auth", "--host", host, "--port", "0", code=2)["error"]
    assert "loopback only" in error["message"]
    assert host in error["message"]


def test_an_address_that_others_reach_is_said_out_loud(project_dir: Path) -> None:
    with serve(project_dir, "--host", "0.0.0.0") as server:
        port = server.url.rpartition(":")[2]
        assert requests.get(f"http://127.0.0.1:{port}/api/v1", timeout=30).status_code == 401
        _, errors = server.end(signal.SIGTERM)
    assert "not encrypted" in errors


def test_a_taken_port_and_an_unknown_host_are_told(ask: Ask) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = ask("serve", "--port", str(port), code=1)["error"]
    assert f"port {port}" in error["message"]
    assert "--port 0" in error["hint"]
    assert "no host" in ask("serve", "--host", "no-such-host.invalid", code=2)["error"]["message"]


def test_tokens_are_made_listed_and_revoked(ask: Ask) -> None:
    (made,) = ask("token", "create", "spark", "--expires", "90d")["tokens"]
    assert made["secret"].startswith("hg_")
    (listed,) = ask("token", "list")["tokens"]
    assert (listed["name"], listed["status"]) == ("spark", "valid")
    assert "secret" not in listed
    assert ask("token", "create", "spark", code=1)["error"]["type"] == "AlreadyExists"
    assert ask("token", "create", "x", "--expires", "soon", code=2)["error"]["type"] == "UsageError"
    assert ask("token", "revoke", "spark")["tokens"][0]["status"] == "revoked"
    assert ask("token", "revoke", "sparc", code=1)["error"]["hint"] == "Did you mean 'spark'?"


def test_a_person_reads_a_new_token_once(project_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "create", "ci", "--expires", "1d"]) == 0
    assert "export HEADGATE_TOKEN=hg_" in capsys.readouterr().out
    assert main(["token", "list"]) == 0
    assert "hg_" not in capsys.readouterr().out


@pytest.mark.parametrize("engine", ["duckdb", "spark", "trino", "pyiceberg", "dremio"])
def test_settings_are_printed_without_the_token(
    ask: Ask, engine: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADGATE_TOKEN", "hg_not_to_be_shown")
    ask("branch", "create", "team/feature-1")
    (found,) = ask("connect", engine, "--branch", "team/feature-1", "--url", "http://lake.example:9000")["connections"]
    assert found["url"] == "http://lake.example:9000/iceberg"
    assert "team/feature-1" in found["text"]
    assert "HEADGATE_TOKEN" in found["text"]
    assert main(["connect", engine, "--branch", "team/feature-1"]) == 0
    text = capsys.readouterr().out
    assert "http://127.0.0.1:8181/iceberg" in text
    assert "hg_not" not in text + json.dumps(found)


def test_connect_knows_its_engines_and_the_branches(ask: Ask) -> None:
    assert ask("connect", "sparc", code=2)["error"]["hint"] == "Did you mean 'spark'?"
    assert ask("connect", "spark", "--branch", "gone", code=1)["error"]["type"] == "RefNotFound"


def test_a_new_branch_tells_how_to_write_to_it(project_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["branch", "create", "team/feature-1"]) == 0
    text = capsys.readouterr().out
    assert "headgate connect duckdb --branch team/feature-1" in text
    assert "headgate merge team/feature-1 --into main" in text
