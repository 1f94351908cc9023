"""Small files that are loaded together: in the books, and row by row, each is as if it had been loaded alone."""

from __future__ import annotations

import gzip
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headgate.engines.workspace import Workspace
from headgate.errors import Conflict, DataError, QueryError
from headgate.events import Event, Loaded, LoadStarted
from headgate.ingest import grouping, together
from headgate.ingest.ledger import known_loads
from headgate.ingest.plan import plan_loads
from headgate.ingest.together import load_all

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

COLUMNS = "columns: {id: {type: bigint, required: true}, v: 'decimal(6,2)'}\n"


def text(start: int, rows: int) -> str:
    return "id,v\n" + "".join(f"{start + row},{row}.25\n" for row in range(rows))


def test_each_row_knows_its_file_and_its_place_in_it(lake: Lake) -> None:
    for number in range(12):
        lake.file(f"data/f{number:02}.csv", text(100 * number, number))
    lake.source("a", "table: a\nfiles: data/*.csv\n" + COLUMNS)
    loads = lake.load()
    assert [(each.file, each.read, each.loaded) for each in loads] == [
        (f"data/f{number:02}.csv", number, number) for number in range(12)
    ]
    assert lake.rows("SELECT * EXCLUDE (_load_id, _loaded_at) FROM bronze.a ORDER BY id") == [
        (100 * number + row, Decimal(f"{row}.25"), f"data/f{number:02}.csv", row + 1)
        for number in range(12)
        for row in range(number)
    ]
    by_load = dict(lake.rows("SELECT _load_id, any_value(_source_file) FROM bronze.a GROUP BY ALL"))
    assert by_load == {each.load_id: each.file for each in loads if each.read}
    assert len([path for path in lake.data_files() if "bronze/a-" in str(path)]) == 1
    assert [each.file for each in known_loads(lake.ws)] == [each.file for each in loads]


def test_only_files_with_something_to_refuse_go_alone(lake: Lake) -> None:
    for number in range(10):
        lake.file(f"data/f{number}.csv", text(100 * number, 5))
    lake.file("data/f3.csv", "id,v\n300,1.0\nthree,2.0\n302,3.0\n")
    lake.file("data/f5.csv", "v,id\n1.5,500\n")
    lake.file("data/f6.csv", 'id,v\n600,1.0\n601,"2.0\n602,3.0\n')
    lake.file("data/f7.csv", "id,v\n700\n701,1.0\n")
    (lake.root / "data/f8.csv").unlink()
    lake.file("data/f8.csv.gz", gzip.compress(text(800, 5).encode()))
    lake.source("a", "table: a\nfiles: data/*.csv*\n" + COLUMNS)
    figures = {each.file[5:]: (each.read, each.loaded, each.quarantined) for each in lake.load()}
    sound = dict.fromkeys(("f0.csv", "f1.csv", "f2.csv", "f4.csv", "f8.csv.gz", "f9.csv"), (5, 5, 0))
    assert {name: figures[name] for name in sound} == sound
    assert figures["f3.csv"] == (3, 2, 1)
    assert figures["f5.csv"] == (1, 1, 0)
    assert figures["f7.csv"] == (2, 1, 1)
    assert lake.rows("SELECT file, row FROM quarantine.a WHERE file NOT LIKE '%f6%' ORDER BY ALL") == [
        ("data/f3.csv", 2),
        ("data/f7.csv", 1),
    ]
    assert lake.rows("SELECT id, _source_row FROM bronze.a WHERE _source_file = 'data/f3.csv' ORDER BY id") == [
        (300, 1),
        (302, 3),
    ]
    assert lake.rows("SELECT DISTINCT _source_row FROM bronze.a WHERE id = 804") == [(5,)]


def test_parquet_files_with_other_columns(lake: Lake) -> None:
    for number in range(6):
        table = {"id": [number * 10, number * 10 + 1]} | ({"n": [1.5, 2.5]} if number == 4 else {})
        (lake.root / "data").mkdir(exist_ok=True)
        pq.write_table(pa.table(table), lake.root / f"data/f{number}.parquet")
    lake.source("a", "table: a\nfiles: data\ncolumns: {id: bigint}\n")
    assert [(each.read, each.loaded) for each in lake.load()] == [(2, 2)] * 6
    assert lake.rows("SELECT id, n, _source_row FROM bronze.a WHERE id BETWEEN 30 AND 49 ORDER BY id") == [
        (30, None, 1),
        (31, None, 2),
        (40, 1.5, 1),
        (41, 2.5, 2),
    ]


def test_keys_that_meet_are_merged_file_by_file(lake: Lake) -> None:
    merge = "table: a\nfiles: data/*.csv\nkey: [id]\nload: merge\n" + COLUMNS
    for number in range(4):
        lake.file(f"data/f{number}.csv", text(10 * number, 3))
    lake.source("a", merge)
    assert [(each.loaded, each.duplicates) for each in lake.load()] == [(3, 0)] * 4
    lake.file("data/g0.csv", "id,v\n0,9.0\n50,1.0\n")
    lake.file("data/g1.csv", "id,v\n0,8.0\n50,1.0\n")
    assert [(each.loaded, each.duplicates) for each in lake.load()] == [(2, 0), (1, 1)]
    assert lake.rows("SELECT id, v FROM bronze.a WHERE id IN (0, 50) ORDER BY id") == [
        (0, Decimal("8.00")),
        (50, Decimal("1.00")),
    ]


def test_a_value_that_another_file_has_is_refused(lake: Lake) -> None:
    for number in range(3):
        lake.file(f"data/f{number}.csv", text(10 * number, 3))
    lake.file("data/f3.csv", "id,v\n11,1.0\n31,2.0\n")
    lake.source("a", "table: a\nfiles: data/*.csv\ncolumns: {id: {type: bigint, unique: true}, v: 'decimal(6,2)'}\n")
    assert [(each.loaded, each.quarantined) for each in lake.load()] == [(3, 0), (3, 0), (3, 0), (1, 1)]
    assert lake.refused("a") == [(1, "unique", "id", "11")]


@pytest.mark.parametrize("odd", ["9,bad\n", ""], ids=["a refused row", "another shape"])
@pytest.mark.parametrize("rule", ["merge", "unique"])
def test_files_arrive_in_their_order_whichever_are_loaded_together(lake: Lake, rule: str, odd: str) -> None:
    columns = COLUMNS if rule == "merge" else COLUMNS.replace("bigint,", "bigint, unique: true,")
    load = "load: merge\nkey: [id]\n" if rule == "merge" else ""
    lake.source("a", f"table: a\nfiles: data/*.csv\n{load}{columns}")
    for number in range(8):
        lake.file(f"data/f{number}.csv", text(10 * number, 2))
    # Value 77 is met by a file of its own way and by one of those that could be loaded together.
    lake.file("data/f3.csv", f"id,v\n77,3.0\n{odd}" if odd else "v,id\n3.0,77\n")
    lake.file("data/f5.csv", "id,v\n77,5.0\n")
    loads = lake.load()
    assert [each.file for each in loads] == [each.file for each in known_loads(lake.ws)]
    assert [each.file for each in loads] == [f"data/f{number}.csv" for number in range(8)]
    winner = ("data/f5.csv", 1) if rule == "merge" else ("data/f3.csv", 1)
    held = "SELECT _source_file, _source_row FROM bronze.a WHERE id = 77"
    assert lake.rows(held) == [winner]
    assert lake.rows("SELECT count(*) FROM bronze.a") == [(13,)]
    assert lake.rows("SELECT count(DISTINCT _loaded_at) FROM bronze.a WHERE _source_file < 'data/f3'") == [(1,)]
    lake.load(full_refresh=True)
    assert lake.rows(held) == [winner]


def test_a_file_that_changes_meanwhile_is_not_loaded(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        lake.file(f"data/f{number}.csv", text(10 * number, 3))
    lake.source("a", "table: a\nfiles: data/*.csv\n" + COLUMNS)
    planned = plan_loads(lake.project, lake.sources(), [], lake.session.storage, lake.db)
    stage = together._Group._stage

    def stage_while_somebody_writes(*args: object) -> None:
        stage(*args)  # type: ignore[arg-type]  # what it is called with
        lake.file("data/f1.csv", text(90, 4))

    monkeypatch.setattr(together._Group, "_stage", stage_while_somebody_writes)
    with pytest.raises(DataError, match=r"'data/f1\.csv' changed while it was read"):
        list(load_all(planned, lake.ws))
    assert lake.rows("SELECT max(id) FROM bronze.a") == [(2,)]


def test_an_expression_that_does_not_run_is_told_as_for_one_file(lake: Lake) -> None:
    for number in range(3):
        lake.file(f"data/f{number}.csv", text(10 * number, 3))
    lake.source(
        "a", f"table: a\nfiles: data/*.csv\n{COLUMNS}computed: {{c: {{type: bigint, expression: nosuch(id)}}}}\n"
    )
    with pytest.raises(QueryError, match=r"The contract's expressions do not run: .*nosuch"):
        lake.load()


def test_every_file_is_told_of(lake: Lake) -> None:
    for number in range(3):
        lake.file(f"data/f{number}.csv", text(10 * number, 3))
    lake.source("a", "table: a\nfiles: data/*.csv\n" + COLUMNS)
    told: list[Event] = []
    loads = list(load_all(plan_loads(lake.project, lake.sources(), [], lake.session.storage), lake.ws, told.append))
    assert [each.file for each in told if isinstance(each, LoadStarted)] == [each.file for each in loads]
    assert [each.result for each in told if isinstance(each, Loaded)] == loads


@pytest.mark.parametrize("files", [1, 3])
@pytest.mark.parametrize("rule", ["merge", "unique", "unique, some refused"])
def test_new_keys_are_not_joined_with_those_that_another_run_added(lake: Lake, files: int, rule: str) -> None:
    if rule == "merge":
        lake.source("a", "table: a\nfiles: data/*.csv\nkey: [id]\nload: merge\n" + COLUMNS)
    else:
        columns = COLUMNS.replace("bigint,", "bigint, unique: true,")
        lake.source("a", "table: a\nfiles: data/*.csv\nload: append\n" + columns)
    lake.file("data/f.csv", text(0, 3))
    lake.load()
    for number in range(files):
        refused = "x,1\n" if "refused" in rule else ""
        lake.file(f"data/g{number}.csv", text(100 + 10 * number, 3) + refused)
    other = Workspace(lake.ws.catalog, "main", lake.session)
    planned = plan_loads(lake.project, lake.sources(), known_loads(lake.ws), lake.session.storage)
    for ws in (lake.ws, other):
        assert sum(each.loaded for each in load_all(planned, ws)) == 3 * files
    lake.ws.commit("one")
    with pytest.raises(Conflict, match=r"bronze\.a"):
        other.commit("the other")
    assert lake.rows("SELECT count(*), count(DISTINCT id) FROM bronze.a") == [(3 + 3 * files, 3 + 3 * files)]


def test_files_that_are_read_for_long_are_not_read_twice(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "_SMALL", 200)
    staged: list[int] = []
    stage = together._Group._stage

    def counted(group: together._Group, path: Path) -> None:
        staged.append(len(group.files))
        stage(group, path)

    monkeypatch.setattr(together._Group, "_stage", counted)
    for number in range(3):
        lake.file(f"data/f{number}.csv", text(10 * number, 3))
        # Small as it lies there, but not when it is unpacked.
        lake.file(f"data/g{number}.csv.gz", gzip.compress(b"id,v\n" + f"{number},1\n".encode() * 500 + b"x,1\n"))
    lake.source("a", "table: a\nfiles: data\n" + COLUMNS)
    assert [(each.loaded, each.quarantined) for each in lake.load()] == [(3, 0)] * 3 + [(500, 1)] * 3
    assert staged == [3]


def test_files_with_a_quote_in_their_names_are_loaded_together(lake: Lake) -> None:
    for name in ("it's", 'a "b"'):
        lake.file(f"data/{name}.csv", text(ord(name[0]) * 100, 2))
    lake.source("a", "table: a\nfiles: data/*.csv\n" + COLUMNS)
    lake.load()
    assert lake.rows("SELECT _source_file, _source_row FROM bronze.a ORDER BY ALL") == [
        (f"data/{name}.csv", row) for name in ('a "b"', "it's") for row in (1, 2)
    ]


def test_a_run_leaves_pandas_alone_whose_import_by_duckdb_loses_interrupts(project_dir: Path) -> None:
    for folder in ("ingestion", "data", "models"):
        (project_dir / folder).mkdir()
    (project_dir / "ingestion/a.yml").write_text("table: a\nfiles: data/*.csv\n" + COLUMNS)
    (project_dir / "models/b.sql").write_text("select * from {{ source('bronze', 'a') }}")
    for number in range(2):
        (project_dir / f"data/{number}.csv").write_text(text(10 * number, 3))
    program = (
        "import sys, headgate\nwith headgate.open() as lake: print(lake.run().status)\nprint('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["merged", "False"]


def test_duckdb_still_imports_pandas_for_a_parameter() -> None:
    program = "import sys, duckdb; duckdb.connect().execute('SELECT $1', [1]); print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "True"
