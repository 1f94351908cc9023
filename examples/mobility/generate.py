"""Write the generated part of the mobility example: EcoRide's sales and cars, ChargeNet's stations and sessions.

Run `python generate.py` here. The same seed gives the same bytes on every Python version, because
only `random.Random(seed).random()` is used, whose sequence Python guarantees. Every defect is planted
on purpose, on a row that has no other, and is written with its count to `data/defects.json`.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

from generator.chargenet import charging_sessions, stations
from generator.ecoride import customers, reviews, sales, usable_ids, vehicles
from generator.fleet import vehicle_health
from generator.planting import Dice, Table

SEED = 20240101

PREFACE = [
    "Written by `generate.py`; `data/defects.json` says the same for programs. Every defect sits on a row of its own.",
    "A *quarantined* row goes to `quarantine.<table>` with the rule and the column; a *duplicate* loses to another row",
    "with its key; a *repaired* row is loaded, and put right or flagged by the model that is named.",
]


def generate() -> list[Table]:
    """Every table, in the order in which they depend on each other."""
    dice = Dice(SEED)
    cars, people = vehicles(dice), customers(dice)
    ids, places = usable_ids(people), stations(dice)
    sold = sales(dice, ids, cars.rows)
    return [
        cars,
        people,
        *sold,
        reviews(dice, ids, cars.rows),
        places,
        charging_sessions(dice, places.rows),
        vehicle_health(dice, cars.rows),
    ]


def rendered(table: Table) -> bytes:
    """The raw file's text, before any compression."""
    if ".csv" in table.file:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(table.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table.rows)
        return text.getvalue().encode()
    lines = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in table.rows)
    if table.source == "stations":
        return f'{{"network": "ChargeNet", "stations": [\n  {lines}\n]}}\n'.encode()
    return f"[\n  {lines}\n]\n".encode()


def defects_page(tables: list[Table]) -> str:
    """The book of defects for people to read."""
    lines = ["# Planted defects", "", *PREFACE]
    for table in tables:
        book = table.summary()
        lines += ["", f"## {table.file}", ""]
        figures = ("rows", "loaded", "quarantined", "duplicates")
        lines += [", ".join(f"{book[figure]:,} {figure}" for figure in figures) + ".", ""]
        lines += ["| defect | rows | effect | answered by |", "|---|---:|---|---|"]
        lines += [f"| {one['kind']} | {one['rows']} | {one['effect']} | {one['answer']} |" for one in table.defects]
    return "\n".join(lines) + "\n"


def files() -> dict[str, bytes]:
    """Every file that the generator owns, by path below the example, uncompressed."""
    tables = generate()
    book = {"seed": SEED, "files": {table.file: table.summary() for table in tables}}
    written = {table.file: rendered(table) for table in tables}
    written["data/defects.json"] = (json.dumps(book, indent=1, ensure_ascii=False) + "\n").encode()
    written["DEFECTS.md"] = defects_page(tables).encode()
    return written


if __name__ == "__main__":
    here = Path(__file__).parent
    for name, content in files().items():
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
        print(f"{name}: {len(content):,} bytes")
