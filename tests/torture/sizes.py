"""How long each part of the harness works: a sample in `make test`, half an hour in `make torture`.

`HEADGATE_TORTURE=long` chooses the long run; `make torture` sets it. `HEADGATE_TORTURE_SEED` repeats the random choices
of a run: every failure prints the seed.
"""

from __future__ import annotations

import enum
import os
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

_Value = TypeVar("_Value")

LONG = os.environ.get("HEADGATE_TORTURE") == "long"
# Set for the processes that pytest starts, so that all of them print the same.
SEED = int(os.environ.setdefault("HEADGATE_TORTURE_SEED", str(secrets.randbits(32) if LONG else 1)))


class Part(enum.StrEnum):
    """What the harness tortures; its counts are shown under this name."""

    FAULTS = "faults"
    CATALOG = "catalog"
    CONCURRENCY = "concurrency"
    BAD_INPUT = "bad input"


@dataclass(frozen=True)
class Budget:
    """Seconds of one core that all tests of a part may take together."""

    short: float
    long: float


# The long run takes 30 minutes on two cores, the short one a minute and a half on one.
BUDGETS = {
    Part.FAULTS: Budget(short=45, long=1200),
    Part.CATALOG: Budget(short=15, long=720),
    Part.CONCURRENCY: Budget(short=15, long=720),
    Part.BAD_INPUT: Budget(short=20, long=960),
}


def seconds(part: Part, share: float) -> float:
    """What a test may take that has this share (0 to 1) of its part; shares of a part add up to 1 at most."""
    return share * (BUDGETS[part].long if LONG else BUDGETS[part].short)


def spending(part: Part, share: float) -> Iterator[None]:
    """As many turns as fit into a test's seconds of one core, or, where others keep that busy, into twice the time."""
    limit = seconds(part, share)
    spent, began = time.process_time(), time.monotonic()
    while time.process_time() < spent + limit and time.monotonic() < began + 2 * limit:
        yield


def sample(name: str, values: Sequence[_Value], short: int = 1) -> list[_Value]:
    """All values in a long run; some, which the seed chooses, in a short one."""
    return list(values) if LONG else random.Random(f"{SEED} {name}").sample(values, short)


# Each needs clean runs of its own to compare with: the short run takes two of them.
DRAWN = sample("faults", ["changing sources", "limited files", "small disks", "locked", "second signals"], 2)


def drawn(name: str, values: Sequence[_Value]) -> list[_Value]:
    """All values in a long run; in a short one, one of them where the seed has drawn that fault, and else none."""
    return sample(name, values, short=int(name in DRAWN))


def pick(short: _Value, long: _Value) -> _Value:
    """The value for this run, where a count of examples or steps says more than a duration."""
    return long if LONG else short
