from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from headgate.errors import ContractError
from headgate.ingest import quarantine

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

MERGE = """
table: a
files: data/*.csv
load: merge
key: [id]
columns: {id: integer, name: varchar, at: timestamp}
"""


def contents(lake: Lake) -> list[tuple[object, ...]]:
    return lake.rows("SELECT id, name FROM bronze.a ORDER BY id")


def counts(load: object) -> tuple[int, ...]:
    return tuple(getattr(load, name) for name in ("read", "loaded", "quarantined", "duplicates"))


def test_the_later_row_wins(lake: Lake) -> None:
    lake.source("a", MERGE)
    lake.file("data/1.csv", "id,name,at\n1,a,\n2,b,\n1,c,\n,d,\n")
    (first,) = lake.load()
    assert counts(first) == (4, 2, 1, 1)
    assert contents(lake) == [(1, "c"), (2, "b")]
    assert lake.refused("a") == [(4, "required", "id", None)]
    lake.file("data/2.csv", "id,name,at\n1,e,\n2,b,\n3,f,\n")
    (second,) = lake.load()
    assert counts(second) == (3, 2, 0, 1)
    assert contents(lake) == [(1, "e"), (2, "b"), (3, "f")]
    assert lake.rows("SELECT id, _source_file, _source_row FROM bronze.a ORDER BY id") == [
        (1, "data/2.csv", 1),
        (2, "data/1.csv", 2),
        (3, "data/2.csv", 3),
    ]


def test_the_newest_row_wins_by_a_column(lake: Lake) -> None:
    lake.source("a", MERGE + "newest_by: at\n")
    lake.file(
        "data/1.csv",
        "id,name,at\n1,new,2024-03-01\n1,old,2024-01-01\n2,none,\n2,some,2024-01-01\n3,x,2024-01-01\n3,y,2024-01-01\n",
    )
    (first,) = lake.load()
    assert counts(first) == (6, 3, 0, 3)
    assert contents(lake) == [(1, "new"), (2, "some"), (3, "y")]
    lake.file("data/2.csv", "id,name,at\n1,older,2024-02-01\n2,none,\n3,z,2024-01-01\n4,n,\n")
    (second,) = lake.load()
    assert counts(second) == (4, 2, 0, 2)
    assert contents(lake) == [(1, "new"), (2, "some"), (3, "z"), (4, "n")]


def test_a_key_of_two_columns(lake: Lake) -> None:
    lake.source("a", MERGE.replace("key: [id]", "key: [id, at]"))
    lake.file("data/1.csv", "id,name,at\n1,a,2024-01-01\n1,b,2024-01-02\n1,c,2024-01-01\n1,d,\n")
    (first,) = lake.load()
    assert counts(first) == (4, 2, 1, 1)
    assert lake.rows("SELECT name FROM bronze.a ORDER BY name") == [("b",), ("c",)]


def test_columns_that_come_later(lake: Lake) -> None:
    lake.source("a", MERGE)
    lake.file("data/1.csv", "id,name,at\n1,a,\n2,b,\n")
    lake.load()
    lake.file("data/2.csv", "id,name,at,extra\n1,a,,\n2,b,,new\n")
    (second,) = lake.load()
    assert counts(second) == (2, 1, 0, 1)
    assert lake.rows("SELECT id, extra FROM bronze.a ORDER BY id") == [(1, None), (2, "new")]
    lake.file("data/3.csv", "id,name,at\n2,c,\n")
    lake.load()
    assert lake.rows("SELECT id, name, extra FROM bronze.a ORDER BY id") == [(1, "a", None), (2, "c", "new")]


def test_a_changed_file_gives_what_a_clean_load_gives(lake: Lake) -> None:
    """File 2 had overwritten a row of file 1 and kept out one of file 3; its new content does neither."""
    lake.source("a", MERGE + "newest_by: at\n")
    lake.file("data/1.csv", "id,name,at\n1,one,2024-01-01\n2,one,2024-01-01\n")
    lake.file("data/2.csv", "id,name,at\n1,two,2024-02-01\n3,two,2024-09-01\n")
    lake.file("data/3.csv", "id,name,at\n3,three,2024-03-01\n")
    lake.load()
    assert contents(lake) == [(1, "two"), (2, "one"), (3, "two")]
    lake.file("data/2.csv", "id,name,at\n4,two,2024-02-01\n")
    results = lake.load()
    assert contents(lake) == [(1, "one"), (2, "one"), (3, "three"), (4, "two")]
    assert [load.file for load in results] == ["data/1.csv", "data/2.csv", "data/3.csv"]
    assert all(load.replaces for load in results)
    assert lake.load() == []


def test_rows_of_a_name_that_got_known_content_give_back_what_they_displaced(lake: Lake) -> None:
    lake.source("a", MERGE)
    lake.file("data/1.csv", "id,name,at\n1,one,\n2,one,\n")
    lake.file("data/2.csv", "id,name,at\n1,wrong,\n3,wrong,\n")
    lake.load()
    lake.file("data/2-fixed.csv", "id,name,at\n2,right,\n")
    lake.load()
    lake.file("data/2.csv", "id,name,at\n2,right,\n")
    lake.load()
    assert contents(lake) == [(1, "one"), (2, "right")]
    assert lake.load() == []


def test_rows_of_a_file_that_is_gone_stay(lake: Lake) -> None:
    lake.source("a", MERGE)
    lake.file("data/1.csv", "id,name,at\n1,one,\n")
    lake.file("data/2.csv", "id,name,at\n2,two,\n")
    lake.load()
    (lake.root / "data/1.csv").unlink()
    lake.file("data/2.csv", "id,name,at\n2,new,\n")
    lake.load()
    assert contents(lake) == [(1, "one"), (2, "new")]


def test_against_a_dictionary(lake: Lake) -> None:
    """Three files of random rows against Python's own dict of the newest."""
    random.seed(3)
    newest: dict[int, tuple[str, str]] = {}
    lake.source("a", MERGE + "newest_by: at\n")
    for number in range(3):
        rows = [
            (random.randint(1, 50), f"n{random.randint(0, 3)}", f"2024-01-{random.randint(1, 5):02d}")
            for _ in range(80)
        ]
        for key, name, moment in rows:
            if key not in newest or moment >= newest[key][1]:
                newest[key] = (name, moment)
        lake.file(f"data/{number}.csv", "id,name,at\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
        (result,) = lake.load()
        assert result.read == 80
    assert lake.rows("SELECT id, name, strftime(\"at\", '%Y-%m-%d') FROM bronze.a ORDER BY id") == [
        (key, *value) for key, value in sorted(newest.items())
    ]


def test_a_full_refresh_gives_columns_the_types_of_the_contract_as_it_is_now(lake: Lake) -> None:
    lake.source("a", MERGE)
    lake.file("data/1.csv", "id,name,at\n1,a,\n2,b,\n")
    lake.file("data/2.csv", "id,name,at\n1,c,\n")
    lake.load()
    lake.source("a", MERGE.replace("id: integer", "id: varchar"))
    lake.load(full_refresh=True)
    assert contents(lake) == [("1", "c"), ("2", "b")]


@pytest.mark.parametrize("before", ["load: merge\nkey: id", "load: append"])
def test_a_table_with_several_rows_of_a_key_is_not_merged_into(lake: Lake, before: str) -> None:
    contract = "table: a\nfiles: data/*.csv\ncolumns: {id: integer, g: varchar, v: {type: integer, max: 50}}\n"
    lake.source("a", f"{contract}{before}\n")
    lake.file("data/a.csv", "id,g,v\n1,a,1\n2,a,2\n3,b,3\n4,,4\n5,,5\n6,a,60\n")
    lake.load()
    lake.source("a", f"{contract.replace('50', '99')}load: merge\nkey: g\n")
    (source,) = lake.sources()
    assert lake.load() == []
    lake.file("data/b.csv", "id,g,v\n9,a,9\n")
    with pytest.raises(ContractError, match=r"bronze\.a holds 2 rows with the key g = a,") as raised:
        lake.load()
    assert "headgate run --select a+ --full-refresh" in str(raised.value.hint)
    with pytest.raises(ContractError, match="2 rows with the key g = a,"):
        quarantine.replay(source, lake.ws)
    assert lake.rows("SELECT count(*) FROM bronze.a") == [(5,)]
    lake.load(full_refresh=True)
    assert lake.rows("SELECT id, g FROM bronze.a ORDER BY id") == [(3, "b"), (9, "a")]


def test_a_table_whose_rows_have_other_keys_is_merged_into(lake: Lake) -> None:
    lake.source("a", MERGE.replace("merge", "append"))
    lake.file("data/1.csv", "id,name,at\n1,a,\n2,b,\n,c,\n,d,\n")
    lake.load()
    lake.source("a", MERGE)
    lake.file("data/2.csv", "id,name,at\n1,e,\n")
    assert [counts(load) for load in lake.load()] == [(1, 1, 0, 0)]
    assert lake.rows("SELECT id, name FROM bronze.a ORDER BY name") == [(2, "b"), (None, "c"), (None, "d"), (1, "e")]
