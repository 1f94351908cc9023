"""Values that `unnest` can make no rows and columns of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headgate.ingest.replay import replay

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

_NO_LISTS = """[{"id":1,"o":[{"a":1}]}, {"id":2,"o":"text"}, {"id":3,"o":[1,"x",{"a":3},[]]}, {"id":4,"o":5.10}, 77,
 {"id":5,"o":null}, {"id":6}, {"id":7,"o":[]}, {"id":8,"o":[null]}, {"id":9,"o":{"a":9}}]"""


def test_what_is_unnested_and_has_no_keys_is_refused(lake: Lake) -> None:
    lake.file("data/a.json", _NO_LISTS)
    source = "table: a\nfiles: data/a.json\noptions: {unnest: o}\ncolumns: {id: bigint, o.a: {name: a, type: bigint}}\n"
    lake.source("a", source)
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (13, 7, 6)
    sound = [(1, 1), (3, 3), (5, None), (6, None), (7, None), (8, None), (9, 9)]
    assert lake.rows("SELECT id, a FROM bronze.a ORDER BY _source_row") == sound
    refused = lake.rows("SELECT rule, reason, raw FROM quarantine.a ORDER BY row")
    of_o = ("structure", "has a value in 'o' that has no keys and values")
    assert refused == [
        (*of_o, '{"id":2,"o.a":null,"o":"text"}'),
        (*of_o, '{"id":3,"o.a":null,"o":1}'),
        (*of_o, '{"id":3,"o.a":null,"o":"x"}'),
        (*of_o, '{"id":3,"o.a":null,"o":[]}'),
        (*of_o, '{"id":4,"o.a":null,"o":5.10}'),
        ("structure", "is no JSON object with keys and values", "77"),
    ]
    assert replay(lake.sources()[0], lake.ws) == []


def test_what_has_no_keys_within_what_is_unnested(lake: Lake) -> None:
    lake.file("data/a.ndjson", '{"s":"lost text"}\n{"s":{"l":[{"b":1},2]}}\n{"s":{"l":"x"}}\n{"s":{"l":[]}}\n')
    source = "table: a\nfiles: data/a.ndjson\noptions: {unnest: [s, s.l]}\ncolumns: {s.l.b: {name: b, type: int}}\n"
    lake.source("a", source)
    lake.load()
    assert lake.rows("SELECT b FROM bronze.a ORDER BY _source_row") == [(1,), (None,)]
    assert lake.rows("SELECT raw FROM quarantine.a ORDER BY row") == [
        ('{"s.l.b":null,"s":"lost text"}',),
        ('{"s.l.b":null,"s.l":2}',),
        ('{"s.l.b":null,"s.l":"x"}',),
    ]


def test_a_line_that_is_no_json_keeps_its_text_and_its_place(lake: Lake) -> None:
    lake.file("data/a.ndjson", '{"l":[{"a":1},{"a":2}]}\nlost text\n{"l":[{"a":3},{"a":"x"}]}\n{"l":[{"a":\n')
    lake.source("a", "table: a\nfiles: data/a.ndjson\noptions: {unnest: l}\ncolumns: {l.a: {name: a, type: int}}\n")
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (6, 3, 3)
    refused = "SELECT row, line, rule, raw, raw_line FROM quarantine.a ORDER BY row"
    expected = [
        (3, 2, "json", None, "lost text"),
        (5, 3, "type", '{"l.a":"x"}', None),
        (6, 4, "json", None, '{"l":[{"a":'),
    ]
    assert lake.rows(refused) == expected
    assert replay(lake.sources()[0], lake.ws) == []
    assert lake.rows(refused) == expected


def test_blank_lines_leave_the_place_of_what_was_unnested_unknown(lake: Lake) -> None:
    lake.file("data/a.ndjson", '{"l":[{"a":1},{"a":2}]}\n\nlost text\n{"l":[{"a":"x"}]}\n')
    lake.source("a", "table: a\nfiles: data/a.ndjson\noptions: {unnest: l}\ncolumns: {l.a: {name: a, type: int}}\n")
    lake.load()
    assert lake.rows("SELECT row, line, raw_line FROM quarantine.a ORDER BY row") == [
        (3, 3, "lost text"),
        (4, None, None),
    ]


def test_a_record_that_is_no_object_stays_refused_when_it_is_replayed(lake: Lake) -> None:
    lake.file("data/a.json", '[{"id": 1}, 77, {"id": "x"}]')
    lake.source("a", "table: a\nfiles: data/a.json\ncolumns: {id: bigint}\n")
    lake.load()
    assert replay(lake.sources()[0], lake.ws) == []
    assert lake.rows("SELECT count(*) FROM quarantine.a") == [(2,)]
