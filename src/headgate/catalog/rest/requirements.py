"""What a commit requires of the table it is made for, with the texts that Java's clients look for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headgate.catalog.rest.fields import Json, as_object, int_of, optional_long, text_of
from headgate.catalog.rest.problems import BadRequest, CommitFailed

CREATE = "assert-create"


def read_requirements(requirements: Sequence[object], *, of_view: bool = False) -> list[Json]:
    """The requirements as objects that each have a type and what it needs.

    Raises:
        BadRequest: One is malformed or not in the specification, or creation is asked for together with another.
    """
    known = _OF_VIEWS if of_view else _OF_TABLES
    read = [as_object(requirement, "requirements") for requirement in requirements]
    for requirement in read:
        kind = text_of(requirement, "type")
        if kind == CREATE and not of_view:
            continue
        if kind not in known:
            raise BadRequest(f"Cannot convert update requirement to java class: {kind}")
        known[kind][0](requirement)
    kinds = {requirement["type"] for requirement in read}
    if CREATE in kinds and len(kinds) > 1:
        raise BadRequest(f"Invalid create requirements: {', '.join(sorted(kinds - {CREATE}))}")
    return read


def is_create(requirements: Sequence[Json]) -> bool:
    """Whether the table is not to be there yet."""
    return any(requirement["type"] == CREATE for requirement in requirements)


def check_requirements(requirements: Sequence[Json], metadata: Json | None, *, of_view: bool = False) -> None:
    """Hold every requirement against the table as it is; None stands for a table that is not there.

    Raises:
        CommitFailed: Names the first that does not hold.
    """
    known = _OF_VIEWS if of_view else _OF_TABLES
    for requirement in requirements:
        if requirement["type"] == CREATE:
            if metadata is not None:
                raise CommitFailed("Requirement failed: table already exists")
        elif metadata is not None:
            known[requirement["type"]][1](requirement, metadata)


def _read_uuid(requirement: Json) -> None:
    text_of(requirement, "uuid")


def _check_uuid(requirement: Json, metadata: Json) -> None:
    expected, given = metadata["table-uuid"], requirement["uuid"]
    if expected.lower() != given.lower():
        raise CommitFailed(f"Requirement failed: UUID does not match: expected {expected} != {given}")


def _check_view_uuid(requirement: Json, metadata: Json) -> None:
    expected, given = metadata["view-uuid"], requirement["uuid"]
    if expected.lower() != given.lower():
        raise CommitFailed(f"Requirement failed: view UUID does not match: expected {expected} != {given}")


def _read_ref(requirement: Json) -> None:
    text_of(requirement, "ref")
    optional_long(requirement, "snapshot-id")


def _check_ref(requirement: Json, metadata: Json) -> None:
    name, expected = requirement["ref"], requirement.get("snapshot-id")
    ref = metadata["refs"].get(name)
    if ref is None:
        if expected is not None:
            raise CommitFailed(f"Requirement failed: branch or tag {name} is missing, expected {expected}")
        return
    if expected is None:
        raise CommitFailed(f"Requirement failed: {ref['type']} {name} was created concurrently")
    if ref["snapshot-id"] != expected:
        raise CommitFailed(
            f"Requirement failed: {ref['type']} {name} has changed: expected id {expected} != {ref['snapshot-id']}"
        )


_Reader = Callable[[Json], None]
_Check = Callable[[Json, Json], None]


def _number(asked: str, held: str, what: str) -> tuple[_Reader, _Check]:
    """A requirement that a number of the metadata is what the client believes it to be."""

    def read(requirement: Json) -> None:
        int_of(requirement, asked)

    def check(requirement: Json, metadata: Json) -> None:
        if requirement[asked] != metadata[held]:
            raise CommitFailed(
                f"Requirement failed: {what} changed: expected id {requirement[asked]} != {metadata[held]}"
            )

    return read, check


_OF_TABLES: dict[str, tuple[_Reader, _Check]] = {
    "assert-table-uuid": (_read_uuid, _check_uuid),
    "assert-ref-snapshot-id": (_read_ref, _check_ref),
    "assert-last-assigned-field-id": _number("last-assigned-field-id", "last-column-id", "last assigned field id"),
    "assert-current-schema-id": _number("current-schema-id", "current-schema-id", "current schema"),
    "assert-last-assigned-partition-id": _number(
        "last-assigned-partition-id", "last-partition-id", "last assigned partition id"
    ),
    "assert-default-spec-id": _number("default-spec-id", "default-spec-id", "default partition spec"),
    "assert-default-sort-order-id": _number("default-sort-order-id", "default-sort-order-id", "default sort order"),
}
_OF_VIEWS: dict[str, tuple[_Reader, _Check]] = {"assert-view-uuid": (_read_uuid, _check_view_uuid)}
