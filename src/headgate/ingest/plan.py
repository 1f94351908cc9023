"""Planning: which files have to be loaded, told by their bytes, the ledger and the contract."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from headgate.catalog.storage import Storage
from headgate.database import Database
from headgate.errors import ContractError, DataError, ProjectError
from headgate.ingest.addresses import shown
from headgate.ingest.contract import Source
from headgate.ingest.files import InputFile, discover
from headgate.ingest.ledger import KnownLoad, live, places
from headgate.project import Project


class Action(enum.StrEnum):
    """What is to be done with a file."""

    LOAD = "load"
    REPLACE = "replace"
    REMOVE = "remove"


@dataclass(frozen=True)
class PlannedLoad:
    """One file that is to be loaded, or whose rows are to go.

    Attributes:
        source: Whose file.
        file: The file; None where it is gone and its rows are to go as well.
        action: What is to be done.
        reason: Why, for a person.
        name: The file's name, as it is recorded.
        load_id: Identity of the load: the same for the same source, bytes and history, whoever plans it.
        replaces: The load that this one is recorded to replace.
        removes: Loads whose rows have to go before this one's come.
        unchanged: Whether the bytes are those of the load that this one replaces.
        later: Loads whose files arrived after this one, and whose rows stay.
    """

    source: Source
    file: InputFile | None
    action: Action
    reason: str
    name: str
    load_id: str
    replaces: str | None = None
    removes: tuple[str, ...] = ()
    unchanged: bool = False
    later: tuple[str, ...] = ()


def plan_loads(
    project: Project,
    sources: Iterable[Source],
    known: Sequence[KnownLoad],
    storage: Storage,
    db: Database | None = None,
    *,
    full_refresh: bool = False,
    tell: Callable[[str], object] = lambda _: None,
    found: Callable[[Source, Sequence[InputFile]], object] = lambda *_: None,
) -> list[PlannedLoad]:
    """What has to be loaded so that the lake holds what the sources have now.

    Args:
        project: Where relative paths start.
        sources: Whose files to look at.
        known: The ledger of the state that is built on.
        storage: The lake's files, whose credentials reach objects of sources as well.
        db: Remembers hashes of files.
        full_refresh: Whether to load again what was loaded already.
        tell: Is told what a person should know of sources beside what is planned.
        found: Is told the files of each source.

    Raises:
        DataError: A file is missing, or a source has none and never had.
        ContractError: A file changed whose contract forbids that.
        ProjectError: A file is in the table already, from a source whose contract is gone or has another name now.
    """
    planned: list[PlannedLoad] = []
    ownerless = _ownerless(project, known)
    for source in sources:
        history = [load for load in known if load.source == source.name]
        here = into_its_table(source, history)
        files = discover(project, source, storage, db)
        found(source, files)
        if not files:
            tell(_without_files(source, here))
        own = _plan(source, files, history, full_refresh)
        _check_owned(source, own, here, ownerless)
        if own and not here and history:
            tell(_table_changed(source, history))
        left_out = _left_out(source, here, own)
        if left_out:
            tell(left_out)
        kept = {load.file.name for load in own if load.file is not None}
        for file in files:
            if file.name not in kept:
                file.release()
        planned += own
    for source in [] if full_refresh else outdated(sources, known, planned):
        tell(_contract_changed(source))
    return planned


def _without_files(source: Source, here: Sequence[KnownLoad]) -> str:
    """What is said of a source whose files are all gone.

    Raises:
        DataError: It never had one, or its table holds the files that are there now.
    """
    patterns = ", ".join(map(shown, source.contract.files))
    if not here or source.contract.load == "replace":
        raise DataError(
            f"The source '{source.name}' has no file: nothing matches {patterns}.",
            place=f"{source.path}: files",
            hint="Put files there, or correct `files`.",
        )
    return (
        f"The source '{source.name}' has no file any more: nothing matches {patterns}. "
        f"What was loaded into {source.table} stays as it is."
    )


def _distinct(files: Sequence[InputFile]) -> list[InputFile]:
    """Files with different bytes; of equal ones, the first."""
    return list({file.sha256: file for file in reversed(files)}.values())[::-1]


def into_its_table(source: Source, known: Iterable[KnownLoad]) -> list[KnownLoad]:
    """The loads of a source into the table that it fills now; of others it knows nothing there."""
    return [load for load in known if load.source == source.name and load.table == str(source.table)]


def _table_changed(source: Source, history: Sequence[KnownLoad]) -> str:
    before = ", ".join(dict.fromkeys(load.table for load in history))
    return (
        f"The source '{source.name}' fills {source.table} now, and loads its files there anew. "
        f"What it loaded into {before} stays as it is, and is not kept up to date by it any more."
    )


def _ownerless(project: Project, known: Sequence[KnownLoad]) -> list[KnownLoad]:
    """Loads whose rows are in the lake, and whose source has no contract any more."""
    there = {path.stem for path in project.contract_files()}
    gone = [load for load in known if load.source not in there]
    return live(gone) if gone else []


def _check_owned(
    source: Source, planned: Sequence[PlannedLoad], history: Sequence[KnownLoad], ownerless: Sequence[KnownLoad]
) -> None:
    """Raise where files would come into a table that has them from a source without a contract."""
    here = [load for load in ownerless if load.table == str(source.table) and load.read]
    by_hash = {load.sha256: load for load in here}
    # A name that the source has loaded from by itself is its own, whatever others did.
    own = {load.file for load in history}
    by_name = {load.file: load for load in here if load.file not in own}
    for step in planned:
        if step.file is None or step.replaces is not None:
            continue
        held = by_hash.get(step.file.sha256) or by_name.get(step.name)
        if held is not None:
            raise ProjectError(
                f"The source '{source.name}' would load the file '{step.name}' into {source.table}, which holds its "
                f"rows already: the source '{held.source}' loaded it, and has no contract any more.",
                place=str(source.path),
                hint=f"If this contract had another name, name it {held.source}{source.path.suffix} again; "
                "if not, choose another `table`, into which everything is loaded.",
            )


def _plan(source: Source, files: list[InputFile], history: list[KnownLoad], full_refresh: bool) -> list[PlannedLoad]:
    here = into_its_table(source, history)
    current = live(here)
    present = {file.sha256 for file in files}
    by_hash = {load.sha256: load for load in current}
    last = {load.file: load for load in current}
    # Equal bytes under another name keep the load of a file that changed alive.
    by_name = {name: load for name, load in last.items() if load.sha256 not in present}
    planned = []
    for file in _distinct(files):
        loaded, before = by_hash.get(file.sha256), by_name.get(file.name)
        if loaded is not None:
            if full_refresh:
                planned.append(_load(source, file, history, "is read again", loaded))
        elif before is None:
            planned.append(_load(source, file, history, "is new"))
        elif _gives_way(source, file, full_refresh):
            planned.append(_load(source, file, history, "has other content", before))
        else:
            planned.append(_load(source, file, history, "has other content"))
    # First, so that what comes is not measured against rows that go.
    planned = [*_removals(source, files, current, by_name, planned, full_refresh), *planned]
    if source.contract.load == "merge" and any(load.replaces for load in planned):
        return _rebuild(source, files, history, planned)
    # Values may have moved from one file to another, in either direction.
    return _emptied_first(planned) if full_refresh or source.contract.has_unique else planned


def _gives_way(source: Source, file: InputFile, full_refresh: bool) -> bool:
    """Whether what a file held before goes, now that it holds something else.

    Raises:
        ContractError: The contract forbids the change.
    """
    changed = source.contract.changed_file
    if full_refresh or changed == "replace" or source.contract.load == "replace":
        return True
    if changed == "append":
        return False
    raise ContractError(
        f"The file '{file.name}' has changed since it was loaded, which its contract forbids.",
        place=f"{source.path}: changed_file",
        hint="Restore it, give the new content a name of its own, or say `changed_file: replace` or `append`.",
    )


def _load(
    source: Source, file: InputFile, history: Sequence[KnownLoad], why: str, before: KnownLoad | None = None
) -> PlannedLoad:
    replaces = before.load_id if before else None
    return PlannedLoad(
        source,
        file,
        Action.REPLACE if before else Action.LOAD,
        why,
        file.name,
        _load_id(source, file.sha256, history),
        replaces,
        (replaces,) if replaces else (),
        unchanged=before is not None and before.sha256 == file.sha256,
    )


def _load_id(source: Source, sha256: str, history: Sequence[KnownLoad]) -> str:
    """The same for everyone who loads these bytes at this point of the source's history, into whichever tables.

    Two loads of one file therefore collide, and the books show it.
    """
    times = sum(load.sha256 == sha256 and load.corrects is None for load in history)
    return hashlib.sha256(f"{source.name}\0{sha256}\0{times}".encode()).hexdigest()[:16]


def _emptied_first(planned: Sequence[PlannedLoad]) -> list[PlannedLoad]:
    """All rows go before the first file comes, so that none is measured against them.

    An empty table can take columns of other types, too.
    """
    if not planned:
        return []
    removes = tuple(load_id for load in planned for load_id in load.removes)
    return [replace(planned[0], removes=removes), *(replace(load, removes=()) for load in planned[1:])]


def _removals(
    source: Source,
    files: Sequence[InputFile],
    current: Sequence[KnownLoad],
    by_name: Mapping[str, KnownLoad],
    planned: Sequence[PlannedLoad],
    full_refresh: bool,
) -> list[PlannedLoad]:
    """Loads whose rows go, and no load of their file comes in their place.

    Those of files that are copies of others by now, which were loaded already; and where a table holds the files that
    are there now, those of files that are not.
    """
    replaced = {load.replaces for load in planned}
    by_hash = {load.sha256: load for load in current}
    names = {file.name: file.sha256 for file in files}
    going: dict[str, PlannedLoad] = {}
    # What was to be added is in the table.
    for file in files if source.contract.changed_file != "append" else ():
        load, held = by_name.get(file.name), by_hash.get(file.sha256)
        # Where the name that this content had is gone or holds something else, names move on, as those of logs do.
        if held is not None and names.get(held.file) != file.sha256:
            continue
        if load is not None and load.load_id not in replaced and _gives_way(source, file, full_refresh):
            going[load.load_id] = removal(source, load.file, load.load_id, "has other content, which is loaded already")
    if source.contract.load == "replace":
        present = {file.sha256 for file in files}
        for load in current:
            if load.sha256 not in present and load.load_id not in replaced:
                going.setdefault(load.load_id, removal(source, load.file, load.load_id, "is gone"))
    return list(going.values())


def removal(source: Source, name: str, load_id: str, why: str) -> PlannedLoad:
    """The step by which the rows of a load go, in the table and in the ledger, and nothing comes in their place."""
    own_id = hashlib.sha256(f"{load_id}\0removed".encode()).hexdigest()[:16]
    return PlannedLoad(source, None, Action.REMOVE, why, name, own_id, load_id, (load_id,))


def _rebuild(
    source: Source, files: Sequence[InputFile], history: Sequence[KnownLoad], planned: Sequence[PlannedLoad]
) -> list[PlannedLoad]:
    """Every file of a merged table again, in the order in which they arrived.

    A row that the old content of a file had put in the place of another file's row, or that had kept one out, cannot
    be told from the table; only merging all files again gives what a clean load would. Rows of files that are gone
    stay as they are, at their place.
    """
    here = into_its_table(source, history)
    current = live(here)
    order = places(here)
    removed = [load for load in planned if load.file is None]
    chosen = {load.file.sha256: load for load in planned if load.file}
    by_hash = {load.sha256: load for load in current}
    for file in _distinct(files):
        if file.sha256 not in chosen:
            chosen[file.sha256] = _load(source, file, history, "is merged again", by_hash[file.sha256])
    replaced = {load.replaces for load in (*removed, *chosen.values())}
    staying = {load.load_id: order[load.load_id] for load in current if load.load_id not in replaced}

    def placed(load: PlannedLoad) -> int:
        return order.get(load.replaces or "", len(order))

    return _emptied_first(
        [
            *removed,
            *(
                replace(load, later=tuple(other for other, place in staying.items() if place > placed(load)))
                for load in sorted(chosen.values(), key=placed)
            ),
        ]
    )


def _left_out(source: Source, here: Sequence[KnownLoad], planned: Sequence[PlannedLoad]) -> str | None:
    """What is said where files are merged again, and others that were merged between them are gone."""
    names = [load.file for load in _staying(here, planned) if load.read]
    if source.contract.load != "merge" or not any(load.replaces for load in planned) or not names:
        return None
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return (
        f"The files of {source.name} are merged again without those that are gone: {listed}. Rows of these that are in "
        f"{source.table} stay; those that rows of other files had replaced or kept out do not come back. To have them, "
        f"put the files back, then: headgate run --select {source.name}+ --full-refresh"
    )


def _staying(known: Sequence[KnownLoad], planned: Iterable[PlannedLoad]) -> list[KnownLoad]:
    """Loads whose rows are in the table, and that nothing of a plan takes the place of."""
    going = {load_id for step in planned for load_id in (step.replaces, *step.removes)}
    return [load for load in live(known) if load.load_id not in going]


def _contract_changed(source: Source) -> str:
    """What is said of a source that is `outdated`."""
    return (
        f"The contract of {source.name} has changed; what was loaded into {source.table} stays as it is. "
        f"To read the files again: headgate run --select {source.name}+ --full-refresh; "
        f"only the rows it had refused: headgate quarantine replay {source.table}"
    )


def outdated(
    sources: Iterable[Source], known: Sequence[KnownLoad], planned: Iterable[PlannedLoad] = ()
) -> list[Source]:
    """Sources of whose tables something was loaded under another contract than the one that holds now.

    Args:
        sources: Which to look at.
        known: The ledger.
        planned: What is about to be loaded: what that replaces is left out.
    """
    loads = _staying(known, planned)
    return [
        source
        for source in sources
        if any(load.contract_hash != source.contract_hash for load in into_its_table(source, loads))
    ]
