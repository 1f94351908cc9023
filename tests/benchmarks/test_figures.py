"""Figures, their goals, and the page: a benchmark whose goal is missed must not look as if it were met."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from measure import Figure, Peer, Stopped, Taken, alternate, process
from page import Section, by_size, rendered

from run import missed

MACHINE = {"cores": "2", "processor": "p", "memory": "8 GiB", "system": "s", "python": "3", "duckdb": "1"}


def document(*figures: Figure) -> dict[str, Any]:
    held: dict[str, Any] = {"parts": {"merge": {"machine": MACHINE, "figures": [each.to_dict() for each in figures]}}}
    # As it is read back.
    return dict(json.loads(json.dumps(held)))


@pytest.mark.parametrize(
    ("ours", "theirs", "goal", "more", "holds"),
    [
        (1.2, 1.0, 1.2, False, True),
        (1.3, 1.0, 1.2, False, False),
        (50.0, 5.0, 10.0, True, True),
        (49.0, 5.0, 10.0, True, False),
        (0.0, 0.0, 0.0, False, True),
        (1.0, 0.0, 0.0, False, False),
        (1.0, 0.1, None, False, None),
    ],
)
def test_a_goal_is_a_multiple_of_the_peer(
    ours: float, theirs: float, goal: float | None, more: bool, holds: bool | None
) -> None:
    figure = Figure("merge", "m", "s", ours, (Peer("p", theirs, goal=goal),), more=more)
    assert figure.holds is holds
    assert len(missed(document(figure), ["merge"])) == (holds is False)


def test_one_missed_goal_among_several_peers_is_a_miss() -> None:
    figure = Figure("merge", "m", "s", 2.0, (Peer("a", 4.0, goal=1), Peer("b", 1.0, goal=1.5), Peer("c", 1.0)))
    assert figure.holds is False
    assert missed(document(figure), ["merge"]) == ["Goal missed: merge: m: 2.00 times b, and the goal is at most 1.5"]
    assert missed(document(figure), []) == []


def test_figures_come_back_from_their_file() -> None:
    stopped = Peer("p", 240.0, None, 0.1, stopped=True)
    mean = Peer("q", 3.0, 2.5, 1.1, ratio_of=1.04, rival=False)
    figure = Figure("merge", "m", "s", 2.0, (stopped, mean), 3.5, axis="rows", at=6e6)
    found = Figure.of(document(figure)["parts"]["merge"]["figures"][0])
    assert found.to_dict() == figure.to_dict()
    assert (found.peers[1].rival, found.peers[0].stopped, found.axis, found.at) == (False, True, "rows", 6e6)


def test_the_page_says_what_is_slower_and_what_was_stopped(tmp_path: Path) -> None:
    figures = (
        Figure("merge", "one", "s", 3.0, (Peer("plain", 2.0), Peer("upsert", 240.0, goal=0.1, stopped=True))),
        Figure("merge", "two", "/s", 10.0, (Peer("faster", 40.0, goal=10),), more=True),
        Figure("merge", "three", "s", 9.0, (Peer("itself, smaller", 1.0, rival=False),)),
    )
    page = rendered([Section("merge", "Merging", "About it.")], document(*figures), tmp_path)
    slower = page.partition("## Where headgate is slower")[2]
    assert [line for line in slower.splitlines() if line.startswith("-")] == [
        "- Merging, two: 4.00 times faster",
        "- Merging, one: 1.50 times plain",
    ]
    assert "| upsert | > 240.00 s |  | < 0.01 | ≤ 0.1 | yes |" in page
    assert "| faster | 40.00 /s |  | 0.25 | ≥ 10 | **no** |" in page


def test_growth_is_told_by_its_exponent() -> None:
    figures = [Figure("growth", "load", "s", size**2 / 1e4, axis="files", at=size) for size in (1, 10, 100)]
    assert by_size(figures, "files").splitlines()[0] == "| | 1 files | 10 files | 100 files | exponent |"
    assert by_size(figures, "files").endswith("| 2.00 |")


def test_a_command_has_a_limit_and_an_exit_code() -> None:
    with pytest.raises(Stopped, match=r"more than 0\.2 s"):
        process([sys.executable, "-c", "import time; time.sleep(60)"], limit=0.2)
    with pytest.raises(RuntimeError, match=r"ended with 3:\nwhy"):
        process([sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"])


def test_the_peak_is_that_of_the_command_alone() -> None:
    held = b"." * 300_000_000
    small, large = (process([sys.executable, "-c", f"held = b'.' * {size}"]).peak for size in (1, 100_000_000))
    assert small < 100 < large < 200 < len(held) / 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives orphans to whom it is asked to")
def test_what_a_command_leaves_behind_counts() -> None:
    burn = "import time; start = time.process_time()\nwhile time.process_time() < start + 0.5: pass"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}])"
    assert process([sys.executable, "-c", code]).cpu > 0.5


def test_actions_take_turns_and_give_medians() -> None:
    turns: list[str] = []
    walls = iter([1.0, 10.0, 3.0, 30.0, 2.0, 20.0])

    def action(name: str) -> Taken:
        turns.append(name)
        return Taken(next(walls), time.process_time(), len(turns))

    found = alternate(3, {"a": lambda: action("a"), "b": lambda: action("b")})
    assert turns == ["a", "b"] * 3
    assert (found["a"].wall, found["b"].wall, found["b"].peak) == (2.0, 20.0, 6)
