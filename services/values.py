"""One plain form of a value, whichever engine it comes from, so that rows of two engines can be compared."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any


def plain(value: Any) -> Any:
    """JSON's types: decimals as text, dates and times in ISO form (zoned ones in UTC), binary in hex."""
    if hasattr(value, "asDict"):
        return {key: plain(item) for key, item in value.asDict().items()}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    return value
