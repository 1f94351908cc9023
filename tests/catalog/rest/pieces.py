"""Pieces of table metadata, written by hand."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

UUID = "9c12d441-03fe-4693-9a96-a0705ddf69c1"


def snapshot(number: int, sequence: int, parent: int | None = None, **more: Any) -> Json:
    found: Json = {
        "snapshot-id": number,
        "sequence-number": sequence,
        "timestamp-ms": 1_600_000_000_000 + sequence * 1000,
        "manifest-list": f"s3://b/t/metadata/snap-{number}.avro",
        "summary": {"operation": "append"},
        "schema-id": 0,
        **more,
    }
    return found if parent is None else {**found, "parent-snapshot-id": parent}


def field(number: int, name: str, kind: Any, **more: Any) -> Json:
    return {"id": number, "name": name, "required": False, "type": kind, **more}
