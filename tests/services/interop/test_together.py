"""Engines in turn on one table, tables that are dropped, and names that belong to one branch."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa
import pytest
from pyiceberg.exceptions import NoSuchTableError

import headgate
from services.engines import DuckDB, Engine, PyIceberg, SparkEngine, SqlEngine, TrinoEngine
from services.lake import ServedLake
from tests.services.interop.journeys import BRANCHES
from tests.services.interop.writers import NAMESPACE

pytestmark = pytest.mark.services

WRITERS = ("pyiceberg", "duckdb", "trino", "spark")
READERS = (*WRITERS, "headgate")
COLUMNS = pa.schema([("id", pa.int64()), ("amount", pa.decimal128(12, 2)), ("note", pa.string())])
Engines = Callable[[str], Engine]


def create(engine: Engine, table: str, branch: str) -> None:
    if isinstance(engine, PyIceberg):
        engine.catalog(branch).create_namespace_if_not_exists(NAMESPACE)
        engine.catalog(branch).create_table(table, COLUMNS)
        return
    assert isinstance(engine, DuckDB | SparkEngine | TrinoEngine)
    engine.execute(f"CREATE SCHEMA IF NOT EXISTS {{catalog}}.{NAMESPACE}", branch)
    text = "STRING" if engine.name == "spark" else "VARCHAR"
    # Spark's way of deleting is a property of the table.
    mode = "TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')" if engine.name == "spark" else ""
    engine.execute(f"CREATE TABLE {{table}} (id BIGINT, amount DECIMAL(12,2), note {text}) {mode}", branch, table)


def turn(engine: Engine, table: str, branch: str, number: int) -> None:
    """Insert rows `10n` to `10n + 2`, delete the first of them, and change the second of the engine before."""
    first = 10 * number
    if isinstance(engine, PyIceberg):
        loaded = engine.catalog(branch).load_table(table)
        values = [{"id": first + key, "amount": Decimal(number), "note": engine.name} for key in range(3)]
        loaded.append(pa.Table.from_pylist(values, COLUMNS))
        loaded.delete(f"id = {first}")
        (found,) = loaded.scan(f"id = {first - 9}").to_arrow().to_pylist() or [{}]
        if found:
            changed = pa.Table.from_pylist([{**found, "note": f"changed by {engine.name}"}], COLUMNS)
            loaded.overwrite(changed, f"id = {first - 9}")
        return
    assert isinstance(engine, DuckDB | SparkEngine | TrinoEngine)
    rows = ", ".join(f"({first + key}, {number}.00, '{engine.name}')" for key in range(3))
    engine.execute(f"INSERT INTO {{table}} VALUES {rows}", branch, table)
    engine.execute(f"DELETE FROM {{table}} WHERE id = {first}", branch, table)
    engine.execute(f"UPDATE {{table}} SET note = 'changed by {engine.name}' WHERE id = {first - 9}", branch, table)


def expected(order: tuple[str, ...]) -> list[tuple[int, str, str]]:
    rows = {}
    for number, name in enumerate(order, start=1):
        rows[10 * number + 1] = rows[10 * number + 2] = (f"{number}.00", name)
        if number > 1:
            rows[10 * number - 9] = (f"{number - 1}.00", f"changed by {name}")
    return sorted((key, *values) for key, values in rows.items())


def dropped(engine: Engine, table: str, branch: str) -> None:
    if isinstance(engine, PyIceberg):
        engine.catalog(branch).drop_table(table)
    else:
        assert isinstance(engine, DuckDB | SparkEngine | TrinoEngine)
        engine.execute("DROP TABLE {table}", branch, table)


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("creator", WRITERS)
def test_each_goes_on_where_the_other_stopped(
    creator: str, branch: str, engine_named: Engines, pyiceberg: PyIceberg, lake: ServedLake
) -> None:
    start = WRITERS.index(creator)
    order = WRITERS[start:] + WRITERS[:start]
    table = f"{NAMESPACE}.by_{creator}_in_turn"
    create(engine_named(creator), table, branch)
    for number, name in enumerate(order, start=1):
        turn(engine_named(name), table, branch, number)
    for reader in READERS:
        found = [(row["id"], row["amount"], row["note"]) for row in engine_named(reader).read(table, branch)]
        assert sorted(found) == expected(order), reader
    files = {path for path in (lake.project / ".headgate").rglob("*") if path.is_file()}
    with headgate.open(lake.project) as opened:
        before = opened.log(branch, limit=1)[0].id
    dropped(engine_named(creator), table, branch)
    with pytest.raises(NoSuchTableError):
        pyiceberg.catalog(branch).load_table(table)
    with headgate.open(lake.project) as opened:
        assert opened.query(f"select count(*) from {table}", before).rows() == [(8,)]
    assert files <= {path for path in (lake.project / ".headgate").rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", WRITERS)
def test_a_table_of_one_branch_is_not_on_the_other(name: str, engine_named: Engines, pyiceberg: PyIceberg) -> None:
    table = f"{NAMESPACE}.only_{name}"
    create(engine_named(name), table, "team/feature-1")
    assert pyiceberg.catalog("team/feature-1").table_exists(table)
    assert not pyiceberg.catalog("main").table_exists(table)
    create(engine_named(name), table, "main")
    turn(engine_named(name), table, "main", 1)
    assert engine_named(name).read(table, "team/feature-1") == []
    assert len(engine_named(name).read(table, "main")) == 2
