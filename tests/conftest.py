"""What every test may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def project_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project that is also the working folder, shut off from the environment of whoever runs the tests."""
    for variable in ("HEADGATE_PROJECT", "HEADGATE_PROFILE", "HEADGATE_AUTHOR"):
        monkeypatch.delenv(variable, raising=False)
    root = tmp_path / "lake"
    root.mkdir()
    (root / "headgate.yml").write_text("name: lake\n", encoding="utf-8")
    monkeypatch.chdir(root)
    return root
