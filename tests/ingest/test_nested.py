"""Lists, structs and maps that are not of the contract's types, whatever the file's format."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headgate.ingest import quarantine

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

_LONG = Decimal("12345678901234567890.5")


@pytest.mark.parametrize(
    ("native", "kind", "sound", "becomes", "broken"),
    [
        (pa.list_(pa.float64()), "bigint[]", [2.0, None], [2, None], [1.5]),
        (pa.list_(pa.decimal128(38, 10)), "hugeint[]", [Decimal(2)], [Decimal(2)], [_LONG]),
        (pa.list_(pa.list_(pa.float32())), "integer[][]", [[1.0], None], [[1], None], [[1.0, 2.5]]),
        (pa.list_(pa.float64()), "decimal(4,2)[]", [1.25], [Decimal("1.25")], [123.0]),
        (
            pa.list_(pa.string()),
            "timestamp[]",
            ["2024-01-02 03:04:05.5"],
            [dt.datetime(2024, 1, 2, 3, 4, 5, 500000)],
            ["infinity"],
        ),
        (pa.list_(pa.string()), "date[]", ["2024-01-02"], [dt.date(2024, 1, 2)], ["epoch"]),
        (pa.struct({"A": pa.float64()}), "struct(a bigint)", {"A": 2.0}, {"a": 2}, {"A": 2.5}),
        (
            pa.struct({"a": pa.binary(), "n": pa.int8()}),
            "struct(n bigint, a blob)",
            {"a": b"\xab\x00", "n": 1},
            {"n": 1, "a": b"\xab\x00"},
            None,
        ),
        (pa.struct({"a": pa.int8()}), "struct(a bigint, b date)", {"a": 1}, {"a": 1, "b": None}, None),
        (pa.struct({"a": pa.int8(), "b": pa.int8()}), "struct(a bigint, c bigint)", None, None, {"a": 1, "b": None}),
        (pa.map_(pa.string(), pa.float64()), "map(varchar, bigint)", [("a", 1.0)], {"a": 1}, [("a", 1.5)]),
        (pa.map_(pa.float64(), pa.int8()), "map(bigint, bigint)", [(1.0, 1)], {1: 1}, [(1.5, 1)]),
        (pa.map_(pa.string(), pa.int8()), "map(varchar, bigint)", [("a", 1)], {"a": 1}, None),
    ],
)
def test_parquet(lake: Lake, native: pa.DataType, kind: str, sound: Any, becomes: Any, broken: Any) -> None:
    path = lake.file("data/a.parquet", b"")
    pq.write_table(pa.table({"id": [1, 2, 3], "v": pa.array([sound, broken, None], native)}), path)
    lake.source("a", f"table: a\nfiles: data/a.parquet\ncolumns: {{id: bigint, v: '{kind}'}}\n")
    lake.load()
    assert lake.rows("SELECT id, v FROM bronze.a WHERE id <> 2 ORDER BY id") == [(1, becomes), (3, None)]
    refused = lake.rows('SELECT row, rule, "column" FROM quarantine.a') if broken is not None else []
    assert refused == ([(2, "type", "v")] if broken is not None else [])


def test_keys_that_a_struct_lacks_are_left_out_where_the_contract_says_so(lake: Lake) -> None:
    path = lake.file("data/a.parquet", b"")
    pq.write_table(pa.table({"v": [{"a": 1, "b": 2}]}), path)
    lake.source("a", "table: a\nfiles: data/a.parquet\ncolumns: {v: struct(a int)}\nnew_columns: ignore\n")
    lake.load()
    assert lake.rows("SELECT v FROM bronze.a") == [({"a": 1},)]


@pytest.mark.parametrize(
    ("kind", "sound", "becomes", "broken"),
    [
        ("bigint[]", "[1.0, 2e1, null]", [1, 20, None], "[1.5]"),
        ("decimal(9,2)[]", "[1.5, 2.5e2, null]", [Decimal("1.50"), Decimal("250.00"), None], "[7.5e-5]"),
        (
            "struct(x bigint, d date)",
            "{x: 1, d: 2024-01-02}",
            {"x": 1, "d": dt.date(2024, 1, 2)},
            "{x: 1.5, d: 2024-01-02}",
        ),
        ("struct(l bigint[])", "{l: [1, 2]}", {"l": [1, 2]}, "{l: [1, 2.5]}"),
        ("map(varchar, bigint)", "{a=1}", {"a": 1}, "{a=1.5}"),
        ("map(bigint, varchar)", "{1=a}", {1: "a"}, "{1.5=a}"),
        ("timestamp[]", "[2024-01-02 03:04:05]", [dt.datetime(2024, 1, 2, 3, 4, 5)], "[infinity]"),
        ("varchar[]", '["a,b", c]', ["a,b", "c"], "[a"),
    ],
)
def test_csv(lake: Lake, kind: str, sound: str, becomes: Any, broken: str) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    lake.file("data/a.csv", f"id,v\n1,{quoted(sound)}\n2,{quoted(broken)}\n3,\n")
    lake.source("a", f"table: a\nfiles: data/a.csv\ncolumns: {{id: bigint, v: '{kind}'}}\n")
    lake.load()
    assert lake.rows("SELECT id, v FROM bronze.a ORDER BY id") == [(1, becomes), (3, None)]
    assert lake.refused("a") == [(2, "type", "v", broken)]


@pytest.mark.parametrize("key", ["1.5", "x"])
def test_keys_of_maps_in_json(lake: Lake, key: str) -> None:
    lake.file("data/a.json", f'[{{"v": {{"1": "a"}}}}, {{"v": {{"{key}": "b"}}}}]')
    lake.source("a", "table: a\nfiles: data/a.json\ncolumns: {v: 'map(bigint, varchar)'}\n")
    lake.load()
    assert lake.rows("SELECT v FROM bronze.a") == [({1: "a"},)]
    assert lake.refused("a") == [(2, "type", "v", f'{{"{key}":"b"}}')]


@pytest.mark.parametrize(
    ("native", "sound", "broken"),
    [
        (pa.float64(), [1.5, -2e300], [float("nan"), float("inf"), float("-inf")]),
        (pa.list_(pa.float64()), [[1.5]], [[1.5, float("nan")]]),
        (pa.string(), ['{"a": "nan, \\" inf"}', '"NaN"', "[null]"], ["NaN", '{"a": "b", "c": [-Infinity]}', "{a}"]),
    ],
)
def test_what_json_does_not_have(lake: Lake, native: pa.DataType, sound: list[Any], broken: list[Any]) -> None:
    path = lake.file("data/a.parquet", b"")
    pq.write_table(pa.table({"v": pa.array([*sound, *broken], native)}), path)
    lake.source("a", "table: a\nfiles: data/a.parquet\ncolumns: {v: json}\n")
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (len(sound), len(broken))
    assert {rule for _, rule, _, _ in lake.refused("a")} == {"type"}


def test_numbers_that_json_does_not_have_in_json(lake: Lake) -> None:
    lake.file("data/a.ndjson", '{"v": {"a": [NaN]}}\n{"v": {"a": ["NaN"]}}\n')
    lake.source("a", "table: a\nfiles: data/a.ndjson\ncolumns: {v: json}\n")
    lake.load()
    assert lake.rows("SELECT v FROM bronze.a") == [('{"a":["NaN"]}',)]
    assert lake.refused("a") == [(1, "type", "v", '{"a":[NaN]}')]


_TWICE = [("a", 1), ("a", 2)]


@pytest.mark.parametrize(
    ("native", "kind", "sound", "twice"),
    [
        (pa.map_(pa.string(), pa.int64()), "map(varchar, bigint)", [("a", 1), ("b", 1)], _TWICE),
        (pa.map_(pa.string(), pa.int64()), None, [("a", 1)], _TWICE),
        (pa.map_(pa.string(), pa.int64()), "map(bigint, bigint)", [("1", 1)], [("1", 1), ("01", 2)]),
        (
            pa.list_(pa.map_(pa.string(), pa.int64())),
            "map(varchar, bigint)[]",
            [[("a", 1)], None],
            [[("a", 1)], _TWICE],
        ),
        (pa.struct({"m": pa.map_(pa.string(), pa.int64())}), "struct(m map(varchar, int))", {"m": []}, {"m": _TWICE}),
    ],
)
def test_keys_twice_in_parquet(lake: Lake, native: pa.DataType, kind: str | None, sound: Any, twice: Any) -> None:
    path = lake.file("data/a.parquet", b"")
    pq.write_table(pa.table({"id": [1, 2, 3], "v": pa.array([sound, twice, None], native)}), path)
    columns = f"{{id: bigint, v: '{kind}'}}" if kind else "{id: bigint}"
    lake.source("a", f"table: a\nfiles: data/a.parquet\ncolumns: {columns}\n")
    lake.load()
    rows = lake.rows("SELECT id, v FROM bronze.a ORDER BY id")
    assert [(number, value is None) for number, value in rows] == [(1, False), (3, True)]
    assert lake.rows('SELECT row, rule, "column" FROM quarantine.a') == [(2, "type", "v")]


@pytest.mark.parametrize(
    ("kind", "sound", "twice"),
    [
        ("map(varchar, bigint)", {"a": 1}, '{"a": 1, "a": 2}'),
        ("map(bigint, bigint)", {1: 1}, '{"1": 1, "01": 2}'),
        ("struct(m map(varchar, bigint)[])", {"m": [{"a": 1}]}, '{"m": [{"a": 1, "a": 2}]}'),
    ],
)
def test_keys_twice_in_json(lake: Lake, kind: str, sound: Any, twice: str) -> None:
    lake.file("data/a.ndjson", f'{{"v": {json.dumps(sound)}}}\n{{"v": {twice}}}\n')
    lake.source("a", f"table: a\nfiles: data/a.ndjson\ncolumns: {{v: '{kind}'}}\n")
    lake.load()
    assert lake.rows("SELECT v FROM bronze.a") == [(sound,)]
    assert [(row, rule, column) for row, rule, column, _ in lake.refused("a")] == [(2, "type", "v")]


@pytest.mark.parametrize("kind", ["map(varchar, bigint)", "map(bigint, bigint)"])
def test_keys_twice_in_csv(lake: Lake, kind: str) -> None:
    lake.file("data/a.csv", 'id,v\n1,"{1=1, 2=1}"\n2,"{1=1, 1=2}"\n')
    lake.source("a", f"table: a\nfiles: data/a.csv\ncolumns: {{id: bigint, v: '{kind}'}}\n")
    lake.load()
    assert lake.rows("SELECT id, cardinality(v) FROM bronze.a") == [(1, 2)]
    assert lake.refused("a") == [(2, "type", "v", "{1=1, 1=2}")]


@pytest.mark.parametrize(
    ("kind", "text", "becomes"),
    [
        ("bigint[]", '[1, "2", "5.0", " 7 "]', [1, 2, 5, 7]),
        ("boolean[]", '[true, "t", "1", 0]', [True, True, True, False]),
        ("map(bigint, bigint)", '{"01": 1, "2.0": 2}', {1: 1, 2: 2}),
        ("struct(m map(bigint, varchar))", '{"m": {"01": "a"}}', {"m": {1: "a"}}),
    ],
)
def test_texts_of_other_values_in_json(lake: Lake, kind: str, text: str, becomes: Any) -> None:
    lake.file("data/a.ndjson", f'{{"v": {text}}}\n')
    lake.source("a", f"table: a\nfiles: data/a.ndjson\ncolumns: {{v: '{kind}'}}\n")
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (1, 0)
    assert lake.rows("SELECT v FROM bronze.a") == [(becomes,)]


@pytest.mark.parametrize(
    ("kind", "texts", "becomes"),
    [
        ("json", ['{"a": 1.10}', '"x"', "[1]"], ['{"a": 1.10}', '"x"', "[1]"]),
        ("bigint[]", ["[1, 2.0]", "[]"], [[1, 2], []]),
        ("struct(a bigint)", ["{a: 1}", "{'a': 2}"], [{"a": 1}, {"a": 2}]),
        ("map(varchar, bigint)", ["{a=1}"], [{"a": 1}]),
    ],
)
def test_texts_of_parquet_are_replayed_as_they_are_loaded(
    lake: Lake, kind: str, texts: list[str], becomes: list[Any]
) -> None:
    path = lake.file("data/a.parquet", b"")
    pq.write_table(pa.table({"id": range(len(texts) + 2), "v": [*texts, "{", None]}), path)
    contract = f"table: a\nfiles: data/a.parquet\ncolumns: {{id: {{type: bigint, max: MAX}}, v: '{kind}'}}\n"
    lake.source("a", contract.replace("MAX", "-1"))
    lake.load()
    lake.source("a", contract.replace("MAX", "9"))
    (source,) = lake.sources()
    lake.keep(quarantine.replay(source, lake.ws))
    assert lake.rows("SELECT v FROM bronze.a ORDER BY id") == [(value,) for value in (*becomes, None)]
    assert lake.rows("SELECT row FROM quarantine.a") == [(len(texts) + 1,)]
