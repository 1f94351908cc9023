"""Inputs of unusual size: nothing at all, long values, many columns, several parts under one compression."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headgate.errors import DataError
from headgate.ingest.infer import infer_source

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

AB = "{a: bigint, b: varchar}"
GOOD, MORE = b"a,b\n1,x\n2,y\n", b"3,z\n"
# A frame that readers of zstd have to pass over, of four bytes (RFC 8878, 3.1.2).
PASSED_OVER = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
# Unquoted, DuckDB's reader itself gives up at several of its buffers.
LONG = 40_000_000


def name_of(value: object) -> str:
    """What a case is called: contents differ from process to process by the times that are written in them."""
    return value if isinstance(value, str) else "content"


def parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def workbook(*rows: list[str]) -> bytes:
    out, book = io.BytesIO(), openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(out)
    return out.getvalue()


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


def write(lake: Lake, name: str, content: bytes) -> None:
    lake.file(f"data/{name}", content)
    lake.source("t", f"table: t\nfiles: data/{name}\ncolumns: {AB}\n")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"a,b"),
        ("a.csv", b"\xef\xbb\xbfa,b\r\n"),
        ("a.tsv", b"a\tb\n"),
        ("a.ndjson", b""),
        ("a.ndjson", b"\n\n"),
        ("a.json", b"[]"),
        ("a.parquet", parquet(pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}))),
        ("a.xlsx", workbook(["a", "b"])),
        ("a.csv.gz", gzip.compress(b"a,b\n")),
        ("a.csv.zst", zstd(b"a,b\n")),
    ],
    ids=name_of,
)
def test_no_rows_are_a_load_of_none(lake: Lake, name: str, content: bytes) -> None:
    write(lake, name, content)
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined, result.duplicates) == (0, 0, 0, 0)
    assert lake.rows("SELECT a, b FROM bronze.t") == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "not even a header"),
        ("a.csv", b"\xef\xbb\xbf", "not even a header"),
        ("a.csv", b"\n\r\n\n", "not even a header"),
        ("a.tsv", b"", "not even a header"),
        ("a.json", b" \n", "The file is empty"),
        ("a.parquet", b"", "not a whole Parquet file"),
        ("a.xlsx", b"", "not an Excel workbook"),
        ("a.xlsx", workbook(), "The sheet is empty"),
        ("a.csv.gz", b"", "not even a header"),
        ("a.csv.gz", gzip.compress(b""), "not even a header"),
        ("a.csv.zst", zstd(b""), "not even a header"),
        ("a.csv.gz", gzip.compress(GOOD)[:-4], "cut off"),
        ("a.csv.gz", gzip.compress(GOOD) + gzip.compress(MORE)[:12], "cut off"),
        ("a.csv.gz", gzip.compress(GOOD) + b"hello", "cut off or damaged"),
        ("a.csv.zst", zstd(GOOD)[:-4], "cut off"),
        ("a.csv.zst", zstd(GOOD) + zstd(MORE * 1000)[:-3], "cut off"),
        ("a.csv.zst", zstd(GOOD) + b"hello", "cut off or damaged"),
    ],
    ids=name_of,
)
def test_nothing_or_only_a_part_is_one_error(lake: Lake, name: str, content: bytes, message: str) -> None:
    write(lake, name, content)
    with pytest.raises(DataError, match=message) as raised:
        lake.load()
    assert raised.value.place == f"data/{name}"
    assert raised.value.hint
    assert not lake.data_files()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", gzip.compress(GOOD) + gzip.compress(MORE)),
        ("a.csv.gz", gzip.compress(GOOD + MORE) + b"\0" * 512),
        ("a.csv.zst", zstd(GOOD) + zstd(MORE)),
        ("a.csv.zst", PASSED_OVER + zstd(GOOD) + PASSED_OVER + zstd(MORE)),
    ],
    ids=name_of,
)
def test_parts_one_after_another_are_one_file(lake: Lake, name: str, content: bytes) -> None:
    write(lake, name, content)
    lake.load()
    assert lake.rows("SELECT a, b FROM bronze.t ORDER BY a") == [(1, "x"), (2, "y"), (3, "z")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", GOOD),
        ("a.csv.zst", GOOD),
        ("a.csv.gz", zstd(GOOD)),
        ("a.csv.gz", GOOD + b'"y"y,z\n'),
        ("a.ndjson.gz", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'),
        ("a.json.gz", b'[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]'),
    ],
    ids=name_of,
)
def test_the_bytes_and_not_the_name_say_whether_a_file_is_compressed(lake: Lake, name: str, content: bytes) -> None:
    write(lake, name, content)
    lake.load()
    assert lake.rows("SELECT a, b FROM bronze.t ORDER BY a") == [(1, "x"), (2, "y")]


@pytest.mark.parametrize(
    ("name", "content"), [("a.ndjson", b"{}\n"), ("a.json", b"[]"), ("a.json", b"{}")], ids=name_of
)
def test_no_contract_is_inferred_from_records_without_keys(lake: Lake, name: str, content: bytes) -> None:
    path = lake.file(f"data/{name}", content)
    with pytest.raises(DataError, match="nothing can be told") as raised:
        infer_source(lake.project, [str(path)], lake.session.storage, "t")
    assert raised.value.place == f"data/{name}"


@pytest.mark.parametrize(("name", "form"), [("a.ndjson", '{"a": 1}\n{"a": "%s"}\n'), ("a.json", '[{"a": "%s"}]')])
def test_a_json_record_that_is_too_long_is_told(lake: Lake, name: str, form: str) -> None:
    write(lake, name, (form % ("x" * (33 << 20))).encode())
    with pytest.raises(DataError, match="longer than 16 MiB") as raised:
        lake.load()
    assert raised.value.place == f"data/{name}"


def test_a_long_value_is_loaded(lake: Lake) -> None:
    write(lake, "a.csv", f"a,b\n1,{'x' * LONG}\n2,y\n".encode())
    lake.load()
    assert lake.rows("SELECT a, length(b) FROM bronze.t ORDER BY a") == [(1, LONG), (2, 1)]


def test_a_long_line_that_is_no_row_is_refused(lake: Lake) -> None:
    write(lake, "a.csv", b"a,b\n1,x\n" + b"x" * 3_000_000 + b"\n2,y\n")
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (3, 2, 1)
    assert lake.rows("SELECT a, b FROM bronze.t ORDER BY a") == [(1, "x"), (2, "y")]


def test_a_long_last_line_without_an_end_is_not_lost(lake: Lake) -> None:
    write(lake, "a.csv", b"a,b\n1,x\n" + b"x" * LONG)
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (2, 1, 1)
