"""Requirements of commits, with the texts that Java's tests compare."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.catalog.rest.pieces import UUID, Json

from headgate.catalog.rest.problems import BadRequest, CommitFailed
from headgate.catalog.rest.requirements import check_requirements, is_create, read_requirements

Table = Callable[..., Json]


@pytest.mark.parametrize(
    "requirement",
    [
        {"type": "assert-table-uuid", "uuid": UUID.upper()},
        {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 12},
        {"type": "assert-ref-snapshot-id", "ref": "other", "snapshot-id": None},
        {"type": "assert-ref-snapshot-id", "ref": "other"},
        {"type": "assert-last-assigned-field-id", "last-assigned-field-id": 2},
        {"type": "assert-current-schema-id", "current-schema-id": 0},
        {"type": "assert-last-assigned-partition-id", "last-assigned-partition-id": 1000},
        {"type": "assert-default-spec-id", "default-spec-id": 0},
        {"type": "assert-default-sort-order-id", "default-sort-order-id": 0},
    ],
)
def test_what_holds_passes(table: Table, requirement: Json) -> None:
    check_requirements(read_requirements([requirement]), table())


@pytest.mark.parametrize(
    ("requirement", "text"),
    [
        ({"type": "assert-create"}, "Requirement failed: table already exists"),
        ({"type": "assert-table-uuid", "uuid": "x"}, f"Requirement failed: UUID does not match: expected {UUID} != x"),
        (
            {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 11},
            "Requirement failed: branch main has changed: expected id 11 != 12",
        ),
        (
            {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": None},
            "Requirement failed: branch main was created concurrently",
        ),
        (
            {"type": "assert-ref-snapshot-id", "ref": "other", "snapshot-id": 11},
            "Requirement failed: branch or tag other is missing, expected 11",
        ),
        (
            {"type": "assert-last-assigned-field-id", "last-assigned-field-id": 1},
            "Requirement failed: last assigned field id changed: expected id 1 != 2",
        ),
        (
            {"type": "assert-current-schema-id", "current-schema-id": 4},
            "Requirement failed: current schema changed: expected id 4 != 0",
        ),
        (
            {"type": "assert-last-assigned-partition-id", "last-assigned-partition-id": 999},
            "Requirement failed: last assigned partition id changed: expected id 999 != 1000",
        ),
        (
            {"type": "assert-default-spec-id", "default-spec-id": 4},
            "Requirement failed: default partition spec changed: expected id 4 != 0",
        ),
        (
            {"type": "assert-default-sort-order-id", "default-sort-order-id": 4},
            "Requirement failed: default sort order changed: expected id 4 != 0",
        ),
    ],
)
def test_what_does_not_hold_is_told(table: Table, requirement: Json, text: str) -> None:
    with pytest.raises(CommitFailed) as caught:
        check_requirements(read_requirements([requirement]), table())
    assert caught.value.message == text


def test_a_table_to_be_created_is_not_there() -> None:
    requirements = read_requirements([{"type": "assert-create"}])
    assert is_create(requirements)
    check_requirements(requirements, None)


@pytest.mark.parametrize(
    "requirements",
    [
        [{"type": "assert-sunshine"}],
        [{"type": "assert-view-uuid", "uuid": "x"}],
        [{}],
        ["assert-create"],
        [{"type": "assert-create"}, {"type": "assert-default-spec-id", "default-spec-id": 0}],
        [{"type": "assert-default-spec-id"}],
        [{"type": "assert-default-spec-id", "default-spec-id": "0"}],
        [{"type": "assert-ref-snapshot-id", "ref": 1, "snapshot-id": 2}],
    ],
)
def test_what_is_no_requirement_is_refused(requirements: list[object]) -> None:
    with pytest.raises(BadRequest):
        read_requirements(requirements)


def test_a_view_is_known_by_its_uuid() -> None:
    requirements = read_requirements([{"type": "assert-view-uuid", "uuid": "a"}], of_view=True)
    check_requirements(requirements, {"view-uuid": "A"}, of_view=True)
    with pytest.raises(CommitFailed, match="view UUID does not match: expected b != a"):
        check_requirements(requirements, {"view-uuid": "b"}, of_view=True)
