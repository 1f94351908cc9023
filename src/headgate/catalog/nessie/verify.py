"""Whether what Nessie holds adds up, as far as a client can see it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from headgate.catalog.model import Problem
from headgate.catalog.nessie import model
from headgate.catalog.nessie.client import NessieClient, NessieRefusal
from headgate.catalog.nessie.contents import to_content
from headgate.catalog.nessie.history import History
from headgate.catalog.nessie.names import LANDING, key_of
from headgate.catalog.nessie.record import parents_of, read_operations
from headgate.catalog.nessie.refs import RefReader
from headgate.types import Kind

_REFS, _COMMITS = "references", "commits"
# Seconds after which a branch that a commit was made on belongs to nobody who lives.
_ABANDONED = 3600


def find_problems(client: NessieClient, refs: RefReader, history: History) -> Iterator[Problem]:
    """Follow every ref to the beginning and compare what commits did with what they say they did.

    Nessie names commits by their content and answers for its own store; what is compared is what headgate wrote beside
    it. Branches that a writer which died left behind are taken away.
    """
    seen: set[str] = set()
    for ref in refs.all():
        if ref.commit_id not in seen:
            yield from _line(client, history, ref.name, ref.commit_id, seen)
    _sweep(client)


def _line(client: NessieClient, history: History, ref: str, head: str, seen: set[str]) -> Iterator[Problem]:
    starts = [head]
    while starts:
        start = starts.pop()
        last: str | None = None
        try:
            for entry in client.history(f"@{start}", operations=True):
                made = entry.commit_meta
                if made.hash in seen:
                    last = None
                    break
                seen.add(made.hash)
                first, *others = parents_of(made) or (None,)
                last = first
                starts.extend(other for other in others if other not in seen)
                yield from disagreements(entry)
        except NessieRefusal as refusal:
            yield Problem(_REFS, ref, f"its history breaks off at {start}: {refusal.message}")
            continue
        if last is not None and last != history.beginning:
            yield Problem(_REFS, ref, f"its history ends at commit {last}, which is missing")


def disagreements(entry: model.LogEntry) -> Iterator[Problem]:
    """What a commit of headgate recorded against what Nessie says it did."""
    commit = entry.commit_meta.hash
    recorded = read_operations(entry.commit_meta.all_properties)
    if recorded is None:
        return
    # What replaces other content is listed as taken away and as put; what was put counts.
    listed = sorted(entry.operations or (), key=lambda operation: operation.type == "PUT")
    done = {operation.key: operation for operation in listed if operation.type != "UNCHANGED"}
    for operation in recorded:
        key = key_of(operation.name)
        there = done.pop(key, None)
        wanted = operation.after
        content = to_content(there.content, {}) if there is not None else None
        found = (content.kind, content.metadata_location) if content is not None else None
        if there is None or found != (wanted and (wanted.kind, wanted.metadata_location)):
            yield Problem(_COMMITS, commit, f"it recorded another {operation.name} than it put there")
    for key, there in done.items():
        content = to_content(there.content, {})
        if content is not None and content.kind is not Kind.NAMESPACE:
            yield Problem(_COMMITS, commit, f"it put {'.'.join(key.elements)}, which it did not record")


def _sweep(client: NessieClient) -> None:
    for reference in list(client.references()):
        if reference.name is None or not reference.name.startswith(LANDING):
            continue
        started = reference.name.removeprefix(LANDING).partition("-")[0]
        if started.isdigit() and time.time() - int(started) > _ABANDONED:
            with suppress(NessieRefusal):
                client.delete(reference.name, reference.hash)
