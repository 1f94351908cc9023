"""One JSON document, which can be read, compared and cut by line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from headgate.remote.encoding import encode, plain

__all__ = ["document", "encode", "moment", "plain"]


def document(data: Mapping[str, Any]) -> Iterator[str]:
    """The text of a document, in pieces: its keys, and the items of its lists, on lines of their own."""
    yield "{"
    for index, (key, value) in enumerate(data.items()):
        yield f"{',' if index else ''}\n  {json.dumps(key)}: "
        if isinstance(value, list | tuple | Iterator):
            position = -1
            for position, item in enumerate(value):
                yield f"{',' if position else '['}\n    {encode(plain(item))}"
            yield "[]" if position < 0 else "\n  ]"
        else:
            yield encode(plain(value))
    yield "\n}\n" if data else "}\n"


def moment(value: datetime) -> str:
    """A time as a person reads it, in UTC, to the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if value.tzinfo else value.isoformat(" ", "seconds")
