from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.ingest.inferring import begin, inferred

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2", ""], {"type": "bigint"}),
        (["1.5", "2"], {"type": "decimal(18,1)", "required": True}),
        (["1.123456", "2"], {"type": "double", "required": True}),
        (["1e5", "2"], {"type": "double", "required": True}),
        (["007", "123"], {"type": "varchar", "required": True}),
        (["true", "False"], {"type": "boolean", "required": True}),
        (["1", "NA", "N/A"], {"type": "bigint", "null_values": ["N/A", "NA"]}),
        (["31/12/2020", "01/02/2020"], {"type": "date", "format": "%d/%m/%Y", "required": True}),
        (["12/31/2020", "01/02/2020"], {"type": "date", "format": "%m/%d/%Y", "required": True}),
        (["12/31/2020", "2020-05-06"], {"type": "date", "format": ["iso", "%m/%d/%Y"], "required": True}),
        (["31.12.20", "01.02.2020"], {"type": "varchar", "required": True}),
        (["2020-01-01 10:00:00", "2020-01-01T10:00"], {"type": "timestamp", "required": True}),
        (["2020-01-01T10:00:00Z", "2020-01-01T10:00:00+02:00"], {"type": "timestamptz", "required": True}),
        (["2024-01-01", "2024-01-02 13:45:00"], {"type": "timestamp", "format": "iso", "required": True}),
        (
            ["1/2/2020 5:06 PM", "12/31/2020 11:00 AM"],
            {"type": "timestamp", "format": "%m/%d/%Y %I:%M %p", "required": True},
        ),
        (["10:30", "23:59:59"], {"type": "time", "required": True}),
        (["100:30:00", "0:00:01"], {"type": "bigint", "format": "h:mm:ss", "required": True}),
        (["9f7c1b8e-0d2a-4a59-9f0e-0e3f6c1f2a3b"], {"type": "uuid", "required": True}),
        (["12", "13", "14", "15", "16", "17", "18", "19", "20", "x"], {"type": "varchar", "required": True}),
        (["", ""], {"type": "varchar"}),
        (["1_000", "2"], {"type": "varchar", "required": True}),
        (["yes", "no"], {"type": "boolean", "required": True}),
    ],
)
def test_types_of_texts(lake: Lake, values: list[str], expected: dict[str, object]) -> None:
    lake.file("data/a.csv", "n,v\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values)))
    _, contract, (result,) = begin(lake, "data/a.csv")
    assert contract["columns"]["v"] == expected
    assert (result.loaded, result.quarantined) == (len(values), 0)


@pytest.mark.parametrize(
    ("usual", "odd", "kind"),
    [
        ([f"{day:02}.{month:02}.2026" for day in range(1, 29) for month in range(1, 10)], "31.02.2026", "a date"),
        (
            [f"2026-0{month}-{day:02}T10:00:00+02:00" for day in range(1, 29) for month in range(1, 9)],
            "yesterday",
            "a time with a zone",
        ),
        ([f"{day}/1/2026 10:0{minute}" for day in range(1, 29) for minute in range(8)], "soon", "a time"),
        # Few different values in many rows.
        (["01.02.2026", "02.02.2026", "25.02.2026"] * 80, "30.02.2026", "a date"),
        ([f"{number},5" for number in range(250)], "12,5 kg", ""),
        (["yes", "no"] * 100, "maybe", "true or false"),
    ],
)
def test_one_value_that_keeps_a_column_text_is_shown(lake: Lake, usual: list[str], odd: str, kind: str) -> None:
    values = [*usual[:100], odd, *usual[100:]]
    doubts, _, found = inferred(lake, "id;v\n" + "".join(f"{n};{value}\n" for n, value in enumerate(values)))
    assert found["v"] == "varchar"
    if kind:
        assert f"'v' stays text, because 1 of its {len(values)} values are not {kind}: '{odd}'." in doubts
    else:
        assert "'v' stays text, because its numbers have separators or signs, such as '0,5'" in doubts
        assert f"1 of its {len(values)} values are no number: '{odd}'." in doubts


@pytest.mark.parametrize("values", [["€1.50", "€2"], ["$1,200.00", "$3.00"], ["12%", "13%"], ["1 200", "3"], ["3 EUR"]])
def test_numbers_written_for_people_stay_text_and_say_so(lake: Lake, values: list[str]) -> None:
    doubts, options, found = inferred(lake, "id;v\n" + "".join(f"{n};{value}\n" for n, value in enumerate(values)))
    assert (options, found["v"]) == ({"delimiter": ";"}, "varchar")
    assert f"'v' stays text, because its numbers have separators or signs, such as '{min(values)}'" in doubts


@pytest.mark.parametrize("values", [["007", "123"], ["-", "NA"], ["Ada", "Bob"], ["10.0.0.1", "10.0.0.2"]])
def test_text_is_no_doubt(lake: Lake, values: list[str]) -> None:
    doubts, _, found = inferred(lake, "id;v\n" + "".join(f"{n};{value}\n" for n, value in enumerate(values)))
    assert found["v"] == "varchar"
    assert "'v'" not in doubts


def test_words_for_no_value_are_not_what_keeps_a_column_text(lake: Lake) -> None:
    doubts, _, found = inferred(lake, "id;v\n" + "".join(f"{n};{n or 'NA'}\n" for n in range(20)))
    assert found["v"] == "bigint"
    assert "stays text" not in doubts
