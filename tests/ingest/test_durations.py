"""Durations: beside numbers that are written with separators, and those of Excel."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import openpyxl
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


def test_durations_of_excel(lake: Lake) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["dur", "text"])
    for minutes in (1530, 61, -150, 0.0251):
        sheet.append([dt.timedelta(minutes=minutes)] * 2)
    book.save(lake.file("data/a.xlsx", b""))
    lake.source("a", 'table: a\nfiles: data/a.xlsx\ncolumns: {dur: {type: double, format: "h:mm:ss"}, text: varchar}\n')
    lake.load()
    assert lake.rows("SELECT dur, text FROM bronze.a ORDER BY _source_row") == [
        (91800, "25:30:00"),
        (3660, "1:01:00"),
        (-9000, "-2:30:00"),
        (1.506, "0:00:01.506000"),
    ]
