"""Counts of all processes are added up where the long run ends."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

COUNTING = """
import pytest
from tests.torture.sizes import Part, seconds

@pytest.mark.parametrize("n", [1, 2, 40])
def test_one(n, record):
    record(Part.FAULTS, "things done", n)
    record(Part.FAULTS, "tests run")

def test_two(record):
    record(Part.CATALOG, "steps", 5)
    assert seconds(Part.CATALOG, 0.5) == 360
"""


def test_counts_of_two_processes_add_up(tmp_path: Path) -> None:
    (tmp_path / "test_counting.py").write_text(COUNTING)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--rootdir", str(ROOT), "-p", "tests.torture.conftest"]
    environment = {**os.environ, "HEADGATE_TORTURE": "long", "HEADGATE_TORTURE_SEED": "77"}
    shown = subprocess.run(
        [*command, str(tmp_path)], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert "torture (seed 77)" in shown.stdout
    rows = re.findall(r"^(\S+) +(\S.*?) {2,}(\d+)$", shown.stdout, re.MULTILINE)
    assert rows == [("catalog", "steps", "5"), ("faults", "tests run", "3"), ("faults", "things done", "43")]
