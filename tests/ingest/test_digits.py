"""Numbers of JSON are loaded as they are written, though DuckDB reads them as DOUBLE."""

from __future__ import annotations

import json
import random
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headgate.ingest import quarantine

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake


def rounded(text: str, scale: int) -> Decimal:
    with localcontext() as context:
        context.prec = 100
        return Decimal(text).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)


def number(chance: random.Random, digits: int, scale: int) -> str:
    """The text of a number that has so many digits, with more or fewer of them behind the point than a column has."""
    behind = chance.randint(0, scale + 3)
    front = chance.randint(1, digits)
    text = f"{chance.randrange(10**front)}"
    if behind:
        # Fives and nines lie close to where a number is rounded the other way.
        text += "." + "".join(chance.choice("0123456789955500") for _ in range(behind))
    return chance.choice(["", "", "-"]) + text + chance.choice(["", "", "", "e1", "E-2", "e+0"])


@pytest.mark.parametrize("name", ["a.ndjson", "a.json"])
@pytest.mark.parametrize(("digits", "scale"), [(18, 4), (14, 2), (3, 2), (30, 0), (16, 20), (1, 38)])
def test_decimals_are_what_the_file_says(lake: Lake, name: str, digits: int, scale: int) -> None:
    chance = random.Random(digits * 100 + scale)
    texts = [number(chance, digits, scale) for _ in range(300)]
    wanted = {}
    for row, text in enumerate(texts):
        if abs(rounded(text, scale)) < 10 ** (38 - scale):
            wanted[row] = rounded(text, scale)
    records = [
        f'{{"id": {row}, "t {row} 1": "\\"x {row}.{row}", "d": {text}'
        + ("}" if "e" in text.lower() else f', "s": {{"x": [{text}]}}}}')
        for row, text in enumerate(texts)
        if row in wanted
    ]
    content = "\n".join(records) if name == "a.ndjson" else "[" + ",\n".join(records) + "]"
    lake.file(f"data/{name}", content + "\n")
    kind = f"decimal(38,{scale})"
    lake.source(
        "a",
        f"table: a\nfiles: data/{name}\nnew_columns: ignore\n"
        f'columns: {{id: bigint, d: "{kind}", s: "struct(x {kind}[])"}}\n',
    )
    (result,) = lake.load()
    refused = (
        {row for (row,) in lake.rows("SELECT CAST(raw->>'id' AS INT) FROM quarantine.a")}
        if result.quarantined
        else set()
    )
    # A whole decimal takes no fraction.
    assert refused == {row for row, value in wanted.items() if scale == 0 and Decimal(texts[row]) != value}
    found = {row: (d, s and s["x"]) for row, d, s in lake.rows("SELECT id, d, s FROM bronze.a")}
    expected = {row: value for row, value in wanted.items() if row not in refused}
    assert {row: d for row, (d, _) in found.items()} == expected
    # In lists and structs numbers with an exponent are what a DOUBLE is.
    assert {row: x for row, (_, x) in found.items() if x} == {
        row: [value] for row, value in expected.items() if "e" not in texts[row].lower()
    }


def test_keys_that_differ_in_the_last_digit_stay_two(lake: Lake) -> None:
    lake.file("data/a.ndjson", '{"k": 99999999999999.01}\n{"k": 99999999999999.02}\n')
    lake.source("a", 'table: a\nfiles: data/a.ndjson\nload: merge\nkey: k\ncolumns: {k: "decimal(18,2)"}\n')
    lake.load()
    assert lake.rows("SELECT k FROM bronze.a ORDER BY k") == [
        (Decimal("99999999999999.01"),),
        (Decimal("99999999999999.02"),),
    ]


def test_whole_numbers_that_are_written_with_a_point(lake: Lake) -> None:
    lake.file(
        "data/a.ndjson",
        '{"n": 9007199254740993.0, "s": {"n": 9007199254740993.0}}\n'
        '{"n": 9007199254740993.5}\n{"s": {"n": 9007199254740993.5}}\n',
    )
    lake.source("a", 'table: a\nfiles: data/a.ndjson\ncolumns: {n: bigint, s: "struct(n bigint)"}\n')
    lake.load()
    assert lake.rows("SELECT n, s.n FROM bronze.a") == [(9007199254740993, 9007199254740993)]
    assert lake.rows("SELECT row, rule, value FROM quarantine.a ORDER BY row") == [
        (2, "type", "9007199254740993.5"),
        (3, "type", '{"n":9007199254740993.5}'),
    ]


VALUES = [
    "12345678901234567.89",
    "1.10",
    "1e5",
    "-0.00001230",
    '{"a":[1.10,{"b":12345678901234567.89,"c":"1.10"}]}',
    "[1.50,-2.25]",
    "true",
    "7",
]


@pytest.mark.parametrize("kind", ["varchar", "json"])
def test_texts_and_json_keep_numbers_as_they_are_written(lake: Lake, kind: str) -> None:
    lake.file("data/a.ndjson", "".join(f'{{"v": {value}}}\n' for value in VALUES))
    lake.source("a", f"table: a\nfiles: data/a.ndjson\ncolumns: {{v: {kind}}}\n")
    lake.load()
    assert [v for (v,) in lake.rows("SELECT v FROM bronze.a")] == VALUES


def test_bytes_of_numbers_are_those_that_are_written(lake: Lake) -> None:
    lake.file("data/a.ndjson", '{"b": 1.10, "l": [1e5]}\n{"b": 12345678901234567.89, "l": ["\\\\xAB", 2]}\n')
    lake.source("a", "table: a\nfiles: data/a.ndjson\ncolumns: {b: blob, l: 'blob[]'}\n")
    lake.load()
    assert lake.rows("SELECT b, l FROM bronze.a") == [
        (b"1.10", [b"1e5"]),
        (b"12345678901234567.89", [b"\xab", b"2"]),
    ]


def test_floats_that_are_long_are_rounded(lake: Lake) -> None:
    lake.file("data/a.ndjson", '{"d": 0.30000000000000004, "f": 0.30000000000000004}\n{"d": 1.00499999999999999999}\n')
    lake.source("a", 'table: a\nfiles: data/a.ndjson\ncolumns: {d: "decimal(10,2)", f: double}\n')
    lake.load()
    assert lake.rows("SELECT d, f FROM bronze.a") == [(Decimal("0.30"), 0.1 + 0.2), (Decimal("1.00"), None)]


def test_a_list_that_is_made_rows(lake: Lake) -> None:
    lake.file(
        "data/a.json",
        '{"rows": [{"id": 1, "i": [{"d": 821115155398.6186, "t": "x", "l": [1.10]}, {"d": 5, "t": 1.10}]},\n'
        '{"id": 2, "i": [{"d": 0.5, "t": "y"}], "e": [12345678901234.5678]},\n'
        '{"id": 3, "i": [{"d": 821115155398.6186, "t": true}]}]}',
    )
    lake.source(
        "a",
        "table: a\nfiles: data/a.json\noptions: {rows: rows, unnest: [i, e]}\n"
        'columns: {id: int, i.d: {name: d, type: "decimal(38,4)", max: 821115155398.6186}, e: "decimal(38,4)",'
        " i.t: {name: t, accepted: [x, y, '1.10']}, i.l: {name: l, type: json}}\n",
    )
    lake.load()
    assert lake.rows("SELECT id, d, e, t, l FROM bronze.a") == [
        (1, Decimal("821115155398.6186"), None, "x", "[1.10]"),
        (1, Decimal("5.0000"), None, "1.10", None),
        (2, Decimal("0.5000"), Decimal("12345678901234.5678"), "y", None),
    ]
    ((raw,),) = lake.rows("SELECT raw FROM quarantine.a")
    assert '"i.d":821115155398.6186' in raw
    assert json.loads(raw)["i.t"] is True


def test_a_replay_brings_what_a_parquet_file_has(lake: Lake) -> None:
    long, short = Decimal("12345678901234567890.1234567890"), Decimal("12345678901234567.89")
    table = pa.table(
        {
            "kind": ["a"],
            "d": pa.array([long], pa.decimal128(38, 10)),
            "l": pa.array([[short, None]], pa.list_(pa.decimal128(19, 2))),
            "s": pa.array([{"x": short, "y": b"\x00\xff'x"}], pa.struct({"x": pa.decimal128(19, 2), "y": pa.binary()})),
            "b": pa.array([[b"\xab", b""]], pa.list_(pa.binary())),
        }
    )
    path = lake.file("data/a.parquet", b"")
    pq.write_table(table, path)
    contract = (
        "table: a\nfiles: data/a.parquet\ncolumns: {kind: {accepted: [c]}, d: 'decimal(38,10)', l: 'decimal(19,2)[]',"
        " s: 'struct(x decimal(19,2), y blob)', b: 'blob[]'}\n"
    )
    lake.source("a", contract)
    lake.load()
    lake.source("a", contract.replace("[c]", "[a, c]"))
    (source,) = lake.sources()
    lake.keep(quarantine.replay(source, lake.ws))
    replayed = lake.rows("SELECT d, l, s, b FROM bronze.a")
    assert replayed == [(long, [short, None], {"x": short, "y": b"\x00\xff'x"}, [b"\xab", b""])]
    lake.load(full_refresh=True)
    assert lake.rows("SELECT d, l, s, b FROM bronze.a") == replayed


def test_numbers_with_an_exponent(lake: Lake) -> None:
    """DuckDB makes 0.01 of `7.5395796521e-5` where a decimal has two digits, and nothing of the second."""
    lake.file("data/a.ndjson", '{"d": "7.5395796521e-5"}\n{"d": "25151642.5339970529e-5"}\n{"d": 1.5E3}\n')
    lake.source("a", 'table: a\nfiles: data/a.ndjson\ncolumns: {d: "decimal(21,2)"}\n')
    lake.load()
    assert lake.rows("SELECT d FROM bronze.a") == [(Decimal("0.00"),), (Decimal("251.52"),), (Decimal("1500.00"),)]


@pytest.mark.parametrize("bare", ["-1.50", "12345678901234567.5", "1e400"])
def test_a_line_that_is_a_number_is_one_bad_row(lake: Lake, bare: str) -> None:
    lake.file("data/a.ndjson", f'{{"items": [{{"d": 12345678901234567.25}}]}}\n{bare}\n{{"items": [{{"d": 2.5}}]}}\n')
    columns = "columns: {items.d: {name: d, type: 'decimal(30,2)'}}"
    lake.source("a", f"table: a\nfiles: data/a.ndjson\noptions: {{unnest: [items]}}\n{columns}\n")
    (result,) = lake.load()
    assert result.read == result.loaded + result.quarantined
    assert lake.rows("SELECT d FROM bronze.a WHERE d IS NOT NULL ORDER BY d") == [
        (Decimal("2.50"),),
        (Decimal("12345678901234567.25"),),
    ]


def test_whole_numbers_with_an_exponent_within_lists_and_structs(lake: Lake) -> None:
    lake.file("data/a.ndjson", '{"s": {"a": 1e3}, "l": [1E2, 15e-1]}\n{"s": {"a": 2.0e1}, "l": [3]}\n')
    lake.source("a", "table: a\nfiles: data/a.ndjson\ncolumns: {s: struct(a bigint), l: 'bigint[]'}\n")
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (1, 1)  # 1.5 is no whole number
    assert lake.rows("SELECT s.a, l FROM bronze.a") == [(20, [3])]
    lake.file("data/a.ndjson", '{"s": {"a": 1e3}, "l": [1E2]}\n')
    lake.load()
    assert lake.rows("SELECT s.a, l FROM bronze.a") == [(1000, [100])]
