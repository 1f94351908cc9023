"""Constraints of a model's contract, checked on the rows that were written: Iceberg enforces none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from headgate.errors import ModelError, counted
from headgate.types import Name, quote

if TYPE_CHECKING:
    from headgate.engines.workspace import Workspace


def check_constraints(workspace: Workspace, name: Name, model: Mapping[str, Any]) -> None:
    """Raise when rows of a table break a constraint of an enforced contract.

    Foreign keys are left to dbt's test `relationships`.

    Raises:
        ModelError: Names the constraint and the number of rows.
    """
    if not (model["config"].get("contract") or {}).get("enforced"):
        return
    for constraint, count in _violations(name, model):
        broken = workspace.session.value(count)
        if broken:
            raise ModelError(
                f"The contract of {name} is broken by {counted(broken, 'row')}: {constraint}.",
                hint="Correct the model, or take the constraint out of its contract.",
                data={"constraint": constraint, "rows": broken},
            )


def _violations(name: Name, model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every constraint in words, with the query that counts the rows that break it."""
    for column in (model.get("columns") or {}).values():
        for constraint in column.get("constraints") or ():
            yield from _violation(name, constraint, [column["name"]])
    for constraint in model.get("constraints") or ():
        yield from _violation(name, constraint, constraint.get("columns") or [])


def _violation(name: Name, constraint: Mapping[str, Any], columns: list[str]) -> Iterator[tuple[str, str]]:
    kind = constraint["type"]
    listed = ", ".join(columns)
    quoted = [quote(column) for column in columns]
    if kind in ("not_null", "primary_key"):
        absent = " OR ".join(f"{column} IS NULL" for column in quoted)
        yield f"{listed} must not be null", f"SELECT count(*) FROM {name.sql} WHERE {absent}"
    if kind in ("unique", "primary_key"):
        groups = f"SELECT count(*) AS n FROM {name.sql} GROUP BY {', '.join(quoted)} HAVING n > 1"
        yield f"{listed} must be unique", f"SELECT coalesce(sum(n - 1), 0)::BIGINT FROM ({groups})"
    if kind == "check":
        expression = constraint["expression"]
        yield f"check {expression}", f"SELECT count(*) FROM {name.sql} WHERE NOT ({expression})"
