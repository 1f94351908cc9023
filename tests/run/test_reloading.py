"""What a source's files become when they are renamed, taken away or read again under another contract."""

from __future__ import annotations

from pathlib import Path

import pytest

import headgate
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
