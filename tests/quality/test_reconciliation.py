from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from headgate.catalog import open_catalog
from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.errors import ProjectError
from headgate.project import Project
from headgate.quality.reconciliation import Reconciliation, load_reconciliations, reconcile
from headgate.types import CheckStatus, Name


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    catalog = open_catalog(f"sqlite:///{tmp_path}/state.db")
    storage = Storage(str(tmp_path / "warehouse"))
    with Session(EngineSettings(temp_directory=str(tmp_path / "tmp")), storage) as session:
        found = Workspace(catalog, "main", session)
        found.replace(Name.of("bronze", "sales"), "FROM (VALUES (1, 10.00), (2, 20.50), (3, 5.25)) AS v(id, price)")
        found.replace(Name.of("silver", "sales"), "FROM (VALUES (1, 10.00), (2, 20.50)) AS v(sale, amount)")
        yield found
    catalog.close()


def check(**facts: Any) -> Reconciliation:
    return Reconciliation.model_validate({"name": "c", "left": "bronze.sales", "right": "silver.sales", **facts})


# The figures are counted by hand in the fixture: 3 rows and 2; 35.75 and 30.50; key 3 only on the left.
CASES: list[tuple[dict[str, Any], int]] = [
    ({"kind": "row_count"}, 1),
    ({"kind": "row_count", "tolerance": 1}, 0),
    ({"kind": "row_count", "tolerance": "33%"}, 1),
    ({"kind": "row_count", "tolerance": "34%"}, 0),
    ({"kind": "row_count", "left": {"table": "bronze.sales", "where": "id < 3"}}, 0),
    (
        {
            "kind": "sum",
            "left": {"table": "bronze.sales", "column": "price"},
            "right": {"table": "silver.sales", "column": "amount"},
        },
        1,
    ),
    (
        {
            "kind": "sum",
            "left": {"table": "bronze.sales", "column": "price"},
            "right": {"table": "silver.sales", "column": "amount"},
            "tolerance": "5.25",
        },
        0,
    ),
    (
        {
            "kind": "keys",
            "left": {"table": "bronze.sales", "columns": ["id"]},
            "right": {"table": "silver.sales", "columns": ["sale"]},
        },
        1,
    ),
    (
        {
            "kind": "checksum",
            "left": {"table": "bronze.sales", "columns": ["id", "price"], "where": "id <> 3"},
            "right": {"table": "silver.sales", "columns": ["sale", "amount"]},
        },
        0,
    ),
    (
        {
            "kind": "checksum",
            "left": {"table": "bronze.sales", "columns": ["price"]},
            "right": {"table": "silver.sales", "columns": ["amount"]},
        },
        1,
    ),
]


@pytest.mark.parametrize(("facts", "failures"), CASES)
def test_two_tables_agree_or_not(workspace: Workspace, facts: dict[str, Any], failures: int) -> None:
    result = reconcile(check(**facts), workspace)

    assert result.failures == failures
    assert result.status is (CheckStatus.FAILED if failures else CheckStatus.PASSED)


def test_the_message_tells_both_figures_and_the_difference(workspace: Workspace) -> None:
    result = reconcile(check(kind="row_count"), workspace)

    assert result.message == ("bronze.sales has 3 and silver.sales has 2 (rows): a difference of -1, allowed 0.")
    assert result.sample == ((Decimal(3), Decimal(2)),)


def test_keys_that_one_side_lacks_are_shown_with_the_side(workspace: Workspace) -> None:
    result = reconcile(
        check(
            kind="keys",
            left={"table": "bronze.sales", "columns": ["id"]},
            right={"table": "silver.sales", "columns": ["sale"]},
        ),
        workspace,
    )

    assert result.columns == ("side", "id")
    assert result.sample == (("only in bronze.sales", 3),)


# What stands on each side of the comparison, what differs as keys, and what differs as rows, all counted by hand. A
# value that is missing is a value like any other, and one that both sides have is none that differs.
VALUES = [
    ("(1), (1), (2), (NULL)", "(1), (2), (NULL)", [], [("left", 1)]),
    ("(1), (NULL)", "(1)", [("left", None)], [("left", None)]),
    ("(1)", "(1), (3), (3), (NULL)", [("right", 3), ("right", None)], [("right", 3), ("right", 3), ("right", None)]),
    ("(1), (2)", "(2), (1)", [], []),
    ("(1), (1)", "(2)", [("left", 1), ("right", 2)], [("left", 1), ("left", 1), ("right", 2)]),
]


@pytest.mark.parametrize(("left", "right", "keys", "rows"), VALUES)
def test_every_value_that_stands_on_one_side_only_is_counted_and_shown(
    workspace: Workspace, left: str, right: str, keys: list[tuple[str, Any]], rows: list[tuple[str, Any]]
) -> None:
    for side, values in (("left", left), ("right", right)):
        workspace.replace(Name.of("silver", side), f"SELECT CAST(v AS INTEGER) AS v FROM (VALUES {values}) AS t(v)")

    for kind, expected in (("keys", keys), ("checksum", rows)):
        result = reconcile(check(kind=kind, columns=["v"], left="silver.left", right="silver.right"), workspace)

        assert result.failures == len(expected), kind
        assert list(result.sample) == [(f"only in silver.{side}", value) for side, value in expected], kind


# Exact values of a type, values of a rounded type beside them, and how many rows differ.
ROUNDED = [
    ("BIGINT", "(9007199254740993), (3)", "DOUBLE", "(9007199254740993), (3)", 2),
    ("BIGINT", "(9007199254740992), (0), (NULL)", "DOUBLE", "(9007199254740992), (-0.0), (NULL)", 0),
    ("DECIMAL(20,2)", "(12345678901234567.89)", "DOUBLE", "(12345678901234567.89)", 2),
    ("DECIMAL(10,2)", "(0.10), (2.50)", "DOUBLE", "(0.1), (2.5)", 0),
    ("DECIMAL(10,2)", "(0.10)", "DOUBLE", "(0.104)", 2),
    ("DECIMAL(10,2)", "(0.10)", "FLOAT", "(0.1)", 0),
    ("INTEGER", "(16777217)", "FLOAT", "(16777217)", 2),
    ("INTEGER", "(1)", "DOUBLE", "(1), ('NaN'), (1e300)", 2),
]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kind", ["keys", "checksum"])
@pytest.mark.parametrize(("exact", "left", "rounded", "right", "failures"), ROUNDED)
def test_values_of_a_type_that_rounds_are_compared_digit_by_digit(
    workspace: Workspace, exact: str, left: str, rounded: str, right: str, failures: int, kind: str, turned: bool
) -> None:
    for side, values, of_type in (("left", left, exact), ("right", right, rounded)):
        listed = ", ".join(f"(CAST({value.strip('()')} AS {of_type}))" for value in values.split(", "))
        workspace.replace(Name.of("silver", side), f"FROM (VALUES {listed}) AS t(v)")
    sides = ("silver.right", "silver.left") if turned else ("silver.left", "silver.right")

    result = reconcile(check(kind=kind, columns=["v"], left=sides[0], right=sides[1]), workspace)

    assert result.failures == failures


@pytest.mark.parametrize("unsigned", ["UBIGINT", "UHUGEINT"])
def test_numbers_without_a_sign_that_a_view_has_are_compared_digit_by_digit(
    workspace: Workspace, unsigned: str
) -> None:
    workspace.create_view(Name.of("silver", "left"), f"SELECT CAST(9007199254740993 AS {unsigned}) AS v")
    workspace.replace(Name.of("silver", "right"), "SELECT CAST(9007199254740992 AS DOUBLE) AS v")

    result = reconcile(check(kind="keys", columns=["v"], left="silver.left", right="silver.right"), workspace)

    assert result.failures == 2


@pytest.mark.parametrize("value", ["'NaN'::DOUBLE", "'inf'::DOUBLE"])
def test_a_sum_that_is_no_finite_number_fails(workspace: Workspace, value: str) -> None:
    result = reconcile(check(kind="sum", column=value), workspace)

    assert result.status is CheckStatus.FAILED
    assert result.blocks
    assert "bronze.sales has" in str(result.message)


def test_a_check_that_cannot_be_carried_out_blocks(workspace: Workspace) -> None:
    result = reconcile(check(kind="sum", column="no_such_column", severity="warn"), workspace)

    assert result.status is CheckStatus.ERROR
    assert result.blocks
    assert "no_such_column" in str(result.message)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("checks: [{name: a, kind: sum, left: x.y, right: x.z}]", "column"),
        ("checks: [{name: a, kind: keys, left: x.y, right: x.z}]", "columns"),
        ("checks: [{name: a, kind: row_count, left: x.y, right: x.z, tolerance: -1}]", "negative"),
        ("checks: [{name: a, kind: row_count, left: x.y, right: x.z, tolerance: abc}]", "percentage"),
        ("checks: [{name: a, kind: row_count, left: x.y, right: x.z, tolerance: .nan}]", "tolerance"),
        ("checks: [{name: a, kind: row_counts, left: x.y, right: x.z}]", "row_count"),
        (
            (
                "checks: [{name: a, kind: row_count, left: x.y, right: x.z},"
                " {name: a, kind: row_count, left: x.y, right: x.z}]"
            ),
            "'a'",
        ),
    ],
)
def test_a_file_that_says_something_impossible(project_dir: Path, text: str, complaint: str) -> None:
    (project_dir / "checks").mkdir()
    (project_dir / "checks/all.yml").write_text(text)

    with pytest.raises(ProjectError) as caught:
        load_reconciliations(Project.open(project_dir))

    assert complaint in str(caught.value)
    assert "all.yml" in str(caught.value.place)


@pytest.mark.parametrize(
    ("side", "status"),
    [
        ({"where": "id < 3 -- )"}, CheckStatus.PASSED),
        ({"where": "id < 3) and (true"}, CheckStatus.ERROR),
        ({"where": "true limit 2"}, CheckStatus.ERROR),
        ({"where": "exists (from query('select 1'))"}, CheckStatus.ERROR),
    ],
)
def test_a_condition_is_one_expression(workspace: Workspace, side: dict[str, str], status: CheckStatus) -> None:
    found = reconcile(check(kind="row_count", left={"table": "bronze.sales", **side}), workspace)
    assert found.status is status


def test_what_is_added_up_is_one_expression(workspace: Workspace) -> None:
    sides = {"left": {"table": "bronze.sales", "column": "price -- )"}, "right": "bronze.sales"}
    assert reconcile(check(kind="sum", column="price", **sides), workspace).status is CheckStatus.PASSED
    assert reconcile(check(kind="sum", column="price) - sum(price"), workspace).status is CheckStatus.ERROR


def test_what_a_condition_takes_from_the_environment_is_not_told(workspace: Workspace, tmp_path: Path) -> None:
    text = """\
checks:
  - {name: a, kind: row_count, left: {table: bronze.sales, where: "id <> ${KEY} and nope"}, right: silver.sales}
  - {name: b, kind: sum, left: bronze.sales, right: {table: silver.sales, column: amount}, column: "price + ${KEY}"}
  - name: c
    kind: row_count
    left: {table: bronze.sales, where: "id = 1 and id = 2 and id = 3 and id = 4 and id = 5 and nope and '${LONG}' = ''"}
    right: silver.sales
  - {name: d, kind: row_count, left: {table: bronze.sales, where: "id = ${ONE} and nope"}, right: silver.sales}
  - {name: e, kind: row_count, left: "${TABLE}", right: silver.sales}
"""
    (tmp_path / "headgate.yml").write_text("name: lake\n")
    (tmp_path / ".env").write_text(f"KEY=90210446\nLONG={'planted' * 20}\nONE=1\nTABLE=bronze.sales\n")
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks/c.yml").write_text(text)

    found = [reconcile(check, workspace).message or "" for check in load_reconciliations(Project.open(tmp_path))]

    assert not [message for message in found if "90210446" in message or "plan" in message]
    assert "id <> ${KEY} and nope" in found[0]
    assert "(sum of price + ${KEY})" in found[1]
    assert "nope and '${LONG}' = ''..." in found[2]
    assert "id = ${ONE} and nope" in found[3]
    assert "bronze.sales has 3 and" in found[4]
