"""Rows that are replayed into a merged table take the place at which their file arrived."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from headgate.ingest import quarantine

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

    from headgate.ingest.ledger import Load

MERGE = """
table: a
files: data/*.csv
load: merge
key: id
columns: {id: {type: bigint, required: true}, name: varchar, day: date}
"""
CORRECTED = MERGE.replace("day: date", 'day: {type: date, format: [iso, "%d.%m.%Y"]}')


def replay(lake: Lake) -> list[Load]:
    (source,) = lake.sources()
    loads = quarantine.replay(source, lake.ws)
    lake.keep(loads)
    return loads


def contents(lake: Lake) -> list[tuple[object, ...]]:
    return lake.rows("SELECT id, name, _source_file, _source_row FROM bronze.a ORDER BY id")


def deliver(lake: Lake, *files: str) -> None:
    """Files in the order of their names, each in a commit of its own."""
    for number, rows in enumerate(files, 1):
        lake.file(f"data/a-{number}.csv", f"id,name,day\n{rows}\n")
        lake.load()


def figures(load: Load) -> tuple[int, int, int, int]:
    return (load.read, load.loaded, load.quarantined, load.duplicates)


def test_a_row_of_an_older_file_loses_to_what_a_later_one_brought(lake: Lake) -> None:
    lake.source("a", MERGE)
    deliver(lake, "1,old,05.01.2026\n2,b,2026-01-01", "1,new,2026-02-01")
    lake.source("a", CORRECTED)
    (result,) = replay(lake)
    assert figures(result) == (0, 0, -1, 1)
    expected = [(1, "new", "data/a-2.csv", 1), (2, "b", "data/a-1.csv", 2)]
    assert contents(lake) == expected
    assert lake.rows("SELECT count(*) FROM quarantine.a") == [(0,)]
    lake.load(full_refresh=True)
    assert contents(lake) == expected


def test_what_another_table_of_that_name_was_refused_stays_out(lake: Lake) -> None:
    lake.source("a", MERGE)
    deliver(lake, "1,old,05.01.2026")
    lake.source("a", MERGE.replace("table: a", "table: ops.a"))
    lake.load()
    assert lake.rows("SELECT count(*) FROM quarantine.a") == [(2,)]
    lake.source("a", CORRECTED.replace("table: a", "table: ops.a"))
    (result,) = replay(lake)
    assert figures(result) == (0, 1, -1, 0)
    assert lake.rows("SELECT count(*) FROM quarantine.a") == [(1,)]


def test_a_row_of_a_later_file_wins(lake: Lake) -> None:
    lake.source("a", MERGE)
    deliver(lake, "1,first,2026-01-01", "1,second,05.01.2026")
    lake.source("a", CORRECTED)
    (result,) = replay(lake)
    assert figures(result) == (0, 1, -1, 0)
    assert contents(lake) == [(1, "second", "data/a-2.csv", 1)]


def test_within_a_file_the_later_row_wins(lake: Lake) -> None:
    lake.source("a", MERGE)
    deliver(lake, "1,x,05.01.2026\n1,y,2026-01-01\n2,x,2026-01-01\n2,y,05.01.2026")
    lake.source("a", CORRECTED)
    (result,) = replay(lake)
    assert figures(result) == (0, 1, -2, 1)
    assert contents(lake) == [(1, "y", "data/a-1.csv", 2), (2, "y", "data/a-1.csv", 4)]


def test_rows_of_several_files_at_once_and_in_turn(lake: Lake) -> None:
    """What a replay wrote has the place of its file as well, for a replay after it."""
    lake.source("a", MERGE)
    deliver(lake, "1,one,05.01.2026", "1,two,06-01-2026\n2,two,06-01-2026", "2,three,05.01.2026", "3,four,2026-01-01")
    lake.source("a", CORRECTED)
    assert [figures(load) for load in replay(lake)] == [(0, 1, -1, 0), (0, 1, -1, 0)]
    lake.source("a", CORRECTED.replace('"%d.%m.%Y"', '"%d.%m.%Y", "%d-%m-%Y"'))
    assert [figures(load) for load in replay(lake)] == [(0, 1, -2, 1)]
    assert [row[:3] for row in contents(lake)] == [
        (1, "two", "data/a-2.csv"),
        (2, "three", "data/a-3.csv"),
        (3, "four", "data/a-4.csv"),
    ]


def test_a_file_that_was_read_again_keeps_its_place(lake: Lake) -> None:
    """File 2 changed, and with it every file was merged again, so that all loads are new."""
    lake.source("a", MERGE)
    deliver(lake, "1,one,05.01.2026\n2,one,2026-01-01", "2,two,2026-01-01", "1,three,2026-01-01")
    lake.file("data/a-2.csv", "id,name,day\n2,two,05.01.2026\n")
    lake.load()
    lake.source("a", CORRECTED)
    assert [figures(load) for load in replay(lake)] == [(0, 0, -1, 1), (0, 1, -1, 0)]
    assert [row[:2] for row in contents(lake)] == [(1, "three"), (2, "two")]


def test_a_file_that_is_gone_keeps_its_place(lake: Lake) -> None:
    """Its rows stay, after those of the files before it and before those of the files after it."""
    lake.source("a", MERGE)
    deliver(
        lake,
        "1,one,2026-01-01\n2,one,2026-01-01\n4,one,05.01.2026",
        "1,two,2026-01-01\n3,two,05.01.2026\n4,two,2026-01-01",
        "3,three,2026-01-01",
    )
    (lake.root / "data/a-2.csv").unlink()
    expected = [
        (1, "two", "data/a-2.csv", 1),
        (2, "one", "data/a-1.csv", 2),
        (3, "three", "data/a-3.csv", 1),
        (4, "two", "data/a-2.csv", 3),
    ]
    assert contents(lake) == expected
    for _ in range(2):
        lake.load(full_refresh=True)
        assert contents(lake) == expected
    lake.source("a", CORRECTED)
    assert [figures(load) for load in replay(lake)] == [(0, 0, -1, 1), (0, 0, -1, 1)]
    assert contents(lake) == expected


def test_the_order_of_arrival_decides_between_rows_that_are_equally_new(lake: Lake) -> None:
    columns = "columns: {id: {type: bigint, required: true}, name: varchar, day: date, n: integer}"
    before = MERGE.replace(MERGE.splitlines()[-1], columns) + "newest_by: n\n"
    lake.source("a", before)
    for number, rows in enumerate(("1,x,05.01.2026,1\n2,x,05.01.2026,2\n3,x,05.01.2026,", "1,y,,1\n2,y,,1\n3,y,,"), 1):
        lake.file(f"data/a-{number}.csv", f"id,name,day,n\n{rows}\n")
        lake.load()
    lake.source("a", before.replace("day: date", 'day: {type: date, format: [iso, "%d.%m.%Y"]}'))
    (result,) = replay(lake)
    assert figures(result) == (0, 1, -3, 2)
    assert [row[:2] for row in contents(lake)] == [(1, "y"), (2, "x"), (3, "y")]


def test_a_row_that_repeats_the_table_comes_after_a_refused_one(lake: Lake) -> None:
    """Of its key, as the contract reads it; other rows that the table holds in full are duplicates."""
    lake.source("a", MERGE)
    deliver(lake, "1,x,2026-01-01\n2,x,2026-01-01", "01,y,05.01.2026\nno key,y,2026-01-01")
    # In another order than the first file, whose bytes would be known.
    lake.file("data/a-3.csv", "id,name,day\n2,x,2026-01-01\n1,x,2026-01-01\n")
    (third,) = lake.load()
    assert figures(third) == (2, 1, 0, 1)
    lake.source("a", CORRECTED)
    assert [figures(load) for load in replay(lake)] == [(0, 0, -1, 1)]
    expected = [(1, "x", "data/a-3.csv", 2), (2, "x", "data/a-1.csv", 2)]
    assert contents(lake) == expected
    lake.load(full_refresh=True)
    assert contents(lake) == expected


@pytest.mark.parametrize("header", ["ID", " id", "Key"])
def test_a_refused_row_waits_however_its_file_spells_the_key(lake: Lake, header: str) -> None:
    merge = MERGE.replace("{type: bigint,", "{type: bigint, aliases: [key],")
    corrected = CORRECTED.replace("{type: bigint,", "{type: bigint, aliases: [key],")
    lake.source("a", merge)
    for number, row in enumerate(("1,x,2026-01-01", "1,y,05.01.2026", "1,x,2026-01-01\n9,x,2026-01-01"), 1):
        lake.file(f"data/a-{number}.csv", f"{header},name,day\n{row}\n")
        lake.load()
    lake.source("a", corrected)
    assert [figures(load) for load in replay(lake)] == [(0, 0, -1, 1)]
    assert contents(lake)[0] == (1, "x", "data/a-3.csv", 1)


def test_a_refused_row_is_told_by_all_columns_of_its_key(lake: Lake) -> None:
    contract = """
table: a
files: data/*.csv
load: merge
key: [id, kind]
columns: {Id: {name: id, type: bigint, aliases: [No]}, kind: varchar, n: {type: integer, max: 5}}
"""
    lake.source("a", contract)
    lake.file("data/1.csv", "Id,kind,n\n1,a,1\n1,b,1\n2,a,1\n")
    lake.load()
    lake.file("data/2.csv", "No,kind,n\n1,b,9\n2,b,9\n")
    lake.load()
    # Ends otherwise than the first file, whose bytes would be known.
    lake.file("data/3.csv", "Id,kind,n\n1,a,1\n1,b,1\n2,a,1")
    (third,) = lake.load()
    assert figures(third) == (3, 1, 0, 2)
    lake.source("a", contract.replace("max: 5", "max: 9"))
    assert [figures(load) for load in replay(lake)] == [(0, 1, -2, 1)]
    rows = [(1, "a", 1), (1, "b", 1), (2, "a", 1), (2, "b", 9)]
    assert lake.rows("SELECT id, kind, n FROM bronze.a ORDER BY ALL") == rows


def test_a_replayed_row_that_repeats_the_table_comes_after_one_that_still_waits(lake: Lake) -> None:
    lake.source("a", MERGE)
    deliver(lake, "1,x,2026-01-01\n2,x,2026-01-01", "1,y,05-01-2026\n1,x,01.01.2026\n2,x,01.01.2026")
    lake.source("a", CORRECTED)
    assert [figures(load) for load in replay(lake)] == [(0, 1, -2, 1)]
    lake.source("a", CORRECTED.replace('"%d.%m.%Y"', '"%d.%m.%Y", "%d-%m-%Y"'))
    assert [figures(load) for load in replay(lake)] == [(0, 0, -1, 1)]
    assert contents(lake) == [(1, "x", "data/a-2.csv", 2), (2, "x", "data/a-1.csv", 2)]


@pytest.mark.parametrize(("seed", "names"), [(0, None), (1, None), (2, "xy"), (3, "xy")])
def test_against_a_dictionary(lake: Lake, seed: int, names: str | None) -> None:
    """Files of random rows, two thirds of them refused and replayed in two steps, one file changed in between.

    With few names rows repeat what the table holds, and which of the two it keeps is of no account.
    """
    random.seed(seed)
    formats = ("2026-01-01", "01.01.2026", "01-01-2026")
    lake.source("a", MERGE)
    files = [
        [
            (random.randint(1, 12), random.choice(names) if names else f"{number}-{row}", random.choice(formats))
            for row in range(12)
        ]
        for number in range(4)
    ]
    texts = ["\n".join(f"{a},{b},{c}" for a, b, c in rows) for rows in files]
    deliver(lake, *texts)
    lake.source("a", CORRECTED)
    replay(lake)
    files[seed] = [(key, name if names else f"{name}!", day) for key, name, day in files[seed][1:]]
    lake.file(f"data/a-{seed + 1}.csv", "id,name,day\n" + "".join(f"{a},{b},{c}\n" for a, b, c in files[seed]))
    lake.load()
    lake.source("a", CORRECTED.replace('"%d.%m.%Y"', '"%d.%m.%Y", "%d-%m-%Y"'))
    replay(lake)
    newest = {
        key: (name, f"data/a-{number}.csv", row)
        for number, rows in enumerate(files, 1)
        for row, (key, name, _) in enumerate(rows, 1)
    }
    shown = 2 if names else 4
    expected = [(key, *newest[key])[:shown] for key in sorted(newest)]
    assert [row[:shown] for row in contents(lake)] == expected
    assert lake.rows("SELECT count(*) FROM quarantine.a") == [(0,)]
    lake.load(full_refresh=True)
    assert [row[:shown] for row in contents(lake)] == expected
