"""Addresses on the web among the files of a source; told apart without importing what fetches them."""

from __future__ import annotations

import re
import urllib.parse

_SECRET = re.compile(r"(?i)token|key|sig|secret|passw|auth|credential|code")


def is_address(text: str) -> bool:
    """Whether a pattern of `files` is an address on the web."""
    return bool(re.match(r"(?i)https?://", text))


def is_object(text: str) -> bool:
    """Whether a pattern of `files` is of an object store."""
    return text.startswith("s3://")


def shown_address(address: str) -> str:
    """An address without user, password and the values of parameters that look like secrets."""
    parts = urllib.parse.urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
    hidden = [(name, "***" if _SECRET.search(name) else value) for name, value in query]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, urllib.parse.urlencode(hidden, safe="*"), ""))
