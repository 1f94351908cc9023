"""What may not be tracked is seen, and what may is not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

PATH = Path(__file__).parents[2] / "scripts" / "tracked.py"


@pytest.fixture
def tracked() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tracked", PATH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Written in pieces, so that this file passes the check itself.
@pytest.mark.parametrize(
    "line",
    [
        "--index" + "-url https://example.com/",
        "--extra-index" + "-url=https://example.com/",
        "--find" + "-links wheels/",
        "--trusted" + "-host example.com",
        "see https://index.example.com/" + "simple",
        "https://files.python" + "hosted.org/packages/a.whl",
        "path = '/ho" + "me/ada/lake'",
        "cd /Us" + "ers/ada/lake",
        "open('/wo" + "rk/main/a')",
        "/ro" + "ot/.cache",
    ],
)
def test_addresses_of_indexes_and_paths_of_machines_are_seen(tracked: ModuleType, line: str) -> None:
    assert [number for number, _, _ in tracked.findings(f"fine\n{line}\n")] == [2]


@pytest.mark.parametrize(
    "line",
    [
        "pip-compile --no-emit-index" + "-url --no-emit-find" + "-links",
        "https://keepachangelog.com/en/1.1.0/",
        "a framework/tool, homework/exercise and root/stem",
        "examples/mobility/data/work/file.csv",
        "s3://lake/ho" + "me/ada/x",
        "$HOME/lake ~/work/x",
    ],
)
def test_what_only_looks_like_it_is_left_alone(tracked: ModuleType, line: str) -> None:
    assert list(tracked.findings(line)) == []


def test_secrets_and_lakes_are_not_for_git(
    tracked: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tracked, "ROOT", tmp_path)
    names = ["a/.env", "x.pem", "lake/.headgate/state.txt", "state.db", ".env.example", "src/a.py"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    assert [line.split(":")[0] for line in tracked.files(names)] == names[:4]


def test_a_change_log_needs_its_next_release(tracked: ModuleType) -> None:
    assert list(tracked.change_log("# Changelog\n")) != []
    assert list(tracked.change_log("# Changelog\n\n## [Unreleased]\n")) == []


def test_symbolic_links_are_found(tracked: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real.md").write_text("text\n")
    (tmp_path / "link.md").symlink_to(tmp_path / "real.md")
    (tmp_path / "folder").symlink_to(tmp_path)
    monkeypatch.setattr(tracked, "ROOT", tmp_path)
    assert list(tracked.files(["real.md", "link.md", "folder"])) == [
        "link.md: a symbolic link is not for git",
        "folder: a symbolic link is not for git",
    ]
