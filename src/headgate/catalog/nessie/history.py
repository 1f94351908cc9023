"""How commits descend from one another in Nessie: read a page of first parents at a time, and kept, as none changes.

Nessie numbers commits along first parents only, so descent is followed by the time of the commits, as Git did before
it had generations. A clock that went wrong costs a longer walk, and never a wrong answer.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from headgate.catalog.model import Commit, Operation
from headgate.catalog.nessie import model
from headgate.catalog.nessie.client import NessieClient, NessieRefusal
from headgate.catalog.nessie.contents import ContentIds, name_of_content, to_content
from headgate.catalog.nessie.recent import Recent
from headgate.catalog.nessie.record import further, parents_of, read_operations
from headgate.errors import CorruptHistory, ProjectError
from headgate.types import Content, Name

# A walk reads a few commits at first, as branches mostly part shortly before, and then ever more at a time.
_FIRST, _MOST = 16, 250
_KEPT = 20_000
# A run asks what it changed when it judges that, and again when it publishes it.
_DIFFS = 8
# Servers of one Nessie have clocks that differ by less.
_SKEW = timedelta(hours=1)


@dataclass(frozen=True)
class Link:
    """What has to be known of a commit to follow its descent."""

    id: str
    parents: tuple[str, ...]
    time: datetime
    made: model.Made | None


class History:
    """The commits of one server."""

    def __init__(self, client: NessieClient, ids: ContentIds) -> None:
        self._client = client
        self._ids = ids
        self._links = Recent[str, Link](_KEPT)
        self._diffs = Recent[tuple[str, str], list[Operation]](_DIFFS)
        self._config: model.Config | None = None

    @property
    def config(self) -> model.Config:
        """What the server says about itself; asked once.

        Raises:
            ProjectError: It is too old.
        """
        if self._config is None:
            found = self._client.config()
            if found.max_supported_api_version < 2:
                raise ProjectError(
                    f"This Nessie speaks version {found.max_supported_api_version} of its REST API; headgate needs 2",
                    place=self._client.place,
                    hint="Upgrade Nessie to 0.90 or newer",
                )
            self._config = found
        return self._config

    @property
    def beginning(self) -> str:
        """The hash that stands for the empty lake, from which every history starts."""
        return self.config.no_ancestor_hash

    def has(self, commit: str) -> bool:
        """Whether a commit need not be asked for."""
        return commit in self._links

    def link(self, commit: str, window: int = 1) -> Link | None:
        """A commit, or None when there is no such; as many as `window` of its line are read along with it."""
        found = self._links.get(commit)
        if found is not None:
            return found
        try:
            # The one that was asked for last, so that it is kept whatever came along.
            read = [self.note(entry) for entry in reversed(list(self._client.history(f"@{commit}", window)))]
        except NessieRefusal as refusal:
            if refusal.answered != 404:
                raise
            return None
        if not read and commit == self.beginning:
            time = self.config.repository_creation_timestamp or datetime.fromtimestamp(0, UTC)
            return self._links.keep(commit, Link(commit, (), time, None))
        return read[-1] if read else None

    def note(self, entry: model.LogEntry) -> Link:
        """Keep a commit that was read."""
        made = entry.commit_meta
        return self._links.keep(made.hash, Link(made.hash, parents_of(made), made.commit_time.astimezone(UTC), made))

    def known(self, commit: str) -> Link:
        """A commit that a ref or another commit names; CorruptHistory when it is missing."""
        found = self.link(commit)
        if found is None:
            raise CorruptHistory(
                f"The commit {commit} is missing from the catalog",
                place=self._client.place,
                hint="headgate doctor lists what does not add up; Nessie's own tools restore its store",
            )
        return found

    def commit(self, commit_id: str) -> Commit:
        """One commit in full."""
        return self._in_full(self.known(commit_id))

    def is_ancestor(self, elder: str, younger: str) -> bool:
        """Whether one commit descends from another; a commit descends from itself."""
        found = self.known(elder)
        if elder == younger or found.made is None:
            return True
        walk = _Walk(self, [younger])
        return any(link.id == elder for link in walk.links(found.time - _SKEW))

    def merge_bases(self, one: str, other: str) -> list[str]:
        """The common ancestors of two commits that no other common ancestor descends from, the newest first."""
        return self._compare(one, other)[0]

    def ahead(self, one: str, other: str) -> list[str]:
        """What a commit descends from, itself included, and another does not."""
        return self._compare(one, other)[1]

    def _compare(self, one: str, other: str) -> tuple[list[str], list[str]]:
        """The merge bases of two commits, and what only the first descends from.

        As Git's `paint_down_to_common`: a commit is looked at again when it turns out to descend from more.
        """
        if one == other:
            return [one], []
        from_one, from_other, below = 1, 2, 4
        both = from_one | from_other
        paint = {one: from_one, other: from_other}
        walk = _Walk(self, [one, other])
        bases: dict[str, datetime] = {}
        while walk.any(lambda commit: not paint[commit] & below):
            link = walk.next()
            colour = paint[link.id]
            if colour & both == both:
                if not colour & below:
                    bases[link.id] = link.time
                colour |= below
            for parent in link.parents:
                known = paint.get(parent, 0)
                if known | colour != known:
                    paint[parent] = known | colour
                    walk.add(parent)
        found = [base for base in bases if not paint[base] & below]
        best = [base for base in found if not any(o != base and self.is_ancestor(base, o) for o in found)]
        only = [commit for commit, colour in paint.items() if colour == from_one]
        return sorted(best, key=lambda base: (bases[base], base), reverse=True), only

    def log(self, start: str, limit: int | None, first_parent: bool) -> Iterator[Commit]:
        """A commit and its ancestors, newest first: along the first parents, or all of them."""
        if limit == 0:
            return
        links = self._line(start) if first_parent else self._all(start)
        for count, link in enumerate(links, start=1):
            yield self._in_full(link)
            if count == limit:
                return

    def diff(self, before: str, after: str) -> list[Operation]:
        """What makes the state of one commit of another's, in the order of the names."""
        if before == after:
            return []
        known = self._diffs.get((before, after))
        if known is None:
            known = self._diffs.keep((before, after), self._read_diff(before, after))
        return list(known)

    def _read_diff(self, before: str, after: str) -> list[Operation]:
        differences = list(self._client.diff(before, after))
        from_ids = self._ids.of((d.from_ for d in differences if d.from_), before)
        to_ids = self._ids.of((d.to for d in differences if d.to), after)
        sides: dict[Name, list[Content | None]] = {}
        for difference in differences:
            for side, content, ids in ((0, difference.from_, from_ids), (1, difference.to, to_ids)):
                own = to_content(content, ids)
                if content is not None and own is not None:
                    sides.setdefault(name_of_content(difference.key, content), [None, None])[side] = own
        operations = (Operation(name, before, after) for name, (before, after) in sorted(sides.items()))
        return [operation for operation in operations if operation.before != operation.after]

    def _in_full(self, link: Link) -> Commit:
        if link.made is None:
            return Commit(link.id, (), link.id, (), "headgate", "The empty lake", link.time, {}, 0)
        made, properties = link.made, link.made.all_properties
        operations = read_operations(properties)
        if operations is None:
            first = link.parents[0] if link.parents else self.beginning
            operations = tuple(self.diff(first, link.id))
        author = ", ".join(name for name in made.authors if name) or made.committer or "unknown"
        return Commit(
            id=link.id,
            parents=link.parents,
            root=link.id,
            operations=operations,
            author=author,
            message=made.message,
            time=link.time,
            properties=further(properties),
            generation=1,
        )

    def _line(self, start: str) -> Iterator[Link]:
        """A commit and its first parents."""
        window, current = _FIRST, start
        while True:
            known = self.has(current)
            link = self.link(current, window)
            if link is None:
                link = self.known(current)
            yield link
            if not link.parents:
                return
            current = link.parents[0]
            window = window if known else min(2 * window, _MOST)

    def _all(self, start: str) -> Iterator[Link]:
        """A commit and all its ancestors, each after everything that descends from it."""
        links = {link.id: link for link in _Walk(self, [start]).links()}
        children = dict.fromkeys(links, 0)
        for link in links.values():
            for parent in link.parents:
                children[parent] += 1
        ready = [(-links[start].time.timestamp(), start)]
        while ready:
            link = links[heapq.heappop(ready)[1]]
            yield link
            for parent in link.parents:
                children[parent] -= 1
                if children[parent] == 0:
                    heapq.heappush(ready, (-links[parent].time.timestamp(), parent))


class _Walk:
    """Commits that are to be looked at, the newest next."""

    def __init__(self, history: History, starts: list[str]) -> None:
        self._history = history
        self._window = _FIRST
        self._queue: list[tuple[float, str]] = []
        for start in starts:
            self.add(start)

    def add(self, commit: str) -> None:
        """Look at a commit in its turn, once more if it was looked at."""
        if not self._history.has(commit):
            self._history.link(commit, self._window)
            self._window = min(2 * self._window, _MOST)
        heapq.heappush(self._queue, (-self._history.known(commit).time.timestamp(), commit))

    def any(self, wanted: Callable[[str], bool]) -> bool:
        """Whether some commit that is waiting is of interest."""
        return any(wanted(commit) for _, commit in self._queue)

    def next(self) -> Link:
        """The newest that waits."""
        return self._history.known(heapq.heappop(self._queue)[1])

    def links(self, oldest: datetime | None = None) -> Iterator[Link]:
        """Everything that can be reached, each once; nothing from before `oldest`."""
        seen = {commit for _, commit in self._queue}
        while self._queue:
            link = self.next()
            if oldest is not None and link.time < oldest:
                continue
            yield link
            for parent in link.parents:
                if parent not in seen:
                    seen.add(parent)
                    self.add(parent)
