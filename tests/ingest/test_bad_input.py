"""The corpus: every bad input that was once taken wrong, with what has to become of it, found out by hand."""

from __future__ import annotations

import datetime as dt
import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headgate.errors import DataError, ProjectError
from headgate.ingest.infer import infer_source

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

AB = "{a: bigint, b: varchar}"


def write(lake: Lake, content: bytes, columns: str, *, name: str = "a.csv", options: str = "{}") -> None:
    lake.file(f"data/{name}", content)
    files = json.dumps(f"data/{name}")
    lake.source("t", f"table: t\nfiles: {files}\noptions: {options}\ncolumns: {columns}\n")


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        # A carriage return more than the line end has, or alone: part of the value.
        (b"a,b\n1,x\r\r\n2,y\n", [(1, "x\r"), (2, "y")]),
        (b"a,b\n1,x\ry\n2,y\n", [(1, "x\ry"), (2, "y")]),
        # A line break in a value stays as it is, also where another row is refused.
        (b'a,b\r\n1,"x\r\ny"\r\n2,z\r\n', [(1, "x\r\ny"), (2, "z")]),
        (b'a,b\r\n1,"x\r\ny"\r\n2,z\r\n3\r\n', [(1, "x\r\ny"), (2, "z")]),
    ],
)
def test_line_ends(lake: Lake, content: bytes, rows: list[tuple[Any, ...]]) -> None:
    write(lake, content, AB)
    lake.load()
    assert lake.rows("SELECT a, b FROM bronze.t ORDER BY a") == rows


@pytest.mark.parametrize("broken", ["", "1,2,3\n"])
@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("timestamptz", "2024-06-30 23:59:60", None),
        ("timestamptz", "294247-01-10 04:00:54.775808", None),
        ("timestamptz", "294247-01-10 04:00:54.775806", None),
        ("timestamptz", "2024-01-05T24:00:00Z", dt.datetime(2024, 1, 6, tzinfo=dt.UTC)),
        ("date", "infinity", None),
        ("date", "2023-02-29", None),
        ("timestamp", "-infinity", None),
        ("hugeint", "9" * 38, Decimal("9" * 38)),
        ("hugeint", "9" * 39, None),
        ("hugeint", "1.5", None),
        # A whole number is refused a fraction, whatever it is called; others keep the digits that they say.
        ("decimal(38,0)", "1.5", None),
        ("decimal(5,0)", "0.4", None),
        ("decimal(5,0)", "7.0", Decimal(7)),
        ("decimal(5,0)", "99999.6", None),
        ("decimal(5,2)", "2.345", Decimal("2.35")),
        ("timestamp", "2024-01-05 10:00:00.1234569", dt.datetime(2024, 1, 5, 10, 0, 0, 123456)),
        ("timestamptz", "2024-01-05 10:00:00+25", None),
        ("timestamptz", "2024-01-05 10:00:00-99", None),
        ("timestamptz", "2024-01-05 10:00:00+15:59", dt.datetime(2024, 1, 4, 18, 1, tzinfo=dt.UTC)),
        ("int[]", "[1,x]", None),
        ("int[]", "1", None),
        ("int[]", "[1, 2]", [1, 2]),
        ("struct(a int)", "x", None),
    ],
)
def test_values_at_the_edge_of_their_type(lake: Lake, kind: str, text: str, value: object, broken: str) -> None:
    """They are loaded or refused, on the direct way as on the staged one, which a broken record takes."""
    write(lake, f'a,b\n"{text}",x\n{broken}'.encode(), f"{{a: '{kind}', b: varchar}}")
    (result,) = lake.load()
    assert result.read == 1 + bool(broken)
    if value is None:
        assert lake.refused("t")[0] == (1, "type", "a", text)
        assert result.loaded == 0
    else:
        assert lake.rows("SELECT a FROM bronze.t") == [(value,)]


@pytest.mark.parametrize("name", ["a*.csv", "a[1].csv", "a?.csv"])
def test_a_name_like_a_pattern_is_one_file(lake: Lake, name: str) -> None:
    lake.file("data/a1.csv", "a,b\n8,other\n")
    lake.file("data/ab.csv", "a,b\n9,other\n")
    write(lake, b"a,b\n1,x\n", AB, name=name)
    lake.load()
    assert lake.rows("SELECT a, b FROM bronze.t") == [(1, "x")]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a*.ndjson", b'{"a": 1}\n'), ("a*.json", b'[{"a": 1}]'), ("a*.parquet", b"")],
)
def test_so_it_is_in_other_formats(lake: Lake, name: str, content: bytes) -> None:
    other, own = (io.BytesIO(), io.BytesIO())
    pq.write_table(pa.table({"a": [9]}), other)
    pq.write_table(pa.table({"a": [1]}), own)
    lake.file(f"data/{name.replace('*', 'b')}", content.replace(b"1", b"9") or other.getvalue())
    write(lake, content or own.getvalue(), "{a: bigint}", name=name)
    lake.load()
    assert lake.rows("SELECT a FROM bronze.t") == [(1,)]


def workbook(damage: str) -> bytes:
    import zipfile

    book = openpyxl.Workbook()
    book.worksheets[0].append(["a", "b"])
    out, damaged = io.BytesIO(), io.BytesIO()
    book.save(out)
    with zipfile.ZipFile(out) as whole, zipfile.ZipFile(damaged, "w") as copy:
        for name in whole.namelist():
            text = whole.read(name)
            if name.endswith(damage):
                text = (
                    text.replace(b"<", b"<<", 2) if damage != "workbook.xml" else text.replace(b"sheetId", b"sheet_d")
                )
            copy.writestr(name, text)
    return damaged.getvalue()


def parquet_with_a_broken_page() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2, 3]}), out, compression="gzip", use_dictionary=False)
    data = bytearray(out.getvalue())
    start = data.index(b"\x1f\x8b")
    data[start + 10 : start + 20] = b"\xff" * 10
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"a,b\rfoo\n1,x\n", "The first record cannot be read"),
        ("a.csv", b"a," + b"b" * 200_000 + b"\n1,2\n", "The first record cannot be read"),
        ("a.csv", b"a,b,c\0d\n1,x,y\n", "column 3 in the header holds a NUL"),
        ("a.json", b'{"me\xa6a": 1, "rows": [{"a": 1}]}', "a key cannot be read"),
        ("a.json", b'{"m\ra": 1, "rows": [{"a": 1}]}', "a key cannot be read"),
        ("a.ndjson", b'{"a": 1, "\\u0000b": 2}\n', "holds a NUL character"),
        ("a.xlsx", b"no workbook", "not an Excel workbook"),
        ("a.xlsx", workbook("sheet1.xml"), "not an Excel workbook"),
        ("a.xlsx", workbook("styles.xml"), "not an Excel workbook"),
        ("a.xlsx", workbook("workbook.xml"), "not an Excel workbook"),
        ("a.parquet", b"PAR1" + b"\0" * 20 + b"\xff\xff\xff\x7fPAR1", "not a whole Parquet file"),
        ("a.parquet", parquet_with_a_broken_page(), "The file cannot be read"),
    ],
)
def test_a_damaged_file_is_one_clear_error(lake: Lake, name: str, content: bytes, message: str) -> None:
    write(lake, content, "{a: bigint}", name=name, options="{rows: rows}" if name == "a.json" else "{}")
    with pytest.raises(DataError, match=message) as raised:
        lake.load()
    assert (raised.value.place or "").startswith(f"data/{name}")
    assert raised.value.hint
    assert not lake.data_files()


def test_utf16_without_a_mark_is_little_endian(lake: Lake) -> None:
    write(lake, "a,b\n1,é\n".encode("utf-16-le"), AB, options="{encoding: utf-16}")
    lake.load()
    assert lake.rows("SELECT a, b FROM bronze.t") == [(1, "é")]


@pytest.mark.parametrize(
    "line",
    [
        'table: ".."',
        "table: bronze.",
        'table: " "',
        'table: "a\\x01"',
        f"table: {'x' * 201}",
        "table: quarantine.t",
        "table: information_schema.t",
        "table: t\noptions: {encoding: hex}",
        "table: t\noptions: {encoding: undefined}",
        "table: t\ncolumns: {a: {name: file_row_number}}",
        "table: t\ncolumns: {a: {name: __violations}}",
    ],
)
def test_names_that_cannot_be_are_told_with_their_line(lake: Lake, line: str) -> None:
    lake.source("t", f"files: data/a.csv\n{line}\n")
    with pytest.raises(ProjectError) as raised:
        lake.load()
    assert (raised.value.place or "").rpartition(":")[2] in ("1", "2", "3")
    assert raised.value.hint


@pytest.mark.parametrize("rule", ["pattern: '(?=x)'", "pattern: '(a)\\1'", "min: 300", "max: 300"])
def test_a_rule_that_the_engine_cannot_follow_is_the_contracts_fault(lake: Lake, rule: str) -> None:
    write(lake, b"a,b\n1,x\n", f"{{a: {{type: tinyint, {rule}}}}}")
    with pytest.raises(ProjectError, match=f"'a' has {rule[:3]}"):
        lake.load()


def test_a_column_named_like_one_of_duckdbs_gets_another_name(lake: Lake) -> None:
    write(lake, b"file_row_number,__bad\n1,x\n2\n", "{}")
    lake.load()
    assert lake.rows("SELECT file_row_number_2, bad FROM bronze.t") == [("1", "x")]


@pytest.mark.parametrize(
    "header", ["x" * 3000, "a\x8fb", "a\u2028b", "a\x7fb", "\ufeffa", "file_row_number", "a\x85b", "'\"\\"]
)
def test_the_inferred_contract_loads_what_it_was_inferred_from(lake: Lake, header: str) -> None:
    quoted = header.replace('"', '""')
    path = lake.file("data/a.csv", f'id,"{quoted}"\n1,x\n2,y\n')
    lake.source("t", infer_source(lake.project, [str(path)], lake.session.storage, "t").text)
    (result,) = lake.load()
    assert (result.read, result.loaded) == (2, 2)


@pytest.mark.parametrize("content", [b"a,b\rfoo\n1,x\n", b'"' + b"x" * 200_000 + b"\n", b"a\rb\n"])
def test_what_cannot_be_inferred_says_why(lake: Lake, content: bytes) -> None:
    path = lake.file("data/a.csv", content)
    with pytest.raises(DataError) as raised:
        infer_source(lake.project, [str(path)], lake.session.storage, "t")
    assert (raised.value.place or "").startswith("data/a.csv")
    assert raised.value.hint


def test_a_path_that_is_too_long_is_told(lake: Lake) -> None:
    lake.file("data/b.csv", "a,b\n")
    lake.source("t", f"table: t\nfiles: data/{'x' * 300}.csv\ncolumns: {AB}\n")
    with pytest.raises(DataError, match="too long") as raised:
        lake.load()
    assert (raised.value.place or "").endswith("t.yml: files")


def test_one_column_under_two_keys_is_told(lake: Lake) -> None:
    lake.source(
        "t", "table: t\nfiles: data/a.csv\noptions: {header: false}\ncolumns:\n  1: {name: a}\n  '1': {name: b}\n"
    )
    with pytest.raises(ProjectError, match="'1' stands there twice"):
        lake.load()


def test_tables_that_differ_in_case_alone_are_told(lake: Lake) -> None:
    lake.source("t", "table: t\nfiles: data/a.csv\n")
    lake.source("u", "table: Bronze.T\nfiles: data/a.csv\n")
    with pytest.raises(ProjectError, match="differ in nothing but case"):
        lake.load()


def test_a_file_name_that_is_not_utf8_is_told(lake: Lake) -> None:
    import os

    lake.file("data/ok.csv", "a,b\n1,x\n")
    (lake.root / "data").joinpath(os.fsdecode(b"bad\xff.csv")).write_text("a,b\n1,x\n")
    lake.source("t", f"table: t\nfiles: data\ncolumns: {AB}\n")
    with pytest.raises(DataError, match="not UTF-8"):
        lake.load()


@pytest.mark.parametrize(("delimiter", "wide"), [("\t", 3), (" ", 4)])
def test_a_first_row_of_blanks_without_header(lake: Lake, delimiter: str, wide: int) -> None:
    names = "abcd"[:wide]
    lines = ["", delimiter * (wide - 1), delimiter.join("1234"[:wide]), delimiter * (wide - 1)]
    options = f"{{header: false, delimiter: {json.dumps(delimiter)}}}"
    columns = "{" + ", ".join(f"{name}: varchar" for name in names) + "}"
    write(lake, "\n".join(lines).encode() + b"\n", columns, options=options)
    (result,) = lake.load()
    assert (result.read, result.loaded) == (3, 3)
    assert lake.rows("SELECT _source_row, a FROM bronze.t ORDER BY 1") == [(1, None), (2, "1"), (3, None)]


@pytest.mark.parametrize("before", [0, 150])
@pytest.mark.parametrize(("kind", "number"), [("double", "1e400"), ("double", "-1e309"), ("float", "1e39")])
@pytest.mark.parametrize("name", ["a.csv", "a.ndjson"])
def test_numbers_that_are_too_large(lake: Lake, name: str, kind: str, number: str, before: int) -> None:
    """DuckDB makes infinity of them; infinity that the file tells of stays."""
    texts = ["1.5"] * before + [number, "2.5", "Infinity"]
    content = "a,b\n" + "".join(f"1,{text}\n" for text in texts)
    if name == "a.ndjson":
        content = "".join(f'{{"a": 1, "b": {text}}}\n' for text in texts).replace("Infinity", '"Infinity"')
    write(lake, content.encode(), f"{{a: bigint, b: {kind}}}", name=name)
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (before + 2, 1)
    assert lake.rows("SELECT row, value, reason FROM quarantine.t") == [
        (before + 1, number, f"'{number}' is no {kind}")
    ]
    assert lake.rows("SELECT count(*) FROM bronze.t WHERE isinf(b)") == [(1,)]


@pytest.mark.parametrize("kind", ["double", "float"])
def test_numbers_that_are_too_large_in_lists(lake: Lake, kind: str) -> None:
    write(lake, b'{"b": [1.5, 1e400]}\n{"b": [1.5, "inf"]}\n', f"{{b: '{kind}[]'}}", name="a.ndjson")
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (1, 1)
