from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from headgate.ingest.accounting import allowed, contract_checks
from headgate.ingest.ledger import recorded_loads
from headgate.types import CheckStatus

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

ROWS = "id\n" + "".join(f"{i}\n" for i in range(19)) + "x\n"


@pytest.mark.parametrize(
    ("limit", "passes"),
    [
        ("max_bad: 5%", True),
        ("max_bad: 4.9%", False),
        ("max_bad: 1", True),
        ("max_bad: 0", False),
        ("bad_rows: fail", False),
        ("", True),
    ],
)
def test_limits(lake: Lake, limit: str, passes: bool) -> None:
    lake.source("a", f"table: a\nfiles: data/a.csv\n{limit}\ncolumns: {{id: integer}}\n")
    lake.file("data/a.csv", ROWS)
    lake.load()
    (check,) = [check for check in lake.checks if check.name == "contract:a"]
    assert check.blocks is not passes
    if not passes:
        assert check.failures == 1
        assert check.message is not None
        assert check.message.startswith("1 of 20 rows of data/a.csv break the contract (type 1);")
        assert check.sample[0][check.columns.index("value")] == "x"
        assert check.evidence == "quarantine.a"


def test_limits_of_an_earlier_load_are_told_without_its_rules(lake: Lake) -> None:
    lake.source("a", "table: a\nfiles: data/a.csv\nmax_bad: 0\ncolumns: {id: integer}\n")
    lake.file("data/a.csv", ROWS)
    lake.load()
    (source,) = lake.sources()
    check = contract_checks(source, recorded_loads(lake.ws))[0]
    assert check.message == "1 of 20 rows of data/a.csv break the contract; max_bad: 0 allows 0."


def test_a_share_is_rounded_down(lake: Lake) -> None:
    lake.source("a", "table: a\nfiles: data/a.csv\nmax_bad: 5%\ncolumns: {id: integer}\n")
    (source,) = lake.sources()
    assert [allowed(source, read) for read in (0, 19, 20, 40, 100)] == [0, 0, 1, 2, 5]


@pytest.mark.parametrize(
    "lie",
    [{"read": 21}, {"loaded": 18}, {"found_loaded": 18}, {"found_quarantined": 0}, {"quarantined": 0, "read": 19}],
)
def test_books_that_do_not_add_up_are_seen(lake: Lake, lie: dict[str, int]) -> None:
    lake.source("a", "table: a\nfiles: data/a.csv\ncolumns: {id: integer}\n")
    lake.file("data/a.csv", ROWS)
    (result,) = lake.load()
    (source,) = lake.sources()
    _, check = contract_checks(source, [replace(result, **lie)])  # type: ignore[arg-type]  # the facts come as one dict
    assert check.status is CheckStatus.FAILED
    assert check.sample[0][0] == "data/a.csv"


def test_rows_that_go_missing_while_writing_are_seen(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from headgate.ingest import load as module

    sound = module.staged_rows  # type: ignore[attr-defined]  # the name that the loader calls, not its home

    def lose_one(*arguments: object, **named: object) -> str:
        return sound(*arguments, **named) + (" AND file_row_number <> 3" if named["sound"] else "")  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(module, "staged_rows", lose_one)
    lake.source("a", "table: a\nfiles: data/a.csv\ncolumns: {id: integer}\n")
    lake.file("data/a.csv", ROWS)
    with pytest.raises(AssertionError, match="accounting:a"):
        lake.load()
