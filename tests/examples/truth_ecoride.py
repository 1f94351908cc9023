"""EcoRide's side of the mobility example, in plain Python: sales, customers, cars."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import cache

from .truth_files import Refused, Row, Source, day, load, number, rates, rounded, whole


@cache
def vehicles() -> Source:
    def parse(raw: Row) -> Row:
        return {
            "id": whole(raw["id"], "vehicle_id"),
            "name": raw["model_name"],
            "battery": number(raw["battery_capacity"]),
        }

    return load("data/vehicles.csv", lambda row: row["id"], parse)


@cache
def customers() -> Source:
    def parse(raw: Row) -> Row:
        return {**raw, "id": whole(raw["id"], "customer_id")}

    return load("data/customers.csv", lambda row: row["id"], parse)


@cache
def sales() -> Source:
    def parse(raw: Row) -> Row:
        row = {"id": whole(raw["id"], "sale_id"), "day": day(raw["sale_date"], "sale_date")}
        price = raw["sale_price"]
        if not price:
            raise Refused("required", "sale_price")
        if "-" in price:
            raise Refused("pattern", "sale_price")
        row["currency"] = {"€": "EUR", "£": "GBP"}.get(price[0], "USD")
        row["price"] = Decimal(price.lstrip("$€£").replace(",", ""))
        row["customer"], row["vehicle"] = raw["customer_id"], raw["vehicle_id"]
        row["method"] = raw["payment_method"]
        return row

    return load("data/sales/*.csv", lambda row: row["id"], parse)


@cache
def reviews() -> Source:
    def parse(raw: Row) -> Row:
        rating = whole(raw["Rating"], "rating")
        if not 1 <= rating <= 5:
            raise Refused("min" if rating < 1 else "max", "rating")
        return {**raw, "id": whole(raw["ReviewID"], "review_id"), "rating": rating}

    return load("data/product_reviews.json", lambda row: row["id"], parse)


@cache
def cars() -> Source:
    def parse(raw: Row) -> Row:
        if raw["VehicleID"] is None:
            raise Refused("required", "vehicle_id")
        if raw["ManufacturingYear"] > 2024:
            raise Refused("max", "manufacturing_year")
        return raw

    return load("data/vehicle_health.json.gz", lambda row: row["VehicleID"], parse)


def model_number(name: str) -> int:
    """The id of the model that a text names in whatever case."""
    return next(int(row["id"]) for row in vehicles().rows.values() if row["name"].lower() == name.strip().lower())


def dollars(sale: Row) -> Decimal:
    country = {"EUR": "Euro", "GBP": "United Kingdom"}.get(sale["currency"])
    price: Decimal = sale["price"]
    return price if country is None else rounded(price / rates()[country, sale["day"].replace(day=1)], 2)


def buyer(sale: Row) -> int:
    known = sale["customer"].isdigit() and int(sale["customer"]) in customers().rows
    return int(sale["customer"]) if known else -1


def model(sale: Row) -> int:
    return int(sale["vehicle"]) if int(sale["vehicle"]) in vehicles().rows else -1


def sales_trend() -> dict[tuple[date, int], tuple[int, Decimal]]:
    """Units and dollars by month and model."""
    trend: dict[tuple[date, int], tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for sale in sales().rows.values():
        key = (sale["day"].replace(day=1), model(sale))
        units, revenue = trend[key]
        trend[key] = (units + 1, revenue + dollars(sale))
    return dict(trend)


def overstated_units() -> int:
    """What joining sales and reviews on the model before counting would make of the number of sales."""
    reviewed = Counter(model_number(review["VehicleModel"]) for review in reviews().rows.values())
    return sum(reviewed[model(sale)] for sale in sales().rows.values())


def lifetime_values() -> dict[int, tuple[int, Decimal]]:
    """Purchases and dollars by customer, every customer and the unknown one included."""
    values = {customer: (0, Decimal(0)) for customer in [*customers().rows, -1]}
    for sale in sales().rows.values():
        count, value = values[buyer(sale)]
        values[buyer(sale)] = (count + 1, value + dollars(sale))
    return values


def fifths(order: list[int]) -> dict[int, int]:
    """The fifth, 1 to 5, of each; the first fifths take the remainder."""
    size, rest = divmod(len(order), 5)
    ends = [size * (step + 1) + min(step + 1, rest) for step in range(5)]
    return {one: next(step + 1 for step, end in enumerate(ends) if place < end) for place, one in enumerate(order)}


def segments() -> dict[int, tuple[int, str]]:
    """Days since the last purchase, and the segment, of every known customer who bought."""
    values = {customer: pair for customer, pair in lifetime_values().items() if pair[0] and customer != -1}
    last: dict[int, date] = {}
    for sale in sales().rows.values():
        last[buyer(sale)] = max(last.get(buyer(sale), date.min), sale["day"])
    recency = fifths(sorted(values, key=lambda customer: (last[customer], customer)))
    today = max(last.values())

    def name(customer: int) -> str:
        score, times = recency[customer], values[customer][0]
        if times >= 3:
            return "Champion" if score >= 4 else "Loyal"
        if times == 1 and score >= 4:
            return "New"
        if score <= 2:
            return "At risk" if times == 2 else "Lapsed"
        return "Regular"

    return {customer: ((today - last[customer]).days, name(customer)) for customer in values}


def services(car: Row) -> Iterable[tuple[date, int, Decimal, date | None]]:
    """Day, km, battery in percent and next check-up of each service of a car."""
    for item in car["MaintenanceHistory"] or ():
        km = number(item["Mileage"]) * (Decimal("1.609344") if "mi" in item["Mileage"] else 1)
        health = item["Details"]["BatteryHealth"]
        try:
            due = date.fromisoformat(item["Details"]["NextCheckupDue"])
        except ValueError:
            due = None
        yield date.fromisoformat(item["Date"]), int(rounded(km, 0)), number(health) * (1 if "%" in health else 100), due


def car_health() -> dict[str, tuple[Decimal | None, bool, str]]:
    """Battery, whether a check-up is overdue, and status by car."""
    histories = {name: list(services(car)) for name, car in cars().rows.items()}
    alert_days = [date.fromisoformat(alert["Date"]) for car in cars().rows.values() for alert in car["Alerts"] or ()]
    today = max(alert_days + [history[-1][0] for history in histories.values() if history])
    found = {}
    for name, car in cars().rows.items():
        battery = histories[name][-1][2] if histories[name] else None
        due = [service[3] for service in histories[name] if service[3]]
        overdue = bool(due) and max(due) < today
        alerts = len(car["Alerts"] or ())
        if alerts >= 2 or (battery is not None and battery < 92):
            status = "Attention"
        else:
            status = "Watch" if overdue or alerts else "Good"
        found[name] = (battery, overdue, status)
    return found


def usage() -> dict[int, tuple[int, int, int]]:
    """Cars, services and km a year by model."""
    count: Counter[int] = Counter()
    visits: Counter[int] = Counter()
    km: Counter[int] = Counter()
    days: Counter[int] = Counter()
    for car in cars().rows.values():
        number_of_model, history = model_number(car["Model"]), list(services(car))
        count[number_of_model] += 1
        visits[number_of_model] += len(history)
        if history:
            odometer = [service[1] for service in history]
            km[number_of_model] += max(odometer) - min(odometer)
            days[number_of_model] += (history[-1][0] - history[0][0]).days
    per_year = {one: int(rounded(Decimal("365.25") * km[one] / days[one], 0)) for one in count}
    return {one: (count[one], visits[one], per_year[one]) for one in count}
