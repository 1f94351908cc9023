"""What a contract says in the engine's own terms: expressions, before they become part of a statement, and constants.

Constants are looked at when a load fails, to tell whose fault it is.
"""

from __future__ import annotations

from headgate.engines.duckdb import Session
from headgate.engines.readonly import check_expression
from headgate.errors import ProjectError, QueryError, ReadOnly
from headgate.ingest.contract import Source
from headgate.ingest.rules import constant
from headgate.types import literal


def check_expressions(session: Session, source: Source) -> None:
    """Raise a ProjectError if the SQL of a computed column is not one expression that only reads."""
    for name, column in source.contract.computed.items():
        try:
            check_expression(session, column.expression)
        except (QueryError, ReadOnly) as error:
            raise ProjectError(
                f"The computed column '{name}' is not one SQL expression: {error.message.splitlines()[0]}",
                place=f"{source.path}: computed",
                hint=f"It says: {column.expression}",
            ) from error


def check_constants(session: Session, source: Source) -> None:
    r"""Raise a ProjectError if a pattern or a value of the contract is none to DuckDB.

    Patterns are RE2's, which knows neither `(?=...)` nor `\1`; a value may be of the type in Python alone.
    """
    for name, column in source.contract.columns.items():
        said = {"pattern": f"regexp_matches('', {literal(column.pattern)})"} if column.pattern is not None else {}
        for key, value in (("min", column.min), ("max", column.max), *(("accepted", one) for one in column.accepted)):
            if value is not None:
                said[f"{key}: {value}"] = constant(value, column.column_type)
        for key, expression in said.items():
            try:
                session.value(f"SELECT {expression}")
            except QueryError as error:
                raise ProjectError(
                    f"The column '{name}' has {key}, which cannot be used: {error.message.splitlines()[0]}.",
                    place=str(source.path),
                    hint="Patterns are those of RE2, without lookaround and back references; values fit the type.",
                ) from error
