"""The ledger `headgate.loads`: one row per file that was loaded, in the lake, in the commit of its rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from headgate.faults import Point, reached
from headgate.types import Layout, LoadResult, Name, literal

if TYPE_CHECKING:
    from headgate.engines.workspace import Workspace

LEDGER = Name.of("headgate", "loads")
_UNKNOWN = dt.datetime(1970, 1, 1)  # noqa: DTZ001  # the lake's times are UTC without a zone

_COLUMNS = {
    "load_id": ("VARCHAR", "Identity of the load: the same source and bytes give the same."),
    "source": ("VARCHAR", "The contract's name."),
    "table_name": ("VARCHAR", "The table that was filled."),
    "file": ("VARCHAR", "The file, relative to the project, or its address."),
    "sha256": ("VARCHAR", "Hash of the file's bytes."),
    "bytes": ("BIGINT", "Size of the file."),
    "read": ("BIGINT", "Rows that the file has."),
    "loaded": ("BIGINT", "Rows that were written, new or updating."),
    "quarantined": ("BIGINT", "Rows that were refused; negative where a replay took rows out of quarantine."),
    "duplicates": ("BIGINT", "Rows that lost to another of their key, or that the table already held in full."),
    "replaces": ("VARCHAR", "The load whose rows were removed in favour of this one."),
    "corrects": ("VARCHAR", "The load whose refused rows were replayed."),
    "run_id": ("VARCHAR", "The run."),
    "contract_hash": ("VARCHAR", "Identity of the contract that held."),
    "started": ("TIMESTAMP", "UTC."),
    "finished": ("TIMESTAMP", "UTC."),
}


@dataclass(frozen=True)
class KnownLoad:
    """A row of the ledger, as planning needs it."""

    load_id: str
    source: str
    file: str
    sha256: str
    replaces: str | None = None
    corrects: str | None = None
    contract_hash: str = ""
    table: str = ""
    read: int = 0


@dataclass(frozen=True)
class Load(LoadResult):
    """What became of one file, with what the checks and the ledger need to know.

    Attributes:
        corrects: For a replay, the load whose refused rows were read again.
        contract_hash: Identity of the contract that held.
        started: UTC.
        finished: UTC.
        found_loaded: Rows of this load that were counted in the table after writing.
        found_quarantined: The same in the quarantine table.
        broken_rules: How often each rule was broken.
        sample_columns: Of the sample.
        sample: The first refused rows.
    """

    corrects: str | None = None
    contract_hash: str = ""
    started: dt.datetime = _UNKNOWN
    finished: dt.datetime = _UNKNOWN
    found_loaded: int = 0
    found_quarantined: int = 0
    broken_rules: dict[str, int] = field(default_factory=dict)
    sample_columns: tuple[str, ...] = ()
    sample: tuple[tuple[object, ...], ...] = ()


def known_loads(workspace: Workspace, source: str | None = None) -> list[KnownLoad]:
    """The ledger of the workspace's state, in the order of loading."""
    if not workspace.exists(LEDGER):
        return []
    where = f"WHERE source = {literal(source)}" if source is not None else ""
    rows = workspace.query(
        "SELECT load_id, source, file, sha256, replaces, corrects, contract_hash, table_name, read"
        f" FROM {LEDGER.sql} {where} ORDER BY started, finished, load_id"
    ).fetchall()
    return [KnownLoad(*row) for row in rows]


def recorded_loads(workspace: Workspace) -> list[Load]:
    """The ledger with its figures, in the order of loading.

    What the tables held after each load is taken as recorded.
    """
    if not workspace.exists(LEDGER):
        return []
    rows = workspace.query(
        "SELECT load_id, source, table_name, file, sha256, bytes, read, loaded, quarantined, duplicates"
        f" FROM {LEDGER.sql} ORDER BY started, finished, load_id"
    ).fetchall()
    loads = [Load(*row) for row in rows]
    return [replace(load, found_loaded=load.loaded, found_quarantined=max(load.quarantined, 0)) for load in loads]


def live(known: Iterable[KnownLoad]) -> list[KnownLoad]:
    """The loads whose rows are in the lake: neither replaced since, nor replays, nor removals."""
    known = list(known)
    replaced = {load.replaces for load in known}
    return [load for load in known if load.load_id not in replaced and load.corrects is None and load.sha256]


def places(known: Iterable[KnownLoad]) -> dict[str, int]:
    """Where each load of a source stands in the order in which its files arrived.

    A file that is read again, or whose content is replaced, keeps the place at which it first came.
    """
    known = list(known)
    before = {load.load_id: load.replaces for load in known}
    position = {load.load_id: place for place, load in enumerate(known)}

    def first(load_id: str) -> str:
        while (replaced := before[load_id]) is not None and replaced in before:
            load_id = replaced
        return load_id

    return {load_id: position[first(load_id)] for load_id in before}


def record(workspace: Workspace, loads: Sequence[Load]) -> None:
    """Write loads to the ledger, in the commit that the workspace makes of them."""
    if not loads:
        return
    rows = ", ".join(f"({', '.join(_values(workspace, load))})" for load in loads)
    items = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, (kind, _) in _COLUMNS.items())
    layout = None
    if not workspace.exists(LEDGER):
        layout = Layout(
            comment="What was loaded: one row per file, or per replay of its refused rows.",
            column_comments={name: comment for name, (_, comment) in _COLUMNS.items()},
        )
    workspace.append(LEDGER, f"SELECT {items} FROM (VALUES {rows}) AS v({', '.join(_COLUMNS)})", layout=layout)
    reached(Point.LEDGER_WRITTEN)


def _values(workspace: Workspace, load: Load) -> list[str]:
    facts: dict[str, object] = {
        **{name: getattr(load, name, None) for name in _COLUMNS},
        "table_name": load.table,
        "run_id": workspace.run_id,
    }
    return [_constant(facts[name]) for name in _COLUMNS]


def _constant(value: object) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else literal(str(value))
