"""P3: read = loaded + quarantined + duplicates, per file, in the lake, and checked before the merge."""

from __future__ import annotations

from pathlib import Path

import headgate
from headgate.run.result import RunStatus


def test_every_row_of_every_file_is_accounted_for(shop: Path) -> None:
    with headgate.open(shop) as lake:
        lake.run()

        books = lake.query(
            "select file, read, loaded, quarantined, duplicates from headgate.loads order by file"
        ).rows()

        # Counted by hand in the files of the fixture: one of three orders has no date.
        assert books == [("data/customers.csv", 2, 2, 0, 0), ("data/orders-1.csv", 3, 2, 1, 0)]


def test_a_refused_row_is_kept_raw_with_its_reason(shop: Path) -> None:
    with headgate.open(shop) as lake:
        lake.run()

        rows = lake.query('select file, "row", "column", "value", raw from quarantine.orders').rows()

        assert len(rows) == 1
        file, row, column, value, raw = rows[0]
        assert (file, row, column, value) == ("data/orders-1.csv", 3, "day", "not a day")
        assert "3.00" in raw


def test_books_that_do_not_balance_refuse_the_run(shop: Path) -> None:
    """A second ledger entry for a load, as a join that brings a load in twice would leave, stops the run."""
    with headgate.open(shop) as lake:
        lake.run()
        branch = lake.create_branch("tampered").name
    _double_the_ledger(shop, branch)
    with headgate.open(shop) as lake:
        result = lake.merge(branch)

        assert result.status is RunStatus.REFUSED
        assert "accounting:loads" in [check.name for check in result.checks if check.blocks]


def _double_the_ledger(shop: Path, branch: str) -> None:
    from headgate.engines.duckdb import Session
    from headgate.engines.workspace import Workspace
    from headgate.project import Project
    from headgate.run.lake import Lake
    from headgate.types import Name

    lake = Lake.open(Project.open(shop))
    with Session(lake.project.engine, lake.storage) as session:
        workspace = Workspace(lake.catalog, branch, session)
        workspace.append(Name.of("headgate", "loads"), 'select * from "headgate"."loads" limit 1')
        workspace.commit("write the ledger by hand")
    lake.close()
