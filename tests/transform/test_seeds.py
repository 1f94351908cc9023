"""Seeds: CSV files of the project as tables."""

from __future__ import annotations

from .conftest import Lake

CODES = 'id,name,opened,share\n1,Ål,2024-01-31,0.5\n2,null,2024-02-01,1\n3,"a,b",,2.25\n'


def test_values_are_typed_by_all_rows(lake: Lake) -> None:
    lake.write({"seeds/codes.csv": CODES}).built()
    assert lake.sql("select id, name, opened::text, share from silver.codes order by id") == [
        (1, "Ål", "2024-01-31", 0.5),
        (2, None, "2024-02-01", 1.0),
        (3, "a,b", None, 2.25),
    ]
    assert lake.model("silver.codes").rows == 3


def test_column_types_are_honoured(lake: Lake) -> None:
    lake.write(
        {
            "seeds/zips.csv": "zip;n\n01234;7\n",
            "seeds/zips.yml": """
            seeds:
              - name: zips
                config:
                  delimiter: ";"
                  column_types: {zip: varchar, n: "decimal(10,2)"}
            """,
        }
    ).built()
    assert [row[:2] for row in lake.sql("describe silver.zips")] == [("zip", "VARCHAR"), ("n", "DECIMAL(10,2)")]
    assert lake.sql("select zip from silver.zips") == [("01234",)]


def test_a_file_that_changed_is_loaded_again(lake: Lake) -> None:
    lake.write({"seeds/codes.csv": CODES, "models/names.sql": "select name from {{ ref('codes') }}"}).built()
    assert lake.reasons() == {}
    lake.write({"seeds/codes.csv": CODES + "4,d,2024-03-01,0\n"})
    assert lake.reasons() == {"silver.codes": "code changed", "silver.names": "silver.codes is rebuilt"}
    lake.built()
    assert lake.sql("select count(*) from silver.names") == [(4,)]


def test_a_value_that_does_not_fit_names_the_seed(lake: Lake) -> None:
    lake.write(
        {
            "seeds/codes.csv": "id\n1\nx\n",
            "seeds/codes.yml": "seeds:\n  - name: codes\n    config: {column_types: {id: integer}}\n",
        }
    ).build()
    message = lake.model("silver.codes").message or ""
    assert "seeds/codes.csv" in message
    assert '"x"' in message
