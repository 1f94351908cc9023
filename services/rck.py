"""Apache's compatibility kit for Iceberg REST catalogs, 1.11.0, run against a catalog of ours.

The kit is Java's client with the tests that Apache's own reference server has to pass. Three of its settings say what a
catalog decides for itself, and headgate decides: namespaces have to be created, names may hold dots, and a table lies
where the catalog says (see docs/decisions/fresh-write-locations.md).
"""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services import artifacts, java
from services.errors import ServiceError

SETTINGS = {
    "rck.local": "false",
    "rck.requires-namespace-create": "true",
    "rck.supports-serverside-retry": "true",
    "rck.purge-test-namespaces": "true",
    "rck.supports-names-with-dot": "true",
    "rck.supports-variant": "true",
    "rck.overrides-requested-location": "true",
}
"""What the kit is told about the catalog."""

_SUITE = "org.apache.iceberg.rest.RESTCompatibilityKitSuite"
_SECONDS = 600


@dataclass(frozen=True)
class Outcome:
    """What became of the kit's tests, by `class.method`, with the number of a test's variant behind it.

    Attributes:
        passed: Names.
        failed: First line of the reason, by name.
        skipped: The reason, by name: what a catalog of this kind is not asked.
    """

    passed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


def run(folder: Path, uri: str, warehouse: str, *, settings: Mapping[str, str] | None = None) -> Outcome:
    """Run the kit against an empty catalog.

    Args:
        folder: For reports; `folder/log` has what Java said.
        uri: The catalog, such as `http://127.0.0.1:8181/iceberg`.
        warehouse: The branch to write to.
        settings: Further properties of Java, those of the client among them; `java.io.tmpdir` has to be a folder that
            the catalog writes views' files to.

    Raises:
        Absent: There is no Maven to fetch the kit with.
        ServiceError: The kit did not run.
    """
    reports = folder / "reports"
    properties = {**SETTINGS, "uri": uri, "warehouse": warehouse, **(settings or {})}
    command = [
        str(java.for_spark() / "bin" / "java"),
        *(f"-D{name}={value}" for name, value in properties.items()),
        *("-cp", f"{artifacts.jars('rck')}/*"),
        *("org.junit.platform.console.ConsoleLauncher", "execute", "--select-class", _SUITE),
        *("--reports-dir", str(reports), "--details", "none", "--disable-banner"),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("w", encoding="utf-8") as log:
        subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False, timeout=_SECONDS, cwd=folder)
    found = outcome(reports)
    if not found.passed:
        said = (folder / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-20:]
        raise ServiceError("The compatibility kit did not run:\n" + "\n".join(said))
    return found


def outcome(reports: Path) -> Outcome:
    """Read the reports that JUnit wrote."""
    found = Outcome()
    for report in sorted(reports.glob("TEST-*.xml")):
        for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314  # our own process wrote it
            name = f"{case.get('classname', '').rpartition('.')[2]}.{case.get('name', '')}"
            failure = case.find("failure") if case.find("failure") is not None else case.find("error")
            skipped = case.find("skipped")
            if failure is not None:
                found.failed[name] = (failure.get("message") or failure.text or "").strip().partition("\n")[0]
            elif skipped is not None:
                found.skipped[name] = (skipped.text or "").strip().partition("\n")[0]
            else:
                found.passed.append(name)
    return found
