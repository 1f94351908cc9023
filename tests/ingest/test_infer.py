from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.ingest.inferring import begin, types

from headgate.errors import DataError
from headgate.ingest.infer import infer_source

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake


RealData = Callable[[str], Path]


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


def test_records_that_do_not_parse_are_counted_and_refused(lake: Lake) -> None:
    lake.file("data/a.csv", 'id,name\n1,a\n2\n3,"b\nid,name\n4,d\n')
    found, contract, (result,) = begin(lake, "data/a.csv")
    assert types(contract) == {"id": "bigint", "name": "varchar"}
    assert (result.read, result.loaded, result.quarantined) == (5, 2, 3)
    assert "data/a.csv: 3 records do not parse and will be in quarantine." in found.doubts


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


@pytest.mark.parametrize("order", ["abc", "bca", "cab"])
def test_files_in_utf8_are_not_garbled_by_one_that_is_not(lake: Lake, order: str) -> None:
    for name, encoding, town in zip(order, ("utf-8", "cp1252", "ascii"), ("Köln", "Köln", "Bonn"), strict=True):
        lake.file(f"data/{name}.csv", f"id,town\n{ord(name)},{town}\n".encode(encoding))
    inferred, contract, results = begin(lake, "data")
    assert "encoding" not in contract.get("options", {})
    assert [doubt for doubt in inferred.doubts if "not UTF-8" in doubt and f"data/{order[1]}.csv" in doubt]
    assert sorted((result.loaded, result.quarantined) for result in results) == [(0, 1), (1, 0), (1, 0)]
    towns = lake.rows("SELECT town FROM bronze.data ORDER BY town")
    assert towns == [("Bonn",), ("Köln",)]


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_files_of_one_other_encoding(lake: Lake, order: str) -> None:
    for name, town in zip(order, ("Köln", "Bonn"), strict=True):
        lake.file(f"data/{name}.csv", f"id,town\n1,{town}\n".encode("cp1252"))
    inferred, contract, results = begin(lake, "data")
    assert contract["options"] == {"encoding": "cp1252"}
    assert [doubt for doubt in inferred.doubts if doubt.startswith(f"data/{order[0]}.csv: The file is not UTF-8")]
    assert [result.loaded for result in results] == [1, 1]


def test_types_that_contracts_do_not_know_are_texts(lake: Lake) -> None:
    (lake.root / "data").mkdir()
    rows = "SELECT 1 AS id, INTERVAL 90 MINUTE AS took, {'a': INTERVAL 1 DAY} AS nested"
    lake.session.execute(f"COPY ({rows}) TO '{lake.root}/data/b.parquet'")
    _, contract, (result,) = begin(lake, "data/b.parquet")
    assert types(contract) == {"id": "integer", "took": "varchar", "nested": "varchar"}
    assert result.loaded == 1


def test_files_with_other_preambles_are_named(lake: Lake) -> None:
    lake.file("data/a.csv", "Report\n\nid,x\n1,2\n")
    lake.file("data/b.csv", "id,x\n1,2\n3,4\n5,6\n")
    found = infer_source(lake.project, ["data/a.csv", "data/b.csv"], lake.session.storage)
    assert any(
        "data/b.csv: 0 lines stand before its header, and 2 in the first file" in doubt for doubt in found.doubts
    )


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


def test_a_key_with_repeats_is_named_and_no_other_column_is_the_key_instead(lake: Lake) -> None:
    people = [(f"C{number}", f"Person {number}") for number in range(40)] + [("C17", "Person 40")]
    lake.file("data/a.csv", "customer_id,full_name\n" + "".join(f"{key},{name}\n" for key, name in people))
    found, contract, (result,) = begin(lake, "data/a.csv")
    assert "key" not in contract
    assert result.loaded == 41
    assert "'customer_id' is named like a key, but 1 of its 41 values repeat others: 'C17'." in found.doubts
    assert any("There is no key" in doubt for doubt in found.doubts)


@pytest.mark.parametrize(
    ("header", "key", "said"),
    [("name,full_id", ["full_id"], False), ("town,full_name", ["full_name"], True)],
)
def test_a_key_by_its_values_alone_is_a_doubt(lake: Lake, header: str, key: list[str], said: bool) -> None:
    lake.file("data/a.csv", f"{header}\n" + "".join(f"Town {number % 2},Person {number}\n" for number in range(4)))
    found, contract, _ = begin(lake, "data/a.csv")
    assert contract["key"] == key
    assert any("is the key because its values differ here" in doubt for doubt in found.doubts) is said


def test_columns_that_all_lack_a_value_are_no_key(lake: Lake) -> None:
    lake.file("data/a.csv", "a,b\n1,\n,2\n")
    found, contract, (result,) = begin(lake, "data/a.csv")
    assert "key" not in contract
    assert result.loaded == 2
    assert any("there is no key" in doubt for doubt in found.doubts)


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
