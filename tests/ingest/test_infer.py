from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from headgate.errors import DataError
from headgate.ingest.infer import infer_source
from headgate.yaml import parse_yaml

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

    from headgate.ingest.infer import InferredSource
    from headgate.ingest.ledger import Load

RealData = Callable[[str], Path]


def begin(lake: Lake, *paths: object, name: str | None = None) -> tuple[InferredSource, dict[str, Any], list[Load]]:
    """Infer a contract, and load the files under it."""
    found = infer_source(lake.project, [str(path) for path in paths], lake.session.storage, name)
    lake.file(f"ingestion/{found.name}.yml", found.text)
    return found, parse_yaml(found.text, Path("x.yml")).data, lake.load()


def types(contract: dict[str, Any]) -> dict[str, str]:
    return {name: column["type"] for name, column in contract["columns"].items()}


def test_boulder(lake: Lake, real_data: RealData) -> None:
    path = real_data("charging_boulder/ev_charging_boulder_2021-03.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    found, contract, (result,) = begin(lake, path)
    assert (result.read, result.loaded, result.quarantined) == (len(rows), len(rows), 0)
    assert found.name == "ev_charging_boulder"
    assert contract["key"] == ["object_id"]
    assert contract["columns"]["Start_Date___Time"]["type"] == "timestamptz"
    seconds = sum(
        int(h) * 3600 + int(m) * 60 + int(s)
        for h, m, s in (row["Total_Duration__hh_mm_ss_"].split(":") for row in rows)
    )
    energy = sum(round(float(row["Energy__kWh_"]) * 1000) for row in rows)
    assert lake.rows(
        "SELECT sum(total_duration_hh_mm_ss), sum(energy_kwh * 1000), min(zip_postal_code)"
        " FROM bronze.ev_charging_boulder"
    ) == [(seconds, energy, min(row["Zip_Postal_Code"] for row in rows))]


def test_acn(lake: Lake, real_data: RealData) -> None:
    path = real_data("charging_acn/office1.json")
    items = json.loads(path.read_text())["_items"]
    _, contract, (result,) = begin(lake, path, name="acn")
    assert (result.read, result.loaded, result.quarantined) == (len(items), len(items), 0)
    assert contract["options"] == {"rows": "_items"}
    assert types(contract)["connectionTime"] == "timestamptz"
    inputs = sum(len(item["userInputs"] or []) for item in items)
    asked = sum(entry["milesRequested"] for item in items for entry in item["userInputs"] or [])
    assert lake.rows(
        'SELECT sum(len(user_inputs)), sum(list_sum([u."milesRequested" for u in user_inputs])) FROM bronze.acn'
    ) == [(inputs, asked)]
    assert lake.rows("SELECT count(*) FROM bronze.acn WHERE epoch(connection_time) = 1553531082") == [(1,)]


def test_dundee(lake: Lake, real_data: RealData) -> None:
    folder = real_data("charging_dundee")
    found, contract, results = begin(lake, folder, name="dundee")
    assert sum(load.read for load in results) == sum(load.loaded for load in results) == 52_752
    assert contract["columns"]["Start Date"] == {"type": "date", "format": ["iso", "%d/%m/%Y"], "required": True}
    assert contract["missing_columns"] == "fill"
    assert contract["key"] == ["charging_event"]
    # Three of the files went through a spreadsheet; in one, no day above 12 tells that it reaches into March.
    assert sum("'Start Date' day and month seem to be swapped" in doubt for doubt in found.doubts) == 2


def test_ev_models(lake: Lake, real_data: RealData) -> None:
    name = "ev_models/ev-data.json"
    try:
        path = real_data(name)
    except pytest.skip.Exception:
        path = real_data(name + ".gz")
    found, contract, (result,) = begin(lake, path, name="models")
    assert (result.read, result.loaded) == (293, 293)
    assert contract["options"] == {"rows": "data"}
    assert "MAP(VARCHAR, DOUBLE)" in types(contract)["ac_charger"]
    assert any("38 objects at 'brands'" in doubt for doubt in found.doubts)
    if path.suffix == ".json":
        rows = json.loads(path.read_text())["data"]
        expected = sum(row["ac_charger"]["power_per_charging_point"].get("11", 0) for row in rows)
        ((power,),) = lake.rows("SELECT sum(ac_charger.power_per_charging_point['11']) FROM bronze.models")
        assert power == pytest.approx(expected)


def test_exchange_rates(lake: Lake, real_data: RealData) -> None:
    path = real_data("exchange_rates/monthly.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    _, contract, (result,) = begin(lake, path)
    assert (result.read, result.loaded) == (len(rows), len(rows))
    assert contract["key"] == ["date", "country"]
    total = sum(round(float(row["Exchange rate"]) * 10_000) for row in rows)
    assert lake.rows("SELECT sum(exchange_rate * 10000) FROM bronze.monthly") == [(total,)]


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


def test_what_is_not_certain_is_said(lake: Lake) -> None:
    lake.file(
        "data/a.csv",
        "d,e,n\n01/02/2020,1/31/2020,1\n02/03/2020,31/1/2020,2\n"
        + "03/04/2020,1/1/2020,3\n" * 7
        + "03/04/2020,1/1/2020,x\n",
    )
    found, _, (result,) = begin(lake, "data/a.csv")
    assert result.quarantined == 0
    text = "\n".join(found.doubts)
    assert "'d' is read as" in text
    assert "could as well be" in text
    assert "'e' has days before months and months before days" in text
    assert "there is no key" in text
    for doubt in found.doubts:
        assert doubt.split()[0] in found.text


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


def test_records_that_do_not_parse_are_counted_and_refused(lake: Lake) -> None:
    lake.file("data/a.csv", 'id,name\n1,a\n2\n3,"b\nid,name\n4,d\n')
    found, contract, (result,) = begin(lake, "data/a.csv")
    assert types(contract) == {"id": "bigint", "name": "varchar"}
    assert (result.read, result.loaded, result.quarantined) == (5, 2, 3)
    assert "data/a.csv: 3 records do not parse and will be in quarantine." in found.doubts


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


def inferred(lake: Lake, text: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    """The doubts, the options and the types that a `;` file gives; it loads without loss under them."""
    lake.file("data/a.csv", text)
    found, contract, (result,) = begin(lake, "data/a.csv")
    assert (result.loaded, result.quarantined) == (text.count("\n") - 1, 0)
    return "\n".join(found.doubts), contract["options"], types(contract)


def test_decimal_commas(lake: Lake) -> None:
    doubts, options, found = inferred(lake, "id;v;w\n1;12,50;0,125\n2;-3;1,5\n3;1234,5;NA\n")
    assert options == {"delimiter": ";", "decimal": ","}
    assert found == {"id": "bigint", "v": "decimal(18,2)", "w": "decimal(18,3)"}
    assert "comma" not in doubts
    assert lake.rows("SELECT sum(v)::VARCHAR, sum(w)::VARCHAR FROM bronze.a") == [("1244.00", "1.625")]


def test_decimal_commas_with_points_between_thousands(lake: Lake) -> None:
    doubts, options, found = inferred(lake, "id;v;w;d\n1;1.234.567,50;1.234;01.02.2026\n2;3,25;7;31.12.2026\n")
    assert options == {"delimiter": ";", "decimal": ",", "thousands": "."}
    assert found == {"id": "bigint", "v": "decimal(18,2)", "w": "bigint", "d": "date"}
    assert "'w' has a point before three digits; it is read as a separator of thousands" in doubts
    assert lake.rows("SELECT sum(v)::VARCHAR, sum(w) FROM bronze.a") == [("1234570.75", 1241)]


def test_a_comma_before_three_digits_decides_nothing_alone(lake: Lake) -> None:
    doubts, options, found = inferred(lake, "id;v\n1;1,234\n2;12,500\n")
    assert (options, found["v"]) == ({"delimiter": ";"}, "varchar")
    assert "'v' stays text, because its numbers have separators or signs, such as '1,234'" in doubts


def test_a_comma_before_three_digits_is_as_in_other_columns(lake: Lake) -> None:
    doubts, options, found = inferred(lake, "id;v;w\n1;1,234;0,5\n2;12,500;1,5\n")
    assert (options, found["v"]) == ({"delimiter": ";", "decimal": ","}, "decimal(18,3)")
    assert "'v' is read with decimals after the comma, as in another column" in doubts
    assert lake.rows("SELECT sum(v)::VARCHAR FROM bronze.a") == [("13.734",)]


def test_points_before_decimals_elsewhere_are_not_taken_for_thousands(lake: Lake) -> None:
    """One file, two ways: what no one pair of separators reads right stays text."""
    doubts, options, found = inferred(lake, "v;w;x\n1.234;1.5;2,5\n12,50;2.25;3,5\n")
    assert options == {"delimiter": ";", "decimal": ","}
    assert found == {"v": "varchar", "w": "decimal(18,2)", "x": "decimal(18,1)"}
    assert "'v' stays text, because its numbers have separators" in doubts
    assert lake.rows("SELECT sum(w)::VARCHAR, sum(x)::VARCHAR FROM bronze.a") == [("3.75", "6.0")]


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


def test_a_dialect_is_told_from_a_part_that_ends_inside_a_value(lake: Lake) -> None:
    """The file goes on after what is looked at, within a value of so many lines that they outnumber the records."""
    long = "\n".join(f"line {n}; of, text" for n in range(20_000))
    lake.file("data/a.csv", "id;text\n" + "".join(f"{n};short\n" for n in range(20)) + f'20;"{long}"\n')
    _, contract, (result,) = begin(lake, "data/a.csv")
    assert contract["options"] == {"delimiter": ";"}
    assert (result.read, result.loaded) == (21, 21)


def test_json_in_lines_and_in_documents(lake: Lake) -> None:
    records = [{"id": i, "when": "2020-01-01", "sometimes": [1, "x"][i % 2]} for i in range(4)]
    lake.file("data/a.json", "".join(json.dumps(record) + "\n" for record in records))
    found, contract, (result,) = begin(lake, "data/a.json")
    assert (contract["format"], result.loaded) == ("ndjson", 4)
    assert types(contract) == {"id": "bigint", "when": "date", "sometimes": "json"}
    assert any("'sometimes' is not of one shape" in doubt for doubt in found.doubts)
    lake.file("data/b.json", json.dumps(records))
    _, contract, (result,) = begin(lake, "data/b.json")
    assert "format" not in contract
    assert result.loaded == 4


def test_parquet_and_excel(lake: Lake) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["id", "price"], [1, 9.5], [2, 3]):
        book.active.append(row)
    book.save(lake.file("data/a.xlsx", b""))
    lake.session.execute(f"COPY (SELECT 1 AS id, DATE '2020-01-01' AS d, [1.5] AS l) TO '{lake.root}/data/b.parquet'")
    _, contract, (result,) = begin(lake, "data/a.xlsx")
    assert types(contract) == {"id": "bigint", "price": "decimal(18,1)"}
    assert result.loaded == 2
    _, contract, (result,) = begin(lake, "data/b.parquet")
    assert types(contract) == {"id": "integer", "d": "date", "l": "decimal(2,1)[]"}
    assert result.loaded == 1


def test_files_that_do_not_fit_together(lake: Lake) -> None:
    lake.file("data/a.csv", "id,x\n1,2\n")
    lake.file("data/b.csv", "id;x\n1;2\n")
    with pytest.raises(DataError, match="written in another way"):
        infer_source(lake.project, ["data/a.csv", "data/b.csv"], lake.session.storage)
    with pytest.raises(DataError, match="No file matches"):
        infer_source(lake.project, ["data/*.json"], lake.session.storage)
    lake.file("data/c.csv", "")
    with pytest.raises(DataError, match="is empty"):
        infer_source(lake.project, ["data/c.csv"], lake.session.storage)


def test_wide_files(lake: Lake) -> None:
    """More columns than one question names, in files that do not have the same ones; the key is one of the last."""
    names = [f"c{number}" for number in range(120)]
    rows = [["same"] * 118 + [f"x{row}", f"2024-01-{row + 13}"] for row in range(3)]
    lake.file(
        "data/a.csv", "".join(",".join(row) + "\n" for row in ([*names, "only_here"], *([*r, "7"] for r in rows)))
    )
    lake.file("data/b.csv", "".join(",".join(row) + "\n" for row in (names, ["other"] * 118 + ["y", "2024-02-01"])))
    found, contract, loads = begin(lake, "data/*.csv", name="wide")
    assert types(contract) == dict.fromkeys(names[:119], "varchar") | {"c119": "date", "only_here": "bigint"}
    assert [name for name, column in contract["columns"].items() if not column.get("required")] == ["only_here"]
    assert contract["key"] == ["c118"]
    assert sum(load.loaded for load in loads) == 4
    assert "4 rows" in found.text
