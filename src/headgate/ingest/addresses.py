"""Addresses on the web among the files of a source; told apart without importing what fetches them."""

from __future__ import annotations

import re
import urllib.parse

from headgate.catalog.locations import holds_keys
from headgate.errors import UsageError
from headgate.yaml import VARIABLE

_SECRET = re.compile(
    r"(?i)token|key|sig|secret|passw|pwd|auth|credential|session|cookie|jwt|ticket|access|^(code|sas|policy|user|pass)$"
)

_FROM_ENVIRONMENT = "from-environment"


def is_address(text: str) -> bool:
    """Whether a pattern of `files` is an address on the web."""
    return bool(re.match(r"(?i)https?://", text))


def is_object(text: str) -> bool:
    """Whether a pattern of `files` is of an object store."""
    return text.startswith("s3://")


def split_address(address: str) -> urllib.parse.SplitResult:
    """The parts of an address.

    Raises:
        UsageError: Its host cannot be told. What may be a password before the host is not shown.
    """
    try:
        parts = urllib.parse.urlsplit(address)
        usable = bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        usable = False
    if not usable:
        end = address.rpartition("@")[2] if "@" in address else address
        raise UsageError(
            "The host of an address in `files` cannot be told.",
            place=f"...@{end}" if "@" in address else end,
            hint="Write /, ?, #, @, [ and ] of a user or a password as %2F, %3F, %23, %40, %5B and %5D.",
        )
    return parts


def shown_address(address: str) -> str:
    """An address without user, password and the values of parameters that look like secrets."""
    parts = split_address(address)
    host = parts.netloc.rpartition("@")[2]
    query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
    hidden = [(name, "***" if _SECRET.search(name) else value) for name, value in query]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, urllib.parse.urlencode(hidden, safe="*"), ""))


def shown(pattern: str) -> str:
    """A pattern of `files` as people may see it."""
    if is_address(pattern):
        return shown_address(pattern)
    scheme, _, rest = pattern.partition("://")
    # A path, or an object whose name may have an @; of other addresses nobody knows what in them is secret.
    if not _scheme(pattern) or (is_object(pattern) and not holds_keys(pattern)):
        return pattern
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def check_kind(pattern: str, place: str) -> None:
    """Refuse an address that is none of those that headgate reads; a path is none.

    Args:
        pattern: One of `files`.
        place: Where that stands.

    Raises:
        UsageError: Says so, and nothing of the address but its beginning.
    """
    scheme = _scheme(pattern)
    if scheme and not is_address(pattern) and not is_object(pattern):
        raise UsageError(
            f"An address in `files` begins with {scheme}://, which headgate does not read.",
            place=place,
            hint="Write a path without anything before it, or an address that begins with https:// or s3://.",
        )
    if is_object(pattern) and holds_keys(pattern):
        raise UsageError(
            "An s3:// address in `files` has something before the bucket, and buckets are reached without.",
            place=place,
            hint="Write s3://bucket/name, and keys as `storage` of the contract: access_key: ${NAME}.",
        )


def _scheme(pattern: str) -> str:
    """What stands before `://` at the beginning of an address; nothing in a path."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.\-]*)://", pattern)
    return found[1] if found else ""


def holds_secret(address: str) -> bool:
    """Whether a secret is written out in an address, and does not stand there as `${NAME}`."""
    parts = split_address(VARIABLE.sub(_FROM_ENVIRONMENT, address))
    user, colon, password = parts.netloc.rpartition("@")[0].partition(":")
    values = [value for name, value in urllib.parse.parse_qsl(parts.query) if _SECRET.search(name)]
    # A user without a password is a token.
    return any(value.replace(_FROM_ENVIRONMENT, "") for value in (password if colon else user, *values))
