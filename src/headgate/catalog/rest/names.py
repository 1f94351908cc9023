"""Names as requests have them: namespaces, tables, and pages of a list of them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from headgate.catalog.rest.problems import BadRequest
from headgate.types import Name

SEPARATOR = "\x1f"
"""Between the levels of a namespace in a URL."""

_PAGE = 1000


def levels_of(text: str) -> tuple[str, ...]:
    """The levels of a namespace from its form in a URL.

    Raises:
        BadRequest: It is none.
    """
    return check_levels(text.split(SEPARATOR))


def check_levels(levels: Sequence[str]) -> tuple[str, ...]:
    """Levels that a namespace can have.

    Raises:
        BadRequest: It cannot.
    """
    if not levels:
        raise BadRequest("Invalid namespace: it has no level")
    for level in levels:
        _check(level, "namespace")
    return tuple(levels)


def check_name(parts: Sequence[str]) -> Name:
    """A name that a table or view can have.

    Raises:
        BadRequest: It cannot.
    """
    check_levels(parts[:-1])
    _check(parts[-1], "table")
    return Name(tuple(parts))


def page(items: Sequence[Name], token: str | None, size: int | None) -> tuple[list[Name], str | None]:
    """One page of a sorted list, and the token of the next; None after the last.

    A token is the last name of its page, so that names which come and go between two requests move no other.

    Raises:
        BadRequest: The token is none of ours.
    """
    if token is None and size is None:
        return list(items), None
    after = _decoded(token) if token else None
    rest = [item for item in items if after is None or item > after]
    count = size or _PAGE
    found = rest[:count]
    return found, _encoded(found[-1]) if len(rest) > count else None


def _check(part: str, what: str) -> None:
    if not part:
        raise BadRequest(f"Invalid {what} name: a part of it is empty")
    bad = next((char for char in part if char < " " or "\ud800" <= char <= "\udfff"), None)
    if bad is not None:
        raise BadRequest(f"Invalid {what} name: it holds the character U+{ord(bad):04X}")


def _encoded(name: Name) -> str:
    return base64.urlsafe_b64encode(name.key.encode()).decode().rstrip("=")


def _decoded(token: str) -> Name:
    try:
        return Name.from_key(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode())
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"Invalid page token: '{token:.60}'") from error
