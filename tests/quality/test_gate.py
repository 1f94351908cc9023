from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.database import Database
from headgate.quality.gate import Gate, Standing
from headgate.types import CheckResult, CheckStatus, Name, Severity

ORDERS, CUSTOMERS = Name.of("silver", "orders"), Name.of("silver", "customers")
UNIQUE = Standing("unique", Severity.ERROR, (ORDERS,), "code-1")
RELATED = Standing("related", Severity.ERROR, (ORDERS, CUSTOMERS), "code-2")
SMALL = Standing("small", Severity.WARN, (ORDERS,), "code-3")


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    db = Database.open(f"sqlite:///{tmp_path}/state.db")
    yield Gate(db)
    db.close()


def outcome(check: Standing, status: CheckStatus) -> CheckResult:
    return CheckResult(check.name, "dbt", check.severity, status, failures=int(status is CheckStatus.FAILED))


def test_a_check_is_due_until_it_passed_on_the_present_versions(gate: Gate) -> None:
    first = {ORDERS: "v1", CUSTOMERS: "v1"}.get
    assert gate.due([UNIQUE, RELATED], first) == [UNIQUE, RELATED]

    gate.record("run", [UNIQUE, RELATED], [outcome(UNIQUE, CheckStatus.PASSED)], first)

    assert gate.due([UNIQUE, RELATED], first) == [RELATED]
    assert gate.due([UNIQUE], {ORDERS: "v2"}.get) == [UNIQUE]


def test_going_back_to_a_version_that_passed_needs_no_check(gate: Gate) -> None:
    gate.record("run", [UNIQUE], [outcome(UNIQUE, CheckStatus.PASSED)], {ORDERS: "v1"}.get)
    gate.record("run", [UNIQUE], [outcome(UNIQUE, CheckStatus.FAILED)], {ORDERS: "v2"}.get)

    assert gate.missing([UNIQUE], {ORDERS: "v1"}.get) == []
    assert gate.missing([UNIQUE], {ORDERS: "v2"}.get) == [UNIQUE]


def test_a_changed_definition_is_another_check(gate: Gate) -> None:
    versions = {ORDERS: "v1"}.get
    gate.record("run", [UNIQUE], [outcome(UNIQUE, CheckStatus.PASSED)], versions)

    changed = Standing("unique", Severity.ERROR, (ORDERS,), "code-1b")

    assert gate.missing([changed], versions) == [changed]


def test_a_check_whose_table_is_absent_is_not_due(gate: Gate) -> None:
    assert gate.due([RELATED], {ORDERS: "v1"}.get) == []


@pytest.mark.parametrize("status", [CheckStatus.FAILED, CheckStatus.ERROR])
def test_what_did_not_pass_is_missing_however_often_it_ran(gate: Gate, status: CheckStatus) -> None:
    versions = {ORDERS: "v1"}.get
    gate.record("run-1", [UNIQUE], [outcome(UNIQUE, status)], versions)
    gate.record("run-2", [UNIQUE], [outcome(UNIQUE, status)], versions)

    assert gate.missing([UNIQUE], versions) == [UNIQUE]


def test_a_warning_that_failed_had_its_say_and_one_that_broke_had_not(gate: Gate) -> None:
    versions = {ORDERS: "v1"}.get
    gate.record("run", [SMALL], [outcome(SMALL, CheckStatus.ERROR)], versions)
    assert gate.due([SMALL], versions) == [SMALL]

    gate.record("run", [SMALL], [outcome(SMALL, CheckStatus.FAILED)], versions)
    assert gate.due([SMALL], versions) == []


def test_a_skipped_check_did_not_run(gate: Gate) -> None:
    versions = {ORDERS: "v1"}.get
    gate.record("run", [UNIQUE], [outcome(UNIQUE, CheckStatus.SKIPPED)], versions)

    assert gate.missing([UNIQUE], versions) == [UNIQUE]


def test_an_override_settles_a_check_on_these_versions_only(gate: Gate) -> None:
    versions = {ORDERS: "v1"}.get
    failed = [outcome(UNIQUE, CheckStatus.FAILED)]
    gate.record("run", [UNIQUE], failed, versions)
    gate.record("run", [UNIQUE], failed, versions, overridden=True)

    assert gate.missing([UNIQUE], versions) == []
    assert gate.missing([UNIQUE], {ORDERS: "v2"}.get) == [UNIQUE]
