"""A branch, tag, commit or time as one segment of a path that every client sends as it got it.

Clients differ: Spark puts the prefix into the URL as it is, others encode it once more. So what they are given holds
nothing that anybody encodes: every byte but letters, digits, `-`, `_` and `.` is written as `~` and two digits.
"""

from __future__ import annotations

import re

_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
_ESCAPED = re.compile(rb"~([0-9A-Fa-f]{2})")


def encode(ref: str) -> str:
    """The prefix of a ref: `team/feature-1` becomes `team~2Ffeature-1`."""
    return "".join(chr(byte) if byte in _SAFE else f"~{byte:02X}" for byte in ref.encode())


def decode(prefix: str) -> str:
    """The ref of a prefix; a name that was never encoded stands for itself."""
    plain = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), prefix.encode("utf-8", "surrogateescape"))
    return plain.decode("utf-8", "replace")
