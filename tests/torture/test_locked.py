"""A state database that another process keeps writing to for longer than headgate waits: an error, and then a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from tests.torture.conftest import Record
from tests.torture.harness import Lake, begin, settled, undisturbed, wrong
from tests.torture.scenarios import LOADED, SCENARIOS
from tests.torture.sizes import SEED, Part, drawn

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.fixture
def impatient(lake: Lake) -> Iterator[Lake]:
    """The lake, which waits for half a second instead of a minute."""
    settings = lake.root / "headgate.yml"
    before = settings.read_text()
    settings.write_text(f"{before}\ncatalog: sqlite:///.headgate/state.db?timeout=0.5\n")
    yield lake
    settings.write_text(before)


@pytest.mark.parametrize(
    "point", drawn("locked", ["source hashed", "run locked", "branch created", "loaded", "publish due"])
)
def test_a_database_that_stays_locked_is_an_error(impatient: Lake, point: str, record: Record) -> None:
    lake, scenario = impatient, BY_NAME["changed file"]
    clean = undisturbed(lake, scenario)
    assert Counter(clean.points)[point]
    begin(lake, scenario)
    database = lake.root / ".headgate/state.db"
    answer = lake.call("run", actions=[{"point": point, "occurrence": 1, "act": "lock", "path": str(database)}])

    told = f"seed {SEED}: {answer}"
    assert answer.code == 1, told
    assert "Traceback" not in answer.err, told
    error = answer.result["error"]
    assert "locked" in error["message"], told
    assert "another process" in error["hint"].lower(), told
    assert lake.call("log").result["commits"][0]["id"] == lake.heads[LOADED], told
    problems = wrong(settled(lake), clean, scenario)
    assert not problems, problems
    record(Part.FAULTS, "locked databases survived")
