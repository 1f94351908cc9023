"""Marks what lies here, gives long tests their time, and adds up what they did.

A test counts what it did with `record(Part.FAULTS, "kills survived")`; the sums are printed when the long run ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.torture import sizes
from tests.torture.harness import Driver, Lake
from tests.torture.sizes import Part

Record = Callable[..., None]

HERE = Path(__file__).parent
# Reports carry properties from xdist's workers to the process that prints.
PROPERTY = "torture"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("torture")
            if sizes.LONG:
                item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """`record(part, name, n=1)` adds to a count of the table that `make torture` ends with."""

    def add(part: Part, name: str, n: int = 1) -> None:
        request.node.user_properties.append((PROPERTY, (part.value, name, n)))

    return add


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """A process that has imported headgate and forks one for each command."""
    started = Driver(tmp_path_factory.mktemp("driver"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory, driver: Driver) -> Lake:
    """The slice of the mobility example, in every state that scenarios start from."""
    # Imports half of headgate, and this file is read where only counts are added up.
    from tests.torture import scenarios

    return scenarios.build(tmp_path_factory.mktemp("torture"), driver)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not sizes.LONG:
        return
    counts: Counter[tuple[str, str]] = Counter()
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    for report in reports:
        if isinstance(report, pytest.TestReport) and report.when == "call":
            for key, counted in report.user_properties:
                if key == PROPERTY and isinstance(counted, tuple | list):
                    part, name, n = counted
                    counts[part, name] += n
    terminalreporter.section(f"torture (seed {sizes.SEED})")
    for (part, name), n in sorted(counts.items()):
        terminalreporter.write_line(f"{part:<12} {name:<44} {n:>12,}")
