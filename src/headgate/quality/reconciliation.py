"""Reconciliation: two tables that must agree, declared in `checks/*.yml`.

```yaml
checks:
  - name: sales_rows_kept
    kind: row_count                 # row_count | sum | keys | checksum
    left: bronze.sales
    right: {table: silver.stg_sales, where: "not is_duplicate"}
    tolerance: 0                    # absolute, or "0.1%" of the left side
```
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from headgate.config import Section, load_model
from headgate.engines.readonly import check_expression
from headgate.engines.references import qualified_names
from headgate.engines.workspace import Workspace
from headgate.errors import ProjectError, QueryError, ReadOnly
from headgate.project import Project
from headgate.types import CheckResult, CheckStatus, Name, Severity, literal, quote
from headgate.yaml import SECRET_LENGTH, masked

SAMPLE_ROWS = 10
# Types of numbers that round what they hold, and those that a FLOAT or DOUBLE cannot hold, as DuckDB names them.
_ROUNDED = ("FLOAT", "DOUBLE")
_EXACT = ("INTEGER", "BIGINT", "HUGEINT", "DECIMAL", "UINTEGER", "UBIGINT", "UHUGEINT")


class Side(Section):
    """One side of a reconciliation: a table, and which of its rows and columns count."""

    table: str = Field(description="`schema.table` of the lake.")
    where: str | None = Field(default=None, description="SQL condition: only these rows count.")
    column: str | None = Field(default=None, description="Column or SQL expression to add up; default: the check's.")
    columns: tuple[str, ...] = Field(default=(), description="Columns to compare; default: the check's.")


def _side(value: object) -> object:
    return {"table": value} if isinstance(value, str) else value


class Reconciliation(Section):
    """One statement about two tables that has to hold before a run reaches `main`."""

    name: str = Field(pattern=r"^[A-Za-z0-9_\-]+$", description="Unique name of the check.")
    description: str | None = Field(default=None, description="What it means when it fails.")
    kind: Literal["row_count", "sum", "keys", "checksum"] = Field(
        description="`row_count`: as many rows; `sum`: the same total of a column; `keys`: the same set of keys; "
        "`checksum`: the same rows in the named columns, in any order."
    )
    left: Annotated[Side, BeforeValidator(_side)] = Field(description="A table, or a map with table, where, columns.")
    right: Annotated[Side, BeforeValidator(_side)] = Field(description="A table, or a map with table, where, columns.")
    column: str | None = Field(default=None, description="For `sum`: the column or SQL expression on both sides.")
    columns: tuple[str, ...] = Field(default=(), description="For `keys` and `checksum`: the columns on both sides.")
    tolerance: Decimal | str = Field(
        default=Decimal(0),
        description="For `row_count` and `sum`: the difference that is allowed, as a number or as a percentage of the "
        "left side.",
    )
    severity: Severity = Field(default=Severity.ERROR, description="`error` blocks the merge, `warn` reports.")
    _hidden: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @field_validator("tolerance")
    @classmethod
    def _tolerance_is_a_number(cls, value: Decimal | str) -> Decimal | str:
        text = str(value).removesuffix("%")
        number = _number(text)
        if not number.is_finite():
            raise ValueError("tolerance has to be a number, or a percentage such as 0.1%")
        if number < 0:
            raise ValueError("tolerance cannot be negative")
        return value

    @model_validator(mode="after")
    def _has_its_columns(self) -> Reconciliation:
        for side in (self.left, self.right):
            if self.kind == "sum" and not (side.column or self.column):
                raise ValueError("a check of kind sum needs `column`")
            if self.kind in ("keys", "checksum") and not (side.columns or self.columns):
                raise ValueError(f"a check of kind {self.kind} needs `columns`")
        if len(self.left.columns or self.columns) != len(self.right.columns or self.columns):
            raise ValueError("left and right name a different number of columns")
        return self

    @property
    def inputs(self) -> tuple[Name, ...]:
        return (Name.parse(self.left.table), Name.parse(self.right.table))

    @property
    def expressions(self) -> tuple[str, ...]:
        """The SQL of both sides: conditions, and what is added up."""
        parts = (self.left.where, self.left.column, self.right.where, self.right.column, self.column)
        return tuple(part for part in parts if part is not None)

    @property
    def mentions(self) -> tuple[Name, ...]:
        """What conditions and expressions name beside the two tables; some of it may be no table."""
        pairs = (pair for part in self.expressions for pair in qualified_names(part))
        return tuple(sorted({Name((*schema.split("."), table)) for schema, table in pairs}))

    @property
    def code_hash(self) -> str:
        """Changes whenever the check says something else."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()

    def model_post_init(self, context: Any) -> None:
        # The names of the two tables are told everywhere.
        names = self.left.table, self.right.table
        self._hidden = {
            value: shown for value, shown in (context or {}).items() if not any(value in name for name in names)
        }

    def masked(self, sentence: str) -> str:
        """A sentence about the check without values of the environment that its file names."""
        return masked(sentence, self._hidden, SECRET_LENGTH)

    def allowed(self, left: Decimal) -> Decimal:
        """The largest difference that passes, given the left side's figure."""
        text = str(self.tolerance)
        if text.endswith("%"):
            return abs(left) * Decimal(text.removesuffix("%")) / 100
        return Decimal(text)


class ReconciliationFile(Section):
    """A file `checks/*.yml`."""

    checks: tuple[Reconciliation, ...] = Field(description="The checks of this file.")


def load_reconciliations(project: Project) -> list[Reconciliation]:
    """Every check declared in `checks/*.yml`, ordered by file and place.

    Raises:
        ProjectError: A file does not read, or two checks have one name.
    """
    checks: dict[str, tuple[Reconciliation, Path]] = {}
    for path in project.check_files():
        for check in load_model(path, ReconciliationFile, project.environment).checks:
            if check.name in checks:
                raise ProjectError(
                    f"Two checks are named '{check.name}'.",
                    place=f"{checks[check.name][1]} and {path}",
                    hint="Give one of them another name.",
                )
            checks[check.name] = (check, path)
    return [check for check, _ in checks.values()]


def reconcile(check: Reconciliation, workspace: Workspace) -> CheckResult:
    """Carry out one check on the workspace's present state."""
    started = time.perf_counter()
    compare = _compare_rows if check.kind in ("keys", "checksum") else _compare_figures
    outcome: Outcome
    try:
        for text in check.expressions:
            check_expression(workspace.session, text)
        outcome = compare(check, workspace)
        status = CheckStatus.FAILED if outcome[0] else CheckStatus.PASSED
    except (QueryError, ReadOnly) as error:
        outcome, status = (1, error.message, (), ()), CheckStatus.ERROR
    failures, sentence, columns, sample = outcome
    return CheckResult(
        name=f"reconciliation:{check.name}",
        kind="reconciliation",
        severity=check.severity,
        status=status,
        failures=failures,
        table=check.right.table,
        message=sentence and check.masked(sentence),
        columns=columns,
        sample=sample,
        seconds=time.perf_counter() - started,
    )


Outcome = tuple[int, str | None, tuple[str, ...], tuple[tuple[object, ...], ...]]


def _from(side: Side) -> str:
    return f"FROM {Name.parse(side.table).sql}" + (f" WHERE ({side.where}\n)" if side.where else "")


def _compare_figures(check: Reconciliation, workspace: Workspace) -> Outcome:
    figures = []
    for side in (check.left, check.right):
        figure = "count(*)" if check.kind == "row_count" else f"coalesce(sum({side.column or check.column}\n), 0)"
        ((found,),) = workspace.query(f"SELECT {figure} {_from(side)}").fetchall()
        figures.append(_number(str(found)))
        if not figures[-1].is_finite():
            message = f"{side.table} has {found} ({' '.join(figure.split())}), which is no number that can be compared."
            return 1, message, (str(side.table),), ((str(found),),)
    left, right = figures
    if abs(left - right) <= check.allowed(left):
        return 0, None, (), ()
    what = "rows" if check.kind == "row_count" else f"sum of {check.column or check.left.column}"
    message = (
        f"{check.left.table} has {left:,} and {check.right.table} has {right:,} ({what}): "
        f"a difference of {right - left:+,}, allowed {check.allowed(left):,}."
    )
    rows = abs(left - right) if check.kind == "row_count" else Decimal(1)
    return int(rows), message, (check.left.table, check.right.table), ((left, right),)


def _number(text: str) -> Decimal:
    """The number of a text; NaN where it is none."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def _compare_rows(check: Reconciliation, workspace: Workspace) -> Outcome:
    """Rows that one side has more often than the other; for keys, that one side does not have at all."""
    names = tuple(check.left.columns or check.columns)
    differences = _differences(check, _exactly(check, workspace))
    counted = workspace.query(f"SELECT coalesce(sum(times), 0) FROM ({differences})").fetchone()
    failures = int(counted[0]) if counted else 0
    if not failures:
        return 0, None, (), ()
    each = f"SELECT *, unnest(range(least(times, {SAMPLE_ROWS}))) AS nth FROM ({differences})"
    sample = workspace.query(f"SELECT * EXCLUDE (times, nth) FROM ({each}) ORDER BY ALL LIMIT {SAMPLE_ROWS}").fetchall()
    noun = "key" if check.kind == "keys" else "row"
    what = f"{noun} ({', '.join(names)}) stands" if failures == 1 else f"{noun}s ({', '.join(names)}) stand"
    message = f"{failures:,} {what} in only one of {check.left.table} and {check.right.table}."
    return failures, message, ("side", *names), tuple(tuple(row) for row in sample)


def _exactly(check: Reconciliation, workspace: Workspace) -> list[list[str]]:
    """The values of both sides as SQL expressions that are equal only where the values are.

    What stands as DOUBLE beside whole numbers or decimals would make DOUBLE of these too, and the same of different
    ones. There both sides become the text of the exact type, or their own where a value has no such.
    """
    sides = [[quote(column) for column in side.columns or check.columns] for side in (check.left, check.right)]
    left, right = (
        f"(SELECT {', '.join(listed)} {_from(side)})"
        for side, listed in zip((check.left, check.right), sides, strict=True)
    )
    joined = f"{left} AS left_side, {right} AS right_side"
    described = workspace.query(f"DESCRIBE SELECT left_side.*, right_side.* FROM {joined}").fetchall()
    types = [str(row[1]) for row in described]
    for number, pair in enumerate(zip(types[: len(sides[0])], types[len(sides[0]) :], strict=True)):
        for rounded, exact in ((0, 1), (1, 0)):
            if pair[rounded] in _ROUNDED and pair[exact].startswith(_EXACT):
                value = sides[rounded][number]
                cast = f"TRY_CAST({value} AS {pair[exact]})"
                same = f"CASE WHEN CAST({cast} AS {pair[rounded]}) = {value} THEN {cast} END"
                sides[rounded][number] = f"coalesce(CAST({same} AS VARCHAR), CAST({value} AS VARCHAR))"
                sides[exact][number] = f"CAST({sides[exact][number]} AS VARCHAR)"
    return sides


def _differences(check: Reconciliation, sides: list[list[str]]) -> str:
    """A query for the values that differ, in one pass over both sides: `side`, values, `times`."""
    parts = []
    for number, side in enumerate((check.left, check.right)):
        parts.append(f"SELECT {number}, {', '.join(sides[number])} {_from(side)}")
    values = ", ".join(f"value_{number}" for number in range(len(sides[0])))
    counted = (
        f"SELECT {values}, count(*) FILTER (side = 0) AS left_rows, count(*) FILTER (side = 1) AS right_rows"
        f" FROM ({' UNION ALL '.join(parts)}) AS both_sides(side, {values}) GROUP BY {values}"
    )
    only = [literal(f"only in {side.table}") for side in (check.left, check.right)]
    # Two operators of EXCEPT ALL would tell the same at four times the cost.
    one_side = "CAST((left_rows = 0) <> (right_rows = 0) AS BIGINT)"
    times = one_side if check.kind == "keys" else "abs(left_rows - right_rows)"
    return (
        f"SELECT CASE WHEN left_rows > right_rows THEN {only[0]} ELSE {only[1]} END AS side, {values}, {times} AS times"
        f" FROM ({counted}) WHERE times > 0"
    )
