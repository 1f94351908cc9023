"""A peer of whole runs: the same work as one plain SQL script, for DuckDB alone.

The script reads the raw files as their contracts say (types, formats, ranges, the newest row per key), leaves bad rows
out, and carries out the SQL that dbt compiled, models and data tests. It keeps no bad row, no history, no lineage and
no file: what it makes is gone with the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from glob import glob
from pathlib import Path

from headgate.ingest.contract import Column, Contract, Source, column_name
from headgate.ingest.sources import load_sources
from headgate.project import Project
from headgate.types import literal, quote

MODELS = ("models/staging", "models/marts")


def script(project: Project, compiled: list[tuple[str, str]]) -> str:
    """The whole script.

    Args:
        project: Whose raw files and seeds are read; the script is to be run in its folder.
        compiled: Path below the project and SQL of each model and data test, in an order in which they can be run.
    """
    statements = [f"CREATE SCHEMA {schema}" for schema in ("bronze", "silver", "gold")]
    statements += [bronze(project, source) for source in load_sources(project)]
    for seed in sorted((project.root / "seeds").glob("*.csv")):
        file = seed.relative_to(project.root)
        statements.append(f"CREATE TABLE silver.{seed.stem} AS FROM read_csv('{file}', all_varchar = true)")
    models = [(path, sql) for path, sql in compiled if str(Path(path).parent) in MODELS]
    for path, sql in models:
        schema = "silver" if "staging" in path else "gold"
        statements.append(f"CREATE TABLE {schema}.{Path(path).stem} AS {sql}")
    tests = [sql for path, sql in compiled if (path, sql) not in models]
    statements += [f"SELECT count(*) FROM ({sql}\n)" for sql in tests]
    return ";\n\n".join(statements) + ";\n"


def bronze(project: Project, source: Source) -> str:
    """The statement that reads one source into its table."""
    contract = source.contract
    files = sorted(path for pattern in contract.files for path in glob(pattern, root_dir=project.root))  # noqa: PTH207  # a pattern may be absolute
    items: list[str] = []
    conditions: list[str] = []
    for original, column in contract.columns.items():
        text = f"nullif(raw.{quote(_original(original))}, '')"
        value = _value(text, column)
        items.append(f"{value} AS {quote(column.name or column_name(original))}")
        conditions += _conditions(text, value, column)
    where = " AND ".join(conditions) or "true"
    keys = ", ".join(map(quote, contract.key))
    newest = f"\nQUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _row DESC) = 1" if keys else ""
    return (
        f"CREATE TABLE {source.table} AS SELECT * EXCLUDE (_row) FROM (\n"
        f"SELECT {', '.join(items)}, _file AS _source_file, _file AS _load_id, _row\n"
        f"FROM ({_read(contract, files)}) AS raw\nWHERE {where}){newest}"
    )


def _read(contract: Contract, files: list[str]) -> str:
    listed = "[" + ", ".join(map(literal, files)) + "]"
    if not any(".json" in file for file in files):
        return (
            f"SELECT *, filename AS _file, row_number() OVER () AS _row FROM read_csv({listed}, all_varchar = true,"
            " header = true, delim = ',', quote = '\"', escape = '\"', strict_mode = false, union_by_name = true,"
            " filename = true)"
        )
    path = contract.options.rows
    if path is None:
        fields = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in contract.columns)
        rows = f"SELECT *, filename FROM read_json({listed}, format = 'array', columns = {{{fields}}}, filename = true)"
    else:
        struct = ", ".join(f"{quote(name)} VARCHAR" for name in contract.columns)
        rows = (
            f"SELECT unnest({quote(path)}, max_depth := 2), filename FROM read_json({listed},"
            f" columns = {{{literal(path)}: {literal(f'STRUCT({struct})[]')}}}, filename = true,"
            " maximum_object_size = 100000000)"
        )
    return f"SELECT *, filename AS _file, row_number() OVER () AS _row FROM ({rows})"


def _original(name: str) -> str:
    """A column's name in DuckDB's reader, which counts columns without a name from 0."""
    number = name.removeprefix("column ")
    return f"column{int(number) - 1}" if number.isdecimal() else name


def _value(text: str, column: Column) -> str:
    if column.format:
        formats = ", ".join(map(literal, column.format))
        return f"CAST(try_strptime({text}, [{formats}]) AS {column.type})"
    if column.type == "varchar":
        return text
    nested = "::JSON" if "(" in column.type and not column.type.startswith("decimal") else ""
    return f"TRY_CAST({text}{nested} AS {column.type})"


def _conditions(text: str, value: str, column: Column) -> Iterator[str]:
    """What keeps a row, by the raw texts and typed values."""
    if column.required:
        yield f"{value} IS NOT NULL"
    elif column.type != "varchar":
        yield f"({value} IS NOT NULL OR {text} IS NULL)"
    if column.type in ("integer", "bigint"):
        # DuckDB makes 2 of '1.5'.
        yield f"coalesce(regexp_full_match({text}, '[-+]?[0-9]+([.]0*)?'), true)"
    if column.format:
        # strptime takes 20 for a year of four digits.
        yield f"coalesce(year({value}) >= 1000, true)"
    if column.min is not None:
        yield f"coalesce({value} >= {literal(str(column.min))}, true)"
    if column.max is not None:
        yield f"coalesce({value} <= {literal(str(column.max))}, true)"
    if column.pattern:
        yield f"coalesce(regexp_matches({value}, {literal(column.pattern)}), true)"
    if column.accepted:
        yield f"coalesce({value} IN ({', '.join(literal(str(one)) for one in column.accepted)}), true)"
