"""Which small files of a plan may be loaded together: neighbours of one source, of one shape."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from headgate.engines.workspace import Workspace
from headgate.errors import HeadgateError
from headgate.ingest.fields import Field, match
from headgate.ingest.files import InputFile
from headgate.ingest.plan import PlannedLoad
from headgate.ingest.reading import open_rows
from headgate.ingest.rows import Raw, Rows

# Bytes of text that are read again for next to nothing, if a file turns out to have something to refuse.
_SMALL = 1 << 20
_TOGETHER = 256 << 20
_T = TypeVar("_T")


def neighbours(planned: Sequence[PlannedLoad], alone: Collection[str]) -> Iterator[list[PlannedLoad]]:
    """The plan in its order, cut into loads that may be carried out together and loads that stand alone."""
    group: list[PlannedLoad] = []
    size = 0
    for step in planned:
        small = step.file is not None and step.file.bytes <= _SMALL and not step.removes and step.load_id not in alone
        bytes_ = step.file.bytes if step.file is not None else 0
        fits = small and size + bytes_ <= _TOGETHER and (not group or group[0].source is step.source)
        if group and not fits:
            yield group
            group, size = [], 0
        if small:
            group.append(step)
            size += bytes_
        else:
            yield [step]
    if group:
        yield group


@dataclass(frozen=True)
class Opened:
    """A file of the plan that is open, and what it can share with others."""

    step: PlannedLoad
    file: InputFile
    rows: Rows
    path: str
    fields: tuple[Field, ...]


def cut(files: Sequence[_T], key: Callable[[_T], object], *, in_order: bool) -> list[list[_T]]:
    """Files with the same key; those of them that are neighbours, if all are to keep their order."""
    if in_order:
        return [list(run) for _, run in groupby(files, key)]
    found: dict[object, list[_T]] = {}
    for file in files:
        found.setdefault(key(file), []).append(file)
    return list(found.values())


def shape_of(file: Opened | PlannedLoad) -> tuple[object, ...]:
    """What files have to share to be read by one statement; nothing for what is loaded alone."""
    if not isinstance(file, Opened):
        return ()
    dialect = file.rows.csv[1] if file.rows.csv is not None else None
    return (file.rows.raw, file.rows.columns, file.rows.types, dialect, file.fields)


def open_step(step: PlannedLoad, ws: Workspace, scratch: Path) -> Opened | PlannedLoad:
    """The file, or its step if it has to be looked at alone, which is where its errors are told."""
    assert step.file is not None, "neighbours have files"
    scratch.mkdir()
    try:
        file = step.file.at_hand()
        rows = open_rows(ws.session, step.source, file, scratch)
        unpacked = (rows.path or file.path).stat().st_size
        if unpacked > _SMALL or rows.several is None or (rows.csv is not None and rows.csv[1].comment is not None):
            return step
        told = rows.raw is not Raw.JSON or bool(rows.columns)
        fields = match(step.source, rows.columns, file.name, typed=rows.raw is Raw.TYPED, told=told)
    except (HeadgateError, OSError):
        return step
    return Opened(step, file, rows, str(rows.path or file.path), fields) if fields else step
