"""The steps of a journey in the words of each engine that writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.services.interop.journeys import COLUMNS, LATE_COLUMNS, MERGED, Row, first_rows, late_row

Literal = Callable[[Any], str]


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True)
class Dialect:
    """Types, literals and statements of one engine.

    Args:
        types: Iceberg's type to the engine's.
        literals: A value of such a type as SQL; missing ones are written as they are.
        statements: Step to statements, `{table}` being the table.
        create: What stands after the columns when a table is made.
        cannot: Steps that the engine does not take; a test says why.
    """

    types: Mapping[str, str]
    literals: Mapping[str, Literal]
    statements: Mapping[str, tuple[str, ...]]
    create: str = ""
    cannot: frozenset[str] = frozenset()

    def steps(self, branch: str) -> dict[str, tuple[str, ...]]:
        """Every step that needs SQL, with those that all dialects say alike."""
        columns = ", ".join(f"{self.quoted(name)} {self.types[kind]}" for name, kind in COLUMNS.items())
        return {
            "create": (f"CREATE TABLE {{table}} ({columns}) {self.create}",),
            "insert": (self.insert(first_rows(branch), COLUMNS),),
            "update": ("UPDATE {table} SET note = 'updated', amount = amount + 1 WHERE id = 2",),
            "merge": (self.merge(),),
            "delete": ("DELETE FROM {table} WHERE id = 4",),
            "insert_late": (self.insert([late_row()], LATE_COLUMNS),),
            "delete_late": ("DELETE FROM {table} WHERE id = 5",),
            "update_late": ("UPDATE {table} SET extra = 80 WHERE id = 8",),
            **self.statements,
        }

    def quoted(self, name: str) -> str:
        return f"`{name}`" if self.types["string"] == "STRING" else f'"{name}"'

    def insert(self, rows: Iterable[Row], columns: Mapping[str, str]) -> str:
        names = ", ".join(map(self.quoted, columns))
        values = (f"({', '.join(self.literal(one[name], kind) for name, kind in columns.items())})" for one in rows)
        return f"INSERT INTO {{table}} ({names}) VALUES {', '.join(values)}"

    def merge(self) -> str:
        lines = (
            f"SELECT {one['id']} AS id, CAST({one['amount']} AS DECIMAL(12,2)) AS amount, '{one['note']}' AS note"
            for one in MERGED
        )
        return (
            f"MERGE INTO {{table}} AS t USING ({' UNION ALL '.join(lines)}) AS s ON t.id = s.id "
            "WHEN MATCHED THEN UPDATE SET amount = s.amount, note = s.note "
            "WHEN NOT MATCHED THEN INSERT (id, amount, note) VALUES (s.id, s.amount, s.note)"
        )

    def literal(self, value: Any, kind: str) -> str:
        typed = f"CAST(NULL AS {self.types[kind]})"
        return typed if value is None else self.literals[kind](value)


def number(value: Any) -> str:
    return str(value)


def struct(value: Row, city: Literal) -> tuple[str, str]:
    return ("NULL" if value["city"] is None else city(value["city"])), str(value["zip"])


SPARK = Dialect(
    types={
        "long": "BIGINT",
        "int": "INT",
        "double": "DOUBLE",
        "decimal": "DECIMAL(12,2)",
        "date": "DATE",
        "timestamp": "TIMESTAMP_NTZ",
        "timestamptz": "TIMESTAMP",
        "string": "STRING",
        "boolean": "BOOLEAN",
        "binary": "BINARY",
        "list": "ARRAY<STRING>",
        "struct": "STRUCT<city: STRING, zip: INT>",
        "map": "MAP<STRING, DECIMAL(10,2)>",
    },
    literals={
        "long": number,
        "int": number,
        "boolean": number,
        "decimal": lambda value: f"CAST('{value}' AS DECIMAL(12,2))",
        "double": lambda value: f"CAST('{value!r}' AS DOUBLE)",
        "date": lambda value: f"DATE'{value}'",
        "timestamp": lambda value: f"TIMESTAMP_NTZ'{value}'",
        "timestamptz": lambda value: f"TIMESTAMP'{value}'",
        "string": lambda value: '"' + value + '"',
        "binary": lambda value: f"X'{value}'",
        "list": lambda value: (
            f"CAST(array({', '.join('NULL' if one is None else text(one) for one in value)}) AS ARRAY<STRING>)"
        ),
        "struct": lambda value: "named_struct('city', CAST({} AS STRING), 'zip', {})".format(*struct(value, text)),
        "map": lambda value: "CAST(map({}) AS MAP<STRING, DECIMAL(10,2)>)".format(
            ", ".join(f"{text(key)}, {item or 'NULL'}" for key, item in value.items())
        ),
    },
    statements={
        "add_column": ("ALTER TABLE {table} ADD COLUMN extra BIGINT",),
        "rename_column": ("ALTER TABLE {table} RENAME COLUMN note TO remark",),
        "widen_columns": (
            "ALTER TABLE {table} ALTER COLUMN small TYPE BIGINT",
            "ALTER TABLE {table} ALTER COLUMN amount TYPE DECIMAL(14,2)",
        ),
        "drop_column": ("ALTER TABLE {table} DROP COLUMN flag",),
        "evolve_partitions": ("ALTER TABLE {table} ADD PARTITION FIELD bucket(4, id)",),
    },
)
_SPARK_MODES = "USING iceberg PARTITIONED BY (months(day)) TBLPROPERTIES ({})"


def spark(mode: str) -> Dialect:
    """Spark, writing `copy-on-write` or `merge-on-read`."""
    modes = ", ".join(f"'write.{what}.mode' = '{mode}'" for what in ("update", "merge", "delete"))
    return Dialect(SPARK.types, SPARK.literals, SPARK.statements, _SPARK_MODES.format(modes))


TRINO = Dialect(
    types={
        "long": "BIGINT",
        "int": "INTEGER",
        "double": "DOUBLE",
        "decimal": "DECIMAL(12,2)",
        "date": "DATE",
        "timestamp": "TIMESTAMP(6)",
        "timestamptz": "TIMESTAMP(6) WITH TIME ZONE",
        "string": "VARCHAR",
        "boolean": "BOOLEAN",
        "binary": "VARBINARY",
        "list": "ARRAY(VARCHAR)",
        "struct": "ROW(city VARCHAR, zip INTEGER)",
        "map": "MAP(VARCHAR, DECIMAL(10,2))",
    },
    literals={
        "long": number,
        "int": number,
        "boolean": number,
        "decimal": lambda value: f"CAST('{value}' AS DECIMAL(12,2))",
        "double": lambda value: f"CAST('{value!r}' AS DOUBLE)",
        "date": lambda value: f"DATE '{value}'",
        "timestamp": lambda value: f"TIMESTAMP '{value.replace('T', ' ')}'",
        "timestamptz": lambda value: f"TIMESTAMP '{value.replace('T', ' ').replace('+00:00', ' UTC')}'",
        "string": text,
        "binary": lambda value: f"X'{value}'",
        "list": lambda value: (
            f"CAST(ARRAY[{', '.join('NULL' if one is None else text(one) for one in value)}] AS ARRAY(VARCHAR))"
        ),
        "struct": lambda value: "CAST(ROW({}, {}) AS ROW(city VARCHAR, zip INTEGER))".format(*struct(value, text)),
        "map": lambda value: "CAST(MAP(ARRAY[{}], ARRAY[{}]) AS MAP(VARCHAR, DECIMAL(10,2)))".format(
            ", ".join(map(text, value)), ", ".join(item or "NULL" for item in value.values())
        ),
    },
    statements={
        "add_column": ("ALTER TABLE {table} ADD COLUMN extra BIGINT",),
        "rename_column": ("ALTER TABLE {table} RENAME COLUMN note TO remark",),
        "widen_columns": (
            "ALTER TABLE {table} ALTER COLUMN small SET DATA TYPE BIGINT",
            "ALTER TABLE {table} ALTER COLUMN amount SET DATA TYPE DECIMAL(14,2)",
        ),
        "drop_column": ("ALTER TABLE {table} DROP COLUMN flag",),
        "evolve_partitions": (
            "ALTER TABLE {table} SET PROPERTIES partitioning = ARRAY['month(day)', 'bucket(id, 4)']",
        ),
    },
    create="WITH (partitioning = ARRAY['month(day)'])",
)

DUCKDB = Dialect(
    types={
        "long": "BIGINT",
        "int": "INTEGER",
        "double": "DOUBLE",
        "decimal": "DECIMAL(12,2)",
        "date": "DATE",
        "timestamp": "TIMESTAMP",
        "timestamptz": "TIMESTAMPTZ",
        "string": "VARCHAR",
        "boolean": "BOOLEAN",
        "binary": "BLOB",
        "list": "VARCHAR[]",
        "struct": "STRUCT(city VARCHAR, zip INTEGER)",
        "map": "MAP(VARCHAR, DECIMAL(10,2))",
    },
    literals={
        "long": number,
        "int": number,
        "boolean": number,
        "decimal": lambda value: f"{value}::DECIMAL(12,2)",
        "double": lambda value: f"'{value!r}'::DOUBLE",
        "date": lambda value: f"DATE '{value}'",
        "timestamp": lambda value: f"TIMESTAMP '{value}'",
        "timestamptz": lambda value: f"TIMESTAMPTZ '{value}'",
        "string": text,
        "binary": lambda value: f"unhex('{value}')",
        "list": lambda value: f"[{', '.join('NULL' if one is None else text(one) for one in value)}]::VARCHAR[]",
        "struct": lambda value: "{{'city': {}, 'zip': {}}}::STRUCT(city VARCHAR, zip INTEGER)".format(
            *struct(value, text)
        ),
        "map": lambda value: "MAP {{{}}}::MAP(VARCHAR, DECIMAL(10,2))".format(
            ", ".join(f"{text(key)}: {item or 'NULL'}" for key, item in value.items())
        ),
    },
    statements={
        "add_column": ("ALTER TABLE {table} ADD COLUMN extra BIGINT",),
        "rename_column": ("ALTER TABLE {table} RENAME COLUMN note TO remark",),
        "widen_columns": (
            "ALTER TABLE {table} ALTER COLUMN small TYPE BIGINT",
            "ALTER TABLE {table} ALTER COLUMN amount TYPE DECIMAL(14,2)",
        ),
        "drop_column": ("ALTER TABLE {table} DROP COLUMN flag",),
        "evolve_partitions": ("ALTER TABLE {table} SET PARTITIONED BY (month(day), bucket(4, id))",),
    },
    create="PARTITIONED BY (month(day))",
    # See test_duckdb.py: not where a table has files of two partition specs.
    cannot=frozenset({"delete_late", "update_late"}),
)
