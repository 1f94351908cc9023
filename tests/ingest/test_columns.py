"""Columns that a file lacks, has under another name, has in addition, or that are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headgate.errors import ContractError, ProjectError

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake


def test_missing_columns(lake: Lake) -> None:
    lake.source("a", "table: a\nfiles: data/a.csv\ncolumns: {id: {type: integer, required: true}, name: varchar}\n")
    lake.file("data/a.csv", "id,nmae\n1,x\n")
    with pytest.raises(ContractError, match="lacks the column 'name'") as raised:
        lake.load()
    assert raised.value.hint is not None
    assert "add `aliases: [...]` to it. Did you mean 'nmae'?" in raised.value.hint
    assert not lake.ws.changes


def test_missing_columns_are_filled_on_request(lake: Lake) -> None:
    lake.source(
        "a",
        "table: a\nfiles: data/a.csv\nmissing_columns: fill\n"
        "columns: {id: {type: integer, required: true}, name: varchar, n: integer}\n",
    )
    lake.file("data/a.csv", "name,id\nx,1\n")
    lake.load()
    assert lake.rows("SELECT id, name, n FROM bronze.a") == [(1, "x", None)]
    lake.file("data/a.csv", "name,n\nx,1\n")
    with pytest.raises(ContractError, match="lacks the column 'id'"):
        lake.load()


def test_renamed_columns(lake: Lake) -> None:
    lake.source("a", "table: a\nfiles: data/*.csv\ncolumns: {id: integer, Name: {aliases: [Nom, Full Name]}}\n")
    lake.file("data/1.csv", "id,Name\n1,a\n")
    lake.file("data/2.csv", "Nom,id\nb,2\n")
    lake.file("data/3.csv", "ID , full name\n3,c\n")
    lake.load()
    assert lake.rows("SELECT id, name FROM bronze.a ORDER BY id") == [(1, "a"), (2, "b"), (3, "c")]


@pytest.mark.parametrize(("mode", "columns"), [("add", ["id", "user_id", "user_id_2", "column_4"]), ("ignore", ["id"])])
def test_new_columns(lake: Lake, mode: str, columns: list[str]) -> None:
    lake.source("a", f"table: a\nfiles: data/a.csv\nnew_columns: {mode}\ncolumns: {{id: integer}}\n")
    lake.file("data/a.csv", "id,User ID,user_id,\n1,u,v,w\n")
    lake.load()
    assert [row[0] for row in lake.rows("DESCRIBE bronze.a")][:-4] == columns


def test_new_columns_may_be_forbidden(lake: Lake) -> None:
    lake.source("a", "table: a\nfiles: data/a.csv\nnew_columns: fail\ncolumns: {id: integer}\n")
    lake.file("data/a.csv", "id,x\n1,u\n")
    with pytest.raises(ContractError, match="has the column 'x'") as raised:
        lake.load()
    assert raised.value.place == "data/a.csv: column 2"


def test_new_columns_of_a_later_file_join_the_table(lake: Lake) -> None:
    lake.source("a", "table: a\nfiles: data/*.csv\ncolumns: {id: integer}\n")
    lake.file("data/1.csv", "id\n1\n")
    lake.load()
    lake.file("data/2.csv", "id,x\n2,b\n")
    lake.load()
    assert lake.rows("SELECT id, x FROM bronze.a ORDER BY id") == [(1, None), (2, "b")]


def test_computed_columns(lake: Lake) -> None:
    lake.source(
        "a",
        """
table: a
files: data/a.csv
columns: {d: date, a: integer, b: integer}
computed:
  year: {type: integer, expression: "year(d)"}
  ratio: {type: double, expression: "a / b", required: true}
""",
    )
    lake.file("data/a.csv", "d,a,b\n2024-05-01,1,2\n2024-05-01,1,\n")
    (result,) = lake.load()
    assert lake.rows("SELECT year, ratio FROM bronze.a") == [(2024, 0.5)]
    assert lake.refused("a") == [(2, "required", "ratio", None)]
    assert result.broken_rules == {"required": 1}


def doubled(lake: Lake, expression: str) -> None:
    computed = f'computed: {{b: {{type: integer, expression: "{expression}"}}}}'
    lake.source("a", f"table: a\nfiles: data/a.csv\ncolumns: {{a: integer}}\n{computed}\n")
    lake.file("data/a.csv", "a\n1\n")
    lake.load()


def test_a_computed_column_may_end_in_a_comment(lake: Lake) -> None:
    doubled(lake, "a * 2 -- )")
    assert lake.rows("SELECT b FROM bronze.a") == [(2,)]


@pytest.mark.parametrize(
    "expression", ["a) AS INTEGER)) AS c, TRY(CAST((a", "select 1", "a; select 1", "query('select 1')"]
)
def test_a_computed_column_is_one_expression(lake: Lake, expression: str) -> None:
    with pytest.raises(ProjectError, match="column 'b' is not one SQL expression"):
        doubled(lake, expression)


def test_a_computed_column_that_does_not_run(lake: Lake) -> None:
    lake.source(
        "a", 'table: a\nfiles: data/a.csv\ncolumns: {a: integer}\ncomputed: {b: {type: integer, expression: "x + 1"}}\n'
    )
    lake.file("data/a.csv", "a\n1\n")
    with pytest.raises(Exception, match="expressions do not run"):
        lake.load()


def test_partitions_and_order(lake: Lake) -> None:
    lake.source(
        "a",
        'table: a\nfiles: data/a.csv\npartition_by: ["month(d)"]\nsort_by: [id desc]\n'
        "columns: {id: integer, d: date}\n",
    )
    lake.file("data/a.csv", "id,d\n1,2024-01-05\n2,2024-02-05\n3,2024-01-06\n")
    lake.load()
    assert lake.rows("SELECT id, _source_row FROM bronze.a ORDER BY id") == [(1, 1), (2, 2), (3, 3)]
    assert len(lake.ws.table(lake.sources()[0].table).files()) == 2


def test_a_header_of_one_column_tells_of_another_delimiter(lake: Lake) -> None:
    lake.file("data/a.csv", "Paket Nr,Abgeholt am\n1,2026-01-01\n")
    columns = "columns: {Paket Nr: bigint, Abgeholt am: date}\n"
    lake.source("a", f"table: a\nfiles: data/a.csv\noptions: {{delimiter: ';'}}\n{columns}")
    with pytest.raises(ContractError, match="one column where the contract names 2, and ',' in it") as raised:
        lake.load()
    assert raised.value.hint == 'That is probably the delimiter: say `delimiter: ","` in `options` of a.yml.'
