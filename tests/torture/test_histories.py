"""The checker of histories catches what it is there to catch: each forged history breaks one rule."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.torture.histories import Answer, Append, Read, Step, violations

BOTH = frozenset({"one", "two"})
FIRST = Append(frozenset({1, 2}), BOTH, 0.0, 1.0, Answer.ACKNOWLEDGED)
SECOND = Append(frozenset({3}), BOTH, 2.0, 3.0, Answer.ACKNOWLEDGED)
DOUBTFUL = Append(frozenset({4}), BOTH, 2.5, 3.5, Answer.UNKNOWN)
APPENDS = [FIRST, SECOND, DOUBTFUL]
EMPTY = Step("a", None)
ONE = Step("b", "a", {"one": [1, 2], "two": [2, 1]})
TWO = Step("c", "b", {"one": [3], "two": [3]})
STEPS = [EMPTY, ONE, TWO]
SEEN = Read("b", {"one": [2, 1], "two": [1, 2]}, 1.5)


def test_a_sound_history_is_none_to_complain_of() -> None:
    assert violations(STEPS, APPENDS, [SEEN, Read("a", {"one": [], "two": []}, 0.5)]) == []
    landed = Step("d", "c", {"one": [4], "two": [4]})
    assert violations([*STEPS, landed], APPENDS, [SEEN]) == []
    # Of two at the same time either may be first.
    swapped = [replace(FIRST, ended=2.5), SECOND]
    assert violations([EMPTY, replace(TWO, parent="a"), replace(ONE, parent="c")], swapped, []) == []


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        pytest.param([EMPTY, ONE], "row 3 of one was acknowledged and is lost", id="lost update"),
        pytest.param([*STEPS, Step("d", "c", {"one": [3]})], "row 3 was appended to one 2 times", id="double append"),
        pytest.param(
            [*STEPS, *(Step(name, before, {"one": [4], "two": [4]}) for before, name in (("c", "d"), ("d", "e")))],
            "row 4 was appended to one 2 times",
            id="one that nobody was told of, twice",
        ),
        pytest.param([*STEPS, Step("d", "c", {"one": [9]})], "row 9 of one came from nowhere", id="invented row"),
        pytest.param(
            [*STEPS, Step("d", "c", removed={"one": [1]})], "d took rows away", id="overwritten by a later commit"
        ),
        pytest.param([EMPTY, ONE, replace(TWO, parent="a")], "c does not follow b", id="side line"),
        pytest.param(
            [EMPTY, replace(ONE, added={"one": [1, 2]}), replace(TWO, added={"one": [3], "two": [1, 2, 3]})],
            "the append of row 1 is not in one commit",
            id="half of a commit",
        ),
        pytest.param(
            [EMPTY, replace(TWO, parent="a"), replace(ONE, parent="c")],
            "row 3 was appended after row 1, and stands before it",
            id="back in time",
        ),
    ],
)
def test_a_forged_history_is_caught(steps: list[Step], found: str) -> None:
    assert [told for told in violations(steps, APPENDS, []) if told.startswith(found)]


@pytest.mark.parametrize(
    ("read", "found"),
    [
        pytest.param(Read("b", {"one": [1, 2], "two": []}, 1.5), "a reader saw of two at b", id="torn read"),
        pytest.param(Read("b", {"one": [1, 2, 3]}, 1.5), "a reader saw of one at b", id="sees the future"),
        pytest.param(Read("b", {"one": [1, 1, 2]}, 1.5), "a reader saw of one at b", id="sees a row twice"),
        pytest.param(Read("x", {}, 1.5), "a reader was at x, which never was on main", id="no such commit"),
        pytest.param(Read("a", {"one": []}, 1.5), "a reader that began after row 1", id="stale head"),
    ],
)
def test_a_forged_read_is_caught(read: Read, found: str) -> None:
    assert [told for told in violations(STEPS, APPENDS, [read]) if told.startswith(found)]


def test_a_refused_append_that_is_there_is_caught() -> None:
    refused = [FIRST, replace(SECOND, answer=Answer.REFUSED)]
    assert "row 3 of one was refused and is there" in violations(STEPS, refused, [])
