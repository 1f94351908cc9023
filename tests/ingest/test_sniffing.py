from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import openpyxl
import pytest
from tests.ingest.inferring import begin, types

from headgate.ingest.sniffing import sniff

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

_HEADER: list[object] = ["Id", "Day", "Amount", "Note"]
_BUDGET: list[list[object]] = [[n, dt.date(2026, 1, n), n + 0.5, "x" if n == 3 else None] for n in range(1, 10)]


@pytest.mark.parametrize(
    ("content", "options", "rows"),
    [
        (b"\xef\xbb\xbfid;name\n1;a\n2;b\n", {"delimiter": ";"}, 2),
        ("id\tname\n1\tZoë\n".encode("cp1252"), {"delimiter": "\t", "encoding": "cp1252"}, 1),
        ("id,name\n1,Zoë\n".encode("utf-16"), {}, 1),
        (b"Report, 2020\nfor: me\n\nid,name,x\n1,a,b\n2,b,c\n3,d,e\n", {"skip": 3}, 3),
        (b"# made today\nid,name\n# more\n1,a\n", {"comment": "#"}, 1),
        (b"1,2020-01-01,a\n2,2020-01-02,b\n", {"header": False}, 2),
        (b'id,name\n1,"a, ""b"""\n2,"c\nd"\n', {}, 2),
    ],
)
def test_dialects(lake: Lake, content: bytes, options: dict[str, object], rows: int) -> None:
    lake.file("data/a.csv", content)
    _, contract, (result,) = begin(lake, "data/a.csv")
    assert contract.get("options", {}) == options
    assert (result.read, result.loaded) == (rows, rows)


@pytest.mark.parametrize("name", ["a.tsv", "a.tab"])
@pytest.mark.parametrize("content", [b"id\tname\n1\ta\n2\tb, c\n", b"id\tamount\n1\t1,5\n2\t2,75\n", b"id\n1\n2\n"])
def test_tabs_where_the_name_says_so(lake: Lake, name: str, content: bytes) -> None:
    lake.file(f"data/{name}", content)
    _, contract, (result,) = begin(lake, f"data/{name}")
    assert "delimiter" not in contract.get("options", {})
    assert (len(contract["columns"]), result.read, result.loaded) == (content.count(b"\t") // 3 + 1, 2, 2)


@pytest.mark.parametrize(("name", "written"), [("a.ndjson", "ndjson"), ("a.jsonl", "ndjson"), ("a.json", "json")])
def test_one_line_is_a_record_where_the_name_says_so(lake: Lake, name: str, written: str) -> None:
    path = lake.file(f"data/{name}", '{"id": 1, "items": {"a": 2}}\n')
    assert sniff(path, name).format == written


@pytest.mark.parametrize(
    ("content", "options", "columns", "refused"),
    [
        ('id;name;amount\n1;Ada;12,50\n2;"Bob;3,00\n3;Cy;7,25\n', {"delimiter": ";"}, 3, 1),
        # More broken records than headers, and quotes that look as if they closed.
        (
            'id;name;amount\n1;"Ada;1,5\n2;"Bob";2,5\n3;"Cy;3,5\n4;D"an;4,5\n5;"Eve;5,5\n',
            {"delimiter": ";"},
            3,
            3,
        ),
        ('id,name,x\n1,"a,b\n2,c,d\n3,"e\n\nf",g\n', {}, 3, 1),
        ("id;a;b\n1;x;2,5\n2;3,5\n3;4,5\n4;x;5,5\n", {"delimiter": ";"}, 3, 2),
    ],
)
def test_a_quote_that_is_not_closed_costs_its_line_and_not_the_dialect(
    lake: Lake, content: str, options: dict[str, object], columns: int, refused: int
) -> None:
    lake.file("data/a.csv", content)
    _, contract, (result,) = begin(lake, "data/a.csv")
    said = contract.get("options", {})
    assert {key: value for key, value in said.items() if key != "decimal"} == options
    assert len(contract["columns"]) == columns
    assert result.quarantined == refused


def test_a_dialect_is_told_from_a_part_that_ends_inside_a_value(lake: Lake) -> None:
    """The file goes on after what is looked at, within a value of so many lines that they outnumber the records."""
    long = "\n".join(f"line {n}; of, text" for n in range(20_000))
    lake.file("data/a.csv", "id;text\n" + "".join(f"{n};short\n" for n in range(20)) + f'20;"{long}"\n')
    _, contract, (result,) = begin(lake, "data/a.csv")
    assert contract["options"] == {"delimiter": ";"}
    assert (result.read, result.loaded) == (21, 21)


@pytest.mark.parametrize(
    ("before", "header", "skip", "doubt"),
    [
        ([["Budget 2026"], []], _HEADER, 2, "before row 3 is taken for a preamble, such as 'Budget 2026'"),
        (
            [[], ["By", "Ada"], ["On", dt.date(2026, 1, 1)]],
            _HEADER,
            3,
            "before row 4 is taken for a preamble, such as 'By'",
        ),
        ([], _HEADER, None, ""),
        ([], ["Id", "Day"], None, "has 2 columns where most have 3; if row 2 is the header, say `skip: 1`"),
    ],
)
def test_rows_before_the_header_of_a_sheet(
    lake: Lake, before: list[list[object]], header: list[object], skip: int | None, doubt: str
) -> None:
    book = openpyxl.Workbook()
    for row in (*before, header, *_BUDGET):
        book.active.append(row)
    book.save(lake.file("data/a.xlsx", b""))
    found, contract, (result,) = begin(lake, "data/a.xlsx")
    assert contract.get("options", {}).get("skip") == skip
    assert doubt in "\n".join(found.doubts)
    if header == _HEADER:
        assert result.loaded == 9
        assert types(contract) == {"Id": "bigint", "Day": "date", "Amount": "decimal(18,1)", "Note": "varchar"}
        assert lake.rows("SELECT sum(id), sum(amount)::VARCHAR, max(day)::VARCHAR FROM bronze.a") == [
            (45, "49.5", "2026-01-09")
        ]
        assert "header" not in "\n".join(found.doubts)


def test_other_sheets_are_told_of_where_the_first_has_one_cell(lake: Lake) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Cover"
    book.active.append(["Fleet 2026"])
    data = book.create_sheet("Data")
    data.append(["id", "name"])
    data.append([1, "Ada"])
    book.save(lake.file("data/a.xlsx", b""))
    (doubt, *_) = sniff(lake.root / "data/a.xlsx", "data/a.xlsx").doubts
    assert doubt.startswith("The first sheet, 'Cover', has no more than one cell; if the rows are in another ('Data')")
