"""What headgate's ledger has to say about the mobility example, computed from its raw files in plain Python.

Nothing here and in the modules beside it knows headgate, its contracts or its SQL.
"""

from __future__ import annotations

from .truth_charging import chargenet_sessions, dundee_sessions, stations
from .truth_ecoride import cars, customers, reviews, sales, vehicles
from .truth_files import EXAMPLE, Book, rates, raw_rows

SOURCES = (vehicles, customers, sales, reviews, cars, stations, chargenet_sessions, dundee_sessions)


def plain_sources() -> dict[str, Book]:
    """Files in which every row is sound."""
    models = raw_rows(EXAMPLE / "data/ev_models/ev-data.json.gz", "data")
    books = {"data/ev_models/ev-data.json.gz": Book(len(models), len(models))}
    return books | {"data/exchange_rates/monthly.csv.gz": Book(len(rates()), len(rates()))}


def books() -> dict[str, Book]:
    """What has to become of the rows of every raw file."""
    found = dict(plain_sources())
    for source in SOURCES:
        found |= source().books
    return found
