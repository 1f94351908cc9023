"""What a source's files become when they are renamed, taken away or read again under another contract."""

from __future__ import annotations

from pathlib import Path

import pytest

import headgate
from headgate.errors import UsageError
from headgate.run.result import RunStatus

CONTRACT = """\
files: data/*.csv
table: prices
load: replace
columns:
  sku: {type: varchar, unique: true}
  price: {type: varchar}
"""


@pytest.fixture
def prices(project_dir: Path) -> Path:
    for folder in ("ingestion", "data"):
        (project_dir / folder).mkdir()
    (project_dir / "ingestion/prices.yml").write_text(CONTRACT)
    (project_dir / "data/a.csv").write_text("sku,price\nA,1\n")
    with headgate.open(project_dir) as lake:
        assert lake.run().status is RunStatus.MERGED
    return project_dir


def test_rows_of_files_that_are_gone_go_before_new_ones_are_measured(prices: Path) -> None:
    (prices / "data/a.csv").unlink()
    (prices / "data/b.csv").write_text("sku,price\nA,2\nB,3\n")
    with headgate.open(prices) as lake:
        assert lake.run().status is RunStatus.MERGED

        assert lake.query("select sku, price from bronze.prices order by sku").rows() == [("A", "2"), ("B", "3")]
        assert lake.query("select sum(quarantined) from headgate.loads").rows() == [(0,)]


@pytest.mark.parametrize("select", ["prices", "source:prices", "source:bronze.prices+"])
def test_a_source_that_is_read_again_takes_the_contracts_new_types(prices: Path, select: str) -> None:
    (prices / "models").mkdir()
    (prices / "models/staged.sql").write_text("select * from {{ source('bronze', 'prices') }}")
    (prices / "data/b.csv").write_text("sku,price\nB,3\n")
    (prices / "ingestion/prices.yml").write_text(CONTRACT.replace("price: {type: varchar}", "price: {type: int}"))
    with headgate.open(prices) as lake:
        assert lake.run(select=select, full_refresh=True).status is RunStatus.MERGED

        assert lake.query("select sku, price from bronze.prices order by sku").rows() == [("A", 1), ("B", 3)]


@pytest.fixture
def shared(project_dir: Path) -> Path:
    """Two sources of one table; of the one, the only file has other content by now, which is to be added."""
    for folder in ("ingestion", "data", "models"):
        (project_dir / folder).mkdir()
    for name, row in (("a", 1), ("b", 2)):
        contract = f"table: t\nfiles: data/{name}.csv\nchanged_file: append\ncolumns: {{k: bigint}}\n"
        (project_dir / f"ingestion/{name}.yml").write_text(contract)
        (project_dir / f"data/{name}.csv").write_text(f"k\n{row}\n")
    (project_dir / "models/m.sql").write_text("select sum(k) as k from {{ source('bronze', 't') }}")
    with headgate.open(project_dir) as lake:
        assert lake.run().status is RunStatus.MERGED
    (project_dir / "data/b.csv").write_text("k\n3\n")
    return project_dir


@pytest.mark.parametrize(
    ("select", "exclude", "loaded"),
    [
        (("source:a",), (), {"a"}),
        (("a+",), (), {"a"}),
        (("@source:a",), (), {"a"}),
        (("a", "b"), (), {"a", "b"}),
        ((), ("source:a",), {"b"}),
        (("a",), ("source:b+",), {"a"}),
        (("+m",), ("a",), {"b"}),
        (("source:bronze.t",), (), {"a", "b"}),
        (("source:bronze.t",), ("a", "b+"), set()),
    ],
)
def test_a_source_is_selected_without_the_others_of_its_table(
    shared: Path, select: tuple[str, ...], exclude: tuple[str, ...], loaded: set[str]
) -> None:
    with headgate.open(shared) as lake:
        if not loaded:
            with pytest.raises(UsageError, match="does not take away"):
                lake.plan(select, exclude, full_refresh=True)
            return
        plan = lake.plan(select, exclude, full_refresh=True)
        assert {step.name for step in plan.loads} == loaded


def test_a_source_that_is_read_again_leaves_the_others_of_its_table(shared: Path) -> None:
    with headgate.open(shared) as lake:
        lake.run("source:a", full_refresh=True)
        assert lake.query("select k from bronze.t order by k").rows() == [(1,), (2,)]

        lake.run("source:a+")
        assert lake.query("select k from silver.m").rows() == [(3,)]

        lake.run("source:b+")
        assert lake.query("select k from bronze.t order by k").rows() == [(1,), (2,), (3,)]
        assert lake.query("select k from silver.m").rows() == [(6,)]


def test_a_plan_tells_of_files_that_are_read_again(prices: Path) -> None:
    with headgate.open(prices) as lake:
        assert lake.plan(select="prices").loads == ()

        assert [step.file for step in lake.plan(select="prices", full_refresh=True).loads] == ["data/a.csv"]


def test_a_point_between_thousands_stands_before_three_digits(project_dir: Path) -> None:
    for folder in ("ingestion", "data"):
        (project_dir / folder).mkdir()
    (project_dir / "ingestion/preise.yml").write_text(
        "table: preise\nfiles: data/preise.csv\noptions: {delimiter: ';', decimal: ',', thousands: '.'}\n"
        "columns: {nr: bigint, preis: 'decimal(10,2)'}\n"
    )
    (project_dir / "data/preise.csv").write_text("nr;preis\n1;1.234,50\n2;12.90\n3;1234,5\n4;-1.000.000,25\n5;7\n")
    with headgate.open(project_dir) as lake:
        lake.run()

        found = lake.query("select nr, preis::varchar from bronze.preise order by nr").rows()
        assert found == [(1, "1234.50"), (3, "1234.50"), (4, "-1000000.25"), (5, "7.00")]
        assert lake.query('select "row", value from quarantine.preise').rows() == [(2, "12.90")]


def test_the_empty_lake_cannot_be_undone(prices: Path) -> None:
    with headgate.open(prices) as lake, pytest.raises(UsageError, match="nothing to undo"):
        lake.revert(lake.log()[-1].id, reason="a mistake")


def test_files_that_are_merged_again_without_others_are_told_of_those(prices: Path) -> None:
    (prices / "ingestion/costs.yml").write_text(
        "table: costs\nfiles: data/costs/*.csv\nkey: sku\nload: merge\nnewest_by: day\n"
        "columns: {sku: varchar, day: date, cost: integer}\n"
    )
    first, second = prices / "data/costs/1.csv", prices / "data/costs/2.csv"
    first.parent.mkdir()
    with headgate.open(prices) as lake:
        first.write_text("sku,day,cost\nA,2026-01-02,1\nB,2026-01-05,2\n")
        assert lake.run().status is RunStatus.MERGED
        late = "sku,day,cost\nB,2026-01-03,3\nC,2026-01-03,4\n"
        second.write_text(late)
        assert lake.run().to_dict()["notes"] == []
        second.unlink()
        first.write_text("sku,day,cost\nA,2026-01-02,5\n")
        (told,) = lake.plan().notes
        assert "without those that are gone: data/costs/2.csv." in told
        assert lake.run().to_dict()["notes"] == [told]
        assert lake.query("select sku, cost from bronze.costs order by sku").rows() == [("A", 5), ("C", 4)]

        second.write_text(late)
        command = told.partition("headgate run --select ")[2].split()
        again = lake.run(select=command[0], full_refresh=command[1] == "--full-refresh")
        assert again.to_dict()["notes"] == []
        assert lake.query("select sku, cost from bronze.costs order by sku").rows() == [("A", 5), ("B", 3), ("C", 4)]
