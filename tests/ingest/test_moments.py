"""Days and moments are dates, and not words that DuckDB takes for some."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

WORDS = ["epoch", "Epoch", "  epoch ", "infinity", "-infinity", "inf", "now", "today", "yesterday", "tomorrow"]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamp_s", "timestamptz"])
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


# DuckDB reads each of them, from the beginning and without what follows.
MORE = {
    "date": ["2024-01-01/07", "2024-01-01-05", "2024-03-05?", "2024-01-01 garbage", "2024-01-01 10:00:00", "2024-1-1x"],
    "time": ["01:30:00 PM", "01:30 PM", "10:00:00x", "10:00:00+02", "2024-01-01", "2024-01-01 10:00:00", "24:00:00"],
    "timestamp": ["2024-01-01T10:00:00+02:00", "2024-01-01 10:00:00-05", "2024-1-1 1:00:00.5+02"],
    "timestamp_ns": ["2024-01-01T10:00:00+02:00"],
    "timestamp_s": ["2024-01-01T10:00:00+02:00"],
    "timestamp_ms": ["2024-01-01 10:00:00.5-05"],
    "time_ns": ["01:30 PM", "10:00:00+02", "24:00:00"],
}
SOUND = {
    "date": {"2024-01-31": "2024-01-31", "2024/1/31": "2024-01-31", " 2024-01-31T00:00:00Z ": "2024-01-31"},
    "time": {"10:20:30": "10:20:30", "7:05": "07:05:00", "23:59:59.25 ": "23:59:59.25", "8:00:00Z": "08:00:00"},
    "timestamp": {
        "2024-01-31 10:20:30": "2024-01-31 10:20:30",
        "2024-01-31T10:20:30.5Z": "2024-01-31 10:20:30.5",
        "2024-01-31 10:20:30+00:00": "2024-01-31 10:20:30",
        "2024-01-31": "2024-01-31 00:00:00",
    },
    "timestamp_s": {"2024-01-31T10:20:30Z": "2024-01-31 10:20:30", "2024-1-31": "2024-01-31 00:00:00"},
    "timestamp_ms": {"2024-01-31 10:20:30.125": "2024-01-31 10:20:30.125"},
    "time_ns": {"10:20:30.25": "10:20:30.25", "7:05": "07:05:00"},
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in MORE.items() for text in texts])
@pytest.mark.parametrize("before", [1, 150])
@pytest.mark.parametrize("name", ["a.csv", "a.ndjson"])
def test_what_goes_on_after_it_is_no_moment(lake: Lake, name: str, before: int, kind: str, text: str) -> None:
    """A sample of the first rows does not see what comes after 150 others."""
    usual = {"date": "2024-02-03", "time": "10:20:30", "time_ns": "10:20:30"}.get(kind, "2024-02-03 10:20:30")
    rows = [(n, usual) for n in range(before)] + [(before, text)]
    lines = [f"{n},{t}" for n, t in rows] if name == "a.csv" else [json.dumps({"id": n, "t": t}) for n, t in rows]
    lake.file(f"data/{name}", "\n".join(["id,t", *lines] if name == "a.csv" else lines) + "\n")
    lake.source("a", f"table: a\nfiles: data/{name}\ncolumns: {{id: integer, t: {kind}}}\n")
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (before, 1)
    ((rule, value, reason),) = lake.rows("SELECT rule, value, reason FROM quarantine.a")
    assert (rule, value) == ("type", text)
    assert ("offset from UTC" in reason) is kind.startswith("timestamp")


@pytest.mark.parametrize("kind", SOUND)
@pytest.mark.parametrize("name", ["a.csv", "a.ndjson"])
def test_ways_to_write_a_moment(lake: Lake, name: str, kind: str) -> None:
    texts = list(SOUND[kind])
    lines = [f"{n},{t}" for n, t in enumerate(texts)]
    if name == "a.ndjson":
        lines = [json.dumps({"id": n, "t": t, "more": [t]}) for n, t in enumerate(texts)]
    lake.file(f"data/{name}", "\n".join(["id,t", *lines] if name == "a.csv" else lines) + "\n")
    more = f", more: '{kind}[]'" if name == "a.ndjson" else ""
    lake.source("a", f"table: a\nfiles: data/{name}\ncolumns: {{id: integer, t: {kind}{more}}}\n")
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (len(texts), 0)
    assert [t for (t,) in lake.rows("SELECT CAST(t AS VARCHAR) FROM bronze.a ORDER BY id")] == list(
        SOUND[kind].values()
    )
    # Files of the direct way are named so.
    assert any("ordered" in path.name for path in lake.data_files()) is (name == "a.csv")


@pytest.mark.parametrize("text", ["2024-01-01/07", "2024-01-01 10:00:00"])
def test_what_goes_on_after_it_is_no_moment_in_lists(lake: Lake, text: str) -> None:
    lake.file("data/a.ndjson", f'{{"t": ["2026-01-01", "{text}"]}}\n{{"t": ["1970-01-01", null]}}\n')
    lake.source("a", "table: a\nfiles: data/a.ndjson\ncolumns: {t: 'date[]'}\n")
    (result,) = lake.load()
    assert (result.loaded, result.quarantined) == (1, 1)


def test_a_format_with_an_offset_turns_to_utc(lake: Lake) -> None:
    lake.file("data/a.csv", "id,t\n1,2024-01-01T10:00:00+0200\n")
    lake.source(
        "a",
        'table: a\nfiles: data/a.csv\ncolumns: {id: integer, t: {type: timestamp, format: "%Y-%m-%dT%H:%M:%S%z"}}\n',
    )
    lake.load()
    assert lake.rows("SELECT CAST(t AS VARCHAR) FROM bronze.a") == [("2024-01-01 08:00:00",)]
