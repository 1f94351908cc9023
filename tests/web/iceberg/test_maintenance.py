"""Engines that delete files themselves take none that another branch, tag or commit needs."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.table import StaticTable, Table
from tests.web.iceberg.asking import Asking, append, good
from tests.web.serving import Served

ROWS = pa.table({"id": pa.array(range(10), pa.int64())})


def rest(served: Served, warehouse: str) -> RestCatalog:
    return RestCatalog("lake", uri=f"{served.url}/iceberg", warehouse=warehouse, token=served.token)


def rows(served: Served, ref: str) -> int:
    """The rows of a state, read from its files without any catalog."""
    content = served.lake.catalog.state(ref).get(next(iter(served.lake.catalog.state(ref).names())))
    assert content is not None
    return int(StaticTable.from_metadata(content.metadata_location).scan().to_arrow().num_rows)


def remove_orphan_files(table: Table) -> list[Path]:
    """What Trino does, with a retention of nothing: delete what lies below the location and has an unknown name."""
    known = {Path(entry.metadata_file).name for entry in table.metadata.metadata_log}
    for snapshot in table.snapshots():
        known.add(Path(snapshot.manifest_list).name)
        for manifest in snapshot.manifests(table.io):
            known.add(Path(manifest.manifest_path).name)
            known |= {Path(entry.data_file.file_path).name for entry in manifest.fetch_manifest_entry(table.io)}
    location = Path(table.location().removeprefix("file://"))
    orphans = [file for file in location.rglob("*") if file.is_file() and file.name not in known]
    for file in orphans:
        file.unlink()
    return orphans


@pytest.fixture
def history(branch: Asking) -> Served:
    """One table: ten rows on a tag, twenty on a branch, thirty on the branch that is worked on."""
    served, catalog = branch.served, rest(branch.served, branch.ref)
    catalog.create_namespace("ns")
    catalog.create_table("ns.t", ROWS.schema).append(ROWS)
    served.lake.catalog.create_tag("ten", branch.ref)
    catalog.load_table("ns.t").append(ROWS)
    served.lake.catalog.create_branch("twenty", branch.ref)
    catalog.load_table("ns.t").append(ROWS)
    return served


def test_what_trino_calls_orphans_is_nothing(history: Served) -> None:
    heads = [commit.id for commit in history.lake.catalog.log("team/feature-1", 4)]
    for ref in ("team/feature-1", "twenty", "ten", *heads[:3]):
        assert remove_orphan_files(rest(history, ref).load_table("ns.t")) == []
    assert [rows(history, ref) for ref in ("ten", "twenty", "team/feature-1")] == [10, 20, 30]


def test_files_of_a_reverted_change_are_no_orphans(history: Served) -> None:
    """They are named by no metadata of the branch any more, and by its history still."""
    catalog = history.lake.catalog
    undone = catalog.ref("team/feature-1").commit_id
    catalog.revert(undone, "team/feature-1", message="revert", author="ada")
    assert rows(history, "team/feature-1") == 20
    assert remove_orphan_files(rest(history, "team/feature-1").load_table("ns.t")) == []
    assert rows(history, undone) == 30


def test_a_client_that_remembers_its_place_gets_another_once_it_wrote_there(history: Served) -> None:
    """Java's client keeps what it loaded while the server says that nothing changed."""
    table = rest(history, "team/feature-1").load_table("ns.t")
    path = "/iceberg/v1/team~2Ffeature-1/namespaces/ns/tables/t"
    answer = history.get(path)
    tag, place = answer.headers["ETag"], answer.json()["metadata"]["location"]
    assert history.get(path, headers={"If-None-Match": tag}).status_code == 304
    data = Path(place.removeprefix("file://")) / "data"
    data.mkdir(parents=True)
    (data / "mine.parquet").write_bytes(b"rows of a commit that was reverted")
    again = history.get(path, headers={"If-None-Match": tag})
    assert again.status_code == 200
    assert again.json()["metadata"]["location"] not in (place, table.location())


def test_what_would_let_engines_delete_is_shown_as_forbidden(history: Served) -> None:
    for ref in ("team/feature-1", "twenty", "ten"):
        assert rest(history, ref).load_table("ns.t").properties["gc.enabled"] == "false"


def test_the_stored_table_is_not_touched_by_what_is_shown(history: Served) -> None:
    content = history.lake.catalog.state("ten").get(next(iter(history.lake.catalog.state("ten").names())))
    assert content is not None
    stored = StaticTable.from_metadata(content.metadata_location)
    assert "gc.enabled" not in stored.properties
    assert "/writes/" not in stored.location()


def test_expiring_in_metadata_takes_no_file(history: Served) -> None:
    catalog = rest(history, "team/feature-1")
    oldest = catalog.load_table("ns.t").snapshots()[0].snapshot_id
    catalog.load_table("ns.t").maintenance.expire_snapshots().by_id(oldest).commit()
    assert oldest not in {snapshot.snapshot_id for snapshot in catalog.load_table("ns.t").snapshots()}
    assert [rows(history, ref) for ref in ("ten", "twenty", "team/feature-1")] == [10, 20, 30]


def test_duckdb_makes_no_folder_for_each_read(filled: Asking) -> None:
    """It makes none itself, so they are made for it, and it deletes nothing: one place for a server's life will do."""
    duck = {"User-Agent": "duckdb/v1.5.5 test"}
    places = {good(filled.get("/namespaces/ns/tables/t", headers=duck))["metadata"]["location"] for _ in range(5)}
    assert len(places) == 1
    place = Path(places.pop().removeprefix("file://"))
    assert sorted(each.name for each in place.iterdir()) == ["data", "metadata"]
    good(filled.commit(append(1, 1)))
    assert good(filled.get("/namespaces/ns/tables/t"))["metadata"]["location"] != f"file://{place}"
