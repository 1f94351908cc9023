"""Days and moments are dates, and not words that DuckDB takes for some."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

WORDS = ["epoch", "Epoch", "  epoch ", "infinity", "-infinity", "inf", "now", "today", "yesterday", "tomorrow"]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
@pytest.mark.parametrize("name", ["a.csv", "a.ndjson"])
def test_words_are_no_moments(lake: Lake, name: str, kind: str, word: str) -> None:
    csv = f"id,t\n1,{word}\n2,1970-01-01\n"
    lines = "".join(json.dumps({"id": i, "t": t}) + "\n" for i, t in ((1, word), (2, "1970-01-01")))
    lake.file(f"data/{name}", csv if name == "a.csv" else lines)
    lake.source("a", f"table: a\nfiles: data/{name}\ncolumns: {{id: integer, t: {kind}}}\n")
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (1, 1)
    assert lake.rows("SELECT id, CAST(t AS VARCHAR)[:10] FROM bronze.a") == [(2, "1970-01-01")]
    assert lake.rows('SELECT row, rule, "column" FROM quarantine.a') == [(1, "type", "t")]


@pytest.mark.parametrize("word", ["epoch", "infinity", "today"])
def test_words_are_no_moments_in_lists(lake: Lake, word: str) -> None:
    lake.file("data/a.ndjson", f'{{"t": ["2026-01-01", "{word}"]}}\n{{"t": ["1970-01-01", null]}}\n')
    lake.source("a", "table: a\nfiles: data/a.ndjson\ncolumns: {t: 'timestamp[]'}\n")
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (1, 1)


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
@pytest.mark.parametrize(("day", "again"), [("1970-01-02", False), ("1970-01-01", True)])
def test_a_file_is_read_again_only_for_that_very_day(lake: Lake, kind: str, day: str, again: bool) -> None:
    lake.file("data/a.csv", f"id,t\n1,1960-05-06\n2,{day}\n3,1999-12-31\n")
    lake.source("a", f"table: a\nfiles: data/a.csv\ncolumns: {{id: integer, t: {kind}}}\n")
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (3, 0)
    # Files of the direct way are named so.
    assert any("ordered" in path.name for path in lake.data_files()) is not again
