"""What EcoRide's shop exports: models, customers, sales, reviews."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from generator.places import can_be_respelled, place, respell_place
from generator.planting import Dice, Row, Table, mapper, setter

FIRST = [
    "Ada",
    "Amir",
    "Ana",
    "Ben",
    "Chloe",
    "Daan",
    "Elif",
    "Emma",
    "Finn",
    "Grace",
    "Hana",
    "Ivan",
    "Jonas",
    "Kofi",
    "Lena",
    "Liam",
    "Maya",
    "Nora",
    "Omar",
    "Priya",
    "Rosa",
    "Sven",
]
LAST = [
    "Adams",
    "Berg",
    "Chen",
    "Dubois",
    "Evans",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jensen",
    "Khan",
    "Larsen",
    "Moreau",
    "Novak",
    "Okafor",
    "Patel",
    "Rossi",
    "Smith",
]


def vehicles(dice: Dice) -> Table:
    """The 40 models: ten bodies in four trims."""
    bases = {"Aurora": "Sedan", "Boreas": "SUV", "Cirrus": "Hatchback", "Delta": "Van", "Ember": "Truck"}
    bases |= {"Fjord": "SUV", "Gale": "Sedan", "Harbor": "Van", "Isle": "Hatchback", "Juno": "SUV"}
    rows: list[Row] = []
    for base, kind in bases.items():
        for step, trim in enumerate(["Standard", "Plus", "Touring", "Performance"]):
            battery = dice.between(46, 60) + 11 * step
            rows.append(
                {
                    "id": str(len(rows) + 1),
                    "model_name": f"EcoRide {base} {trim}",
                    "model_type": kind,
                    "battery_capacity": str(battery),
                    "range": str(battery * 100 // dice.between(15, 21)),
                    "color": dice.one(["White", "Black", "Blue", "Red", "Silver"]),
                    "year": str(dice.between(2020, 2023)),
                    "charging_time": str(3 * dice.between(9, 20)),
                }
            )
    table = Table("vehicles", "data/vehicles.csv", rows, dice)
    table.spoil("battery with unit", 6, "stg_vehicles: number cut out", mapper("battery_capacity", "{} kWh".format))
    table.spoil(
        "range in miles", 5, "stg_vehicles: converted to km", mapper("range", lambda km: f"{int(km) * 5 // 8} mi")
    )
    table.spoil(
        "charging time in hours",
        4,
        "stg_vehicles: converted to minutes",
        mapper("charging_time", lambda minutes: f"{int(minutes) / 60:.2f} h"),
    )
    table.spoil(
        "wrong case", 3, "stg_vehicles: looked up without case", mapper("model_type", lambda kind: kind.swapcase())
    )
    return table


def customers(dice: Dice) -> Table:
    """Customers in seven countries."""
    rows: list[Row] = []
    for number in range(1, 2466):
        first, last = dice.one(FIRST), dice.one(LAST)
        row = {"id": str(number), "first_name": first, "last_name": last}
        row["email"] = f"{first}.{last}{number}@example.{dice.one(['com', 'org', 'net'])}".lower()
        row["phone"] = f"+1-555-{dice.between(100, 999)}-{dice.between(1000, 9999)}"
        rows.append(row | place(dice))
    table = Table("customers", "data/customers.csv", rows, dice)
    table.refuse("missing id", 12, "required", "customer_id", setter("id", ""))
    table.refuse("test record", 5, "type", "customer_id", lambda row: row.__setitem__("id", f"TEST-{row['id']}"))
    table.spoil(
        "e-mail without @",
        30,
        "stg_customers: null, is_email_valid is false",
        mapper("email", lambda email: email.replace("@", dice.one([" at ", "", "(at)"]))),
    )
    table.spoil(
        "no e-mail",
        20,
        "stg_customers: null, is_email_valid is false",
        mapper("email", lambda _: dice.one(["", "N/A"])),
    )
    table.spoil(
        "name in wrong case",
        60,
        "stg_customers: first letter upper, rest lower",
        mapper("first_name", lambda name: dice.one([name.upper(), name.lower()])),
    )
    table.spoil("white space around", 50, "stg_customers: trimmed", mapper("last_name", lambda name: f"  {name} "))
    table.spoil("blank phone", 25, "stg_customers: null", mapper("phone", lambda _: dice.one(["", "N/A", "   "])))
    table.spoil(
        "place spelled differently",
        180,
        "stg_customers: seeds place_spellings",
        lambda row: respell_place(row, dice),
        can_be_respelled,
    )
    table.repeat("exact duplicate", 15)
    table.repeat("older record of a customer who moved", 20, lambda row: row.update(place(dice)))
    return table


def us_date(day: date) -> str:
    """`M/D/YYYY`, as the shop writes dates."""
    return f"{day.month}/{day.day}/{day.year}"


def iso_from_us(text: str) -> str:
    """The same day as `YYYY-MM-DD`."""
    month, day, year = text.split("/")
    return f"{year}-{int(month):02}-{int(day):02}"


def usable_ids(table: Table) -> list[str]:
    """Ids that the contract will let through, so that unknown ids are only those planted."""
    return sorted({str(row["id"]) for row in table.rows if str(row["id"]).isdigit()}, key=int)


def sales(dice: Dice, customer_ids: list[str], vehicle_rows: list[Row]) -> list[Table]:
    """Three years of sales, one file each; a file sends 20 rows of the year before again."""
    prices = [24_000 + 450 * dice.between(10, 90) for _ in vehicle_rows]
    methods = {"Credit Card": 30, "Bank Transfer": 35, "Finance": 25, "Lease": 10}
    tables: list[Table] = []
    number = 0
    # 20 resends of the year before in each later file, and the exact duplicates, make the sizes round.
    for year, size in ((2021, 1500 - 8), (2022, 2000 - 28), (2023, 2300 - 29)):
        days = sorted(dice.between(0, 364) for _ in range(size))
        rows: list[Row] = []
        for day in days:
            number += 1
            vehicle = dice.below(len(vehicle_rows))
            # The lower of two draws: a few customers (fleets) buy often.
            customer = min(dice.below(len(customer_ids)), dice.below(len(customer_ids)))
            cents = prices[vehicle] * 100 - 2500 * dice.below(120)
            row = {"id": str(number), "customer_id": customer_ids[customer], "vehicle_id": vehicle_rows[vehicle]["id"]}
            row["sale_date"] = us_date(date(year, 1, 1) + timedelta(days=day))
            row["sale_price"] = f"{cents // 100}.{cents % 100:02}"
            row["payment_method"] = dice.weighted(methods)
            rows.append(row)
        table = Table("sales", f"data/sales/sales_{year}.csv", rows, dice)
        spoil_sales(table, dice)
        if tables:
            resent = [row for row in tables[-1].rows[-90:] if id(row) not in tables[-1].touched][-20:]
            for row in resent:
                copy = dict(row)
                table.rows.insert(dice.below(60), copy)
                table.touched.add(id(copy))
            table.book("resent with the next file", 20, "duplicate", None, None, "load: merge, already held in full")
        table.repeat("exact duplicate", {2021: 8, 2022: 8, 2023: 9}[year])
        tables.append(table)
    return tables


def with_commas(sign: str) -> Callable[[str], str]:
    """A price as a person types it: sign and thousands separators."""
    return lambda price: f"{sign}{float(price):,.2f}"


def spoil_sales(table: Table, dice: Dice) -> None:
    """The defects of one year of sales."""
    table.refuse("missing id", 2, "required", "sale_id", setter("id", ""))
    table.refuse("missing price", 2, "required", "sale_price", setter("sale_price", ""))
    table.refuse(
        "impossible date",
        3,
        "format",
        "sale_date",
        mapper("sale_date", lambda day: dice.one(["13/32/", "2/30/"]) + day[-4:]),
    )
    table.refuse("negative price", 3, "pattern", "sale_price", mapper("sale_price", lambda price: f"-{price}"))
    table.spoil("date as ISO", 14, "contract: second date format", mapper("sale_date", iso_from_us))
    table.spoil("dollar sign and thousands", 12, "stg_sales: cut off", mapper("sale_price", with_commas("$")))
    table.spoil(
        "price in euros", 5, "stg_sales: currency EUR, fact_sales: converted", mapper("sale_price", with_commas("€"))
    )
    table.spoil(
        "price in pounds", 3, "stg_sales: currency GBP, fact_sales: converted", mapper("sale_price", with_commas("£"))
    )
    table.spoil(
        "unknown customer",
        7,
        "fact_sales: unknown member -1",
        mapper("customer_id", lambda text: f"9{int(text):04}"),
    )
    table.spoil("no customer", 4, "fact_sales: unknown member -1", setter("customer_id", ""))
    table.spoil("unknown vehicle", 4, "fact_sales: unknown member -1", setter("vehicle_id", "97"))
    table.spoil(
        "payment method spelled differently",
        30,
        "stg_sales: looked up without case and punctuation",
        mapper("payment_method", lambda text: dice.one([text.upper(), f" {text} ", text.replace(" ", "-").lower()])),
    )


def reviews(dice: Dice, customer_ids: list[str], vehicle_rows: list[Row]) -> Table:
    """Reviews by known customers of known models."""
    texts = ["Quiet and quick.", "Range is as promised.", "Charging takes longer than I hoped.", "Would buy it again."]
    rows: list[Row] = []
    for number in range(1, 491):
        day = date(2021, 2, 1) + timedelta(days=dice.below(1060))
        row = {
            "ReviewID": number,
            "VehicleModel": dice.one(vehicle_rows)["model_name"],
            "CustomerID": int(dice.one(customer_ids)),
        }
        rows.append(
            row
            | {
                "Rating": dice.weighted({5: 35, 4: 30, 3: 18, 2: 10, 1: 7}),
                "Date": str(day),
                "ReviewText": dice.one(texts),
            }
        )
    table = Table("product_reviews", "data/product_reviews.json", rows, dice)
    table.refuse("rating above 5", 5, "max", "rating", mapper("Rating", lambda rating: rating + 5))
    table.refuse("rating below 1", 3, "min", "rating", setter("Rating", 0))
    table.refuse("no rating", 4, "required", "rating", setter("Rating", None))
    table.refuse("rating in words", 2, "type", "rating", mapper("Rating", "{} stars".format))
    table.spoil("blank text", 9, "stg_product_reviews: null", mapper("ReviewText", lambda _: dice.one(["", "   "])))
    table.spoil(
        "model in wrong case", 15, "stg_product_reviews: looked up without case", mapper("VehicleModel", str.upper)
    )
    table.spoil(
        "unknown customer",
        6,
        "stg_product_reviews: null customer_id",
        mapper("CustomerID", lambda number: number + 90_000),
    )
    table.spoil(
        "date as M/D/YYYY",
        20,
        "contract: second date format",
        mapper("Date", lambda day: us_date(date.fromisoformat(day))),
    )
    table.repeat("exact duplicate", 10)
    return table
