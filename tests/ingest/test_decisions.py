"""What was decided of a refused row holds for as long as its file stays what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headgate.ingest import quarantine

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

MERGE = "table: a\nfiles: data/*.csv\nload: merge\nkey: id\ncolumns: {id: bigint, name: varchar}\n"
DECIDED = (
    "SELECT file, row, status, decision, decided_by, decided_at, rule, raw, raw_line"
    " FROM quarantine.a ORDER BY file, row"
)


def discard(lake: Lake, where: str | None = None) -> None:
    (source,) = lake.sources()
    quarantine.discard(source, lake.ws, reason="test row", where=where)
    lake.keep([])


def statuses(lake: Lake) -> list[tuple[object, ...]]:
    return lake.rows("SELECT file, row, status, decision FROM quarantine.a ORDER BY file, row")


def test_a_decision_outlives_a_change_of_another_file(lake: Lake) -> None:
    lake.source("a", MERGE)
    lake.file("data/a-1.csv", "id,name\n1,a\n")
    lake.file("data/a-2.csv", 'id,name\n2,b\nx,junk\ny,more\nz,"open\n')
    lake.load()
    discard(lake, "row <> 3")
    before = lake.rows(DECIDED)
    assert [row[2] for row in before] == ["discarded", "refused", "discarded"]
    lake.file("data/a-1.csv", "id,name\n1,new\nq,refused\n")
    loads = lake.load()
    assert [(load.file, load.read, load.loaded, load.quarantined) for load in loads] == [
        ("data/a-1.csv", 2, 1, 1),
        ("data/a-2.csv", 4, 1, 3),
    ]
    assert lake.rows(DECIDED)[1:] == before
    assert statuses(lake)[0] == ("data/a-1.csv", 2, "refused", None)
    ((ids, rows),) = lake.rows(
        "SELECT count(*) FILTER (quarantine_id = load_id || ':' || row), count(DISTINCT quarantine_id)"
        " FROM quarantine.a"
    )
    assert ids == rows == 4
    assert lake.rows("SELECT id, name FROM bronze.a ORDER BY id") == [(1, "new"), (2, "b")]


@pytest.mark.parametrize("load", ["merge", "append"])
def test_what_was_given_up_is_not_loaded_by_a_full_refresh(lake: Lake, load: str) -> None:
    """As by a replay. Small files that are sound go together otherwise, and a single one straight into the table."""
    contract = MERGE.replace("merge", load).replace("name: varchar", "name: {type: varchar, pattern: '[a-z]+'}")
    lake.source("a", contract)
    lake.file("data/a-1.csv", "id,name\n1,a\n")
    lake.file("data/a-2.csv", "id,name\n2,B\n2,b\n3,C\n")
    lake.file("data/a-3.csv", "id,name\n4,d\n")
    lake.load()
    discard(lake, "row = 1")
    lake.source("a", contract.replace(", pattern: '[a-z]+'", ""))
    for _ in range(2):
        lake.load(full_refresh=True)
        assert lake.rows("SELECT id, name FROM bronze.a ORDER BY id") == [(1, "a"), (2, "b"), (3, "C"), (4, "d")]
        assert statuses(lake) == [("data/a-2.csv", 1, "discarded", "test row")]


def test_a_row_that_was_given_up_repeats_nothing(lake: Lake) -> None:
    contract = MERGE.replace("merge", "append").replace("id: bigint", "id: {type: bigint, unique: true}")
    lake.source("a", contract.replace("name: varchar", "name: {type: varchar, pattern: '[a-z]+'}"))
    lake.file("data/a-1.csv", "id,name\n2,B\n2,b\n")
    lake.load()
    discard(lake)
    lake.source("a", contract)
    lake.load(full_refresh=True)
    assert lake.rows("SELECT id, name FROM bronze.a") == [(2, "b")]
    assert statuses(lake) == [("data/a-1.csv", 1, "discarded", "test row")]


def test_a_decision_is_about_a_record_not_about_its_number(lake: Lake) -> None:
    """Under another contract the file reads otherwise: row 1 is now another record, and was never given up."""
    lake.source("a", MERGE)
    lake.file("data/a-1.csv", "id,name\nx,junk\n2,b\n")
    lake.load()
    discard(lake)
    lake.source("a", MERGE.replace("id: bigint", "id: varchar") + "options: {header: false}\n")
    lake.load(full_refresh=True)
    assert lake.rows("SELECT id, name FROM bronze.a ORDER BY id") == [("2", "b"), ("id", "name"), ("x", "junk")]
    assert statuses(lake) == []


def test_a_file_that_changed_is_judged_anew(lake: Lake) -> None:
    lake.source("a", MERGE)
    lake.file("data/a-1.csv", "id,name\nx,junk\n2,b\n")
    lake.load()
    discard(lake)
    lake.file("data/a-1.csv", "id,name\nx,junk\n2,c\n")
    lake.load()
    assert statuses(lake) == [("data/a-1.csv", 1, "refused", None)]
