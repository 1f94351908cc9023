from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from headgate.scratch import write_atomically


def test_what_killed_processes_left_half_written_goes_and_what_others_write_stays(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = [f"note.json.{dead.pid}-aa", f"note.json.{10**30}-bb"]
    stays = [f"note.json.{os.getpid()}-aa", "note.json.bak", f"other.json.{dead.pid}-aa"]
    for name in (*left, *stays):
        (tmp_path / name).write_text("{")

    write_atomically(tmp_path / "note.json", b"{}")

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["note.json", *stays])
    assert (tmp_path / "note.json").read_bytes() == b"{}"
