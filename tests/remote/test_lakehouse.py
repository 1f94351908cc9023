"""The facade over a server gives what the facade over the folder gives."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from tests.web.serving import Served

import headgate
from headgate.errors import QueryError, ReadOnly, RefNotFound, TableNotFound, UsageError
from headgate.events import Event
from headgate.lakehouse import Lakehouse
from headgate.remote.lakehouse import RemoteLakehouse
from headgate.run.result import RunStatus

# Every type that DuckDB can put into an answer, with NULLs, and names that are given twice.
TYPES = """
select true as b, 1::tinyint as i8, 2::uhugeint as u128, 1.5::float as f, 'nan'::double as d,
  12.340::decimal(10,3) as dec, 'é' as s, '\\x00\\xFF'::blob as bin,
  date '2026-01-02' as day, time '01:02:03.000004' as t,
  timestamp '2026-01-02 03:04:05.678901' as ts, timestamptz '2026-01-02 03:04:05+02' as tz,
  timestamp_ns '2026-01-02 03:04:05.678901234' as ns, interval '1 day 2 seconds' as gap,
  '00000000-0000-0000-0000-000000000001'::uuid as id, [1, null] as l, {'x': 1, 'y': [date '2026-01-01']} as st,
  map {'k': 1.5} as m, '101'::bit as bits, 'a'::enum('a', 'b') as e, null as nothing, 1 as twice, 2 as twice
"""


def public(kind: type) -> dict[str, Any]:
    return {
        name: member
        for name, member in vars(kind).items()
        if (not name.startswith("_") or name in ("__enter__", "__exit__")) and (callable(member))
    }


def test_both_have_the_same_methods_with_the_same_signatures() -> None:
    here, there = public(Lakehouse), public(RemoteLakehouse)
    assert set(here) == set(there)
    for name, method in here.items():
        if name == "__enter__":
            continue
        assert str(inspect.signature(method)) == str(inspect.signature(there[name])), name
    properties = {name for name, member in vars(Lakehouse).items() if isinstance(member, property)}
    assert properties | {"project"} <= set(vars(RemoteLakehouse))


READS: dict[str, Callable[[Lakehouse], Any]] = {
    "tables": lambda lake: lake.tables(),
    "tables of a ref": lambda lake: lake.tables(lake.log()[0].id),
    "show": lambda lake: lake.show("silver.stg_orders"),
    "loads": lambda lake: lake.loads(),
    "runs": lambda lake: lake.runs(),
    "checks": lambda lake: lake.checks(),
    "checks of a run": lambda lake: lake.checks(lake.runs()[0].run_id),
    "refs": lambda lake: lake.refs(),
    "branches": lambda lake: lake.refs("branch"),
    "log": lambda lake: lake.log(),
    "one of the log": lambda lake: lake.log("main", 1),
    "diff": lambda lake: lake.diff(lake.log()[-1].id, "main"),
    "diff of a table": lambda lake: lake.diff(lake.log()[-1].id, "main", "silver.stg_orders"),
    "quarantine": lambda lake: lake.quarantine_list(),
    "rows in quarantine": lambda lake: lake.quarantine_show("orders"),
    "all rows in quarantine": lambda lake: lake.quarantine_show("orders", limit=None),
    "settings": lambda lake: lake.connect("spark", url="http://x").settings,
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_reads_give_the_same_values_of_the_same_types(
    shop_served: Served, remote: Lakehouse, read: Callable[[Lakehouse], Any]
) -> None:
    here = read(Lakehouse(shop_served.lake.project, shop_served.lake))
    there = read(remote)
    assert there == here
    assert here
    assert _types(there) == _types(here)


def _types(value: Any) -> Any:
    """The types of a value and of all that is in it; a dict is a dict, whatever made it."""
    if dataclasses.is_dataclass(value):
        return type(value), [_types(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, dict):
        return {key: _types(item) for key, item in value.items()}
    return [_types(item) for item in value] if isinstance(value, list | tuple) else type(value)


@pytest.mark.parametrize(
    "sql",
    [
        TYPES,
        f"from ({TYPES}) where false",
        "from gold.mart_spending order by 1",
        "select * from range(120000)",
        "from headgate.runs",
    ],
)
def test_answers_have_the_same_types_and_values(shop_served: Served, remote: Lakehouse, sql: str) -> None:
    here = Lakehouse(shop_served.lake.project, shop_served.lake).query(sql)
    there = remote.query(sql)
    assert there.columns == here.columns
    assert there.arrow().schema.equals(here.arrow().schema, check_metadata=True)
    assert repr(there.rows()) == repr(here.rows())


FAILURES: dict[str, tuple[Callable[[Lakehouse], Any], type[Exception]]] = {
    "statement": (lambda lake: lake.query("selct"), QueryError),
    "late": (lambda lake: lake.query("select error('late') from range(100)"), QueryError),
    "write": (lambda lake: lake.query("drop table x"), ReadOnly),
    "ref": (lambda lake: lake.tables("nothing"), RefNotFound),
    "table": (lambda lake: lake.show("silver.stg_order"), TableNotFound),
    "kind": (lambda lake: lake.refs("twig"), UsageError),
    "branch": (lambda lake: lake.delete_branch("no/such"), RefNotFound),
    "engine": (lambda lake: lake.connect("sparc"), UsageError),
    "settings of": (lambda lake: lake.connect("spark", "no/such"), RefNotFound),
    "merge": (lambda lake: lake.merge("no/such"), RefNotFound),
    "reason": (lambda lake: lake.merge("main", override=" "), UsageError),
}


@pytest.mark.parametrize(("fail", "kind"), FAILURES.values(), ids=FAILURES)
def test_failures_are_the_same(
    shop_served: Served, remote: Lakehouse, fail: Callable[[Lakehouse], Any], kind: type[Exception]
) -> None:
    found = []
    for lake in (Lakehouse(shop_served.lake.project, shop_served.lake), remote):
        with pytest.raises(kind) as raised:
            fail(lake)
        found.append(raised.value)
    assert found[1].to_dict() == found[0].to_dict()  # type: ignore[attr-defined]  # all are errors of ours


def test_an_answer_that_fails_after_its_first_rows_raises_what_failed(
    remote: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headgate.web.answers._HELD_BACK", 1000)
    sql = "select case when i = 199999 then error('late') else i end as n from range(200000) as t(i)"
    with pytest.raises(QueryError, match="late"):
        remote.query(sql)


def test_branches_tags_and_reverts(shop_served: Served, remote: Lakehouse) -> None:
    made = remote.create_branch("team/feature-1")
    assert made == shop_served.lake.catalog.ref("team/feature-1")
    assert remote.create_tag("v1", "team/feature-1").kind.value == "tag"
    undone = remote.revert(made.commit_id, "team/feature-1", "to try it")
    assert (undone.author, undone.parents) == ("client", (made.commit_id,))
    assert remote.tables("team/feature-1") == []
    remote.delete_branch("team/feature-1")
    remote.delete_tag("v1")
    assert [ref.name for ref in remote.refs()] == ["main"]


def test_a_merge_tells_its_events_and_its_result(shop_served: Served, remote: Lakehouse) -> None:
    remote.create_branch("other")
    head = shop_served.lake.catalog.ref("main").commit_id
    remote.revert(head, "other")
    events: list[Event] = []

    result = remote.merge("other", emit=events.append)

    assert result.status is RunStatus.FAILED
    assert result.error is not None
    assert result.error.to_dict()["type"] == "ModelError"
    kinds = [type(event).__name__ for event in events]
    assert (kinds[0], kinds[-1]) == ("Started", "Failed")
    assert kinds.count("ModelFinished") == 3
    assert {model.name for model in result.models} == {
        "silver.stg_orders",
        "silver.stg_customers",
        "gold.mart_spending",
    }
    assert shop_served.lake.catalog.ref("main").commit_id == head
    assert remote.merge("main", into="other").status is RunStatus.UNCHANGED
    remote.delete_branch("other")


def test_a_consumer_that_goes_away_stops_the_merge(shop_served: Served, remote: Lakehouse) -> None:
    remote.create_branch("other")
    head = shop_served.lake.catalog.ref("main").commit_id
    remote.revert(head, "other")

    def leave(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remote.merge("other", emit=leave)
    while remote.runs(1)[0].status is RunStatus.RUNNING:
        pass
    assert remote.runs(1)[0].status in (RunStatus.FAILED, RunStatus.INTERRUPTED)
    assert shop_served.lake.catalog.ref("main").commit_id == head
    remote.delete_branch("other")
    assert [ref.name for ref in remote.refs()] == ["main"]


@pytest.mark.parametrize(
    ("what", "ask"),
    [
        ("run", lambda lake: lake.run()),
        ("plan", lambda lake: lake.plan()),
        ("sources list", lambda lake: lake.sources()),
        ("sources check", lambda lake: lake.check_sources()),
        ("sources add", lambda lake: lake.add_sources(["x"])),
        ("quarantine replay", lambda lake: lake.quarantine_replay("orders")),
        ("quarantine discard", lambda lake: lake.quarantine_discard("orders", "why")),
        ("doctor", lambda lake: lake.doctor()),
        ("settings", lambda lake: lake.project),
        ("tokens", lambda lake: lake.lake),
    ],
)
def test_what_needs_the_folder_says_where_to_do_it(
    remote: RemoteLakehouse, what: str, ask: Callable[[Any], Any]
) -> None:
    with pytest.raises(UsageError, match=what) as raised:
        ask(remote)
    assert raised.value.place == remote.url
    assert "--project" in str(raised.value.hint)


def test_it_is_opened_like_a_project(shop_served: Served) -> None:
    with headgate.open(shop_served.url, token=shop_served.token) as lake:
        assert lake.query("select count(*) from silver.stg_orders").rows() == [(2,)]
