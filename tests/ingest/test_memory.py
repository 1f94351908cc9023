from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.engines.duckdb import Session

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

ROWS = 1_900_000
LIMIT = 160 << 20


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV file of more bytes than the engine may use, the last record of which does not parse."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    texts = "repeat(['lorem ', 'ipsum ', 'dolor ', 'sit ', 'amet '][1 + i % 5], 12) || i * 31"
    columns = f"i AS id, 'name ' || i * 7919 % 100003 AS name, {texts} AS text, i / 8 AS value"
    rows = f"SELECT {columns} FROM range({ROWS}) AS r(i)"
    duckdb.connect().execute(f"COPY ({rows}) TO '{path}' (HEADER, DELIMITER ',')")
    assert path.stat().st_size > LIMIT
    with path.open("a", encoding="utf-8") as file:
        file.write(f'{ROWS},"never closed,x,1\n')
    return path


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    settings = EngineSettings(threads=2, memory_limit=f"{LIMIT >> 20}MiB", temp_directory=str(tmp_path / "tmp"))
    with Session(settings, Storage(str(tmp_path / "warehouse"))) as limited:
        yield limited


@pytest.mark.parametrize("load", ["append", "merge\nkey: [id]"])
def test_a_file_larger_than_the_memory(lake: Lake, large: Path, load: str) -> None:
    lake.source(
        "a",
        f"table: a\nfiles: {large}\nload: {load}\n"
        "columns: {id: bigint, name: varchar, text: varchar, value: double}\n",
    )
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (ROWS + 1, ROWS, 1)
    assert lake.rows("SELECT count(*) FILTER (_source_row <> id + 1), sum(id) FROM bronze.a") == [
        (0, ROWS * (ROWS - 1) // 2)
    ]
