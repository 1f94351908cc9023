"""What a look at the project found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was looked at and what was found; `status` is `ok`, `warn` or `error`."""

    name: str
    status: str
    message: str
    hint: str | None = None
