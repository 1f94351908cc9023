"""Back ends of the catalog, and a few words to tell their suites in; a new back end is a row in `BACK_ENDS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from headgate.catalog import MAIN, Catalog, Commit, Operation, Rejoin, open_catalog
from headgate.database import Database
from headgate.types import Content, Kind, Name

BACK_ENDS: dict[str, Callable[[pytest.FixtureRequest], str]] = {
    "sqlite": lambda request: f"sqlite:///{request.getfixturevalue('tmp_path')}/state.db",
    "postgresql": lambda request: str(request.getfixturevalue("postgres_url")),
    "nessie": lambda request: f"nessie+{request.getfixturevalue('empty_nessie').url}",
}
# Those that are a file and need no server.
_FILES = {"sqlite"}


def table(version: str) -> Content:
    return Content(Kind.TABLE, "one", f"file:///lake/{version}.json")


def version_of(content: Content) -> str:
    return content.metadata_location.removeprefix("file:///lake/").removesuffix(".json")


@pytest.fixture(
    params=[pytest.param(name, marks=() if name in _FILES else pytest.mark.services) for name in sorted(BACK_ENDS)]
)
def catalog(request: pytest.FixtureRequest) -> Iterator[Catalog]:
    """A new catalog on each back end, whose history has to add up when the test is done with it."""
    url = BACK_ENDS[request.param](request)
    db = Database.open(url if request.param != "nessie" else BACK_ENDS["sqlite"](request))
    opened = open_catalog(url, db)
    yield opened
    assert opened.verify() == []
    opened.close()
    db.close()


@pytest.fixture
def put(catalog: Catalog) -> Callable[[str, Name, str | None], Commit]:
    """Commit one version of a table, None to drop it, as a writer does who has just read the branch."""

    def commit(branch: str, name: Name, version: str | None) -> Commit:
        after = None if version is None else table(version)
        operation = Operation(name, before=catalog.state(branch).get(name), after=after)
        return catalog.commit(branch, [operation], message=f"{name} {version}", author="ada")

    return commit


@pytest.fixture
def versions(catalog: Catalog) -> Callable[[str], dict[str, str]]:
    """Every name and the version it stands for."""

    def read(at: str = MAIN) -> dict[str, str]:
        return {str(name): version_of(content) for name, content in catalog.state(at).items()}

    return read


@pytest.fixture
def concatenate() -> Rejoin:
    """Joins appends to tables whose version lists what was appended, as in `a+b`."""

    def rejoin(name: Name, base: Content | None, theirs: Content, ours: Content) -> Content | None:
        if base is None:
            return None
        known, left, right = (version_of(content).split("+") for content in (base, theirs, ours))
        if left[: len(known)] != known or right[: len(known)] != known:
            return None
        return table("+".join(left + right[len(known) :]))

    return rejoin
