"""Apache's compatibility kit for Iceberg REST catalogs against `headgate serve`, on every catalog that headgate has."""

from __future__ import annotations

from pathlib import Path

import pytest

from services import rck, running
from services.fixtures import available

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]

# What the kit leaves out of itself, whatever the catalog: nested, empty and slashed namespaces, and one test that its
# own server cannot be set up for. All of it is in tests/web/iceberg.
LEFT_OUT = {
    "RESTCompatibilityKitCatalogTests.createAndDropEmptyNamespace()",
    "RESTCompatibilityKitCatalogTests.createTableInUniqueLocation()",
    "RESTCompatibilityKitCatalogTests.listNamespacesWithEmptyNamespace()",
    "RESTCompatibilityKitCatalogTests.listTablesInEmptyNamespace()",
    "RESTCompatibilityKitCatalogTests.namespacePropertiesOnEmptyNamespace()",
    "RESTCompatibilityKitCatalogTests.testDropNamespaceWithNestedNamespace()",
    "RESTCompatibilityKitCatalogTests.testListNestedNamespaces()",
    "RESTCompatibilityKitCatalogTests.testNamespaceWithSlash()",
    "RESTCompatibilityKitCatalogTests.testTableNameWithSlash()",
    "RESTCompatibilityKitViewCatalogTests.listViewsInEmptyNamespace()",
}
# Apache's own reference, an SQLite database behind Jetty, passes 145 of these 147 under the same settings.
PASSED = 147
# Their tables set gc.enabled, so that the client deletes the files of what it expires.
EXPIRING = {
    f"RESTCompatibilityKitCatalogTests.{name}(boolean)[{number}]"
    for name in ("testRemoveUnusedSchemas", "testRemoveUnusedSpec")
    for number in (1, 2)
}


@pytest.fixture(params=["sqlite", "postgres", "nessie"])
def catalog_url(request: pytest.FixtureRequest) -> str:
    """The `catalog` of a project, empty."""
    if request.param == "sqlite":
        return "sqlite:///.headgate/state.db"
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"nessie+{request.getfixturevalue('empty_nessie').url}"


def project(folder: Path, catalog_url: str, *, client_gc: bool) -> Path:
    """An empty project whose `main` is open, and a folder in its warehouse for the kit's temporary files."""
    (folder / ".headgate" / "warehouse" / "tmp").mkdir(parents=True)
    settings = f"{{url: '{catalog_url}', protect: false, client_gc: {str(client_gc).lower()}}}"
    (folder / "headgate.yml").write_text(f"name: kit\nauthor: kit\ncatalog: {settings}\n", encoding="utf-8")
    return folder


def run(project: Path, folder: Path) -> rck.Outcome:
    with available(running.lake(project, folder / "server")) as lake:
        client = {"token": lake.token, "java.io.tmpdir": str(project / ".headgate" / "warehouse" / "tmp")}
        return rck.run(folder / "kit", lake.iceberg, "main", settings=client)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "lake"
    made.mkdir()
    return made


def test_everything_passes(folder: Path, tmp_path: Path, catalog_url: str) -> None:
    outcome = run(project(folder, catalog_url, client_gc=True), tmp_path)
    assert outcome.failed == {}
    assert set(outcome.skipped) == LEFT_OUT
    assert len(outcome.passed) == PASSED


def test_a_lake_with_branches_refuses_what_deletes_their_files_and_passes_the_rest(
    folder: Path, tmp_path: Path
) -> None:
    outcome = run(project(folder, "sqlite:///.headgate/state.db", client_gc=False), tmp_path)
    assert set(outcome.failed) == EXPIRING
    assert all("Cannot set gc.enabled to true" in reason for reason in outcome.failed.values())
    assert len(outcome.passed) == PASSED - len(EXPIRING)
