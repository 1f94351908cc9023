"""Files that are sound, in one statement: nothing is rounded or let through that a value by value load would refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet
import pytest

from headgate.ingest.csvfile import group_rows
from headgate.ingest.plain import PlainFile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ingest.conftest import Lake


@pytest.mark.parametrize(
    ("texts", "loaded", "refused"),
    [
        (["1", "-2", " 3 ", "4.0", "1e3", "007"], [-2, 1, 3, 4, 7, 1000], []),
        (["1", "9007199254740993", "1234567890123456789"], [1, 9007199254740993, 1234567890123456789], []),
        (["1"] * 150 + ["1234567890123456789"], [*[1] * 150, 1234567890123456789], []),
        (["1"] * 150 + ["9007199254740993"], [*[1] * 150, 9007199254740993], []),
        (["1"] * 150 + ["-9007199254740993"], [-9007199254740993, *[1] * 150], []),
        (["1", "1.5"], [1], ["1.5"]),
        (["1", "15e-1"], [1], ["15e-1"]),
        (["1", "1e-05"], [1], ["1e-05"]),
        (["1", "nan", "inf", "0x1F"], [1], ["nan", "inf", "0x1F"]),
        (["1234567890123456789", "1.5"], [1234567890123456789], ["1.5"]),
        (["1", "9223372036854775808"], [1], ["9223372036854775808"]),
    ],
)
def test_integers_are_never_rounded(lake: Lake, texts: list[str], loaded: list[int], refused: list[str]) -> None:
    lake.file("data/a.csv", "n,t\n" + "".join(f"{text},x\n" for text in texts))
    lake.source("a", "table: a\nfiles: data/a.csv\ncolumns: {n: bigint, t: varchar}\n")
    lake.load()
    assert [n for (n,) in lake.rows("SELECT n FROM bronze.a ORDER BY n")] == loaded
    assert ([value for *_, value in lake.refused("a")] if refused else []) == refused


@pytest.mark.parametrize(
    ("kind", "value", "refused", "kept"),
    [
        ("date", "infinity", [("day", "infinity")], 0),
        ("date", "-infinity", [("day", "-infinity")], 0),
        ("timestamp", "infinity", [("day", "infinity")], 0),
        ("timestamptz", "-infinity", [("day", "-infinity")], 0),
        ("date", "12024-02-03", [], 1),
        ("date", "0044-03-15 (BC)", [], 1),
    ],
)
def test_one_day_without_end_is_found_among_many(
    lake: Lake, kind: str, value: str, refused: list[tuple[str, str]], kept: int
) -> None:
    lines = [f"2024-02-03,{i}" for i in range(150_000)]
    lines[140_000] = f"{value},x"
    lake.file("data/big.csv", "day,name\n" + "\n".join(lines) + "\n")
    lake.source("big", f"table: big\nfiles: data/big.csv\ncolumns: {{day: {kind}, name: varchar}}\n")
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (150_000, 149_999 + kept, len(refused))
    assert [(column, text) for *_, column, text in lake.refused("big")] == refused if refused else True
    assert lake.rows("SELECT count(*) FROM bronze.big WHERE name = 'x' AND _source_row = 140001") == [(kept,)]


def test_source_rows_are_those_of_the_file_in_a_direct_load(lake: Lake) -> None:
    lines = [f"{i},name {i}" for i in range(1, 200_001)]
    lake.file("data/big.csv", "id,name\n" + "\n".join(lines) + "\n")
    lake.source("big", "table: big\nfiles: data/big.csv\ncolumns: {id: bigint, name: varchar}\n")
    (result,) = lake.load()
    assert result.loaded == 200_000
    assert lake.rows("SELECT count(*) FILTER (id <> _source_row) FROM bronze.big") == [(0,)]


def test_what_the_reader_hands_over_is_written_as_it_is(lake: Lake) -> None:
    text = "x" * 91
    # Of 100 bytes each, so that 80,000 are one of DuckDB's batches of a quarter of 32 MB; 39 vectors are 79,872.
    file = lake.file("data/big.csv", "id,name\n" + "".join(f"{i:07},{text}\n" for i in range(300_000)))
    lake.source("big", "table: big\nfiles: data/big.csv\ncolumns: {id: bigint, name: varchar}\n")
    assert file.stat().st_size == 300_000 * 100 + 8
    (result,) = lake.load()
    assert result.loaded == 300_000
    (written,) = [path for path in lake.data_files() if "ordered" in path.name and path.stat().st_size > 100_000]
    metadata = pyarrow.parquet.read_metadata(written)
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    assert sum(groups) == 300_000
    assert all(abs(rows - 80_000) <= 1 for rows in groups[:-1]), groups
    assert lake.rows("SELECT count(*) FILTER (id + 1 <> _source_row) FROM bronze.big") == [(0,)]


@pytest.mark.parametrize(
    ("line", "end", "expected"),
    [
        (b"x" * 15, b"\n", None),  # 500,000 rows to a batch
        (b"x" * 60, b"\n", 131_072),
        (b"x" * 60, b"\r\n", 129_024),
        (b"x" * 60, b"\r", None),
        (b"x" * 99, b"\n", 79_872),
        (b"x" * 400, b"\n", None),  # 20,000
    ],
)
def test_row_groups_are_as_large_as_batches_where_that_reads_well(
    tmp_path: Path, line: bytes, end: bytes, expected: int | None
) -> None:
    path = tmp_path / "a.csv"
    record = line + end
    path.write_bytes(record * (20_000_000 // len(record)))
    assert group_rows(PlainFile(path, "a.csv", "utf-8", path.stat().st_size)) == expected
    path.write_bytes(record * (1_000_000 // len(record)))
    assert group_rows(PlainFile(path, "a.csv", "utf-8", path.stat().st_size)) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", "12"),
        ("hugeint", "12345678901234567890123"),
        ("decimal(9,2)", "1.25"),
        ("double", "1.5"),
        ("boolean", "true"),
        ("date", "2024-02-03"),
        ("time", "12:30:00"),
        ("timestamp", "2024-02-03 12:30:00"),
        ("timestamptz", "2024-02-03 12:30:00+01"),
        ("varchar", "x"),
    ],
)
def test_a_value_that_has_to_be_there_and_is_not_is_refused(lake: Lake, kind: str, value: str) -> None:
    given = [value, "", value, "NA", '""', value]
    lake.file("data/a.csv", "n,t\n" + "".join(f"{text},{row}\n" for row, text in enumerate(given, 1)))
    lake.source(
        "a",
        "table: a\nfiles: data/a.csv\noptions: {null_values: ['', NA]}\n"
        f"columns: {{n: {{type: '{kind}', required: true}}, t: integer}}\n",
    )
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (6, 3, 3)
    assert lake.refused("a") == [(row, "required", "n", None) for row in (2, 4, 5)]
    assert lake.rows("SELECT t, _source_row FROM bronze.a ORDER BY t") == [(1, 1), (3, 3), (6, 6)]
    assert lake.rows("SELECT count(n) FROM bronze.a") == [(3,)]
