"""A contract's file as text, with comments for the person who reads it."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_PLAIN = re.compile(r"^[A-Za-z_/][\w /().%-]*$")
# What may not stand in YAML, or ends a line there.
_ESCAPED = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_WORDS = ("true", "false", "null")
_WIDTH = 100


@dataclass(frozen=True)
class DraftColumn:
    """A column's settings, and what its values look like."""

    source: str
    settings: Mapping[str, object]
    note: str = ""


@dataclass(frozen=True)
class Draft:
    """What a first contract says."""

    name: str
    files: tuple[str, ...]
    columns: tuple[DraftColumn, ...]
    options: Mapping[str, object] = field(default_factory=dict)
    format: str | None = None
    key: tuple[str, ...] = ()
    fill: bool = False
    summary: str = ""
    doubts: tuple[str, ...] = ()


def render(draft: Draft) -> str:
    """The file `ingestion/<name>.yml`."""
    lines = [f"# Inferred from {draft.summary}. Read it before you rely on it."]
    if draft.doubts:
        lines.append("# Not certain:")
        for doubt in draft.doubts:
            lines += textwrap.wrap(doubt, _WIDTH, initial_indent="# - ", subsequent_indent="#   ")
    lines += [f"table: {_scalar(draft.name)}"]
    lines += ["files:", *(f"  - {_scalar(file)}" for file in draft.files)] if len(draft.files) > 1 else []
    lines += [f"files: {_scalar(draft.files[0])}"] if len(draft.files) == 1 else []
    if draft.format:
        lines.append(f"format: {draft.format}")
    if draft.options:
        lines.append(f"options: {_flow(draft.options)}")
    if draft.fill:
        lines.append("missing_columns: fill  # a file may lack a column that is not required")
    if draft.columns:
        lines.append("columns:")
    for column in draft.columns:
        note = f"  # {column.note}" if column.note else ""
        key = _scalar(column.source)
        # A key on one line with its value may not be longer than this in YAML.
        key = f"  ? {key}\n  : " if len(key) > 1000 else f"  {key}: "
        lines.append(f"{key}{_flow(column.settings)}{note}")
    if draft.key:
        lines.append(f"key: {_flow(draft.key)}")
    lines += ["load: append  # or merge: one row per key, the newest wins; or replace: what the files hold now", ""]
    return "\n".join(lines)


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: object) -> str:
    """A scalar of YAML, in quotes where a reader might take it for something else."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    text = str(value)
    plain = _PLAIN.match(text) and text.lower() not in _WORDS and text == text.strip()
    return text if plain else _ESCAPED.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    return f"\\U{ord(found.group()):08x}"
