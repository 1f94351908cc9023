"""What a contract says in the engine's own terms: looked at when a load fails, to tell whose fault it is."""

from __future__ import annotations

from headgate.engines.duckdb import Session
from headgate.errors import ProjectError, QueryError
from headgate.ingest.contract import Source
from headgate.ingest.rules import constant
from headgate.types import literal


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
