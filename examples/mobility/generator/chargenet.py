"""What ChargeNet exports: stations and charging sessions."""

from __future__ import annotations

from datetime import datetime, timedelta

from generator.places import can_be_respelled, place, respell_place
from generator.planting import Dice, Row, Table, mapper, setter


def stations(dice: Dice) -> Table:
    """ChargeNet's stations."""
    rows = []
    for number in range(1, 247):
        row = {"id": number} | place(dice) | {"number_of_chargers": dice.between(2, 12)}
        row["station_type"] = dice.weighted({"Level 2": 60, "DC Fast": 40})
        row["operational_status"] = dice.weighted({"Operational": 88, "Under Maintenance": 8, "Out of Service": 4})
        rows.append(row)
    table = Table("stations", "data/stations.json", rows, dice)
    table.refuse("missing id", 2, "required", "station_id", setter("id", None))
    table.refuse("no charger", 3, "min", "number_of_chargers", setter("number_of_chargers", 0))
    table.spoil("chargers as text", 6, "contract: typed as integer", mapper("number_of_chargers", str))
    table.spoil(
        "place spelled differently",
        40,
        "stg_stations: seeds place_spellings",
        lambda row: respell_place(row, dice),
        can_be_respelled,
    )
    table.spoil(
        "status spelled differently",
        20,
        "stg_stations: looked up without case and punctuation",
        mapper("operational_status", lambda text: dice.one([text.upper(), f"{text} ", text.replace(" ", "_").lower()])),
    )
    table.spoil(
        "type spelled differently",
        12,
        "stg_stations: looked up without case and punctuation",
        mapper("station_type", lambda text: text.lower().replace(" ", "-")),
    )
    table.repeat("exact duplicate", 4)
    return table


HOURS = dict(enumerate([6, 4, 3, 2, 3, 6, 14, 26, 34, 30, 28, 30, 36, 34, 30, 32, 40, 52, 56, 46, 34, 24, 16, 10]))
PRICES = {"Level 2": [25, 29, 35], "DC Fast": [45, 52, 59]}


def charging_sessions(dice: Dice, station_rows: list[Row]) -> Table:
    """A year of sessions, more of them in the evening."""
    known = {row["id"]: row for row in station_rows if row["id"] and row["number_of_chargers"]}
    numbers = sorted(known)
    rows = []
    for number in range(1, 12_001 - 120):
        station = known[dice.one(numbers)]
        fast = station["station_type"].lower().startswith("dc")
        start = datetime.fromisoformat("2023-01-01T00:00:00") + timedelta(
            days=dice.below(365), hours=dice.weighted(HOURS), minutes=dice.below(60)
        )
        minutes = dice.between(12, 55) if fast else dice.between(40, 420)
        energy = minutes * dice.between(65, 160) if fast else minutes * dice.between(9, 18)  # hundredths of a kWh
        price = dice.one(PRICES["DC Fast" if fast else "Level 2"])
        row: Row = {"id": number, "station_id": station["id"], "start_time": start.isoformat()}
        row |= {"session_duration": minutes, "end_time": (start + timedelta(minutes=minutes)).isoformat()}
        row |= {
            "charging_rate": price / 100,
            "energy_consumed_kWh": energy / 100,
            "cost": (energy * price + 50) // 100 / 100,
        }
        rows.append(row)
    table = Table("charging_sessions", "data/charging_sessions.json.gz", rows, dice)
    table.refuse("missing station", 6, "required", "station_id", setter("station_id", None))
    table.refuse("negative energy", 9, "min", "energy_kwh", mapper("energy_consumed_kWh", lambda energy: -energy))
    table.refuse("duration in words", 12, "type", "session_duration", mapper("session_duration", lambda _: "n/a"))
    table.refuse("no start", 5, "required", "start_time", setter("start_time", None))
    table.spoil(
        "end before start",
        30,
        "stg_charging_sessions: start and end put right, was_reversed is true",
        lambda row: row.update(start_time=row["end_time"], end_time=row["start_time"]),
    )
    table.spoil(
        "no end", 35, "stg_charging_sessions: start plus duration, is_end_imputed is true", setter("end_time", None)
    )
    table.spoil(
        "cost that does not follow from energy and price",
        45,
        "stg_charging_sessions: kept, is_cost_consistent is false",
        mapper("cost", lambda cost: round(cost + dice.between(2, 9), 2)),
    )
    table.spoil("unknown station", 25, "dim_station: inferred member", setter("station_id", 999))
    table.spoil(
        "time as MM/DD/YYYY HH:MM",
        60,
        "contract: second timestamp format",
        mapper("start_time", lambda time: datetime.fromisoformat(time).strftime("%m/%d/%Y %H:%M")),
    )
    table.repeat("exact duplicate", 80)
    table.repeat(
        "older record of a session that was corrected",
        40,
        lambda row: row.update(energy_consumed_kWh=round(row["energy_consumed_kWh"] / 2, 2)),
    )
    return table
