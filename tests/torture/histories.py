"""Checks what writers and readers of a lake recorded against the history that the lake has.

After Kingsbury's and Alvaro's Elle (VLDB 2020): rows are unique, so what a reader saw tells which appends it came
after. Nothing here knows of headgate.
"""

from __future__ import annotations

import enum
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Rows = Mapping[str, Sequence[int]]
"""Rows by table."""


class Answer(enum.Enum):
    """What the writer was told."""

    ACKNOWLEDGED = enum.auto()
    REFUSED = enum.auto()
    UNKNOWN = enum.auto()


@dataclass(frozen=True)
class Append:
    """Rows that nobody else appends, put into some tables in one commit; times are of one clock for all."""

    rows: frozenset[int]
    tables: frozenset[str]
    begun: float
    ended: float
    answer: Answer


@dataclass(frozen=True)
class Read:
    """What a reader that was pinned to a commit saw of some tables."""

    commit: str
    rows: Rows
    begun: float


@dataclass(frozen=True)
class Step:
    """A commit on the line of `main`, and what it did to each table against the one before."""

    commit: str
    parent: str | None
    added: Rows = field(default_factory=dict)
    removed: Rows = field(default_factory=dict)


def violations(steps: Sequence[Step], appends: Sequence[Append], reads: Sequence[Read]) -> list[str]:
    """What is wrong, as sentences; empty when the history is one that could have come of the appends one by one.

    Args:
        steps: The line of `main`, oldest first.
        appends: Those of all writers.
        reads: Those of all readers.
    """
    return [*_line(steps), *_rows(steps, appends), *_order(steps, appends), *_reads(steps, appends, reads)]


def _line(steps: Sequence[Step]) -> Iterator[str]:
    for before, after in itertools.pairwise(steps):
        if after.parent != before.commit:
            yield f"{after.commit} does not follow {before.commit}, which stands before it"
    for step in steps:
        if any(step.removed.values()):
            yield f"{step.commit} took rows away, and all that was done is append"


def _rows(steps: Sequence[Step], appends: Sequence[Append]) -> Iterator[str]:
    """Every row that was acknowledged is there once, no other twice, none that nobody appended; appends are whole."""
    counted: dict[str, Counter[int]] = {}
    for step in steps:
        for table, rows in step.added.items():
            counted.setdefault(table, Counter()).update(rows)
    for append in appends:
        for table in sorted(append.tables):
            for row in sorted(append.rows):
                found = counted.get(table, Counter())[row]
                if found > 1:
                    yield f"row {row} was appended to {table} {found} times"
                elif append.answer is Answer.ACKNOWLEDGED and not found:
                    yield f"row {row} of {table} was acknowledged and is lost"
                elif append.answer is Answer.REFUSED and found:
                    yield f"row {row} of {table} was refused and is there"
    known = {(table, row) for append in appends for table in append.tables for row in append.rows}
    for table, rows_of in counted.items():
        yield from (f"row {row} of {table} came from nowhere" for row in rows_of if (table, row) not in known)
    held: dict[tuple[str, int], set[int]] = {}
    for number, step in enumerate(steps):
        for table, rows in step.added.items():
            for row in rows:
                held.setdefault((table, row), set()).add(number)
    for append in appends:
        places = [frozenset(held.get((table, row), ())) for table in append.tables for row in append.rows]
        if len(set(places)) > 1:
            yield f"the append of row {min(append.rows)} is not in one commit"


def _order(steps: Sequence[Step], appends: Sequence[Append]) -> Iterator[str]:
    """An append that was acknowledged before another began is in an earlier commit."""
    places = _places(steps, appends)
    landed = sorted((each for each in appends if each in places), key=lambda each: each.begun)
    finished = sorted((each for each in landed if each.answer is Answer.ACKNOWLEDGED), key=lambda each: each.ended)
    latest, following = None, 0
    for append in landed:
        while following < len(finished) and finished[following].ended < append.begun:
            done = finished[following]
            latest = done if latest is None or places[done] > places[latest] else latest
            following += 1
        if latest is not None and places[latest] >= places[append]:
            yield f"row {min(append.rows)} was appended after row {min(latest.rows)}, and stands before it"


def _places(steps: Sequence[Step], appends: Sequence[Append]) -> dict[Append, int]:
    """The number of the commit that each append is in."""
    first = {(t, row): number for number, step in enumerate(steps) for t, rows in step.added.items() for row in rows}
    keys = {append: (min(append.tables), min(append.rows)) for append in appends}
    return {append: first[key] for append, key in keys.items() if key in first}


def _reads(steps: Sequence[Step], appends: Sequence[Append], reads: Sequence[Read]) -> Iterator[str]:
    """What was seen at a commit is what the commits up to it make, and no reader is before what was acknowledged."""
    states: dict[str, dict[str, Counter[int]]] = {}
    wanted, now = {read.commit for read in reads}, dict[str, Counter[int]]()
    numbers = {step.commit: number for number, step in enumerate(steps)}
    for step in steps:
        for table in {*step.added, *step.removed}:
            now[table] = now.get(table, Counter()) + Counter(step.added.get(table, ()))
            now[table] -= Counter(step.removed.get(table, ()))
        if step.commit in wanted:
            states[step.commit] = dict(now)
    places = _places(steps, appends)
    for read in reads:
        if read.commit not in states:
            yield f"a reader was at {read.commit}, which never was on main"
            continue
        for table, rows in read.rows.items():
            if Counter(rows) != states[read.commit].get(table, Counter()):
                yield f"a reader saw of {table} at {read.commit} what the commits up to it do not make"
        for append in appends:
            early = append.answer is Answer.ACKNOWLEDGED and append.ended < read.begun
            if early and append in places and places[append] > numbers[read.commit]:
                yield f"a reader that began after row {min(append.rows)} was acknowledged was before it"
