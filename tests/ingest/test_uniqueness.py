from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

UNIQUE = "table: a\nfiles: data/*.csv\ncolumns: {id: {type: integer, unique: true}, code: {unique: true}}\n"


def test_the_first_of_equal_values_stays(lake: Lake) -> None:
    lake.source("a", UNIQUE)
    lake.file("data/1.csv", "id,code\n1,a\n2,a\n1,b\n3,\n4,\nx,c\n5,c\n1,a\n")
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (8, 4, 4)
    assert lake.rows("SELECT id, code, _source_row FROM bronze.a ORDER BY id") == [
        (1, "a", 1),
        (3, None, 4),
        (4, None, 5),
        (5, "c", 7),
    ]
    assert lake.refused("a") == [
        (2, "unique", "code", "a"),
        (3, "unique", "id", "1"),
        (6, "type", "id", "x"),
        (8, "unique", "id", "1"),
    ]
    ((violations, raw, line),) = lake.rows("SELECT violations, raw, line FROM quarantine.a WHERE row = 8")
    assert sorted((v["column"], v["reason"]) for v in violations) == [
        ("code", "repeats the value of row 1"),
        ("id", "repeats the value of row 1"),
    ]
    assert raw == '{"id":"1","code":"a"}'
    assert line == 9


def test_values_that_the_table_holds_are_repeated_too(lake: Lake) -> None:
    lake.source("a", UNIQUE)
    lake.file("data/1.csv", "id,code\n1,a\n")
    lake.load()
    lake.file("data/2.csv", "id,code\n1,b\n2,c\n")
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (1, 1)
    assert lake.rows("SELECT reason FROM quarantine.a") == [("repeats a value that the table holds",)]
    # A file that replaces itself repeats nothing of its own.
    lake.file("data/1.csv", "id,code\n1,a\n7,z\n")
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (2, 0)


def test_in_a_merge_versions_of_one_row_repeat_nothing(lake: Lake) -> None:
    lake.source(
        "a", "table: a\nfiles: data/*.csv\nload: merge\nkey: [id]\ncolumns: {id: integer, code: {unique: true}}\n"
    )
    lake.file("data/1.csv", "id,code\n1,a\n1,a\n2,a\n2,b\n")
    (first,) = lake.load()
    assert (first.read, first.loaded, first.quarantined, first.duplicates) == (4, 2, 1, 1)
    lake.file("data/2.csv", "id,code\n1,a\n3,b\n")
    (second,) = lake.load()
    assert (second.read, second.loaded, second.quarantined, second.duplicates) == (2, 0, 1, 1)
    assert lake.rows("SELECT id, code FROM bronze.a ORDER BY id") == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("how", ["load: replace", "changed_file: replace"])
def test_values_move_between_files_that_change_in_one_run(lake: Lake, how: str) -> None:
    lake.source("a", f"{how}\n{UNIQUE}")
    lake.file("data/1.csv", "id,code\n1,a\n")
    lake.file("data/2.csv", "id,code\n2,b\n3,c\n4,d\n")
    lake.load()
    lake.file("data/1.csv", "id,code\n1,a\n2,b\n3,c\n")
    lake.file("data/2.csv", "id,code\n4,d\n")
    assert [(each.loaded, each.quarantined) for each in lake.load()] == [(3, 0), (1, 0)]
    # One file changes, and a new one, which comes before it, has what it held.
    lake.file("data/0.csv", "id,code\n4,x\n")
    lake.file("data/2.csv", "id,code\n5,e\n")
    assert [(each.loaded, each.quarantined) for each in lake.load()] == [(1, 0), (1, 0)]
    assert lake.rows("SELECT id FROM bronze.a ORDER BY id") == [(1,), (2,), (3,), (4,), (5,)]
