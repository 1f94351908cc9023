"""What may be written to: branches; what may only be read: everything else, and `main`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.web.iceberg.asking import SCHEMA, VERSION, Asking, append, good, refused
from tests.web.serving import Served, serving

WRITES: list[tuple[str, str, Any]] = [
    ("POST", "/namespaces", {"namespace": ["new"]}),
    ("DELETE", "/namespaces/empty", None),
    ("POST", "/namespaces/ns/properties", {"updates": {"a": "b"}}),
    ("POST", "/namespaces/ns/tables", {"name": "new", "schema": SCHEMA}),
    ("POST", "/namespaces/ns/tables", {"name": "new", "schema": SCHEMA, "stage-create": True}),
    ("POST", "/namespaces/ns/tables/t", {"requirements": [], "updates": append(1, 1)}),
    ("DELETE", "/namespaces/ns/tables/t", None),
    (
        "POST",
        "/tables/rename",
        {"source": {"namespace": ["ns"], "name": "t"}, "destination": {"namespace": ["ns"], "name": "new"}},
    ),
    (
        "POST",
        "/transactions/commit",
        {
            "table-changes": [
                {"identifier": {"namespace": ["ns"], "name": "t"}, "requirements": [], "updates": append(1, 1)}
            ]
        },
    ),
    (
        "POST",
        "/namespaces/ns/views",
        {"name": "new", "schema": SCHEMA, "view-version": VERSION, "properties": {}},
    ),
    (
        "POST",
        "/namespaces/ns/views/v",
        {"updates": [{"action": "set-properties", "updates": {"a": "b"}}]},
    ),
    ("DELETE", "/namespaces/ns/views/v", None),
    (
        "POST",
        "/views/rename",
        {"source": {"namespace": ["ns"], "name": "v"}, "destination": {"namespace": ["ns"], "name": "new"}},
    ),
]
LABELS = [f"{method} {path}" for method, path, _ in WRITES]


@pytest.fixture
def states(filled: Asking) -> dict[str, Asking]:
    """The same state by each name that is not a branch's."""
    filled.namespace("empty")
    catalog = filled.served.lake.catalog
    commit = catalog.resolve(filled.ref)
    catalog.create_tag("v1", filled.ref)
    later = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    names = ["v1", commit.id, commit.id[:10], f"{filled.ref}@{commit.id[:12]}", f"{filled.ref}@{later}"]
    return {name: Asking(filled.served, name) for name in names}


def test_every_state_is_read(states: dict[str, Asking], filled: Asking) -> None:
    expected = filled.load()["metadata-location"]
    filled.ask("DELETE", "/namespaces/ns/tables/t")
    for state in states.values():
        assert good(state.served.get("/iceberg/v1/config", params={"warehouse": state.ref}))["overrides"]
        assert state.tables() == ["t"]
        assert state.load()["metadata-location"] == expected
        assert state.ask("HEAD", "/namespaces/ns/views/v").status_code == 204


@pytest.mark.parametrize(("method", "path", "body"), WRITES, ids=LABELS)
def test_a_state_that_stays_takes_no_writes(
    states: dict[str, Asking], filled: Asking, method: str, path: str, body: Any
) -> None:
    heads = {ref.name: ref.commit_id for ref in filled.served.lake.catalog.refs()}
    for name, state in states.items():
        message = refused(state.ask(method, path, body), 409, "CommitFailedException")
        assert name in message
        assert "headgate branch create" in message
    assert {ref.name: ref.commit_id for ref in filled.served.lake.catalog.refs()} == heads


@pytest.fixture
def main(filled: Asking) -> Asking:
    """`main`, with what the branch has."""
    filled.namespace("empty")
    catalog = filled.served.lake.catalog
    catalog.advance("main", filled.ref, catalog.ref("main").commit_id)
    return Asking(filled.served, "main")


@pytest.mark.parametrize(("method", "path", "body"), WRITES, ids=LABELS)
def test_main_takes_no_writes_and_says_the_way(main: Asking, method: str, path: str, body: Any) -> None:
    before = main.served.lake.catalog.ref("main").commit_id
    message = refused(main.ask(method, path, body), 403, "ForbiddenException")
    assert "headgate branch create" in message
    assert "headgate merge" in message
    assert main.served.lake.catalog.ref("main").commit_id == before
    assert main.tables() == ["t"]


@pytest.fixture
def unprotected(project_dir: Path) -> Iterator[Served]:
    (project_dir / "headgate.yml").write_text(
        "name: lake\ncatalog: {url: 'sqlite:///.headgate/state.db', protect: false}\n", encoding="utf-8"
    )
    with serving(project_dir) as found:
        yield found


def test_a_project_can_open_main(unprotected: Served) -> None:
    main = Asking(unprotected, "main")
    main.namespace("ns")
    main.table()
    assert main.tables() == ["t"]


def test_branches_do_not_see_one_another(filled: Asking) -> None:
    filled.served.lake.catalog.create_branch("other", filled.ref)
    other = Asking(filled.served, "other")
    good(other.commit(append(1, 1)))
    other.table("u")
    assert (filled.tables(), other.tables()) == (["t"], ["t", "u"])
    assert "current-snapshot-id" not in filled.load()["metadata"]
    assert Asking(filled.served, "main").get("/namespaces").json()["namespaces"] == []


def test_a_branch_that_is_gone_takes_no_writes(filled: Asking) -> None:
    filled.served.lake.catalog.delete_ref(filled.ref)
    assert refused(filled.commit(append(1, 1)), 404, "NoSuchWarehouseException")
