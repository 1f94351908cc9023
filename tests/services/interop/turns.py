"""Turns: what each engine does to a table that all of them write."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
from tests.services.interop.writers import NAMESPACE

from services.engines import DuckDB, Engine, PyIceberg, SparkEngine, TrinoEngine

WRITERS = ("pyiceberg", "duckdb", "trino", "spark")
COLUMNS = pa.schema([("id", pa.int64()), ("amount", pa.decimal128(12, 2)), ("note", pa.string())])


def create(engine: Engine, table: str, branch: str) -> None:
    """Make an empty table."""
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
    """What the table holds after these have had their turns."""
    rows = {}
    for number, name in enumerate(order, start=1):
        rows[10 * number + 1] = rows[10 * number + 2] = (f"{number}.00", name)
        if number > 1:
            rows[10 * number - 9] = (f"{number - 1}.00", f"changed by {name}")
    return sorted((key, *values) for key, values in rows.items())


def drop(engine: Engine, table: str, branch: str) -> None:
    if isinstance(engine, PyIceberg):
        engine.catalog(branch).drop_table(table)
    else:
        assert isinstance(engine, DuckDB | SparkEngine | TrinoEngine)
        engine.execute("DROP TABLE {table}", branch, table)
