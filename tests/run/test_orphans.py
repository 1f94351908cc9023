"""What a model built that the project has no more: a run says how to take it away, and leaves it."""

from __future__ import annotations

from pathlib import Path

import headgate
from headgate.events import Event, Note


def test_a_run_says_how_to_take_a_table_away_that_no_model_builds(project_dir: Path) -> None:
    models = project_dir / "models/marts"
    models.mkdir(parents=True)
    for name in ("good", "bad"):
        (models / f"{name}.sql").write_text("select 1 as a")
    told: list[Event] = []
    with headgate.open(project_dir) as lake:
        lake.run()
        (models / "bad.sql").unlink()
        lake.run(emit=told.append)
        assert "gold.bad" in {str(table.name) for table in lake.tables()}
    (note,) = [event.message for event in told if isinstance(event, Note)]
    assert note.startswith("gold.bad is on main, but no model builds it any more. To take it away, drop it on a branch")
