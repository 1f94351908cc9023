"""Where EcoRide and ChargeNet do business, and how people spell it."""

from __future__ import annotations

from generator.planting import Dice, Row

PLACES = {
    "USA": ["San Diego,CA", "Fresno,CA", "Austin,TX", "Houston,TX", "Albany,NY", "Seattle,WA", "Denver,CO", "Miami,FL"],
    "Canada": ["Toronto,ON", "Vancouver,BC", "Montreal,QC"],
    "United Kingdom": ["Dundee,", "Leeds,", "Bristol,"],
    "Germany": ["Hamburg,", "Leipzig,"],
    "France": ["Lyon,", "Nantes,"],
    "Netherlands": ["Utrecht,", "Eindhoven,"],
    "Norway": ["Oslo,", "Bergen,"],
}
COUNTRY_WEIGHTS = {
    "USA": 62,
    "Canada": 12,
    "United Kingdom": 9,
    "Germany": 6,
    "France": 5,
    "Netherlands": 3,
    "Norway": 3,
}
STATE_NAMES = {"CA": "California", "TX": "Texas", "NY": "new york", "WA": "Washington", "CO": "Colo.", "FL": "fla"}
COUNTRY_SPELLINGS = {"USA": ["United States", "U.S.A.", "us"], "United Kingdom": ["UK", "Great Britain"]}
STREETS = ["Canal Street", "Mill Lane", "Station Road", "Park Avenue", "Harbour Way", "Second Street"]


def respell_place(row: Row, dice: Dice) -> None:
    """Write the state or the country of a row in another spelling."""
    if row["state"] in STATE_NAMES and dice.below(2):
        row["state"] = STATE_NAMES[row["state"]]
    else:
        row["country"] = dice.one(COUNTRY_SPELLINGS[row["country"]])


def can_be_respelled(row: Row) -> bool:
    """Whether another spelling of the state or the country is known."""
    return row["state"] in STATE_NAMES or row["country"] in COUNTRY_SPELLINGS


def place(dice: Dice) -> Row:
    """An address somewhere EcoRide and ChargeNet do business."""
    country = dice.weighted(COUNTRY_WEIGHTS)
    city, state = dice.one(PLACES[country]).split(",")
    return {"address": f"{dice.between(1, 980)} {dice.one(STREETS)}", "city": city, "state": state, "country": country}
