"""What EcoRide's cars on the road report: services and alerts, nested."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from generator.planting import Dice, Row, Table, mapper, setter


def health_record(dice: Dice, number: int, model: str, year: int) -> Row:
    """One car: its services until the end of 2023, and its alerts of that year."""
    start = date(year, 6, 1) + timedelta(days=dice.below(150))
    health, miles, history = 100, 0, []
    for _ in range(dice.between(1, 4)):
        start += timedelta(days=dice.between(120, 330))
        if start.year > 2023:
            break
        health -= dice.between(0, 4)
        miles += dice.between(3_000, 9_000)
        details = {"BatteryHealth": f"{health}%", "NextCheckupDue": str(start + timedelta(days=365))}
        service = dice.one(["Annual service", "Tire rotation", "Software update", "Brake check"])
        history.append({"Date": str(start), "ServiceType": service, "Mileage": f"{miles} mi", "Details": details})
    alerts = []
    for _ in range(dice.weighted({0: 55, 1: 30, 2: 15})):
        kind, action = dice.one([("Tire pressure", "Inflate tires"), ("Battery temperature", "Visit a workshop")])
        reading = {"Pressure": f"{dice.between(24, 40)}psi", "Temperature": f"{dice.between(70, 150)}°F"}
        day = date(2023, 1, 1) + timedelta(days=dice.below(365))
        alerts.append({"AlertType": kind, "Date": str(day), "Details": reading | {"RecommendedAction": action}})
    row: Row = {"VehicleID": f"ER-{number:05}", "Model": model, "ManufacturingYear": year}
    return row | {"MaintenanceHistory": history, "Alerts": alerts}


def vehicle_health(dice: Dice, vehicle_rows: list[Row]) -> Table:
    """The cars on the road, with nested services and alerts."""
    models = [row["model_name"] for row in vehicle_rows]
    rows = [health_record(dice, number, dice.one(models), dice.between(2020, 2022)) for number in range(1, 3171)]
    table = Table("vehicle_health", "data/vehicle_health.json.gz", rows, dice)

    def in_history(change: Callable[[Row], Any]) -> Callable[[Row], Any]:
        return lambda row: change(row["MaintenanceHistory"][-1])

    def in_alerts(change: Callable[[Row], Any]) -> Callable[[Row], Any]:
        return lambda row: change(row["Alerts"][-1]["Details"])

    def has_history(row: Row) -> bool:
        return bool(row["MaintenanceHistory"])

    def has_alerts(row: Row) -> bool:
        return bool(row["Alerts"])

    def details(name: str, change: Callable[[str], str]) -> Callable[[Row], Any]:
        return lambda item: mapper(name, change)(item["Details"])

    table.refuse(
        "manufactured in the future",
        14,
        "max",
        "manufacturing_year",
        mapper("ManufacturingYear", lambda year: year + 10),
    )
    table.refuse("missing id", 9, "required", "vehicle_id", setter("VehicleID", None))
    table.spoil(
        "model in wrong case",
        45,
        "stg_vehicle_health: looked up without case",
        mapper("Model", lambda model: f"{model.lower()} "),
    )
    table.spoil(
        "battery health as a fraction",
        200,
        "stg_vehicle_maintenance: times 100",
        in_history(details("BatteryHealth", lambda text: f"{int(text[:-1]) / 100:.2f}")),
        has_history,
    )
    table.spoil(
        "next check-up not a date",
        32,
        "stg_vehicle_maintenance: null",
        in_history(details("NextCheckupDue", lambda _: dice.one(["TBD", "2023-02-31"]))),
        has_history,
    )
    table.spoil(
        "mileage in km",
        80,
        "stg_vehicle_maintenance: one unit",
        in_history(mapper("Mileage", lambda text: f"{int(text[:-3]) * 8 // 5} km")),
        has_history,
    )
    table.spoil(
        "pressure as '34 PSI'",
        90,
        "stg_vehicle_alerts: looked up without case",
        in_alerts(mapper("Pressure", lambda text: text.replace("psi", " PSI"))),
        has_alerts,
    )
    table.spoil(
        "pressure in bar",
        40,
        "stg_vehicle_alerts: one unit",
        in_alerts(mapper("Pressure", lambda text: f"{int(text[:-3]) * 69 // 100 / 10} bar")),
        has_alerts,
    )
    table.spoil(
        "temperature in Celsius",
        70,
        "stg_vehicle_alerts: one unit",
        in_alerts(mapper("Temperature", lambda text: f"{(int(text[:-2]) - 32) * 5 // 9}°C")),
        has_alerts,
    )
    table.spoil(
        "no history at all",
        20,
        "stg_vehicle_maintenance: no row",
        lambda row: row.update(MaintenanceHistory=None, Alerts=None),
    )
    table.repeat("exact duplicate", 30)
    return table
