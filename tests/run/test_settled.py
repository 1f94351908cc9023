"""A run with nothing to do is told by the times of files; what could make a difference leads to a run that looks."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import headgate
from headgate import lakehouse
from headgate.run import settled
from headgate.run.result import RunResult, RunStatus


def told(shop: Path, select: str | None = None, profile: str | None = None) -> RunResult | None:
    return lakehouse.settled(shop, profile, select)


@pytest.fixture
def noted(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without models that has been run, its files being older than the run."""
    # The time at which a file's entry changed cannot be set back: the fixture's are as young as the test.
    monkeypatch.setattr(settled, "_SETTLED_NS", 0)
    (shop / "headgate.yml").write_text("name: shop\nauthor: tester\nprofiles:\n  fast: {author: '${SHOP_AUTHOR:-x}'}\n")
    shutil.rmtree(shop / "models")
    (shop / "macros").mkdir()
    # The first opening would change the project's folder.
    (shop / ".headgate").mkdir()
    (shop / "macros/cents.sql").write_text("{% macro cents(amount) %} {{ amount }} * 100 {% endmacro %}\n")
    with headgate.open(shop) as lake:
        assert told(shop) is None
        assert lake.run().status is RunStatus.MERGED
    return shop


def test_what_a_run_left_is_told_without_one(noted: Path) -> None:
    found = told(noted)

    assert found is not None
    assert found.status is RunStatus.UNCHANGED
    with headgate.open(noted) as lake:
        assert found.commit == lake.run().commit
    assert told(noted, select="orders") is None
    assert told(noted, profile="fast") is None


def append(path: Path) -> None:
    path.write_text(path.read_text() + "\n")


def keeping_its_times(path: Path) -> None:
    """Other bytes of the same length, and the time of change set back to what it was."""
    before = path.stat()
    with path.open("r+b") as file:
        file.write(path.read_bytes().replace(b"12.50", b"12.51"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        lambda shop: append(shop / "data/orders-1.csv"),
        lambda shop: keeping_its_times(shop / "data/orders-1.csv"),
        lambda shop: shutil.copy(shop / "data/orders-1.csv", shop / "data/orders-2.csv"),
        lambda shop: (shop / "data/orders-1.csv").rename(shop / "data/orders-3.csv"),
        lambda shop: (shop / "data/customers.csv").unlink(),
        lambda shop: append(shop / "macros/cents.sql"),
        lambda shop: append(shop / "ingestion/orders.yml"),
        lambda shop: (shop / "macros/more.sql").write_text(""),
        lambda shop: (shop / "macros/new").mkdir(),
        lambda shop: (shop / ".env").write_text("SHOP_AUTHOR=ada\n"),
        lambda shop: (shop / "seeds").mkdir(),
        lambda shop: (shop / ".headgate/state.db").unlink(),
        lambda shop: (shop / ".headgate/settled.json").write_text("{"),
        lambda shop: (shop / ".headgate/settled.json").write_text("[]"),
    ],
)
def test_whatever_changed_is_for_a_run_to_find(noted: Path, change: Callable[[Path], object]) -> None:
    assert told(noted) is not None
    change(noted)
    assert told(noted) is None


def test_variables_count(noted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNRELATED", "x")
    assert told(noted) is not None
    for name in ("SHOP_AUTHOR", "HEADGATE_PROFILE", "AWS_REGION"):
        with monkeypatch.context() as context:
            context.setenv(name, "other")
            assert told(noted) is None


def test_another_commit_on_main_and_a_run_at_work_count(noted: Path) -> None:
    with sqlite3.connect(noted / ".headgate/state.db") as connection:
        connection.execute("INSERT INTO runs (run_id, status, started) VALUES ('r', 'running', 0)")
    assert told(noted) is None
    with sqlite3.connect(noted / ".headgate/state.db") as connection:
        connection.execute("DELETE FROM runs WHERE run_id = 'r'")
    assert told(noted) is not None
    with headgate.open(noted) as lake:
        lake.revert(lake.run().commit)
    assert told(noted) is None


def test_files_as_young_as_the_run_leave_no_note(shop: Path) -> None:
    with headgate.open(shop) as lake:
        assert lake.run().status is RunStatus.MERGED
    assert not (shop / ".headgate/settled.json").exists()


def test_settings_that_changed_since_the_project_was_opened_leave_no_note(noted: Path) -> None:
    with headgate.open(noted) as lake:
        for change in (
            lambda: append(noted / "headgate.yml"),
            lambda: (noted / ".env").write_text("SHOP_AUTHOR=ada\n"),
            lambda: (noted / ".env").unlink(),
        ):
            change()
            (noted / ".headgate/settled.json").unlink(missing_ok=True)
            assert lake.run().status in (RunStatus.MERGED, RunStatus.UNCHANGED)
            assert told(noted) is None
    with headgate.open(noted) as lake:
        lake.run()
    assert told(noted) is not None


def test_an_address_among_the_sources_leaves_no_note(noted: Path) -> None:
    (noted / ".headgate/settled.json").unlink()
    with headgate.open(noted) as lake:
        contract = noted / "ingestion/customers.yml"
        contract.write_text(contract.read_text().replace("data/customers.csv", "https://127.0.0.1:1/customers.csv"))
        assert lake.run().status is RunStatus.FAILED
    assert not (noted / ".headgate/settled.json").exists()


def test_the_command_asks_the_note_first(
    noted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from headgate.cli.main import main

    monkeypatch.setattr(lakehouse, "open", None)
    assert main(["--project", str(noted), "run"]) == 0
    assert "unchanged" in capsys.readouterr().out


def test_what_dbt_reads_elsewhere_counts(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "_SETTLED_NS", 0)
    shutil.rmtree(shop / "models")
    (shop / ".headgate").mkdir()
    (shop / "dbt_project.yml").write_text(
        "name: shop\nprofile: x\nseed-paths: [data/seeds]\nmacro-paths: [../shared]\n"
    )
    shared = shop.parent / "shared"
    shared.mkdir()
    (shared / "env.sql").write_text("{% macro env(name) %}{{ env_var(name) }}{% endmacro %}")

    def settles() -> bool:
        with headgate.open(shop) as lake:
            assert lake.run().status in (RunStatus.MERGED, RunStatus.UNCHANGED)
        return told(shop) is not None

    assert settles()
    with monkeypatch.context() as context:
        context.setenv("OF_ANY_NAME", "other")
        assert told(shop) is None
    (shop / "data/seeds").mkdir()
    assert told(shop) is None
    (shop / "data/seeds/rates.csv").write_text("n\n1\n")
    assert settles()
    append(shared / "env.sql")
    assert told(shop) is None
    (shop / "dbt_project.yml").write_text("name: shop\nprofile: x\nmacro-paths: [\"{{ '../' ~ 'shared' }}\"]\n")
    assert not settles()
