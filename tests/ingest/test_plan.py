from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headgate.errors import ContractError, DataError, ProjectError
from headgate.ingest.ledger import known_loads, live
from headgate.ingest.plan import outdated, plan_loads

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

COLUMNS = "columns: {id: {type: integer, required: true}, name: varchar}\n"


def contents(lake: Lake, table: str = "a") -> list[tuple[object, ...]]:
    return lake.rows(f"SELECT id, name FROM bronze.{table} ORDER BY ALL")


def test_equal_bytes_are_loaded_once_whatever_their_name(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    lake.file("data/1.csv", "id,name\n1,a\n")
    lake.file("data/2.csv", "id,name\n1,a\n")
    assert len(lake.load()) == 1
    (lake.root / "data/1.csv").unlink()
    lake.file("data/3.csv", "id,name\n1,a\n")
    assert lake.load() == []
    assert contents(lake) == [(1, "a")]


def test_sources_load_equal_bytes_each_for_itself(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    lake.source("b", f"table: b\nfiles: data/*.csv\n{COLUMNS}")
    lake.file("data/1.csv", "id,name\n1,a\n")
    first, second = lake.load()
    assert first.load_id != second.load_id


def test_a_changed_file_replaces_its_rows_and_its_refused_rows(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    lake.file("data/1.csv", "id,name\n1,a\n,b\n")
    lake.file("data/2.csv", "id,name\n9,z\n,y\n")
    first, _ = lake.load()
    lake.file("data/1.csv", "id,name\n2,c\n")
    (second,) = lake.load()
    assert second.replaces == first.load_id
    assert contents(lake) == [(2, "c"), (9, "z")]
    assert lake.rows("SELECT file, row FROM quarantine.a") == [("data/2.csv", 2)]
    # And back: the first content is new again.
    lake.file("data/1.csv", "id,name\n1,a\n,b\n")
    (third,) = lake.load()
    assert third.replaces == second.load_id
    assert third.load_id != first.load_id
    assert contents(lake) == [(1, "a"), (9, "z")]
    assert lake.rows("SELECT count(*) FROM quarantine.a") == [(2,)]
    assert lake.rows(
        "SELECT sum(read) - sum(loaded) - sum(quarantined) - sum(duplicates), count(*) FROM headgate.loads"
    ) == [(0, 4)]
    assert {load.load_id for load in live(known_loads(lake.ws))} >= {third.load_id}


def test_a_changed_file_may_be_appended(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\nchanged_file: append\n{COLUMNS}")
    lake.file("data/1.csv", "id,name\n1,a\n")
    lake.load()
    lake.file("data/1.csv", "id,name\n2,b\n")
    lake.load()
    assert contents(lake) == [(1, "a"), (2, "b")]
    lake.file("data/1.csv", "id,name\n1,a\n")
    assert lake.load() == []


def test_a_changed_file_may_be_forbidden(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\nchanged_file: fail\n{COLUMNS}")
    lake.file("data/1.csv", "id,name\n1,a\n")
    lake.load()
    lake.file("data/1.csv", "id,name\n2,b\n")
    with pytest.raises(ContractError, match=r"'data/1.csv' has changed"):
        lake.load()


def test_content_that_moves_to_another_name_stays_loaded(lake: Lake) -> None:
    """`current.csv` becomes `march.csv`, and `current.csv` gets new rows: nothing of March is lost."""
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    lake.file("data/current.csv", "id,name\n3,march\n")
    lake.load()
    lake.file("data/march.csv", "id,name\n3,march\n")
    lake.file("data/current.csv", "id,name\n4,april\n")
    (result,) = lake.load()
    assert result.replaces is None
    assert contents(lake) == [(3, "march"), (4, "april")]


def test_content_that_moves_onto_another_name_leaves_its_rows(lake: Lake) -> None:
    """It cannot be told from logs that rotate while the newest is not there yet."""
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    lake.file("data/a.csv", "id,name\n1,a\n")
    lake.file("data/b.csv", "id,name\n2,b\n")
    lake.load()
    (lake.root / "data/b.csv").rename(lake.root / "data/a.csv")
    assert lake.load() == []
    assert contents(lake) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("known", [True, False])
def test_a_copy_beside_its_original_makes_a_changed_file_as_well(lake: Lake, known: bool) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    lake.file("data/a.csv", "id,name\n1,wrong\n")
    (wrong,) = lake.load()
    lake.file("data/a-fixed.csv", "id,name\n1,right\n")
    if known:
        lake.load()
    lake.file("data/a.csv", "id,name\n1,right\n")
    gone = lake.load()[0]
    assert (gone.file, gone.replaces, gone.loaded) == ("data/a.csv", wrong.load_id, 0)
    assert contents(lake) == [(1, "right")]
    assert lake.load() == []


def test_known_content_under_a_name_is_kept_or_forbidden_as_the_contract_says(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\nchanged_file: append\n{COLUMNS}")
    lake.file("data/a.csv", "id,name\n1,a\n")
    lake.file("data/b.csv", "id,name\n2,b\n")
    lake.load()
    lake.file("data/a.csv", "id,name\n2,b\n")
    assert lake.load() == []
    assert contents(lake) == [(1, "a"), (2, "b")]
    lake.source("a", f"table: a\nfiles: data/*.csv\nchanged_file: fail\n{COLUMNS}")
    with pytest.raises(ContractError, match=r"'data/a.csv' has changed"):
        lake.load()


def test_files_that_change_names_among_each_other_stay_loaded(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    lake.file("data/a.csv", "id,name\n1,a\n")
    lake.file("data/b.csv", "id,name\n2,b\n")
    lake.load()
    lake.file("data/a.csv", "id,name\n2,b\n")
    lake.file("data/b.csv", "id,name\n1,a\n")
    assert lake.load() == []


def test_logs_that_rotate_keep_the_rows_of_the_oldest(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*\n{COLUMNS}")
    days = [f"id,name\n{day},log\n" for day in range(6)]
    for today in (2, 3, 4, 5):
        # Between two days there is no newest one.
        (lake.root / "data/log.0.csv").unlink(missing_ok=True)
        for age in (2, 1, 0):
            lake.file(f"data/log.{age}.csv", days[today - age])
            if age < 2 or today == 2:
                lake.load()
    assert contents(lake) == [(day, "log") for day in range(6)]


def test_content_that_moved_and_then_went_stays_loaded(lake: Lake) -> None:
    """`current.csv` became `march.csv`, which is gone since: neither April nor May take its rows out."""
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    lake.file("data/current.csv", "id,name\n3,march\n")
    lake.load()
    lake.file("data/march.csv", "id,name\n3,march\n")
    lake.file("data/current.csv", "id,name\n4,april\n")
    lake.load()
    (lake.root / "data/march.csv").unlink()
    assert lake.load() == []
    lake.file("data/april.csv", "id,name\n4,april\n")
    lake.file("data/current.csv", "id,name\n5,may\n")
    lake.load()
    assert contents(lake) == [(3, "march"), (4, "april"), (5, "may")]


@pytest.mark.parametrize("content", ["id,name\n1,a\n", "id,name\n1,corrected\n"])
def test_a_contract_under_another_name_loads_nothing_twice(lake: Lake, content: str) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    lake.file("data/1.csv", "id,name\n1,a\n")
    lake.load()
    (lake.root / "ingestion/a.yml").rename(lake.root / "ingestion/b.yml")
    lake.file("data/1.csv", content)
    for refresh in (False, True):
        with pytest.raises(
            ProjectError, match=r"'b' would load the file 'data/1.csv' into bronze.a.*'a' loaded it"
        ) as error:
            lake.load(full_refresh=refresh)
        assert "name it a.yml again" in str(error.value.hint)
    # Into another table it may go, and the old name brings everything back.
    lake.source("b", f"table: b\nfiles: data/*.csv\n{COLUMNS}")
    assert len(lake.load()) == 1
    (lake.root / "ingestion/b.yml").unlink()
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    assert len(lake.load()) == (content != "id,name\n1,a\n")


def test_a_file_without_rows_is_nobodys(lake: Lake) -> None:
    lake.source("a", f"table: t\nfiles: data/a.csv\n{COLUMNS}")
    lake.source("b", f"table: t\nfiles: data/b*.csv\n{COLUMNS}")
    lake.file("data/a.csv", "id,name\n")
    lake.file("data/b.csv", "id,name\n1,b\n")
    lake.load()
    (lake.root / "ingestion/a.yml").unlink()
    lake.file("data/b-2.csv", "id,name\n")
    assert [result.file for result in lake.load()] == ["data/b-2.csv"]


def test_another_table_begins_anew_and_the_old_one_stays(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    lake.file("data/1.csv", "id,name\n1,a\n,x\n")
    lake.file("data/2.csv", "id,name\n2,b\n")
    lake.load()
    lake.source("a", f"table: ops.a\nfiles: data/*.csv\n{COLUMNS}")
    told: list[str] = []
    planned = plan_loads(lake.project, lake.sources(), known_loads(lake.ws), lake.session.storage, tell=told.append)
    assert [(step.name, step.reason, step.replaces) for step in planned] == [
        ("data/1.csv", "is new", None),
        ("data/2.csv", "is new", None),
    ]
    (note,) = told
    assert note.startswith("The source 'a' fills ops.a now")
    assert "What it loaded into bronze.a stays as it is" in note
    assert outdated(lake.sources(), known_loads(lake.ws)) == []
    first, _ = lake.load()
    lake.file("data/1.csv", "id,name\n1,corrected\n")
    (second,) = lake.load()
    assert second.replaces == first.load_id
    assert lake.rows("SELECT id, name FROM ops.a ORDER BY id") == [(1, "corrected"), (2, "b")]
    assert contents(lake) == [(1, "a"), (2, "b")]
    # Back again: the table has the second file, and the old content of the first.
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    (third,) = lake.load()
    assert contents(lake) == [(1, "corrected"), (2, "b")]
    assert third.replaces is not None
    assert lake.rows("SELECT count(*) = count(DISTINCT load_id) FROM headgate.loads") == [(True,)]
    loads = {load.load_id for load in live(known_loads(lake.ws))}
    assert {row[0] for row in lake.rows("SELECT _load_id FROM bronze.a UNION SELECT _load_id FROM ops.a")} == loads


def test_sources_that_are_there_may_load_one_file_into_one_table(lake: Lake) -> None:
    for name in ("a", "b"):
        lake.source(name, f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    lake.file("data/1.csv", "id,name\n1,a\n")
    assert len(lake.load()) == 2
    # A source that goes leaves its rows, and another one goes on with files of its own.
    (lake.root / "ingestion/a.yml").unlink()
    assert lake.load() == []
    lake.file("data/2.csv", "id,name\n2,b\n")
    assert len(lake.load()) == 1
    assert contents(lake) == [(1, "a"), (1, "a"), (2, "b")]


def test_replace_holds_the_files_that_are_there(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\nload: replace\n{COLUMNS}")
    lake.file("data/1.csv", "id,name\n1,a\n,x\n")
    lake.file("data/2.csv", "id,name\n2,b\n")
    lake.load()
    (lake.root / "data/1.csv").unlink()
    lake.file("data/3.csv", "id,name\n3,c\n")
    results = lake.load()
    assert sorted((load.file, load.read, load.loaded) for load in results) == [
        ("data/1.csv", 0, 0),
        ("data/3.csv", 1, 1),
    ]
    assert contents(lake) == [(2, "b"), (3, "c")]
    assert lake.rows("SELECT count(*) FROM quarantine.a") == [(0,)]
    assert lake.load() == []
    for name in ("2", "3"):
        (lake.root / f"data/{name}.csv").unlink()
    with pytest.raises(DataError, match="has no file"):
        lake.load()


def test_a_removed_file_comes_back(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\nload: replace\n{COLUMNS}")
    lake.file("data/1.csv", "id,name\n1,a\n")
    lake.file("data/2.csv", "id,name\n2,b\n")
    lake.load()
    for _ in range(2):
        (lake.root / "data/1.csv").unlink()
        lake.load()
        assert contents(lake) == [(2, "b")]
        lake.file("data/1.csv", "id,name\n1,a\n")
        lake.load()
        assert contents(lake) == [(1, "a"), (2, "b")]
    assert lake.rows("SELECT count(*) = count(DISTINCT load_id) FROM headgate.loads") == [(True,)]


def test_full_refresh_loads_again_and_may_change_types(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    lake.file("data/1.csv", "id,name\n1,007\n")
    lake.load()
    lake.source("a", "table: a\nfiles: data/*.csv\ncolumns: {id: varchar, name: integer}\n")
    assert lake.load() == []
    assert [source.name for source in outdated(lake.sources(), known_loads(lake.ws))] == ["a"]
    (result,) = lake.load(full_refresh=True)
    assert result.replaces is not None
    assert contents(lake) == [("1", 7)]
    assert outdated(lake.sources(), known_loads(lake.ws)) == []


@pytest.mark.parametrize("load", ["append", "replace", "merge"])
def test_what_is_read_again_is_not_said_to_stay(lake: Lake, load: str) -> None:
    contract = f"table: a\nfiles: data/*.csv\nload: {load}\nkey: [id]\n"
    lake.source("a", f"{contract}{COLUMNS}")
    lake.file("data/1.csv", "id,name\n1,a\n")
    lake.file("data/2.csv", "id,name\n2,b\n")
    lake.load()
    lake.source("a", f"{contract}{COLUMNS.replace('varchar', '{type: varchar, required: true}')}")
    lake.file("data/1.csv", "id,name\n1,c\n")
    known = known_loads(lake.ws)
    planned = plan_loads(lake.project, lake.sources(), known, lake.session.storage)
    read = {step.name for step in planned}
    assert read == ({"data/1.csv", "data/2.csv"} if load == "merge" else {"data/1.csv"})
    stays = [source.name for source in outdated(lake.sources(), known, planned)]
    assert stays == ([] if load == "merge" else ["a"])


def test_load_ids_do_not_depend_on_who_plans(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    lake.file("data/1.csv", "id,name\n1,a\n")
    plans = [plan_loads(lake.project, lake.sources(), [], lake.session.storage) for _ in range(2)]
    assert plans[0][0].load_id == plans[1][0].load_id


def test_a_source_that_never_had_a_file(lake: Lake) -> None:
    lake.source("a", f"table: a\nfiles: data/*.csv\n{COLUMNS}")
    with pytest.raises(DataError, match=r"nothing matches data/\*.csv"):
        lake.load()
    lake.file("data/1.csv", "id,name\n1,a\n")
    lake.load()
    (lake.root / "data/1.csv").unlink()
    assert lake.load() == []


def test_columns_of_a_contract_are_described_in_the_table(lake: Lake) -> None:
    lake.source(
        "a",
        "table: a\ndescription: Names.\nfiles: data/*.csv\ncolumns: {id: {type: integer, description: A number.}}\n",
    )
    lake.file("data/1.csv", "id\n1\n")
    lake.load()
    schema = lake.ws.table(lake.sources()[0].table).schema
    assert schema.find_field("id").doc == "A number."
    assert schema.find_field("_source_row").doc is not None
    assert lake.ws.properties(lake.sources()[0].table)["comment"] == "Names."
