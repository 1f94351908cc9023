"""P4 and P3 where a branch is merged late, or a file of several that are read again breaks its contract."""

from __future__ import annotations

from pathlib import Path

import pytest

import headgate
from headgate.lakehouse import Lakehouse
from headgate.run.result import RunResult, RunStatus

CONTRACT = "table: o\nfiles: data/*.csv\ncolumns: {id: {type: bigint, required: true}, v: varchar}\n"
ROWS = "select id, v from bronze.o order by all"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, "headgate.yml", "name: late\n")
    write(tmp_path, "ingestion/o.yml", CONTRACT)
    write(tmp_path, "data/a.csv", "id,v\n1,a\n2,b\n")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def refused(root: Path, lake: Lakehouse) -> str:
    """Run while a test fails for what came; the branch of that run."""
    write(root, "tests/no_bad.sql", "select * from {{ source('bronze', 'o') }} where v = 'bad'")
    result = lake.run()
    assert result.status is RunStatus.REFUSED
    assert result.branch is not None
    return result.branch


def refused_and_corrected(root: Path, lake: Lakehouse, row: str) -> str:
    """The branch of a run that was refused for a file, which `main` has with another row since."""
    assert lake.run().status is RunStatus.MERGED
    write(root, "data/b.csv", "id,v\n3,bad\n")
    branch = refused(root, lake)
    write(root, "data/b.csv", f"id,v\n{row}\n")
    assert lake.run().status is RunStatus.MERGED
    return branch


def merged_late(root: Path, lake: Lakehouse, branch: str) -> RunResult:
    (root / "tests/no_bad.sql").unlink()
    return lake.merge(branch)


@pytest.mark.parametrize("load", ["append", "replace"])
def test_a_file_that_was_corrected_on_main_is_not_merged_as_it_was(project: Path, load: str) -> None:
    write(project, "ingestion/o.yml", f"{CONTRACT}load: {load}\n")
    with headgate.open(project) as lake:
        branch = refused_and_corrected(project, lake, "3,good")

        result = merged_late(project, lake, branch)

        assert result.status is RunStatus.CONFLICT
        assert result.error is not None
        assert "'data/b.csv'" in result.error.message
        assert lake.query(ROWS).rows() == [(1, "a"), (2, "b"), (3, "good")]
        assert lake.run().status is RunStatus.UNCHANGED


def test_nor_where_main_was_merged_into_its_branch_before(project: Path) -> None:
    with headgate.open(project) as lake:
        branch = refused_and_corrected(project, lake, "3,good")

        result = lake.merge("main", into=branch)

        assert result.status is RunStatus.CONFLICT
        assert result.error is not None
        assert "'data/b.csv'" in result.error.message


def test_both_contents_of_a_file_stand_where_its_contract_appends_them(project: Path) -> None:
    write(project, "ingestion/o.yml", f"{CONTRACT}changed_file: append\n")
    with headgate.open(project) as lake:
        branch = refused_and_corrected(project, lake, "4,good")

        assert merged_late(project, lake, branch).status is RunStatus.MERGED
        assert lake.query(ROWS).rows() == [(1, "a"), (2, "b"), (3, "bad"), (4, "good")]


def test_the_bytes_that_both_sides_loaded_come_in_once(project: Path) -> None:
    with headgate.open(project) as lake:
        assert lake.run().status is RunStatus.MERGED
        write(project, "data/b.csv", "id,v\n3,bad\n")
        branch = refused(project, lake)
        (project / "tests/no_bad.sql").unlink()
        (project / "data/b.csv").rename(project / "data/c.csv")
        assert lake.run().status is RunStatus.MERGED

        assert lake.merge(branch).status is RunStatus.CONFLICT
        assert lake.query(ROWS).rows() == [(1, "a"), (2, "b"), (3, "bad")]


def test_other_files_of_the_source_are_joined(project: Path) -> None:
    with headgate.open(project) as lake:
        assert lake.run().status is RunStatus.MERGED
        write(project, "data/b.csv", "id,v\n3,bad\n")
        branch = refused(project, lake)
        (project / "data/b.csv").rename(project / "b.csv")
        write(project, "data/c.csv", "id,v\n4,d\n")
        assert lake.run().status is RunStatus.MERGED

        assert merged_late(project, lake, branch).status is RunStatus.MERGED
        assert lake.query(ROWS).rows() == [(1, "a"), (2, "b"), (3, "bad"), (4, "d")]


def test_a_conflict_of_a_merge_names_both_sides(project: Path) -> None:
    with headgate.open(project) as lake:
        assert lake.run().status is RunStatus.MERGED
        write(project, "data/a.csv", "id,v\n1,bad\n2,b\n")
        branch = refused(project, lake)
        (project / "tests/no_bad.sql").unlink()
        lake.revert("main", reason="not yet")

        result = lake.merge(branch)

        assert result.status is RunStatus.CONFLICT
        assert result.error is not None
        assert result.error.message == (
            f"'{branch}' and main both changed bronze.o since they parted, and the changes cannot be joined."
        )
        assert f"headgate diff main {branch}" in (result.error.hint or "")


@pytest.mark.parametrize("load", ["append", "merge"])
def test_a_file_that_is_not_loaded_leaves_no_rows_of_those_that_are_read_again(project: Path, load: str) -> None:
    contract = CONTRACT.replace("v: varchar", "v: varchar, w: varchar") + "missing_columns: fill\n"
    contract += "load: merge\nkey: id\n" if load == "merge" else ""
    write(project, "ingestion/o.yml", contract)
    write(project, "data/b.csv", "id,v,w\n3,c,x\n4,d,y\n")
    with headgate.open(project) as lake:
        assert lake.run().status is RunStatus.MERGED
        write(project, "ingestion/o.yml", contract.replace("fill", "fail"))
        write(project, "data/b.csv", "id,v,w\n3,c,x\n")
        result = lake.run(select="o", full_refresh=True)
        assert result.status is RunStatus.REFUSED  # a.csv has no column w
        assert result.branch is not None

        assert lake.merge(result.branch, override="a.csv comes later").status is RunStatus.MERGED

        assert lake.query(ROWS).rows() == [(1, "a"), (2, "b"), (3, "c")]


def test_a_file_whose_rows_went_is_loaded_once_it_fits(project: Path) -> None:
    write(project, "data/b.csv", "id\n3\n")
    write(project, "data/c.csv", "id,v\n4,d\n")
    write(project, "ingestion/o.yml", f"{CONTRACT}missing_columns: fill\n")
    with headgate.open(project) as lake:
        assert lake.run().status is RunStatus.MERGED
        write(project, "ingestion/o.yml", f"{CONTRACT}missing_columns: fail\n")
        result = lake.run(select="o", full_refresh=True)
        assert result.status is RunStatus.REFUSED  # b.csv has no column v
        assert result.branch is not None
        assert lake.merge(result.branch, override="b.csv comes later").status is RunStatus.MERGED
        assert lake.query(ROWS).rows() == [(1, "a"), (2, "b"), (4, "d")]

        write(project, "ingestion/o.yml", f"{CONTRACT}missing_columns: fill\n")
        assert lake.run().status is RunStatus.MERGED
        assert lake.query(ROWS).rows() == [(1, "a"), (2, "b"), (3, None), (4, "d")]
