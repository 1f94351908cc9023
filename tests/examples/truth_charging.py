"""The charging side of the mobility example, in plain Python: ChargeNet and Dundee."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache

from .truth_files import Refused, Row, Source, load, rates, rounded, whole


@cache
def stations() -> Source:
    def parse(raw: Row) -> Row:
        row = {"id": whole(raw["id"], "station_id"), "chargers": whole(raw["number_of_chargers"], "number_of_chargers")}
        if row["chargers"] < 1:
            raise Refused("min", "number_of_chargers")
        return row

    return load("data/stations.json", lambda row: row["id"], parse, inside="stations")


@cache
def chargenet_sessions() -> Source:
    def moment(text: str) -> datetime:
        return datetime.strptime(text, "%m/%d/%Y %H:%M") if "/" in text else datetime.fromisoformat(text)

    def parse(raw: Row) -> Row:
        if raw["start_time"] is None:
            raise Refused("required", "start_time")
        whole(raw["station_id"], "station_id")
        minutes = whole(raw["session_duration"], "session_duration")
        if raw["energy_consumed_kWh"] < 0:
            raise Refused("min", "energy_kwh")
        start = moment(raw["start_time"])
        end = moment(raw["end_time"]) if raw["end_time"] else start + timedelta(minutes=minutes)
        row = {
            "id": raw["id"],
            "station": f"chargenet-{raw['station_id']}",
            "start": min(start, end),
            "end": max(start, end),
        }
        return row | {"energy": raw["energy_consumed_kWh"], "cost": raw["cost"], "network": "ChargeNet"}

    return load("data/charging_sessions.json.gz", lambda row: row["id"], parse)


def quarter_of(file: str) -> tuple[date, date]:
    """The first and the last day that the name of a Dundee file states."""
    first, last = (datetime.strptime(text, "%d%m%y").date() for text in re.findall(r"\d{6}", file))
    return first, last


@cache
def dundee_sessions() -> Source:
    def published(text: str) -> date:
        """The day that was meant: a spreadsheet swapped day and month of ISO dates where it could."""
        if "/" in text:
            return datetime.strptime(text, "%d/%m/%Y").date()
        found = date.fromisoformat(text[:10])
        return date(found.year, found.day, found.month) if found.day <= 12 else found

    def parse(raw: Row) -> Row:
        energy = Decimal(raw["Total kWh"]) if raw["Total kWh"] else None
        if energy is not None and energy < 0:
            raise Refused("min", "energy_kwh")
        start = datetime.combine(published(raw["Start Date"]), time.fromisoformat(raw["Start Time"]))
        end = None
        if raw["End Date"] and "1970" not in raw["End Date"]:
            end = datetime.combine(published(raw["End Date"]), time.fromisoformat(raw["End Time"]))
        row = {"id": int(raw["Charging event"]), "station": f"dundee-{raw['CP ID'] or 'unknown'}", "network": "Dundee"}
        cost = Decimal(raw["Cost"]) if raw["Cost"] else None
        if cost is not None:
            cost = rounded(cost / rates()["United Kingdom", start.date().replace(day=1)], 2)
        plausible = energy is not None and energy <= 150
        return row | {
            "start": start,
            "end": end,
            "energy": energy if plausible else None,
            "cost": cost,
            "plug": raw["Connector"],
        }

    return load("data/charging_dundee/*.csv.gz", lambda row: row["id"], parse)


def sessions() -> list[Row]:
    return [*chargenet_sessions().rows.values(), *dundee_sessions().rows.values()]


def minutes_of(session: Row) -> int:
    if session["end"] is None:
        return 0
    minutes = int((session["end"] - session["start"]).total_seconds() // 60)
    return minutes + 60 if minutes < 0 else minutes  # the hour that the clock gives back in October


def utilisation() -> dict[str, tuple[int, Decimal, int, Decimal | None]]:
    """Sessions, kWh, connected minutes and percent of capacity by station."""
    count: Counter[str] = Counter({f"chargenet-{station}": 0 for station in stations().rows})
    energy: dict[str, Decimal] = defaultdict(Decimal)
    minutes: Counter[str] = Counter()
    plugs: dict[str, set[str]] = defaultdict(set)
    days: dict[str, set[date]] = defaultdict(set)
    for session in sessions():
        station = session["station"]
        count[station] += 1
        energy[station] += session["energy"] or 0
        minutes[station] += minutes_of(session)
        plugs[station].add(session.get("plug", ""))
        days[session["network"]].add(session["start"].date())

    def percent(station: str) -> Decimal | None:
        network, name = station.split("-")
        if network == "dundee":
            chargers = len(plugs[station]) if name != "unknown" else None
        else:
            chargers = stations().rows.get(int(name), {}).get("chargers")
        observed = len(days["Dundee" if network == "dundee" else "ChargeNet"])
        return rounded(Decimal(100 * minutes[station]) / (chargers * observed * 1440), 2) if chargers else None

    return {one: (count[one], energy[one], minutes[one], percent(one)) for one in count}


def demand() -> dict[tuple[str, bool, int], tuple[int, Decimal]]:
    """Sessions and kWh by network, weekend and hour."""
    found: dict[tuple[str, bool, int], tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for session in sessions():
        key = (session["network"], session["start"].weekday() >= 5, session["start"].hour)
        found[key] = (found[key][0] + 1, found[key][1] + (session["energy"] or 0))
    return dict(found)
