from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headgate.errors import ProjectError
from headgate.ingest.contract import column_name

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Sale Date", "sale_date"),
        ("sessionID", "session_id"),
        ("Start_Date___Time", "start_date_time"),
        ("Energy__kWh_", "energy_kwh"),
        ("kWhDelivered", "kwhdelivered"),
        ("  _id ", "id"),
        ("Größe (cm)", "größe_cm"),
        ("", ""),
        ("%", ""),
    ],
)
def test_names_in_the_lake(text: str, name: str) -> None:
    assert column_name(text) == name


def test_a_contract_is_read_with_its_defaults(lake: Lake) -> None:
    lake.source("orders", "table: raw.orders\nfiles: data/a.csv\ncolumns:\n  Order ID: bigint\n  Note: {}\n")
    (source,) = lake.sources()
    assert (str(source.table), str(source.quarantine), source.name) == ("raw.orders", "quarantine.orders", "orders")
    assert source.contract.columns["Order ID"].column_type.sql == "BIGINT"
    assert source.contract.columns["Note"].type == "varchar"


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("columns: {id: bigit}", "did you mean 'bigint'"),
        ("columns: {id: {tpye: bigint}}", "tpye"),
        ("columns: {id: {format: '%Q'}}", "%Q"),
        ("columns: {id: {pattern: '('}}", "does not compile"),
        ("columns: {A b: {}, a_b: {}}", "both get the name 'a_b'"),
        ("columns: {_load_id: {name: _load_id}}", "taken by a column that headgate adds"),
        ("columns: {'%': {}}", "give it a `name`"),
        ("load: merge", "needs `key`"),
        ("load: merge\nkey: idd\ncolumns: {id: {}}", "Did you mean 'id'?"),
        ("newest_by: x", "belongs to load: merge"),
        ("partition_by: ['month(dya)']\ncolumns: {day: date}", "partition_by names 'dya'"),
        ("sort_by: x desc", "sort_by names 'x'"),
        ("max_bad: 5 percent", "max_bad is a count"),
        ("max_bad: 0.05", "such as 5%"),
        ("options: {encoding: utf9}", "Did you mean 'utf-8'?"),
        ("options: {delimiter: '||'}", "one character"),
        ("columns: {id: {min: x, type: integer}}", "min has 'x', which is no integer"),
        ("columns: {id: {accepted: [1, b], type: integer}}", "accepted has 'b', which is no integer"),
        ("columns: {id: {max: 0.25, type: 'decimal(10,1)'}}", "max has '0.25', which is no decimal(10, 1)"),
        (
            "columns: {id: {accepted: [1, 1.5], type: 'decimal(10,0)'}}",
            "accepted has '1.5', which is no decimal(10, 0)",
        ),
        ("computed: {b: {type: integer, expression: ''}}", "expression"),
    ],
)
def test_contracts_that_cannot_be(lake: Lake, yaml: str, message: str) -> None:
    lake.source("a", f"table: a\nfiles: data/a.csv\n{yaml}\n")
    with pytest.raises(ProjectError) as raised:
        lake.sources()
    assert message in str(raised.value)
    assert raised.value.place is not None
    assert raised.value.place.startswith("ingestion/a.yml:")


def test_a_value_of_a_rule_may_have_the_digits_of_its_type(lake: Lake) -> None:
    first = "{type: 'decimal(10,2)', min: 0.25, max: 1.50, accepted: [0.250, 1e-1]}"
    second = f"{{type: 'decimal(38,0)', max: '{'9' * 38}'}}"
    lake.source("a", f"table: a\nfiles: data/a.csv\ncolumns: {{a: {first}, b: {second}}}\n")
    assert len(lake.sources()) == 1


@pytest.mark.parametrize("schema", ["checks", "Quarantine", "headgate"])
def test_what_headgate_keeps_no_source_fills(lake: Lake, schema: str) -> None:
    lake.source("a", f"table: {schema}.a\nfiles: data/a.csv\n")
    with pytest.raises(ProjectError, match=f"the schema '{schema}' is not one that sources fill"):
        lake.sources()


def test_the_hash_tells_contracts_apart(lake: Lake) -> None:
    hashes = []
    for yaml in (
        "columns: {id: bigint}",
        "columns: {id: bigint}\ndescription: x\nmax_bad: 1",
        "columns: {id: integer}",
    ):
        lake.source("a", f"table: a\nfiles: data/a.csv\n{yaml}\n")
        hashes.append(lake.sources()[0].contract_hash)
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("wrong", "line", "hint"),
    [
        ("key: [orderid]", 6, "Did you mean 'order_id'?"),
        ("newest_by: day", 6, None),
        ("load: merge", 6, None),
        ("sort_by: dya desc", 6, "Did you mean 'day'?"),
    ],
)
def test_a_name_that_is_no_column_is_told_with_its_own_line(
    lake: Lake, wrong: str, line: int, hint: str | None
) -> None:
    lake.source("orders", f"table: orders\nfiles: data/*.csv\ncolumns:\n  order_id: bigint\n  day: date\n{wrong}\n")
    with pytest.raises(ProjectError) as caught:
        lake.sources()
    assert caught.value.place == f"ingestion/orders.yml:{line}"
    assert hint is None or caught.value.hint == hint
