"""Runs of whole projects with Nessie as the catalog: the same tables as on a laptop, and nothing half done."""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

import headgate
from headgate.errors import StorageError
from headgate.events import Event, Loaded
from headgate.lakehouse import Lakehouse
from headgate.run.result import RunStatus
from services import running

pytestmark = pytest.mark.services

MOBILITY = Path(__file__).parents[3] / "examples" / "mobility"
# What says when and in which run, and so differs between two runs on the same files.
OF_THE_RUN = {"_loaded_at", "refused_at", "run_id", "started", "finished"}


@pytest.fixture
def open_lake(tmp_path: Path) -> Iterator[Callable[..., Lakehouse]]:
    """Opens a copy of a project, with some settings changed."""
    opened: list[Lakehouse] = []

    def open_lake(source: Path, name: str, **settings: object) -> Lakehouse:
        folder = tmp_path / "projects" / name
        if not folder.exists():
            shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".headgate"))
            file = folder / "headgate.yml"
            file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **settings}))
        opened.append(headgate.open(folder))
        return opened[-1]

    yield open_lake
    for lake in opened:
        lake.close()


def fingerprints(lake: Lakehouse, ref: str = "main") -> dict[str, tuple[object, ...]]:
    """Every table of a state: how many rows, and a checksum of each column."""
    found: dict[str, tuple[object, ...]] = {}
    for table in lake.tables(ref):
        names = [column.name for column in lake.query(f"from {table.name} limit 0", ref).columns]
        kept = [name for name in names if name not in OF_THE_RUN]
        sums = ", ".join(f"""sum(hash('{name}', "{name}")::hugeint)""" for name in kept)
        found[table.name] = lake.query(f"select count(*), {sums} from {table.name}", ref).rows()[0]
    return found


def test_the_mobility_project_gives_the_tables_that_it_gives_on_a_laptop(
    open_lake: Callable[..., Lakehouse], empty_nessie: running.Nessie
) -> None:
    laptop = open_lake(MOBILITY, "laptop")
    there = open_lake(MOBILITY, "there", catalog=f"nessie+{empty_nessie.url}", author="ada")
    results = [laptop.run(), there.run()]
    assert [result.status for result in results] == [RunStatus.MERGED] * 2
    on_laptop = fingerprints(laptop)
    assert fingerprints(there) == on_laptop
    # 10 bronze, 28 models, 7 of refused rows and the ledger.
    assert len(on_laptop) == 46
    (entry,) = empty_nessie.ask("GET", "trees/main/history?fetch=ALL")["logEntries"]
    assert entry["commitMeta"]["authors"] == ["ada"]
    assert entry["commitMeta"]["allProperties"]["run_id"] == [results[1].run_id]
    entries = empty_nessie.ask("GET", "trees/main/entries?content=true")["entries"]
    content = {".".join(entry["name"]["elements"]): entry["content"] for entry in entries}
    sales = there.show("gold.fact_sales")
    assert content["gold.fact_sales"]["metadataLocation"] == sales.metadata_location
    assert content["gold.fact_sales"]["snapshotId"] == sales.snapshots[-1].snapshot_id
    again = there.run()
    assert (again.status, again.commit) == (RunStatus.UNCHANGED, results[1].commit)
    assert [ref["name"] for ref in empty_nessie.ask("GET", "trees")["references"]] == ["main"]
    assert [finding for finding in there.doctor() if finding.status != "ok"] == []


def test_tables_in_an_object_store_and_their_names_in_nessie(
    open_lake: Callable[..., Lakehouse], shop: Path, empty_nessie: running.Nessie, versitygw_server: running.S3
) -> None:
    bucket = f"lake-{uuid.uuid4().hex[:8]}"
    versitygw_server.make_bucket(bucket)
    storage = {
        "url": f"s3://{bucket}/warehouse",
        "endpoint": versitygw_server.endpoint,
        "region": versitygw_server.region,
        "path_style": True,
        "access_key": versitygw_server.access_key,
        "secret_key": versitygw_server.secret_key,
    }
    laptop = open_lake(shop, "laptop")
    there = open_lake(shop, "there", catalog=f"nessie+{empty_nessie.url}", storage=storage)
    assert [laptop.run().status, there.run().status] == [RunStatus.MERGED] * 2
    assert fingerprints(there) == fingerprints(laptop)
    content = empty_nessie.ask("GET", "trees/main/contents/bronze.orders")["content"]
    assert content["metadataLocation"].startswith(f"s3://{bucket}/warehouse/bronze/orders-")
    assert content["snapshotId"] > 0
    assert there.run().status is RunStatus.UNCHANGED


def test_a_server_that_dies_in_a_run_leaves_main_as_it_was_and_the_next_run_succeeds(
    open_lake: Callable[..., Lakehouse], shop: Path, tmp_path: Path
) -> None:
    with running.nessie(tmp_path / "server", persistent=True) as server:
        lake = open_lake(shop, "shop", catalog=f"nessie+{server.url}")

        def kill(event: Event) -> None:
            if isinstance(event, Loaded) and not server.process.exited:
                server.process.kill()

        with pytest.raises(StorageError, match="Nessie does not answer") as caught:
            lake.run(emit=kill)
        assert caught.value.place == server.url
        server.restart()
        assert server.ask("GET", "trees/main/history")["logEntries"] == []
        notes: list[Event] = []
        assert lake.run(emit=notes.append).status is RunStatus.MERGED
        assert [run.status for run in lake.runs()] == [RunStatus.MERGED, RunStatus.INTERRUPTED]
        assert [ref["name"] for ref in server.ask("GET", "trees")["references"]] == ["main"]
        assert lake.query("select count(*) from gold.mart_spending").rows() == [(2,)]


def test_two_runs_at_once_both_arrive(
    open_lake: Callable[..., Lakehouse], shop: Path, empty_nessie: running.Nessie
) -> None:
    lake = open_lake(shop, "shop", catalog=f"nessie+{empty_nessie.url}")
    command = [sys.executable, "-m", "headgate", "--project", str(lake.project.root), "run", "--select"]
    runs = [
        subprocess.Popen([*command, source], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for source in ("orders", "customers")
    ]
    outputs = [run.communicate(timeout=200)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert lake.query(
        "select (select count(*) from bronze.orders), (select count(*) from bronze.customers)"
    ).rows() == [(2, 2)]
    assert len(empty_nessie.ask("GET", "trees/main/history")["logEntries"]) == 2
    assert lake.run().status is RunStatus.MERGED
    assert (
        lake.query("select sum(spent) from gold.mart_spending").rows()
        == lake.query("select sum(amount) from bronze.orders").rows()
    )
