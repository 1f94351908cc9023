from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headgate.errors import ProjectError

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

COLUMNS = "columns: {id: {type: bigint, required: true}, name: varchar}\n"


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [("merge", "merge", "both merge"), ("append", "merge", "'b' merges"), ("merge", "replace", "'a' merges")],
)
def test_a_table_that_is_merged_into_has_one_source(lake: Lake, first: str, second: str, told: str) -> None:
    for name, load in (("a", first), ("b", second)):
        lake.source(name, f"table: t\nfiles: data/{name}.csv\nload: {load}\nkey: id\n{COLUMNS}")
        lake.file(f"data/{name}.csv", f"id,name\n1,{name}\n")
    with pytest.raises(
        ProjectError, match=f"The sources 'a' and 'b' both fill the table 'bronze.t', and {told}"
    ) as error:
        lake.load()
    assert "ingestion/a.yml and " in str(error.value.place)
    assert "one contract" in str(error.value.hint)


def test_a_table_may_have_several_sources_that_append_or_replace(lake: Lake) -> None:
    for name, load in (("a", "append"), ("b", "replace")):
        lake.source(name, f"table: t\nfiles: data/{name}*.csv\nload: {load}\n{COLUMNS}")
        lake.file(f"data/{name}.csv", f"id,name\n1,{name}\n")
    lake.load()
    lake.file("data/b.csv", "id,name\n2,b\n")
    lake.load()
    assert lake.rows("SELECT id, name FROM bronze.t ORDER BY id") == [(1, "a"), (2, "b")]
