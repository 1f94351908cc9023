"""Lakes of any size to measure growth on, made from nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from served import project
from tpch import lineitem

import headgate
from headgate.engines.workspace import Workspace
from headgate.types import Name
from ingest import COLUMNS

FILE_ROWS = 10
_EVENTS = """\
table: events
files: data/*.csv
columns:
  id: {type: bigint, required: true}
  day: {type: date}
  amount: {type: 'decimal(12,2)', min: 0}
  note: {type: varchar}
"""


def with_lineitem(folder: Path, rows: int) -> Path:
    """A project whose source is a CSV file of so many rows of TPC-H's largest table."""
    columns = "".join(f"  {name}: {{type: '{kind}', required: true}}\n" for name, kind in COLUMNS.items())
    return _source(project(folder), "lineitem", f"table: lineitem\nfiles: {lineitem(rows)}\ncolumns:\n{columns}")


def with_files(folder: Path, numbers: Iterable[int]) -> Path:
    """A project whose source is a folder of small files, each with other rows."""
    lake = _source(project(folder), "events", _EVENTS)
    (lake / "data").mkdir()
    return add_files(lake, numbers)


def add_files(lake: Path, numbers: Iterable[int]) -> Path:
    for number in numbers:
        ids = range(number * FILE_ROWS, (number + 1) * FILE_ROWS)
        lines = "".join(f"{each},2026-01-{1 + each % 28:02},{each % 997}.50,event {each}\n" for each in ids)
        (lake / "data" / f"events_{number:05}.csv").write_text(f"id,day,amount,note\n{lines}", encoding="utf-8")
    return lake


def append(workspace: Workspace, number: int) -> None:
    """A commit of 100 rows."""
    rows = f"SELECT {number * 100} + i AS id, 'event ' || i AS note FROM range(100) AS t(i)"
    workspace.append(Name.of("bronze", "appended"), rows)
    workspace.commit(f"append {number}")


def with_models(folder: Path, models: int) -> Path:
    """A project of one small source and so many models, a test for each."""
    lake = with_files(folder, range(1))
    for number in range(models):
        path = _model(lake, number, models)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_select(number, models), encoding="utf-8")
    for layer in ("staging", "marts"):
        names = sorted(path.stem for path in (lake / "models" / layer).glob("*.sql"))
        listed = "".join(f"  - {{name: {name}, columns: [{{name: id, data_tests: [not_null]}}]}}\n" for name in names)
        (lake / "models" / layer / f"_{layer}.yml").write_text(f"version: 2\nmodels:\n{listed}", encoding="utf-8")
    return lake


def change_model(lake: Path, models: int) -> None:
    """Change the last model, on which no other stands."""
    path = _model(lake, models - 1, models)
    path.write_text(f"{path.read_text('utf-8')}\n-- changed\nWHERE a.amount >= 0\n", encoding="utf-8")


def last_model(models: int) -> str:
    return f"gold.model_{models - 1:04}"


def expect(lake: Path, table: str, rows: int) -> None:
    """Raise unless a table has so many rows."""
    with headgate.open(lake) as lakehouse:
        ((found,),) = (tuple(row) for row in lakehouse.query(f"SELECT count(*) FROM {table}").rows())
    if found != rows:
        raise RuntimeError(f"{table} has {found} rows, and should have {rows}")


def _model(lake: Path, number: int, models: int) -> Path:
    return lake / "models" / ("staging" if number < models // 2 else "marts") / f"model_{number:04}.sql"


def _select(number: int, models: int) -> str:
    if number < models // 2:
        return f"SELECT id, day, amount + {number} AS amount, note FROM {{{{ source('bronze', 'events') }}}} AS a"
    before, staged = max(number - 7, models // 2 - 1), number - models // 2
    return (
        f"SELECT a.id, a.day, a.amount + b.amount AS amount FROM {{{{ ref('model_{before:04}') }}}} AS a"
        f" JOIN {{{{ ref('model_{staged:04}') }}}} AS b ON a.id = b.id"
    )


def _source(lake: Path, name: str, contract: str) -> Path:
    (lake / "ingestion").mkdir()
    (lake / "ingestion" / f"{name}.yml").write_text(contract, encoding="utf-8")
    return lake
