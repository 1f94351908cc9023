"""Columns may be called what headgate's own SQL calls its columns, and what DuckDB calls the number of a row."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import headgate
from headgate.ingest import quarantine
from headgate.ingest.contract import is_reserved
from headgate.types import quote

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

ALIAS = re.compile(r"\bAS ([a-z][a-z_]*)\b")
OTHERS = (
    "rowid",
    "filename",
    "source",
    "target",
    "new",
    "held",
    "sound",
    "places",
    "outcomes",
    "matched",
    "rank",
    "rows",
)


def names() -> list[str]:
    """Every name that the package's SQL gives to anything, and some more."""
    sources = Path(headgate.__file__).parent.rglob("*.py")
    found = {name for path in sources for name in ALIAS.findall(path.read_text(encoding="utf-8"))}
    assert {"row", "outcome", "repeated", "changes"} <= found
    return sorted(name for name in found | set(OTHERS) if not is_reserved(name))


NAMES = names()


def contract(
    form: str, load: str, column_type: str, must: str = "{type: bigint, required: true}", key: str = ""
) -> str:
    columns = "".join(f"  {quote(name)}: {column_type}\n" for name in NAMES)
    columns = f"  the_key: {key or 'bigint'}\n  must_be: {must}\n{columns}"
    return f"table: things\nfiles: data/*.{form}\n{load}\ncolumns:\n{columns}"


def rows(form: str, *given: tuple[int, int | None, int]) -> str:
    """A file's text: `the_key`, `must_be`, and one number in every other column."""
    header = ["the_key", "must_be", *NAMES]
    records = [[key, must, *[value] * len(NAMES)] for key, must, value in given]
    if form == "ndjson":
        return "".join(json.dumps(dict(zip(header, record, strict=True))) + "\n" for record in records)
    lines = (",".join("" if value is None else str(value) for value in record) for record in records)
    return "\n".join([",".join(header), *lines]) + "\n"


def contents(lake: Lake) -> list[tuple[int, set[str]]]:
    """The rows by key, each with its different values in the other columns, which are to be one."""
    columns = ", ".join(f"things.{quote(name)}" for name in NAMES)
    found = lake.rows(f"SELECT things.the_key, {columns} FROM bronze.things AS things ORDER BY things.the_key")
    return [(key, set(map(str, values))) for key, *values in found]


@pytest.mark.parametrize("form", ["csv", "ndjson"])
@pytest.mark.parametrize("column_type", ["bigint", "varchar"])
def test_rows_are_merged_refused_and_replayed(lake: Lake, column_type: str, form: str) -> None:
    load = "load: merge\nkey: the_key"
    lake.source("things", contract(form, load, column_type))
    lake.file(f"data/1.{form}", rows(form, (1, 1, 10), (2, 1, 20), (3, 1, 30)))
    lake.load()
    assert contents(lake) == [(1, {"10"}), (2, {"20"}), (3, {"30"})]
    lake.file(f"data/2.{form}", rows(form, (2, 1, 21), (3, None, 31), (4, 1, 41), (5, 1, 50), (5, 1, 51)))
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined, result.duplicates) == (5, 3, 1, 1)
    lake.file(f"data/3.{form}", rows(form, (2, 1, 21), (1, 1, 11)))
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined, result.duplicates) == (2, 1, 0, 1)
    expected = [(1, {"11"}), (2, {"21"}), (3, {"30"}), (4, {"41"}), (5, {"51"})]
    assert contents(lake) == expected
    lake.source("things", contract(form, load, column_type, must="bigint"))
    (source,) = lake.sources()
    lake.keep(quarantine.replay(source, lake.ws))
    expected[2] = (3, {"31"})
    assert contents(lake) == expected
    lake.load(full_refresh=True)
    assert contents(lake) == expected


@pytest.mark.parametrize("column_type", ["bigint", "varchar"])
def test_rows_that_repeat_a_value_are_refused(lake: Lake, column_type: str) -> None:
    lake.source("things", contract("csv", "load: append", column_type, key="{type: bigint, unique: true}"))
    lake.file("data/1.csv", rows("csv", (1, 1, 10), (1, 1, 11), (2, None, 20)))
    lake.file("data/2.csv", rows("csv", (1, 1, 12), (3, 1, 30)))
    lake.load()
    assert contents(lake) == [(1, {"10"}), (3, {"30"})]
    refused = lake.rows('SELECT row, "column", value, rule FROM quarantine.things ORDER BY file, row')
    assert refused == [(2, "the_key", "1", "unique"), (3, "must_be", None, "required"), (1, "the_key", "1", "unique")]
