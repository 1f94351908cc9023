from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headgate.errors import Cancelled
from headgate.events import Event, Loaded, LoadProgress, LoadStarted
from headgate.ingest import progress
from headgate.ingest.load import load
from headgate.ingest.plan import plan_loads

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake


@pytest.fixture
def large(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setattr(progress, "_SECONDS", 0.001)
    lake.file("data/a.csv", "id,name\n" + "".join(f"{i},name {i}\n" for i in range(400_000)))
    lake.source("a", "table: a\nfiles: data/a.csv\ncolumns: {id: bigint, name: varchar}\n")
    return lake


def test_a_load_tells_how_far_it_is(large: Lake) -> None:
    events: list[Event] = []
    (step,) = plan_loads(large.project, large.sources(), [], large.session.storage)
    result = load(step, large.ws, events.append)
    assert events[0] == LoadStarted("a", "data/a.csv", result.bytes)
    assert events[-1] == Loaded(result)
    fractions = [event.fraction for event in events if isinstance(event, LoadProgress)]
    assert fractions
    assert all(0 <= fraction <= 1 for fraction in fractions)


def test_a_consumer_can_stop_a_load(large: Lake) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, LoadProgress):
            raise Cancelled("Stopped by hand.")

    (step,) = plan_loads(large.project, large.sources(), [], large.session.storage)
    with pytest.raises(Cancelled, match="Stopped by hand"):
        load(step, large.ws, stop)
    assert not large.ws.changes
    assert load(step, large.ws).loaded == 400_000
