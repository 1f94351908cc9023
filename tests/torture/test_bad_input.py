"""Valid files with bytes flipped, cut, doubled and put in: loaded, refused row by row, or one clear error."""

from __future__ import annotations

import io
import random
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.ingest.conftest import Lake
from tests.torture.conftest import Record
from tests.torture.sizes import SEED, Part, spending

from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.errors import HeadgateError, ProjectError
from headgate.ingest.accounting import balanced
from headgate.ingest.load import load
from headgate.ingest.plan import plan_loads
from headgate.ingest.sources import load_sources

PIECES = [b"\n", b"\r", b"\r\n", b'"', b'""', b",", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\x85", b"\x1a",
          b"1e400", b"NaN", b"infinity", b"9" * 40, b"{", b"}", b"[", b"]", b":", b"\\", b"\\u0000", b"null", b"-0",
          b"*", b"&a ", b"!!int x", b"- ", b"? ", b"<<: ", b"x" * 3000]  # fmt: skip  # a table is read better so
CONTRACT = b"""table: t
files: data/*
columns:
  id: {type: bigint, required: true}
  day: {type: date, format: ["%Y-%m-%d", iso]}
  amount: {type: "decimal(10,2)", min: 0, pattern: "^[0-9.]+$"}
missing_columns: fill
key: [id]
"""


def valid() -> dict[str, bytes]:
    rows = [{"id": 1, "day": "2024-01-05", "amount": "1.5"}, {"id": 2, "day": None, "amount": "7.25"}]
    parquet, workbook = io.BytesIO(), io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    book = openpyxl.Workbook()
    for row in (["id", "day", "amount"], [1, "2024-01-05", 1.5], [2, None, 7.25]):
        book.worksheets[0].append(row)
    book.save(workbook)
    csv = b'id,day,amount\r\n1,2024-01-05,"1.5"\r\n2,,7.25\r\n'
    return {
        "a.csv": csv,
        "a.tsv": csv.replace(b",", b"\t").replace(b"\r", b""),
        "a.ndjson": b'{"id":1,"day":"2024-01-05","amount":1.5}\n{"id":2,"day":null,"o":{"x":[1]}}\n',
        "a.json": b'[{"id":1,"day":"2024-01-05","amount":1.5},{"id":2,"l":[{"x":1}]}]',
        "a.parquet": parquet.getvalue(),
        "a.xlsx": workbook.getvalue(),
    }


def mutated(chance: random.Random, data: bytes) -> bytes:
    text = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(text) + 1)
        end = at + chance.choice([1, 3, 20])
        match chance.randrange(5):
            case 0 if at < len(text):
                text[at] ^= 1 << chance.randrange(8)
            case 1:
                del text[at:end]
            case 2:
                text[at:at] = text[at:end]
            case 3 if chance.random() < 0.3:
                del text[at:]
            case _:
                text[at:at] = chance.choice(PIECES)
    return bytes(text)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_mutated_file_is_loaded_refused_or_told(project_dir: Path, tmp_path: Path, record: Record) -> None:
    chance = random.Random(SEED)
    files = valid()
    storage = Storage(str(tmp_path / "warehouse"))
    with Session(EngineSettings(threads=1, temp_directory=str(tmp_path / "tmp")), storage) as session:
        lake = Lake(project_dir, session)
        lake.source("t", CONTRACT.decode())
        for _ in spending(Part.BAD_INPUT, 0.6):
            name = chance.choice(list(files))
            path = lake.file(f"data/{name}", mutated(chance, files[name]))
            lake.ws = Workspace(lake.ws.catalog, "main", session)
            session.execute('DROP SCHEMA IF EXISTS "bronze" CASCADE; DROP SCHEMA IF EXISTS "quarantine" CASCADE')
            before = lake.data_files()
            try:
                (step,) = plan_loads(lake.project, lake.sources(), [], storage)
                assert balanced(load(step, lake.ws)), path.read_bytes()
                record(Part.BAD_INPUT, "files loaded or refused row by row")
            except HeadgateError as error:
                assert error.place and error.hint, (name, str(error), path.read_bytes())  # noqa: PT017, PT018  # an error is one of the two outcomes
                assert lake.data_files() == before, path.read_bytes()
                record(Part.BAD_INPUT, "files that are one clear error")
            path.unlink()
        lake.db.close()


def test_a_mutated_contract_is_read_or_told_with_its_line(project_dir: Path, record: Record) -> None:
    chance = random.Random(SEED)
    with_root = project_dir / "ingestion"
    with_root.mkdir()
    from headgate.project import Project

    for _ in spending(Part.BAD_INPUT, 0.1):
        text = mutated(chance, CONTRACT)
        (with_root / "t.yml").write_bytes(text)
        record(Part.BAD_INPUT, "contracts")
        try:
            load_sources(Project.open(project_dir))
        except ProjectError as error:
            assert (error.place or "").rpartition(":")[2].isdigit() and error.hint, (str(error), text)  # noqa: PT017, PT018  # an error is one of the two outcomes
