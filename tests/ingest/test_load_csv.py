from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import random
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from headgate.errors import DataError
from headgate.ingest.plan import plan_loads

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

SALES = """
table: sales
files: data/sales*.csv
columns:
  id: {type: bigint, required: true}
  Sale Date: {type: date, format: ["%m/%d/%Y", "%Y-%m-%d"]}
  amount: {type: "decimal(10,2)", min: 0}
  method: {accepted: [card, cash]}
"""


def test_a_sound_file_is_loaded_as_it_is(lake: Lake) -> None:
    lake.file("data/sales.csv", 'id,Sale Date,amount,method\n1,1/31/2024,9.50,card\n2,2024-02-01,,cash\n3,,7,"card"\n')
    lake.source("sales", SALES)
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined, result.duplicates) == (3, 3, 0, 0)
    assert lake.rows("SELECT * EXCLUDE (_load_id, _loaded_at) FROM bronze.sales ORDER BY id") == [
        (1, dt.date(2024, 1, 31), Decimal("9.50"), "card", "data/sales.csv", 1),
        (2, dt.date(2024, 2, 1), None, "cash", "data/sales.csv", 2),
        (3, None, Decimal("7.00"), "card", "data/sales.csv", 3),
    ]
    assert not lake.load()


def test_each_bad_value_is_a_bad_value_of_its_row(lake: Lake) -> None:
    lake.file(
        "data/sales.csv",
        "id,Sale Date,amount,method\n"
        "1,13/31/2024,-1,cheque\n"
        "x,1/2/2024,1,card\n"
        ",1/2/2024,1,card\n"
        "4,1/2/2024,1,card\n"
        "5,1/2/20,1,card\n"
        "6.5,1/2/2020,1,card\n"
        "7.0,1/2/2020,1e2,card\n",
    )
    lake.source("sales", SALES)
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (7, 2, 5)
    assert lake.refused("sales") == [
        (1, "format", "Sale Date", "13/31/2024"),
        (2, "type", "id", "x"),
        (3, "required", "id", None),
        (5, "format", "Sale Date", "1/2/20"),
        (6, "type", "id", "6.5"),
    ]
    assert lake.rows("SELECT id, amount, _source_row FROM bronze.sales ORDER BY id") == [(4, 1, 4), (7, 100, 7)]
    ((violations, raw, line),) = lake.rows("SELECT violations, raw, line FROM quarantine.sales WHERE row = 1")
    assert [(v["rule"], v["column"], v["reason"]) for v in violations] == [
        ("format", "Sale Date", "'13/31/2024' is no date written as %m/%d/%Y or %Y-%m-%d"),
        ("min", "amount", "'-1' is below 0"),
        ("accepted", "method", "'cheque' is not one of: card, cash"),
    ]
    assert raw == '{"id":"1","Sale Date":"13/31/2024","amount":"-1","method":"cheque"}'
    assert line == 2


def test_records_that_do_not_parse_are_rows_too(lake: Lake) -> None:
    lake.file(
        "data/sales.csv",
        b"id,Sale Date,amount,method\r\n"
        b"1,1/2/2024,1,card\r\n"
        b'2,"1/2/2024,1,card\r\n'  # row 2: a quote that nobody closes
        b'3,1/2/2024,1,"ca\r\nrd"\r\n'  # row 3: a line break in a value, of no accepted text
        b"\r\n"
        b"4,1/2/2024,1\r\n"  # row 4, line 7
        b"5,1/2/2024,1,card,more\r\n"
        b"6,1/2/2024,1,c\xe9\r\n"
        b"7,1/2/2024,1,\x00\r\n"
        b"id,Sale Date,amount,method\r\n"  # row 8: the header again
        b'9,"1/2/2024",1,"cash"\n',  # row 9: sound, with another line end
    )
    lake.source("sales", SALES)
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (9, 2, 7)
    assert lake.rows("SELECT row, line, rule, raw_line FROM quarantine.sales ORDER BY row") == [
        (2, 3, "quote", '2,"1/2/2024,1,card'),
        (3, 4, "accepted", None),
        (4, 7, "columns", "4,1/2/2024,1"),
        (5, 8, "columns", "5,1/2/2024,1,card,more"),
        (6, 9, "encoding", "6,1/2/2024,1,c\\xe9"),
        (7, 10, "nul", "7,1/2/2024,1,\0"),
        (8, 11, "header", None),
    ]
    assert lake.rows("SELECT id, _source_row FROM bronze.sales ORDER BY id") == [(1, 1), (9, 9)]


def test_a_record_of_several_lines_is_refused_whole(lake: Lake) -> None:
    """Its lines are no records: each half of such a one would look like a row."""
    more, fewer = 'A2,"first\nsecond",y,extra', 'A4,"f\ng"'
    lake.file("data/a.csv", f'code,note,who\nA1,"a\nb",x\n{more}\nA3,"e",z\n{fewer}\nA5,"open,x\nA6,h,i\n'.encode())
    lake.source("a", "table: a\nfiles: data/*.csv\ncolumns: {code: varchar, note: varchar, who: varchar}\n")
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (6, 3, 3)
    assert lake.rows("SELECT code, note, who, _source_row FROM bronze.a ORDER BY ALL") == [
        ("A1", "a\nb", "x", 1),
        ("A3", "e", "z", 3),
        ("A6", "h", "i", 6),
    ]
    assert lake.rows('SELECT "row", line, rule, reason, raw_line FROM quarantine.a ORDER BY ALL') == [
        (2, 4, "columns", "has 4 values for 3 columns", more),
        (4, 7, "columns", "has 2 values for 3 columns", fewer),
        (5, 9, "quote", "a quote is opened and not closed", 'A5,"open,x'),
    ]


def test_a_quote_left_open_costs_one_row_of_a_large_file(lake: Lake) -> None:
    lines = [f"{i},name {i},{i / 4}" for i in range(1, 150_001)]
    lines[70_000 - 1] = '70000,"name,1'
    lake.file("data/big.csv", "id,name,value\n" + "\n".join(lines) + "\n")
    lake.source("big", "table: big\nfiles: data/big.csv\ncolumns: {id: bigint, name: varchar, value: double}\n")
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (150_000, 149_999, 1)
    assert lake.rows("SELECT count(*), sum(id), count(*) FILTER (id = _source_row) FROM bronze.big") == [
        (149_999, 150_000 * 150_001 // 2 - 70_000, 149_999)
    ]


def zstd(data: bytes) -> bytes:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(data)
    return bytes(out.getvalue())


@pytest.mark.parametrize("compress", [gzip.compress, zstd])
def test_compressed_files_are_looked_through(lake: Lake, compress: Callable[[bytes], bytes]) -> None:
    plain = "id,name\n" + "".join(f"{i},n{i}\n" for i in range(50_000))
    whole = compress(plain.encode())
    lake.file("data/a.csv.gz", whole)
    lake.source("a", "table: a\nfiles: data/a*\nformat: csv\ncolumns: {id: integer, name: varchar}\n")
    (result,) = lake.load()
    assert (result.loaded, result.bytes) == (50_000, len(whole))
    lake.file("data/a2.csv.gz", whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cut off or damaged") as raised:
        lake.load()
    assert raised.value.place == "data/a2.csv.gz"


def test_a_damaged_file_is_not_taken_for_another_text(lake: Lake) -> None:
    whole = bytearray(gzip.compress(b"id,name\n" + b"".join(b"%d,n%d\n" % (i, i) for i in range(50_000))))
    whole[len(whole) // 2] ^= 0xFF
    lake.file("data/a.csv.gz", bytes(whole))
    lake.source("a", "table: a\nfiles: data/a.csv.gz\ncolumns: {id: integer, name: varchar}\n")
    with pytest.raises(DataError, match="cut off or damaged"):
        lake.load()


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("utf-8-sig", "Zoë"), ("utf-16", "Zoë €"), ("latin-1", "Zoë"), ("cp1252", "Zoë €"), ("shift_jis", "東京")],
)
def test_encodings(lake: Lake, encoding: str, text: str) -> None:
    lake.file("data/a.csv", f"id,name\n1,{text}\n2,x\n".encode(encoding))
    declared = {"utf-8-sig": "utf-8", "utf-16": "utf-8"}.get(encoding, encoding)
    lake.source(
        "a",
        f"table: a\nfiles: data/a.csv\noptions: {{encoding: {declared}}}\ncolumns: {{id: integer, name: varchar}}\n",
    )
    lake.load()
    assert lake.rows("SELECT id, name FROM bronze.a ORDER BY id") == [(1, text), (2, "x")]


def test_bytes_that_an_encoding_lacks_refuse_their_row(lake: Lake) -> None:
    lake.file("data/a.csv", b"id,name\n1,\x80\n2,\x81\n3,ok\n")
    lake.source(
        "a", "table: a\nfiles: data/a.csv\noptions: {encoding: cp1252}\ncolumns: {id: integer, name: varchar}\n"
    )
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (3, 2, 1)
    assert lake.rows("SELECT row, rule, raw_line, reason FROM quarantine.a") == [
        (2, "encoding", "2,\\x81", "holds bytes that are not cp1252")
    ]


def test_preamble_comments_and_other_dialects(lake: Lake) -> None:
    lake.file("data/a.csv", "Report of \"today\n\n# who: me\nid;name;x\n1;'a;b';1,5\n# 2;no;0\n3;'it\\'s';1.234,5\n")
    lake.source(
        "a",
        """
table: a
files: data/a.csv
options: {delimiter: ";", quote: "'", escape: "\\\\", skip: 1, comment: "#", decimal: ",", thousands: "."}
columns: {id: integer, name: varchar, x: "decimal(10,1)"}
""",
    )
    (result,) = lake.load()
    assert (result.read, result.loaded) == (2, 2)
    assert lake.rows("SELECT id, name, x, _source_row FROM bronze.a ORDER BY id") == [
        (1, "a;b", Decimal("1.5"), 1),
        (3, "it's", Decimal("1234.5"), 2),
    ]


def test_a_stray_quote_in_the_preamble_swallows_no_rows(lake: Lake) -> None:
    lake.file("data/a.csv", 'made by "x\nid,name\n1,a\n2,b\n')
    lake.source("a", "table: a\nfiles: data/a.csv\noptions: {skip: 1}\ncolumns: {id: integer, name: varchar}\n")
    (result,) = lake.load()
    assert result.loaded == 2


def test_files_without_header(lake: Lake) -> None:
    lake.file("data/a.csv", "1,x,2.5\n2,y,3.5\n")
    lake.source(
        "a",
        "table: a\nfiles: data/a.csv\noptions: {header: false}\n"
        "columns:\n  1: {name: id, type: integer}\n  3: {name: v, type: double}\n",
    )
    lake.source(
        "b", "table: b\nfiles: data/a.csv\noptions: {header: false}\ncolumns: {id: integer, name: varchar, v: double}\n"
    )
    lake.load()
    assert lake.rows("SELECT id, v, column_2 FROM bronze.a ORDER BY id") == [(1, 2.5, "x"), (2, 3.5, "y")]
    assert lake.rows("SELECT id, name, v FROM bronze.b ORDER BY id") == [(1, "x", 2.5), (2, "y", 3.5)]


def test_tab_separated(lake: Lake) -> None:
    lake.file("data/a.tsv", "id\tname\n1\ta,b\n")
    lake.source("a", "table: a\nfiles: data/a.tsv\ncolumns: {id: integer, name: varchar}\n")
    lake.load()
    assert lake.rows("SELECT id, name FROM bronze.a") == [(1, "a,b")]


def test_one_column_and_blank_lines(lake: Lake) -> None:
    lake.file("data/a.csv", "id\n1\n\n2\n")
    lake.source("a", "table: a\nfiles: data/a.csv\ncolumns: {id: integer}\n")
    (result,) = lake.load()
    assert (result.read, result.loaded) == (2, 2)


def test_null_values(lake: Lake) -> None:
    lake.file("data/a.csv", 'id,n,t\n1,NA,\n2,-,"NA"\n3,,x\n')
    lake.source(
        "a",
        'table: a\nfiles: data/a.csv\noptions: {null_values: ["", NA]}\n'
        'columns: {id: integer, n: {type: integer, null_values: ["-"]}, t: varchar}\n',
    )
    (result,) = lake.load()
    assert result.quarantined == 0
    assert lake.rows("SELECT id, n, t FROM bronze.a ORDER BY id") == [(1, None, None), (2, None, None), (3, None, "x")]


def test_without_null_values_an_empty_text_is_a_text(lake: Lake) -> None:
    lake.file("data/a.csv", "n,t\n1,\n,x\n")
    lake.source("a", "table: a\nfiles: data/a.csv\noptions: {null_values: []}\ncolumns: {n: integer, t: varchar}\n")
    lake.load()
    assert lake.rows("SELECT n, t FROM bronze.a") == [(1, "")]
    assert lake.refused("a") == [(2, "type", "n", "")]


def test_empty_files(lake: Lake) -> None:
    lake.source("a", "table: a\nfiles: data/a.csv\ncolumns: {id: integer, name: varchar}\n")
    lake.file("data/a.csv", "id,name\n")
    (result,) = lake.load()
    assert (result.read, result.loaded) == (0, 0)
    assert lake.rows("SELECT count(*) FROM bronze.a") == [(0,)]
    lake.file("data/a.csv", "")
    with pytest.raises(DataError, match="not even a header"):
        lake.load()


def test_a_column_named_twice(lake: Lake) -> None:
    lake.source("a", "table: a\nfiles: data/a.csv\ncolumns: {id: integer}\n")
    lake.file("data/a.csv", "id,x,id\n1,2,3\n")
    with pytest.raises(DataError, match="names the column 'id' twice, in columns 1 and 3"):
        lake.load()


def test_text_rules(lake: Lake) -> None:
    lake.source(
        "a",
        "table: a\nfiles: data/a.csv\n"
        'columns: {id: integer, zip: {pattern: "^[0-9]{5}$"}, t: {type: time, max: "12:00"}}\n',
    )
    lake.file("data/a.csv", "id,zip,t\n1,12345,11:59\n2,1234,11:59\n3,,12:01\n")
    lake.load()
    assert lake.refused("a") == [(2, "pattern", "zip", "1234"), (3, "max", "t", "12:01")]


def test_a_pattern_is_held_against_the_text(lake: Lake) -> None:
    lake.source(
        "a",
        'table: a\nfiles: data/a.csv\ncolumns: {d: {type: date, pattern: "-01$"}, n: {type: integer, pattern: "^0"}}\n',
    )
    lake.file("data/a.csv", "d,n\n2020-1-01,07\n2020-1-1,07\n2020-01-01,7\n")
    lake.load()
    assert lake.refused("a") == [(2, "pattern", "d", "2020-1-1"), (3, "pattern", "n", "7")]


@pytest.mark.parametrize("times", [1, 2])
def test_nul_bytes_are_seen_also_when_the_hash_is_remembered(lake: Lake, times: int) -> None:
    lake.file("data/a.csv", b"a,b\nx,y\nx,\0\n")
    lake.source("a", "table: a\nfiles: data/a.csv\ncolumns: {a: varchar, b: varchar}\n")
    for _ in range(times):
        plan_loads(lake.project, lake.sources(), [], lake.session.storage, lake.db)
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (1, 1)


def test_formats_of_moments(lake: Lake) -> None:
    lake.source(
        "a",
        """
table: a
files: data/a.csv
columns:
  rfc: {type: timestamptz, format: "%a, %d %b %Y %H:%M:%S %Z"}
  zoned: {type: timestamp, format: "%Y/%m/%d %H:%M:%S%z"}
  mixed: {type: date, format: ["%d/%m/%Y", iso]}
  took: {type: integer, format: "h:mm:ss"}
""",
    )
    lake.file(
        "data/a.csv",
        'rfc,zoned,mixed,took\n"Mon, 25 Mar 2019 16:24:42 GMT",2018/01/12 15:54:00+02,31/12/2020,27:28:23\n'
        '"Mon, 25 Mar 2019 16:24:42 GMT",2018/01/12 15:54:00+00,2020-12-31,0:61:00\n',
    )
    lake.load()
    assert lake.rows("SELECT epoch(rfc), zoned, mixed, took FROM bronze.a") == [
        (1553531082.0, dt.datetime(2018, 1, 12, 13, 54), dt.date(2020, 12, 31), 27 * 3600 + 28 * 60 + 23)
    ]
    assert lake.refused("a") == [(2, "format", "took", "0:61:00")]


def test_random_records_end_up_where_the_csv_module_says(lake: Lake) -> None:
    """Whatever valid records a writer makes, values and row numbers are those that Python's own reader finds."""
    random.seed(7)
    alphabet = ["a", "b", '"', ",", "\n", "\r\n", "\r", " ", "é", "'", "#", ""]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["id", "x", "y"])
    for number in range(2_000):
        writer.writerow([number, *("".join(random.choices(alphabet, k=random.randint(0, 6))) for _ in range(2))])
    expected = list(csv.reader(io.StringIO(out.getvalue(), newline="")))[1:]
    lake.file("data/a.csv", out.getvalue())
    lake.source(
        "a", "table: a\nfiles: data/a.csv\noptions: {null_values: []}\ncolumns: {id: integer, x: varchar, y: varchar}\n"
    )
    (result,) = lake.load()
    assert (result.read, result.loaded) == (2_000, 2_000)
    found = lake.rows("SELECT id, x, y, _source_row FROM bronze.a ORDER BY _source_row")
    assert [[str(a), b, c] for a, b, c, _ in found] == expected
    assert [row for *_, row in found] == list(range(1, 2_001))


def test_a_file_that_changes_while_it_is_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lake.file("data/a.csv", "id,name\n1,a\n")
    lake.source("a", "table: a\nfiles: data/a.csv\ncolumns: {id: integer, name: varchar}\n")
    from headgate.ingest import load as module

    direct = module.direct_load  # type: ignore[attr-defined]  # the name that the loader calls, not its home

    def write_meanwhile(*args: object, **named: object) -> object:
        path.write_text("id,name\n1,a\n2,b\n")
        return direct(*args, **named)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(module, "direct_load", write_meanwhile)
    with pytest.raises(DataError, match="changed while it was read"):
        lake.load()
    assert not lake.ws.changes
    assert lake.data_files() == []


@pytest.mark.parametrize("files", [1, 2])
def test_a_path_with_a_backslash_and_a_bracket(lake: Lake, files: int) -> None:
    for number in range(files):
        lake.file(f"data/{number}\\[1]*.csv", f"id,name\n{number},a\n")
    lake.source("a", "table: a\nfiles: data\ncolumns: {id: integer, name: varchar}\n")
    lake.load()
    assert lake.rows("SELECT id, _source_file FROM bronze.a ORDER BY id") == [
        (number, f"data/{number}\\[1]*.csv") for number in range(files)
    ]
