"""What becomes of tables, told from first principles: the model that `test_table_machine.py` holds the catalog against.

A table is the changes that made it: two sides of one join when each only appended to what both started from.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from headgate.types import Name

_joins = itertools.count(1)


@dataclass(frozen=True)
class Change:
    """A row that was appended, or that took the place of all others; another one where a join wrote it again."""

    row: int
    appends: bool
    joined: int = 0
    view: bool = False


Table = tuple[Change, ...]
"""A table, or the view that its only change made."""
Entries = Mapping[Name, Table]
Wanted = Mapping[Name, tuple[Table | None, Table | None]]
"""What each name stood for before it was changed, and what it is to stand for."""


def rows_of(table: Table) -> list[int]:
    start = max((number for number, change in enumerate(table) if not change.appends), default=0)
    return sorted(change.row for change in table[start:])


def join(base: Table | None, theirs: Table | None, ours: Table | None) -> Table | None:
    """What both sides appended, once each; None where one did more."""
    if not theirs or not ours:
        return None
    start = base or ()
    added, others = ours[len(start) :], theirs[len(start) :]
    prefixed = ours[: len(start)] == start == theirs[: len(start)]
    if not prefixed or not all(change.appends for change in (*added, *others)):
        return None
    return (*theirs, *(Change(change.row, True, next(_joins)) for change in added))


def changed(before: Entries, after: Entries) -> Wanted:
    """What makes one state of another."""
    names = sorted(before.keys() | after.keys())
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def applied(held: Entries, wanted: Wanted, *, joining: bool = True) -> tuple[Entries, list[str]]:
    """A state with changes, and the names on which they clash with what it has."""
    after, clashes = dict(held), list[str]()
    for name, (base, ours) in wanted.items():
        theirs = held.get(name)
        if theirs in (base, ours):
            result = ours
        else:
            result = join(base, theirs, ours) if joining else None
            if result is None:
                clashes.append(str(name))
        if result is None:
            after.pop(name, None)
        else:
            after[name] = result
    return after, sorted(clashes)


@dataclass(frozen=True)
class Node:
    parents: tuple[str, ...]
    entries: Entries


@dataclass
class History:
    """Commits, and where refs point.

    Attributes:
        pointed: Every commit that a branch was ever at.
    """

    commits: dict[str, Node]
    heads: dict[str, str]
    tags: dict[str, str] = field(default_factory=dict)
    pointed: dict[str, set[str]] = field(default_factory=dict)

    def entries(self, branch: str) -> Entries:
        return self.commits[self.heads[branch]].entries

    def ancestors(self, commit: str) -> set[str]:
        return {commit}.union(*(self.ancestors(parent) for parent in self.commits[commit].parents))

    def line(self, commit: str) -> list[str]:
        """A commit and those that led to it along the first parents, newest first."""
        found = [commit]
        while parents := self.commits[found[-1]].parents:
            found.append(parents[0])
        return found

    def bases(self, one: str, other: str) -> list[str]:
        """The common ancestors that no other one descends from."""
        common = self.ancestors(one) & self.ancestors(other)
        return [each for each in common if not any(each != b and each in self.ancestors(b) for b in common)]

    def done_by(self, commit: str) -> Wanted:
        """What a commit did to its first parent."""
        node = self.commits[commit]
        return changed(self.commits[node.parents[0]].entries if node.parents else {}, node.entries)

    def point(self, branch: str, commit: str) -> None:
        self.heads[branch] = commit
        self.pointed.setdefault(branch, set()).add(commit)

    def moved(self, branch: str, made: str, parents: Collection[str], entries: Entries) -> None:
        """What is expected of a branch; nothing new where nothing changed."""
        if made not in self.commits:
            self.commits[made] = Node(tuple(parents), entries)
        assert self.commits[made].entries == entries
        self.point(branch, made)
