"""The mobility example, run once from its raw files, arrives at the figures of an independent computation."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import yaml

import headgate
from headgate.lakehouse import Lakehouse
from headgate.run.result import RunResult, RunStatus
from headgate.types import CheckStatus, Severity

from . import truth, truth_charging, truth_ecoride
from .truth_files import EXAMPLE


@dataclass(frozen=True)
class Ran:
    """The example's lake after its first run."""

    lake: Lakehouse
    result: RunResult

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.lake.query(sql).rows()]

    def by_key(self, sql: str, keys: int = 1) -> dict[Any, tuple[Any, ...]]:
        """Rows as a map from their first columns to the others."""
        rows = self.rows(sql)
        found = {(row[0] if keys == 1 else row[:keys]): row[keys:] for row in rows}
        assert len(found) == len(rows)
        return found


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    root = tmp_path_factory.mktemp("example") / "mobility"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".headgate", "target", "__pycache__"))
    with headgate.open(root) as lake:
        yield Ran(lake, lake.run())


def test_run_is_merged(ran: Ran) -> None:
    failed = [check for check in ran.result.checks if check.status is not CheckStatus.PASSED]
    assert ran.result.status is RunStatus.MERGED, (ran.result.error, failed)
    assert [check.name for check in failed if check.severity is Severity.ERROR] == []


def test_ledger_balances_and_equals_a_count_by_hand(ran: Ran) -> None:
    books = ran.by_key("select file, read, loaded, quarantined, duplicates from headgate.loads")
    assert books == {
        name: (book.read, book.loaded, book.quarantined, book.duplicates) for name, book in truth.books().items()
    }
    assert ran.rows("select sum(read) - sum(loaded) - sum(quarantined) - sum(duplicates) from headgate.loads") == [(0,)]


@pytest.mark.parametrize(
    ("table", "files"),
    [
        ("customers", "data/customers"),
        ("sales", "data/sales/"),
        ("product_reviews", "data/product_reviews"),
        ("stations", "data/stations"),
        ("charging_sessions", "data/charging_sessions"),
        ("vehicle_health", "data/vehicle_health"),
        ("dundee_sessions", "data/charging_dundee/"),
    ],
)
def test_rows_are_quarantined_for_their_true_reason(ran: Ran, table: str, files: str) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    for name, book in truth.books().items():
        if name.startswith(files):
            expected += book.refused
    found = ran.by_key(f'select rule, "column", count(*) from quarantine.{table} group by all', keys=2)
    # A refused row is told in the words of its file; the truth speaks of the lake's columns.
    columns = yaml.safe_load((EXAMPLE / f"ingestion/{table}.yml").read_text())["columns"]
    names = {source: column.get("name", source) for source, column in columns.items()}
    assert {(rule, names[column]): count for (rule, column), (count,) in found.items()} == expected


@pytest.mark.parametrize(
    ("table", "source"),
    [
        ("bronze.customers", truth_ecoride.customers),
        ("bronze.sales", truth_ecoride.sales),
        ("bronze.product_reviews", truth_ecoride.reviews),
        ("bronze.vehicle_health", truth_ecoride.cars),
        ("bronze.stations", truth_charging.stations),
        ("bronze.charging_sessions", truth_charging.chargenet_sessions),
        ("bronze.dundee_sessions", truth_charging.dundee_sessions),
        ("silver.stg_dundee_sessions", truth_charging.dundee_sessions),
        ("gold.fact_sales", truth_ecoride.sales),
    ],
)
def test_rows_in_tables(ran: Ran, table: str, source: Callable[[], Any]) -> None:
    assert ran.rows(f"select count(*) from {table}") == [(len(source().rows),)]


def test_dundee_dates_are_put_right(ran: Ran) -> None:
    spans = ran.by_key(
        "select parse_filename(source_file), min(start_at), max(start_at), count(*)"
        " from silver.stg_dundee_sessions group by 1"
    )
    sessions = truth_charging.dundee_sessions().rows.values()
    assert len(spans) == 4
    for file, (first, last, count) in spans.items():
        starts = [session["start"] for session in sessions if session["file"] == file]
        assert (first, last, count) == (min(starts), max(starts), len(starts))
        opened, closed = truth_charging.quarter_of(file)
        assert opened <= first.date()
        assert last.date() <= closed


def test_sessions_without_an_end_are_flagged(ran: Ran) -> None:
    found = ran.rows(
        "select count(*) filter (not is_end_known), count(*) filter (end_at is null),"
        " count(*) filter (is_energy_implausible) from silver.stg_dundee_sessions"
    )
    missing = sum(session["end"] is None for session in truth_charging.dundee_sessions().rows.values())
    assert missing == 279  # 278 without one, and one in 1970
    assert found == [(missing, missing, 1)]


def test_sales_trend(ran: Ran) -> None:
    trend = ran.by_key("select sale_month, vehicle_id, units_sold, revenue_usd from gold.mart_sales_trend", keys=2)
    assert trend == truth_ecoride.sales_trend()


def test_reviews_do_not_multiply_sales(ran: Ran) -> None:
    sold = len(truth_ecoride.sales().rows)
    assert ran.rows("select sum(units_sold)::bigint from gold.mart_sales_trend") == [(sold,)]
    # The trap is a real one: joined before counting, the same data says more than ten times as much.
    assert truth_ecoride.overstated_units() > 10 * sold
    naive = "select count(*) from gold.fact_sales join silver.stg_product_reviews using (vehicle_id)"
    assert ran.rows(naive) == [(truth_ecoride.overstated_units(),)]


def test_customer_lifetime_value(ran: Ran) -> None:
    values = ran.by_key("select customer_id, sales, lifetime_value_usd from gold.mart_customer_lifetime_value")
    assert values == truth_ecoride.lifetime_values()


def test_customer_segments(ran: Ran) -> None:
    segments = ran.by_key("select customer_id, recency_days, segment from gold.mart_customer_segments")
    assert segments == truth_ecoride.segments()


def test_vehicle_health(ran: Ran) -> None:
    health = ran.by_key(
        "select car_id, battery_health_percent, is_checkup_overdue, health_status from gold.mart_vehicle_health"
    )
    assert health == truth_ecoride.car_health()


def test_vehicle_usage(ran: Ran) -> None:
    usage = ran.by_key(
        "select vehicle_id, cars_on_record, services, km_per_year from gold.mart_vehicle_usage where vehicle_id <> -1"
    )
    assert usage == truth_ecoride.usage()


def test_station_utilisation(ran: Ran) -> None:
    stations = ran.by_key(
        "select station_key, sessions, energy_kwh, connected_minutes, utilisation_percent"
        " from gold.mart_station_utilisation"
    )
    assert stations == truth_charging.utilisation()


def test_charging_demand_by_hour(ran: Ran) -> None:
    demand = ran.by_key(
        "select network, is_weekend, start_hour, sessions, energy_kwh from gold.mart_charging_demand_by_hour", keys=3
    )
    assert demand == truth_charging.demand()


def test_charging_costs_are_in_dollars(ran: Ran) -> None:
    costs = dict(ran.rows("select network, sum(cost_usd) from gold.fact_charging_session group by 1"))
    expected: dict[str, Decimal] = {}
    for session in truth_charging.sessions():
        expected[session["network"]] = expected.get(session["network"], Decimal(0)) + (session["cost"] or 0)
    assert costs == expected


def test_calendar_covers_whole_years(ran: Ran) -> None:
    assert ran.rows("select min(date_day), max(date_day), count(*) from gold.dim_date") == [
        (date(2017, 1, 1), date(2023, 12, 31), 7 * 365 + 1)
    ]
