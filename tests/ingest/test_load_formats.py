from __future__ import annotations

import datetime as dt
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headgate.errors import ContractError, DataError

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_lines_of_json(lake: Lake) -> None:
    lake.file(
        "data/a.ndjson",
        lines({"id": 1, "t": "x", "n": None, "s": {"a": 1, "b": [1.5, 2]}})
        + '{"id": 2, "t": \n\n'
        + lines(
            {"id": "3", "t": 7, "s": None}, [1], {"id": 4.5}, {"id": 5.0, "s": {"a": "no"}}, {"s": {"a": 1, "z": 1}}
        ),
    )
    lake.source(
        "a",
        "table: a\nfiles: data/a.ndjson\n"
        'columns: {id: {type: bigint, required: true}, t: varchar, s: "struct(a int, b double[])"}\n',
    )
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (7, 2, 5)
    assert lake.rows("SELECT id, t, n, s, _source_row FROM bronze.a ORDER BY id") == [
        (1, "x", None, {"a": 1, "b": [1.5, 2.0]}, 1),
        (3, "7", None, None, 3),
    ]
    assert lake.rows('SELECT row, line, rule, "column", raw_line FROM quarantine.a ORDER BY row') == [
        (2, 2, "json", None, '{"id": 2, "t": '),
        (4, None, "structure", None, None),
        (5, None, "type", "id", None),
        (6, None, "type", "s", None),
        (7, None, "required", "id", None),
    ]
    assert lake.rows("SELECT raw FROM quarantine.a WHERE row = 5") == [('{"id": 4.5}',)]
    ((found,),) = lake.rows("SELECT [v.rule for v in violations] FROM quarantine.a WHERE row = 7")
    assert sorted(found) == ["required", "type"]


def test_a_line_of_json_that_is_not_utf8(lake: Lake) -> None:
    lake.file("data/a.ndjson.gz", gzip.compress(b'{"id": 1}\n{"id": "\xff"}\n'))
    lake.source("a", "table: a\nfiles: data/a.ndjson.gz\ncolumns: {id: integer}\n")
    lake.load()
    assert lake.rows("SELECT row, line, rule, raw_line FROM quarantine.a") == [(2, 2, "json", '{"id": "\\xff"}')]


@pytest.mark.parametrize(
    "text",
    [
        (
            '{"meta": {"items": [0], "s": "]}\\""}, '
            '"data": {"x": 1, "items": [{"id": 1, "s": "a]"}, {"id": 2}]}, "z": [{}]}'
        ),
        '{"data":{"items":[{"id":1,"s":"a]"},{"id":2}]}}',
    ],
)
def test_documents_with_a_path_to_the_rows(lake: Lake, text: str) -> None:
    lake.file("data/a.json", text)
    lake.source("a", "table: a\nfiles: data/a.json\noptions: {rows: data.items}\ncolumns: {id: integer, s: varchar}\n")
    lake.load()
    assert lake.rows("SELECT id, s, _source_row FROM bronze.a ORDER BY id") == [(1, "a]", 1), (2, None, 2)]


def test_a_large_document_is_read_in_pieces(lake: Lake) -> None:
    rows = [{"id": i, "text": 'quote " and \\ and ]' * 5, "more": {"k": [i, [i]]}} for i in range(40_000)]
    text = json.dumps({"head": {"n": 1}, "rows": rows, "tail": "x" * 3_000_000})
    assert len(text) > 6 << 20
    lake.file("data/a.json", text)
    lake.source(
        "a", "table: a\nfiles: data/a.json\noptions: {rows: rows}\ncolumns: {id: integer, text: varchar, more: json}\n"
    )
    lake.load()
    assert lake.rows("SELECT count(*), sum(id), count(DISTINCT text), max(_source_row) FROM bronze.a") == [
        (40_000, sum(row["id"] for row in rows), 1, 40_000)  # type: ignore[misc]  # the values of a row are of any type
    ]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('[{"id": 1}, {"id": 2}]', 2),
        ('{"id": 1}', 1),
        ('{"id": 1}\n{"id": 2}\n', 2),
        ("[]", 0),
        ('\n [{"id":\n1}]\n', 1),
    ],
)
def test_documents_without_a_path(lake: Lake, text: str, count: int) -> None:
    lake.file("data/a.json", text)
    lake.source("a", "table: a\nfiles: data/a.json\nmissing_columns: fill\ncolumns: {id: integer}\n")
    (result,) = lake.load()
    assert result.loaded == count


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"data": [{"id": 1}', "ends too early"),
        ('{"data": [{"id": 1}]', "ends too early"),
        ('{"dta": [{"id": 1}]}', "nothing at the path 'data'"),
        ('{"data": [{"id": }]}', "not a JSON document"),
        ("", "ends too early"),
    ],
)
def test_documents_that_are_none(lake: Lake, text: str, message: str) -> None:
    lake.file("data/a.json", text)
    lake.source("a", "table: a\nfiles: data/a.json\noptions: {rows: data}\ncolumns: {id: integer}\n")
    with pytest.raises(DataError, match=message):
        lake.load()


def test_keys_of_all_kinds_keep_their_own_values(lake: Lake) -> None:
    keys = ["id", "a/b", "~", "~1", "x.y", "*", "$", "0", 'q"q', "q'q", "é", " "]
    values = [1, "slash", "tilde", None, 1.50, True, [1, "2"], {"k": [None]}, 'a "quote"', "", "\u00e9\n", "null"]
    # Not every record has every key, nor all in one order.
    few = {"0": "later", "id": 2}
    lake.file("data/a.ndjson", lines(dict(zip(keys, values, strict=True)), few))
    columns = "\n".join(f"  {json.dumps(key)}: {{name: c{number}, type: varchar}}" for number, key in enumerate(keys))
    lake.source("a", f"table: a\nfiles: data/a.ndjson\ncolumns:\n{columns}\n")
    lake.load()

    texts = [value if isinstance(value, str) else json.dumps(value, separators=(",", ":")) for value in values]
    expected = [None if value is None else text for value, text in zip(values, texts, strict=True)]
    listed = ", ".join(f"c{number}" for number in range(len(keys)))
    first, second = lake.rows(f"SELECT {listed} FROM bronze.a ORDER BY c0")
    assert list(first) == expected
    assert [value for value in second if value is not None] == ["2", "later"]


def test_keys_that_are_numbers_and_maps(lake: Lake) -> None:
    lake.file("data/a.json", '[{"id": 1, "by power": {"2.0": 2.0, "11": 3.7}}, {"id": 2, "by power": {"2.0": "x"}}]')
    lake.source("a", 'table: a\nfiles: data/a.json\ncolumns: {id: integer, by power: "map(varchar, double)"}\n')
    lake.source(
        "b",
        "table: b\nfiles: data/a.json\nnew_columns: ignore\n"
        'columns: {id: integer, by power: "struct(\\"2.0\\" varchar)"}\n',
    )
    lake.load()
    assert lake.rows("SELECT id, by_power FROM bronze.a") == [(1, {"2.0": 2.0, "11": 3.7})]
    assert lake.refused("a") == [(2, "type", "by power", '{"2.0":"x"}')]
    assert lake.rows("SELECT id, by_power FROM bronze.b ORDER BY id") == [(1, {"2.0": "2.0"}), (2, {"2.0": "x"})]


def test_unnesting(lake: Lake) -> None:
    lake.file(
        "data/a.json",
        json.dumps(
            [
                {
                    "id": 1,
                    "owner": {"name": "Ann"},
                    "visits": [{"day": "2024-01-01", "parts": [1, 2]}, {"day": "2024-01-02"}],
                },
                {"id": 2, "owner": {"name": "Bob"}, "visits": []},
                {"id": 3, "visits": [{"day": "no day", "parts": [3]}]},
            ]
        ),
    )
    lake.source(
        "a",
        """
table: a
files: data/a.json
options: {unnest: [owner, visits, visits.parts]}
columns:
  id: integer
  owner.name: varchar
  visits.day: {name: day, type: date}
  visits.parts: {name: part, type: integer}
""",
    )
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (5, 4, 1)
    assert lake.rows("SELECT id, owner_name, day, part, _source_row FROM bronze.a ORDER BY _source_row") == [
        (1, "Ann", dt.date(2024, 1, 1), 1, 1),
        (1, "Ann", dt.date(2024, 1, 1), 2, 2),
        (1, "Ann", dt.date(2024, 1, 2), None, 3),
        (2, "Bob", None, None, 4),
    ]
    ((raw,),) = lake.rows("SELECT raw FROM quarantine.a")
    assert json.loads(raw) == {"id": 3, "owner.name": None, "visits.day": "no day", "visits.parts": 3}


def test_new_keys_are_columns(lake: Lake) -> None:
    lake.file("data/a.ndjson", lines({"id": 1}, {"id": 2, "Extra": {"a": [1]}}))
    lake.source("a", "table: a\nfiles: data/a.ndjson\ncolumns: {id: integer}\n")
    lake.load()
    assert lake.rows("SELECT id, extra FROM bronze.a ORDER BY id") == [(1, None), (2, '{"a":[1]}')]


def parquet(lake: Lake, name: str, table: pa.Table) -> Path:
    path = lake.file(name, b"")
    pq.write_table(table, path)
    return path


def test_parquet_keeps_its_types(lake: Lake) -> None:
    parquet(
        lake,
        "data/a.parquet",
        pa.table(
            {
                "id": pa.array([1, 2, 3], pa.int64()),
                "price": pa.array([Decimal("1.50"), None, Decimal("3.00")], pa.decimal128(10, 2)),
                "tags": pa.array([["a"], [], None], pa.list_(pa.string())),
                "at": pa.array([dt.datetime(2024, 1, 1)] * 3, pa.timestamp("us")),
            }
        ),
    )
    lake.source("a", 'table: a\nfiles: data/a.parquet\ncolumns: {id: bigint, price: {type: "decimal(10,2)", max: 2}}\n')
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (3, 2, 1)
    assert lake.rows('SELECT id, price, tags, "at", _source_row FROM bronze.a ORDER BY id') == [
        (1, Decimal("1.50"), ["a"], dt.datetime(2024, 1, 1), 1),
        (2, None, [], dt.datetime(2024, 1, 1), 2),
    ]
    assert lake.refused("a") == [(3, "max", "price", "3.00")]


@pytest.mark.parametrize("files", [1, 2])
@pytest.mark.parametrize("said", ["column", "source"])
def test_parquet_has_texts_for_no_value_too(lake: Lake, said: str, files: int) -> None:
    for number in range(files):
        data = {"id": [number, -1, 7 + number], "v": ["a", "b", "NA"], "w": ["NA", "x", None]}
        parquet(lake, f"data/{number}.parquet", pa.table(data))
    nulls = "null_values: [NA, '-1']"
    column, source = (f", {nulls}", "") if said == "column" else ("", f"options: {{{nulls}}}\n")
    columns = f"{{id: {{type: bigint{column}}}, v: {{required: true{column}}}}}"
    lake.source("a", f"table: a\nfiles: data\n{source}columns: {columns}\n")
    lake.load()
    new = None if said == "source" else "NA"
    assert lake.rows("SELECT id, v, w FROM bronze.a WHERE _source_file = 'data/0.parquet' ORDER BY v") == [
        (0, "a", new),
        (None, "b", "x"),
    ]
    assert lake.refused("a") == [(3, "required", "v", "NA")] * files


def test_parquet_under_other_types(lake: Lake) -> None:
    parquet(lake, "data/a.parquet", pa.table({"n": [1.0, 2.5, None], "d": ["2024-01-01", "1.2.2024", "x"]}))
    lake.source(
        "a", 'table: a\nfiles: data/a.parquet\ncolumns: {n: integer, d: {type: date, format: [iso, "%d.%m.%Y"]}}\n'
    )
    lake.load()
    assert lake.rows("SELECT n, d FROM bronze.a") == [(1, dt.date(2024, 1, 1))]
    assert lake.refused("a") == [(2, "type", "n", "2.5"), (3, "format", "d", "x")]


def test_a_parquet_file_that_is_cut_off(lake: Lake) -> None:
    path = parquet(lake, "data/a.parquet", pa.table({"n": list(range(1000))}))
    path.write_bytes(path.read_bytes()[:-100])
    lake.source("a", "table: a\nfiles: data/a.parquet\ncolumns: {n: bigint}\n")
    with pytest.raises(DataError, match="not a whole Parquet file"):
        lake.load()


def workbook(lake: Lake, name: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Sales")
    sheet.append(["Sales of the year"])
    sheet.append([])
    sheet.append(["id", "day", "at", "price", "paid", None])
    sheet.append([1, dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 12, 30), 9.5, True])
    sheet.append([None] * 5)
    sheet.append([2, "31/02/2024", None, 7, False])
    sheet.append([3, dt.date(2024, 2, 1), None, 1, True, None, "a note"])
    book.save(lake.file(name, b""))


def test_excel(lake: Lake) -> None:
    workbook(lake, "data/a.xlsx")
    lake.source(
        "a",
        "table: a\nfiles: data/a.xlsx\noptions: {sheet: Sales, skip: 1}\n"
        'columns: {id: integer, day: date, at: timestamp, price: "decimal(10,2)", paid: boolean}\n',
    )
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (3, 1, 2)
    assert lake.rows('SELECT id, day, "at", price, paid, _source_row FROM bronze.a') == [
        (1, dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 12, 30), Decimal("9.50"), True, 1)
    ]
    assert lake.rows('SELECT row, line, rule, "column" FROM quarantine.a ORDER BY row') == [
        (2, 6, "type", "day"),
        (3, 7, "columns", None),
    ]


def test_a_range_of_a_sheet(lake: Lake) -> None:
    workbook(lake, "data/a.xlsx")
    lake.source(
        "a",
        "table: a\nfiles: data/a.xlsx\noptions: {sheet: Sales, range: 'A3:B4'}\ncolumns: {id: integer, day: date}\n",
    )
    lake.load()
    assert lake.rows("SELECT id, day FROM bronze.a") == [(1, dt.date(2024, 1, 31))]


def test_workbooks_that_are_none(lake: Lake) -> None:
    lake.file("data/a.xlsx", b"PK not a workbook")
    lake.source("a", "table: a\nfiles: data/a.xlsx\ncolumns: {id: integer}\n")
    with pytest.raises(DataError, match="not an Excel workbook"):
        lake.load()
    workbook(lake, "data/a.xlsx")
    lake.source("a", "table: a\nfiles: data/a.xlsx\noptions: {sheet: Sale}\ncolumns: {id: integer}\n")
    with pytest.raises(DataError, match="no sheet 'Sale'") as raised:
        lake.load()
    assert raised.value.hint == "Did you mean 'Sales'?"


def test_a_name_that_tells_no_format(lake: Lake) -> None:
    lake.file("data/a.dat", "id\n1\n")
    lake.source("a", "table: a\nfiles: data/a.dat\ncolumns: {id: integer}\n")
    with pytest.raises(DataError, match="does not tell its format"):
        lake.load()


@pytest.mark.parametrize(
    ("name", "text"), [("a.json", "[]"), ("a.ndjson", ""), ("a.ndjson", "\n"), ("a.ndjson", "[1]\n")]
)
def test_a_file_without_records_does_not_tell_its_columns(lake: Lake, name: str, text: str) -> None:
    lake.file(f"data/{name}", text)
    lake.source("a", f"table: a\nfiles: data/{name}\ncolumns: {{id: {{type: integer, required: true}}}}\n")
    (result,) = lake.load()
    assert (result.read, result.loaded) == (text.count("1"), 0)
    assert lake.rows("DESCRIBE bronze.a")[0][0] == "id"


def test_a_missing_key_is_a_missing_column(lake: Lake) -> None:
    lake.file("data/a.ndjson", lines({"idd": 1}))
    lake.source("a", "table: a\nfiles: data/a.ndjson\ncolumns: {id: integer}\n")
    with pytest.raises(ContractError, match="lacks the column 'id'"):
        lake.load()


def test_small_numbers_of_excel(lake: Lake) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["d", "t"], [7.5e-05, 7.5e-05], [-1.25e-07, 1e-10], [0.005, 0.5]):
        book.active.append(row)
    book.save(lake.file("data/a.xlsx", b""))
    lake.source("a", "table: a\nfiles: data/a.xlsx\ncolumns: {d: 'decimal(21,2)', t: varchar}\n")
    lake.load()
    assert lake.rows("SELECT d, t FROM bronze.a ORDER BY _source_row") == [
        (Decimal("0.00"), "0.000075"),
        (Decimal("0.00"), "0.0000000001"),
        (Decimal("0.01"), "0.5"),
    ]
