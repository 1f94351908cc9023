"""The same kills with the commits in Postgres, where what a statement did may be there and its answer not."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest
from tests.torture import lakes
from tests.torture.conftest import Record
from tests.torture.harness import Clean, Driver, Json, Lake, Scenario, kill_at, seeded, settled, wrong
from tests.torture.scenarios import FRESH
from tests.torture.sizes import SEED, Part, pick

from services.running import Postgres

pytestmark = pytest.mark.services
RUN = Scenario("first run on Postgres", FRESH, ("run",))
# Where Postgres differs from SQLite, and what follows.
POINTS = ("statement due", "statement done", "commit due", "committed", "ref moved", "published", "run ended")


def trial(root: Path, driver: Driver, server: Postgres, chain: list[Json]) -> tuple[tuple[str, ...], Json, int]:
    """A new lake with a database of its own: its run killed as often as the chain says, and then not any more."""
    name = f"torture_{uuid.uuid4().hex[:12]}"
    url = server.create_database(name)
    shutil.rmtree(root, ignore_errors=True)
    lakes.part(root)
    with (root / "headgate.yml").open("a") as settings:
        settings.write(f"\ncatalog: {url}\n")
    lake = Lake(root, driver, root)
    kills = sum(lake.call("run", **disturbance).killed for disturbance in chain)
    answer = lake.call("run")
    assert answer.code == 0, (SEED, chain, answer)
    state = settled(lake)
    server.drop_database(name)
    return answer.points, state, kills


def test_a_run_on_postgres_survives_kills(
    tmp_path: Path, driver: Driver, postgres_server: Postgres, record: Record
) -> None:
    points, state, _ = trial(tmp_path / "lake", driver, postgres_server, [])
    clean = Clean(points, 0, state)
    rng = seeded("postgres")
    for _ in range(pick(3, 25)):
        chain = [kill_at(point := rng.choice(POINTS), rng.randint(1, points.count(point))) for _ in range(2)]
        _, found, kills = trial(tmp_path / "lake", driver, postgres_server, chain)
        problems = wrong(found, clean, RUN)
        assert not problems, f"seed {SEED}, {chain}: {problems}"
        record(Part.FAULTS, "kills survived with Postgres", kills)
