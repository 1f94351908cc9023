from __future__ import annotations

from typing import TYPE_CHECKING

from tests.ingest.inferring import begin, inferred, types

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake


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


def test_a_point_before_three_digits_is_named_where_commas_may_stand_before_decimals(lake: Lake) -> None:
    doubts, options, found = inferred(lake, "id;v\n1;1.234\n2;12.500\n")
    assert (options, found["v"]) == ({"delimiter": ";"}, "decimal(18,3)")
    assert "'v' has a point before three digits in each value; it is read as one before decimals" in doubts


def test_a_point_before_three_digits_is_as_in_other_columns(lake: Lake) -> None:
    doubts, _, found = inferred(lake, "id;v;w\n1;1.234;0.5\n2;12.500;1.5\n")
    assert (doubts, found["v"]) == ("", "decimal(18,3)")


def test_a_point_before_three_digits_is_usual_where_columns_end_at_commas(lake: Lake) -> None:
    lake.file("data/a.csv", "id,v\n1,1.234\n2,12.500\n")
    found, contract, _ = begin(lake, "data/a.csv")
    assert (found.doubts, types(contract)["v"]) == ([], "decimal(18,3)")


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
