"""Values that Python wrote, read back and compared one by one with what Python says of them."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.ingest.conftest import Lake

ROWS = 300
CHARS = "aZ09 ,;\"'\\\t\n\r\r\n|éß日\U0001f600\u2028%_-.:/{}[]"


def whole(low: int, high: int) -> Callable[[random.Random], int]:
    return lambda chance: chance.choice([low, high, 0, -1 if low else 1, chance.randint(low, high)])


def decimal(precision: int, scale: int) -> Callable[[random.Random], Decimal]:
    def make(chance: random.Random) -> Decimal:
        digits = chance.randint(1, precision)
        return Decimal(chance.randint(-(10**digits) + 1, 10**digits - 1)).scaleb(-scale)

    return make


def moment(chance: random.Random) -> dt.datetime:
    start = dt.datetime(1, 1, 1)
    return start + dt.timedelta(microseconds=chance.randrange(9998 * 365 * 24 * 3600 * 10**6))


def zoned(chance: random.Random) -> dt.datetime:
    offset = dt.timedelta(minutes=chance.randint(-12 * 60, 14 * 60))
    return moment(chance).replace(year=chance.randint(2, 9998), day=1, tzinfo=dt.timezone(offset))


def text(chance: random.Random) -> str:
    return "".join(chance.choices(CHARS, k=chance.randint(1, 12)))


MAKERS: dict[str, Callable[[random.Random], object]] = {
    "tinyint": whole(-(2**7), 2**7 - 1),
    "smallint": whole(-(2**15), 2**15 - 1),
    "integer": whole(-(2**31), 2**31 - 1),
    "bigint": whole(-(2**63), 2**63 - 1),
    "utinyint": whole(0, 2**8 - 1),
    "usmallint": whole(0, 2**16 - 1),
    "uinteger": whole(0, 2**32 - 1),
    "hugeint": whole(-(10**38) + 1, 10**38 - 1),
    "decimal(4,1)": decimal(4, 1),
    "decimal(10,2)": decimal(10, 2),
    "decimal(18,18)": decimal(18, 18),
    "decimal(38,9)": decimal(38, 9),
    "decimal(38,0)": decimal(38, 0),
    "double": lambda chance: chance.choice([0.1, 1e300, 5e-324, -0.0, chance.uniform(-1e9, 1e9), chance.random()]),
    "boolean": lambda chance: chance.random() < 0.5,
    "date": lambda chance: moment(chance).date(),
    "time": lambda chance: moment(chance).time(),
    "timestamp": moment,
    "timestamptz": zoned,
    "uuid": lambda chance: uuid.UUID(int=chance.getrandbits(128)),
    "varchar": text,
}


def same(kind: str, found: object, value: object) -> bool:
    if kind == "hugeint":
        return found == Decimal(str(value))
    if isinstance(value, float):
        return isinstance(found, float) and found.hex() == value.hex()
    return found == value and (kind != "uuid" or str(found) == str(value))


@pytest.mark.parametrize("broken", [False, True], ids=["direct", "staged"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_every_value_is_what_python_wrote(lake: Lake, broken: bool, ending: str) -> None:
    chance = random.Random(7)
    rows = [[make(chance) if chance.random() < 0.9 else None for make in MAKERS.values()] for _ in range(ROWS)]
    out = io.StringIO(newline="")
    # Python leaves a lone carriage return without quotes, and then takes it for the end of a line.
    writer = csv.writer(out, lineterminator=ending, quoting=csv.QUOTE_ALL if ending == "\n" else csv.QUOTE_MINIMAL)
    writer.writerow(["row", *(f"c{position}" for position in range(len(MAKERS)))])
    for number, row in enumerate(rows):
        # DuckDB makes no decimal of `1E-7`; such a row would be refused.
        writer.writerow([number, *(f"{value:f}" if isinstance(value, Decimal) else value for value in row)])
    if broken:
        writer.writerow(["one value alone"])
    lake.file("data/a.csv", out.getvalue())
    read = sum(1 for _ in csv.reader(io.StringIO(out.getvalue(), newline=""))) - 1
    columns = "".join(f"  c{position}: '{kind}'\n" for position, kind in enumerate(MAKERS))
    lake.source("t", f"table: t\nfiles: data/a.csv\ncolumns:\n  row: bigint\n{columns}")
    (result,) = lake.load()
    assert (result.read, result.loaded, result.quarantined) == (read, ROWS, int(broken)), lake.refused("t")[:5]
    named = ", ".join(f"c{position}" for position in range(len(MAKERS)))
    found = lake.rows(f"SELECT {named} FROM bronze.t ORDER BY row")
    wrong = [
        (number, kind, value, got)
        for number, (row, loaded) in enumerate(zip(rows, found, strict=True))
        for kind, value, got in zip(MAKERS, row, loaded, strict=True)
        if not (got is None if value is None else same(kind, got, value))
    ]
    assert wrong == []
