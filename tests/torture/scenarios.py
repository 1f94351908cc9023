"""What is done to a lake while it is killed: the first run, every kind of later one, commands beside the run."""

from __future__ import annotations

from pathlib import Path

from tests.torture import lakes
from tests.torture.harness import HEAD, Driver, Lake, Scenario

import headgate
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.types import Name

FRESH, LOADED, BRANCHED = "fresh", "loaded", "branched"


def _new_file(root: Path) -> None:
    text = "id,customer_id,vehicle_id,sale_date,sale_price,payment_method\n"
    text += "".join(f"{900_000 + n},{n},{1 + n % 40},2024-01-05,{30_000 + n},Lease\n" for n in range(1, 100))
    text += "900100,11,4,2024-01-06,not a price,Lease\n"
    (root / "data/sales/sales_2024.csv").write_text(text)


def _changed_file(root: Path) -> None:
    path = root / "data/customers.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:1] + lines[50:]))


def _looser_contract(root: Path) -> None:
    path = root / "ingestion/sales.yml"
    text = path.read_text()
    path.write_text(text.replace("""    pattern: '^[$€£]?[0-9][0-9,]*(\\.[0-9]{1,2})?$'\n""", ""))
    assert path.read_text() != text


SCENARIOS = (
    Scenario("first run", FRESH, ("run",)),
    Scenario("new file", LOADED, ("run",), _new_file),
    Scenario("changed file", LOADED, ("run",), _changed_file),
    Scenario("full refresh", LOADED, ("run", "--full-refresh"), repeats=True),
    Scenario("replay", LOADED, ("quarantine", "replay", "sales"), _looser_contract),
    Scenario("discard", LOADED, ("quarantine", "discard", "sales", "--reason", "tests of the supplier")),
    Scenario("merge", BRANCHED, ("merge", "team", "--into", "main"), refs=("main", "team")),
    Scenario("merge into a branch", BRANCHED, ("merge", "main", "--into", "team"), refs=("main", "team")),
    Scenario("revert", LOADED, ("revert", HEAD, "--reason", "sent twice"), again=(2,)),
    Scenario("branch create", LOADED, ("branch", "create", "team"), again=(1, 2), refs=("main", "team")),
    Scenario("branch delete", BRANCHED, ("branch", "delete", "team"), again=(1, 2)),
)


def build(folder: Path, driver: Driver) -> Lake:
    """The slice in all states that scenarios start from."""
    root = folder / "lake"
    lakes.part(root)
    lake = Lake(root, driver, folder / "kept")
    assert lake.call("branch", "list").code == 0
    lake.keep(FRESH)
    assert lake.call("run").code == 0
    lake.keep(LOADED)
    _branch(root)
    _new_file(root)
    assert lake.call("run").code == 0
    lake.keep(BRANCHED)
    return lake


def _branch(root: Path) -> None:
    """A branch with a table of its own, and `main` about to move on without it."""
    with headgate.open(root) as lake, Session(lake.project.engine, lake.lake.storage) as session:
        lake.create_branch("team")
        workspace = Workspace(lake.lake.catalog, "team", session)
        workspace.append(Name.of("team", "notes"), "SELECT 1 AS n, 'checked by hand' AS note")
        workspace.commit("notes")
