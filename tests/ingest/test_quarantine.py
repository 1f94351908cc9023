from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from headgate.errors import TableNotFound, UsageError
from headgate.ingest import quarantine

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

    from headgate.ingest.ledger import Load

STRICT = "table: a\nfiles: data/*.csv\ncolumns: {id: integer, n: {type: integer, max: 10}, t: varchar}\n"


def replay(lake: Lake) -> list[Load]:
    (source,) = lake.sources()
    loads = quarantine.replay(source, lake.ws)
    lake.keep(loads)
    return loads


def balanced(lake: Lake) -> bool:
    """Whether the ledger adds up, and the two tables hold what it says."""
    ((rows,),) = lake.rows("SELECT count(*) FROM headgate.loads WHERE read <> loaded + quarantined + duplicates")
    ((loaded, refused),) = lake.rows("SELECT sum(loaded), sum(quarantined) FROM headgate.loads")
    tables = lake.rows("SELECT (SELECT count(*) FROM bronze.a), (SELECT count(*) FROM quarantine.a)")
    return rows == 0 and tables == [(loaded, refused)]


def test_list_and_show(lake: Lake) -> None:
    assert quarantine.summary(lake.ws) == []
    lake.source("a", STRICT)
    lake.file("data/1.csv", "id,n,t\n1,11,\n2,12,\nx,1,\n4,4\n5,5,e\n")
    lake.load()
    found = [
        (row["table"], row["source"], row["rule"], row["column"], row["rows"]) for row in quarantine.summary(lake.ws)
    ]
    assert found == [("a", "a", "max", "n", 2), ("a", "a", "columns", None, 1), ("a", "a", "type", "id", 1)]
    rows = quarantine.show(lake.ws, "bronze.a", limit=3)
    assert [(row["row"], row["raw"] and json.loads(row["raw"])["id"], row["raw_line"]) for row in rows] == [
        (1, "1", None),
        (2, "2", None),
        (3, "x", None),
    ]
    with pytest.raises(TableNotFound, match="for a table 'b'"):
        quarantine.show(lake.ws, "b")


def test_rows_that_pass_a_corrected_contract_are_loaded(lake: Lake) -> None:
    lake.source("a", STRICT)
    lake.file("data/1.csv", "id,n,t\n1,11,a\n2,12,b\nx,1,c\n4,4,d\n")
    lake.file("data/2.csv", "id,n,t\n7,20,z\n")
    lake.load()
    assert replay(lake) == []
    lake.source("a", STRICT.replace("max: 10", "max: 11"))
    (result,) = replay(lake)
    assert (result.read, result.loaded, result.quarantined, result.duplicates) == (0, 1, -1, 0)
    assert lake.rows("SELECT id, n, t, _source_file, _source_row FROM bronze.a ORDER BY id") == [
        (1, 11, "a", "data/1.csv", 1),
        (4, 4, "d", "data/1.csv", 4),
    ]
    assert balanced(lake)
    lake.source("a", STRICT.replace("max: 10", "max: 99"))
    assert [(load.file, load.loaded) for load in replay(lake)] == [("data/1.csv", 1), ("data/2.csv", 1)]
    assert balanced(lake)
    assert lake.refused("a") == [(3, "type", "id", "x")]
    assert replay(lake) == []
    # The file is loaded and stays so; when it changes, what was replayed goes with it.
    assert lake.load() == []
    lake.file("data/1.csv", "id,n,t\n5,5,e\n")
    lake.load()
    assert lake.rows("SELECT id FROM bronze.a ORDER BY id") == [(5,), (7,)]


def test_lines_that_did_not_parse_are_read_again(lake: Lake) -> None:
    lake.source("a", "table: a\nfiles: data/*.csv\ncolumns: {id: integer, t: varchar}\n")
    lake.file("data/1.csv", b'id,t\n1,"5"" pipe" or so\n2,"open\n3,caf\xe9\n4\n5,ok\n')
    lake.load()
    assert lake.rows("SELECT row, rule FROM quarantine.a ORDER BY row") == [
        (1, "quote"),
        (2, "quote"),
        (3, "encoding"),
        (4, "columns"),
    ]
    lake.source(
        "a", 'table: a\nfiles: data/*.csv\noptions: {quote: "", encoding: cp1252}\ncolumns: {id: integer, t: varchar}\n'
    )
    (result,) = replay(lake)
    assert (result.loaded, result.quarantined) == (3, -3)
    assert lake.rows("SELECT id, t, _source_row FROM bronze.a ORDER BY id") == [
        (1, '"5"" pipe" or so', 1),
        (2, '"open', 2),
        (3, "café", 3),
        (5, "ok", 5),
    ]
    assert balanced(lake)


def test_replay_of_json(lake: Lake) -> None:
    lake.source("a", 'table: a\nfiles: data/a.ndjson\ncolumns: {id: integer, s: "struct(a int)"}\n')
    lake.file("data/a.ndjson", '{"id":1,"s":{"a":1}}\n{"id":"2b","s":{"a":2}}\n{"id":3,"s":{"a":"x"}}\n')
    lake.load()
    lake.source(
        "a", 'table: a\nfiles: data/a.ndjson\ncolumns: {id: {type: integer, null_values: ["2b"]}, s: "struct(a int)"}\n'
    )
    (result,) = replay(lake)
    assert result.loaded == 1
    assert lake.rows("SELECT id, s FROM bronze.a ORDER BY _source_row") == [(1, {"a": 1}), (None, {"a": 2})]
    assert balanced(lake)


def test_replay_of_json_whose_rows_lack_a_required_key(lake: Lake) -> None:
    contract = "table: a\nfiles: data/*.ndjson\ncolumns: {id: {type: integer, required: true}, n: {type: integer%s}}\n"
    lake.source("a", contract % ", max: 1")
    lake.file("data/a.ndjson", '{"n":1}\n{"id":7,"n":1}\n')
    lake.file("data/b.ndjson", '{"id":2,"n":5}\n{"id":8,"n":1}\n')
    lake.load()
    lake.source("a", contract % "")
    (result,) = replay(lake)
    assert (result.file, result.loaded, result.quarantined) == ("data/b.ndjson", 1, -1)
    assert lake.rows("SELECT id FROM bronze.a ORDER BY id") == [(2,), (7,), (8,)]
    assert lake.refused("a") == [(1, "required", "id", None)]
    assert balanced(lake)


def test_replay_into_a_merge(lake: Lake) -> None:
    merge = STRICT + "load: merge\nkey: [id]\n"
    lake.source("a", merge)
    lake.file("data/1.csv", "id,n,t\n1,11,old\n2,2,b\n1,12,new\n2,99,b\n")
    lake.load()
    lake.source("a", merge.replace("max: 10", "max: 12"))
    (result,) = replay(lake)
    assert (result.read, result.loaded, result.quarantined, result.duplicates) == (0, 1, -2, 1)
    assert lake.rows("SELECT id, t FROM bronze.a ORDER BY id") == [(1, "new"), (2, "b")]


def test_replay_keeps_columns_that_the_contract_does_not_name(lake: Lake) -> None:
    lake.source("a", "table: a\nfiles: data/*.csv\ncolumns: {id: {type: integer, max: 1}}\n")
    lake.file("data/1.csv", "id,Extra\n1,a\n2,b\n")
    lake.load()
    lake.source("a", "table: a\nfiles: data/*.csv\ncolumns: {id: {type: integer, max: 2}}\n")
    replay(lake)
    assert lake.rows("SELECT id, extra FROM bronze.a ORDER BY id") == [(1, "a"), (2, "b")]


def test_values_that_repeat_are_not_let_in_by_a_replay(lake: Lake) -> None:
    lake.source(
        "a", "table: a\nfiles: data/*.csv\ncolumns: {id: {type: integer, unique: true}, n: {type: integer, max: 1}}\n"
    )
    lake.file("data/1.csv", "id,n\n1,1\n1,2\n2,2\n2,2\n")
    lake.load()
    lake.source("a", "table: a\nfiles: data/*.csv\ncolumns: {id: {type: integer, unique: true}, n: integer}\n")
    (result,) = replay(lake)
    assert result.loaded == 1
    assert lake.rows("SELECT id, _source_row FROM bronze.a ORDER BY id") == [(1, 1), (2, 3)]
    assert balanced(lake)


def test_discard(lake: Lake) -> None:
    lake.source("a", STRICT)
    lake.file("data/1.csv", "id,n,t\n1,11,a\n2,12,b\n3,3,c\n")
    lake.load()
    (source,) = lake.sources()
    with pytest.raises(UsageError, match="needs a reason"):
        quarantine.discard(source, lake.ws, reason=" ")
    assert quarantine.discard(source, lake.ws, reason="it's a test record", where="value = '11'") == 1
    lake.keep([])
    assert lake.rows("SELECT row, status, decision, decided_by FROM quarantine.a ORDER BY row") == [
        (1, "discarded", "it's a test record", "headgate"),
        (2, "refused", None, None),
    ]
    lake.source("a", STRICT.replace("max: 10", "max: 99"))
    (result,) = replay(lake)
    assert result.loaded == 1
    assert balanced(lake)
    assert quarantine.discard(source, lake.ws, reason="the rest") == 0


def test_the_sums_that_the_docs_give_are_those_of_the_tables(lake: Lake) -> None:
    """Over the loads whose rows are there: those that were replaced, and their replays, are in the ledger as well."""
    page = Path(__file__).parents[2] / "docs/how-to/bad-rows.md"
    (query,) = re.findall("```sql\n(.*?)```", page.read_text(), re.DOTALL)
    lake.source("a", STRICT)
    lake.file("data/1.csv", "id,n,t\n1,11,a\n2,12,b\n3,3,c\n")
    lake.file("data/2.csv", "id,n,t\n4,11,a\n5,12,b\n6,6,c\n")
    lake.load()
    lake.source("a", STRICT.replace("max: 10", "max: 11"))
    replay(lake)
    lake.file("data/1.csv", "id,n,t\n1,11,a\n2,99,b\n3,99,c\n7,1,d\n")
    lake.load()
    assert lake.rows(query) == [("a", 7, 4, 3, 0)]
    assert lake.rows("SELECT (SELECT count(*) FROM bronze.a), (SELECT count(*) FROM quarantine.a)") == [(4, 3)]
    assert lake.rows("SELECT sum(read), sum(loaded) FROM headgate.loads") == [(10, 6)]
