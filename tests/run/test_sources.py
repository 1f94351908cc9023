"""`sources check`: a contract against the header of the first file, of which no row is read."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import headgate

_COLUMNS = "columns: {id: bigint, amuont: bigint}\n"


def check(root: Path, contract: str) -> tuple[str, str, str]:
    """Status, message and hint of what is found of one source."""
    (root / "headgate.yml").write_text("name: checked\n")
    (root / "ingestion").mkdir(exist_ok=True)
    (root / "ingestion" / "a.yml").write_text(f"table: a\n{contract}")
    with headgate.open(root) as lake:
        (found,) = lake.check_sources()
    return found.status, found.message, found.hint or ""


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("a.csv", b"id,amount\n1,2\n", ""),
        ("a.csv.gz", gzip.compress(b"id,amount\n1,2\n", mtime=0), ""),
        ("a.tsv", "made today\nid\tamount\n1\t2\n".encode("utf-16"), "options: {skip: 1}\n"),
        # Rows that would be refused are none of its business.
        ("a.csv", b'id,amount\nx,"\n', ""),
    ],
    ids=["plain", "packed", "utf-16", "broken"],
)
def test_a_column_that_the_first_file_lacks(tmp_path: Path, name: str, text: bytes, options: str) -> None:
    (tmp_path / name).write_bytes(text)
    status, message, hint = check(tmp_path, f"files: {name}\n{options}{_COLUMNS}")
    assert (status, message) == ("error", f"The file lacks the column 'amuont', which the contract names. (at {name})")
    assert "Did you mean 'amount'?" in hint
    status, message, _ = check(tmp_path, f"files: {name}\n{options}missing_columns: fill\n{_COLUMNS}")
    assert status == "warn"
    assert "lacks the column 'amuont'" in message
    assert "has 'amount', which the contract does not name" in message
    status, message, _ = check(tmp_path, f"files: {name}\n{options}{_COLUMNS.replace('uo', 'ou')}")
    assert (status, message) == ("ok", f"1 file, {len(text)} bytes, to bronze.a.")


def test_a_column_that_a_parquet_file_lacks(tmp_path: Path) -> None:
    import duckdb

    duckdb.execute(f"COPY (SELECT 1 AS id, 2 AS amount) TO '{tmp_path}/a.parquet'")
    assert check(tmp_path, f"files: a.parquet\n{_COLUMNS}")[0] == "error"
    assert check(tmp_path, f"files: a.parquet\n{_COLUMNS.replace('uo', 'ou')}")[0] == "ok"


def test_a_column_that_a_file_may_lack_is_no_slip_where_no_other_is_like_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,town\n1,2\n")
    assert check(tmp_path, f"files: a.csv\nmissing_columns: fill\nnew_columns: ignore\n{_COLUMNS}")[0] == "ok"


def test_what_has_no_header_is_ok(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"id": 1}\n')
    assert check(tmp_path, f"files: a.ndjson\n{_COLUMNS}")[0] == "ok"
    assert check(tmp_path, "files: 'b/*.csv'\n")[0] == "warn"
