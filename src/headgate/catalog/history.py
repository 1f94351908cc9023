"""How commits descend from one another: merge bases, ancestry and the log."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping

from headgate.catalog.commits import CommitStore, Descent, Header
from headgate.catalog.model import Commit

# The log reads a few commits at first, as a reader seldom wants more, and then ever more at a time.
_FIRST, _MOST = 16, 256


def merge_bases(
    store: CommitStore, one: Header, other: Header, known: Mapping[str, list[Header]] | None = None
) -> list[Header]:
    """The common ancestors of two commits that no other common ancestor descends from, the nearest first.

    Parents of commits that are known already need not be read.
    """
    return _compare(store, one, other, known)[0]


def ahead(store: CommitStore, one: Header, other: Header) -> list[Header]:
    """What a commit descends from, itself included, and another does not."""
    return _compare(store, one, other)[1]


def _compare(
    store: CommitStore, one: Header, other: Header, known: Mapping[str, list[Header]] | None = None
) -> tuple[list[Header], list[Header]]:
    """The merge bases of two commits, and what only the first descends from.

    Commits are visited by falling generation, so each after all that descend from it, as in Git's
    `paint_down_to_common`; the walk ends where only ancestors of what was found are left.
    """
    descent = Descent(store, known=known)
    from_one, from_other, below = 1, 2, 4
    paint = {one.id: from_one}
    paint[other.id] = paint.get(other.id, 0) | from_other
    queue = [(-header.generation, header.id, header) for header in {one.id: one, other.id: other}.values()]
    heapq.heapify(queue)
    bases: list[Header] = []
    only: list[Header] = []
    while any(not paint[name] & below for _, name, _ in queue):
        _, _, header = heapq.heappop(queue)
        colour = paint[header.id]
        if colour == from_one | from_other:
            bases.append(header)
            colour |= below
        elif colour == from_one:
            only.append(header)
        for parent in descent.parents(header, (name for _, name, _ in queue)):
            if parent.id not in paint:
                heapq.heappush(queue, (-parent.generation, parent.id, parent))
            paint[parent.id] = paint.get(parent.id, 0) | colour
    return bases, only


def is_ancestor(store: CommitStore, elder: Header, younger: Header) -> bool:
    """Whether one commit descends from another; a commit descends from itself."""
    if elder.generation >= younger.generation:
        return elder.id == younger.id
    return elder in merge_bases(store, elder, younger)


def is_on_line(store: CommitStore, elder: Header, younger: Header) -> bool:
    """Whether a commit is one of those that lead to another along the first parents: what a branch itself was at."""
    descent = Descent(store, first_parent=True)
    while younger.generation > elder.generation:
        (younger,) = descent.parents(younger)
    return younger.id == elder.id


def log(store: CommitStore, start: Header, limit: int | None, first_parent: bool) -> Iterator[Commit]:
    """A commit and its ancestors by falling generation, along the first parents or all of them."""
    descent = Descent(store, first_parent)
    queue = [(-start.generation, start.id, start)]
    seen = {start.id}
    size, left = _FIRST, limit
    while queue and left != 0:
        batch: list[Header] = []
        wanted = size if left is None else min(size, left)
        while queue and len(batch) < wanted:
            _, _, header = heapq.heappop(queue)
            batch.append(header)
            for parent in descent.parents(header, (name for _, name, _ in queue)):
                if parent.id not in seen:
                    seen.add(parent.id)
                    heapq.heappush(queue, (-parent.generation, parent.id, parent))
        commits = store.load_many([header.id for header in batch])
        yield from (commits[header.id] for header in batch)
        size, left = min(2 * size, _MOST), None if left is None else left - len(batch)
