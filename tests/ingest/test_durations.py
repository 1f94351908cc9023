"""Durations beside numbers that are written with separators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake


@pytest.mark.parametrize(
    "options", ['{delimiter: ";", thousands: "."}', '{delimiter: ";", decimal: ",", thousands: "."}']
)
def test_durations_beside_numbers_with_thousands(lake: Lake, options: str) -> None:
    lake.file("data/a.csv", "id;dur\n1;1:02:03\n2;25:00:00\n3;1.2:00:00\n")
    lake.source(
        "a",
        f"table: a\nfiles: data/a.csv\noptions: {options}\n"
        'columns: {id: integer, dur: {type: integer, format: "h:mm:ss"}}\n',
    )
    lake.load()
    assert lake.rows("SELECT id, dur FROM bronze.a") == [(1, 3723), (2, 90000)]
    assert lake.rows("SELECT row, value FROM quarantine.a") == [(3, "1.2:00:00")]
