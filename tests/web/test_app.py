"""What every server answers: life signs, methods, paths that are not there, and bugs."""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path

import pytest
import requests
from tests.web.serving import Served, serving

from headgate.errors import StorageError
from headgate.run.lake import Lake
from headgate.web import app as app_module


def test_head_and_options(served: Served) -> None:
    head = served.ask("HEAD", "/api/v1/log")
    assert (head.status_code, head.content) == (200, b"")
    options = served.ask("OPTIONS", "/api/v1/log")
    assert options.status_code == 204
    assert options.headers["allow"] == "GET, HEAD" or options.headers["allow"] == "HEAD, GET"
    other = served.ask("DELETE", "/api/v1/log")
    assert other.status_code == 405
    assert "GET" in other.headers["allow"]
    assert other.json()["error"]["place"] == "DELETE /api/v1/log"


def test_a_path_that_is_not_there(served: Served) -> None:
    answer = served.get("/nothing/here")
    assert answer.status_code == 404
    assert answer.json()["error"]["hint"].startswith("GET /api/v1/openapi.json")
    below = served.get("/iceberg/nothing")
    assert below.status_code == 404
    assert set(below.json()["error"]) >= {"message", "type", "code"}


def test_no_answer_redirects(served: Served) -> None:
    for path in ("/health/", "/api/v1/", "/api/v1/tables/", "/iceberg"):
        answer = served.get(path, allow_redirects=False, headers={"Host": "evil.example"})
        assert answer.status_code < 300 or answer.status_code >= 400, path


def test_a_server_whose_database_does_not_answer_is_alive_and_not_ready(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> None:
        raise StorageError("The disk is gone.", place="/secret/place")

    monkeypatch.setattr(served.lake.catalog, "ref", broken, raising=False)
    ready = requests.get(f"{served.url}/ready", timeout=30)
    assert (ready.status_code, ready.json()) == (503, {"status": "not ready"})
    assert requests.get(f"{served.url}/health", timeout=30).status_code == 200


def test_a_server_whose_database_hangs_is_told_apart(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    asked = []

    def hanging(name: str) -> None:
        asked.append(name)
        released.wait(30)

    monkeypatch.setattr(app_module, "_READY_SECONDS", 0.1)
    monkeypatch.setattr(served.lake.catalog, "ref", hanging, raising=False)
    statuses = [requests.get(f"{served.url}/ready", timeout=30).status_code for _ in range(5)]
    assert statuses == [503] * 5
    assert asked == ["main"]
    assert requests.get(f"{served.url}/health", timeout=30).status_code == 200
    released.set()
    monkeypatch.setattr(app_module, "_READY_SECONDS", 30)
    assert requests.get(f"{served.url}/ready", timeout=30).status_code == 200
    # The five that got no answer have asked once.
    assert len(asked) <= 2


def test_a_database_that_fails_after_nobody_waits_any_more_is_no_bug(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    released = threading.Event()

    def failing(name: str) -> None:
        if not released.wait(30):
            raise AssertionError
        monkeypatch.undo()
        raise StorageError("The state database does not answer.", place="there")

    monkeypatch.setattr(app_module, "_READY_SECONDS", 0.1)
    monkeypatch.setattr(served.lake.catalog, "ref", failing, raising=False)
    assert requests.get(f"{served.url}/ready", timeout=30).status_code == 503
    released.set()
    while requests.get(f"{served.url}/ready", timeout=30).status_code == 503:
        pass
    gc.collect()
    assert [record.name for record in caplog.records if record.name == "asyncio"] == []


def test_a_bug_tells_nothing_of_the_inside(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Lake, author: str) -> Lake:
        raise ZeroDivisionError("the inside")

    monkeypatch.setattr(Lake, "acting_as", broken)
    answer = served.get("/api/v1/log")
    assert answer.status_code == 500
    assert "the inside" not in answer.text
    assert answer.json()["error"]["place"] == "GET /api/v1/log"
    while "the inside" not in caplog.text:  # written when the answer is on its way
        time.sleep(0.01)


def test_calls_that_take_long_do_not_hold_up_others(project_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(project_dir, threads=2) as served:
        released = threading.Event()
        original = served.lake.catalog.log

        def slow(*arguments: object, **options: object) -> object:
            released.wait(30)
            return original(*arguments, **options)  # type: ignore[arg-type]  # passed on as they came

        monkeypatch.setattr(served.lake.catalog, "log", slow, raising=False)
        found: list[int] = []
        waiting = [
            threading.Thread(target=lambda: found.append(served.get("/api/v1/log").status_code)) for _ in range(4)
        ]
        for thread in waiting:
            thread.start()
        # All workers are taken; life signs and the door need none of them.
        assert requests.get(f"{served.url}/health", timeout=30).status_code == 200
        assert requests.get(f"{served.url}/api/v1/log", timeout=30).status_code == 401
        assert requests.get(f"{served.url}/ready", timeout=30).status_code == 200
        assert served.get("/api/v1").status_code == 200
        assert found == []
        released.set()
        for thread in waiting:
            thread.join(30)
        assert found == [200] * 4
