"""A lake with tables and views in it that other engines made: what does not touch them goes on as before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines.foreign import Foreign, edited, files_of, orc_file, position_deletes, register, rows, view

import headgate
from headgate.catalog.locations import path_of
from headgate.errors import DataError
from headgate.lakehouse import Lakehouse
from headgate.run.result import RunStatus
from headgate.types import Name


@pytest.fixture
def lake(shop: Path) -> Iterator[Lakehouse]:
    """The shop after a run; then come a table with deletes, a view of Spark's, and a table newer than headgate."""
    with headgate.open(shop) as opened:
        assert opened.run().status is RunStatus.MERGED
        opened.create_tag("before")
        catalog, inside = opened.lake.catalog, Foreign(Path(opened.lake.storage.warehouse) / "spark")
        table = inside.table(rows(0, 10)).metadata_location
        register(catalog, Name.of("spark", "deleted"), position_deletes(table, {files_of(table)[0]: [0, 1]}))
        register(catalog, Name.of("spark", "seen"), view(shop, {"spark": "SELECT `id` FROM spark.deleted"}, ["spark"]))
        newer = edited(inside.table(rows(0, 3)).metadata_location, lambda found: found.update({"format-version": 4}))
        register(catalog, Name.of("spark", "newer"), newer)
        yield opened


def test_they_are_listed(lake: Lakehouse) -> None:
    listed = {each.name: (each.kind, each.rows) for each in lake.tables() if each.name.startswith("spark.")}
    assert listed == {
        "spark.deleted": ("table", 8),
        "spark.newer": ("table", None),
        "spark.seen": ("view", None),
    }
    counted = lake.query("select table_name, row_count from headgate.tables where schema_name = 'spark' order by 1")
    assert counted.rows() == [("deleted", 8), ("newer", None), ("seen", None)]


def test_differences_are_counted_with_deletes(lake: Lakehouse) -> None:
    changes = {each["name"]: each for each in lake.diff("before", "main")["changes"]}
    assert changes["spark.deleted"]["rows_after"] == 8
    assert changes["spark.newer"]["rows_after"] is None
    lake.create_branch("dev")
    catalog = lake.lake.catalog
    content = catalog.state("dev").get(Name.of("spark", "deleted"))
    assert content is not None
    first = files_of(content.metadata_location)[0]
    register(catalog, Name.of("spark", "deleted"), position_deletes(content.metadata_location, {first: [5]}), "dev")
    found = lake.diff("main", "dev", "spark.deleted")
    (change,) = found["changes"]
    assert (change["rows_before"], change["rows_after"]) == (8, 7)
    assert (change["rows_added"], change["rows_removed"]) == (0, 1)
    assert found["rows"] == [{"change": "-", "id": 5, "kind": "k2"}]


def test_the_doctor_finds_nothing_wrong_with_them(lake: Lakehouse) -> None:
    findings = lake.doctor()
    assert [finding for finding in findings if finding.status == "error"] == []
    told = " ".join(finding.message for finding in findings)
    assert "spark.seen (spark)" in told
    assert "format version 4" in told


def test_the_doctor_misses_a_file_of_deletes(lake: Lakehouse) -> None:
    (file,) = [file for file in lake.show("spark.deleted").files if file.content == "position deletes"]
    path_of(file.path).unlink()
    (finding,) = [finding for finding in lake.doctor() if finding.status == "error"]
    assert finding.message.startswith("spark.deleted: ")
    assert finding.message.endswith("is missing.")


def test_runs_go_on(lake: Lakehouse, shop: Path) -> None:
    assert lake.run().status is RunStatus.UNCHANGED
    model = shop / "models/marts/mart_deleted.sql"
    model.write_text("select count(*) as n from {{ source('spark', 'deleted') }}\n")
    (shop / "models/spark.yml").write_text("sources:\n  - name: spark\n    tables: [{name: deleted}, {name: seen}]\n")
    assert [each.name for each in lake.plan().models] == ["gold.mart_deleted"]
    assert lake.run().status is RunStatus.MERGED
    assert lake.query("select n from gold.mart_deleted").rows() == [(8,)]
    model.write_text("select count(*) as n from {{ source('spark', 'seen') }}\n")
    result = lake.run()
    assert result.status is RunStatus.FAILED
    assert "View 'spark.seen' is written in the SQL of spark" in str(result.error)


def test_a_query_says_which_table_it_cannot_read(lake: Lakehouse, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'spark\.seen' is written in the SQL of spark"):
        lake.query("select * from spark.seen")
    with pytest.raises(DataError, match="format version 4"):
        lake.show("spark.newer")
    with pytest.raises(DataError, match="format version 4"):
        lake.query("select * from spark.newer")
    inside = Foreign(Path(lake.lake.storage.warehouse) / "orc").table(rows(0, 3)).metadata_location
    register(lake.lake.catalog, Name.of("spark", "orc"), orc_file(inside, rows(3, 6)))
    with pytest.raises(DataError, match=r"cannot read table 'spark\.orc': it has data files that are not Parquet"):
        lake.query("select * from spark.orc")
    lake.create_branch("dev")
    register(lake.lake.catalog, Name.of("spark", "orc"), inside, "dev")
    with pytest.raises(DataError, match=r"cannot read table 'spark\.orc': it has data files that are not Parquet"):
        lake.diff("dev", "main", "spark.orc")
    far = Foreign(tmp_path / "far").table(rows(0, 3)).metadata_location
    register(lake.lake.catalog, Name.of("spark", "far"), far)
    with pytest.raises(DataError, match=r"cannot read table 'spark\.far': it has files outside of the lake's storage"):
        lake.query("select * from spark.far")
