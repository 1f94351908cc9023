"""docs/reliability.md speaks of every promise and of tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")


def test_every_promise_has_its_section() -> None:
    assert re.findall(r"^## (P\d):", TEXT, re.MULTILINE) == [f"P{number}" for number in range(1, 10)]


def test_every_test_of_a_promise_is_named() -> None:
    files = sorted(path.name for path in (ROOT / "tests/promises").glob("test_*.py"))
    assert [name for name in files if f"`tests/promises/{name}`" not in TEXT] == []


def test_what_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", TEXT)
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []
