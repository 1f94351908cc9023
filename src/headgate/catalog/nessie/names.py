"""Names of refs and of content, as Nessie has them.

Nessie takes ASCII letters, digits and `./_-` in the name of a reference, a letter first. Any other character is written
as `x--<code point>-`, so that `größe` is `grx--f6-x--df-e` there; a name that Nessie takes is the same on both sides.
"""

from __future__ import annotations

import re

from headgate.catalog.nessie.model import Key
from headgate.types import Name, namespace_name

LANDING = "headgate/landing/"
"""Where branches begin on which a commit is made before it is shown to anybody."""

_ESCAPE = re.compile(r"x--([1-9a-f][0-9a-f]{0,5})-")
_RESERVED = re.compile(r"HEAD|DETACHED|[0-9a-fA-F]{8,64}")
_LAST_CODE_POINT = 0x10FFFF
_LEVELS, _LENGTH = 20, 500


def to_nessie(ref: str) -> str:
    """The name of a ref on the server."""
    last = len(ref) - 1
    whole = _RESERVED.fullmatch(ref) is not None

    def written(position: int, char: str) -> str:
        plain = char.isascii() and (char.isalpha() or (position > 0 and (char.isdigit() or char in "_-")))
        plain = plain or (char in "./" and 0 < position < last and ref[position - 1 : position + 1] != "..")
        taken = (whole and position == 0) or _ESCAPE.match(ref, position)
        return char if plain and not taken else f"x--{ord(char):x}-"

    return "".join(written(position, char) for position, char in enumerate(ref))


def from_nessie(name: str) -> str:
    """The name that a ref of the server has here."""

    def read(match: re.Match[str]) -> str:
        code = int(match[1], 16)
        return chr(code) if code <= _LAST_CODE_POINT else match[0]

    return _ESCAPE.sub(read, name)


def key_of(name: Name) -> Key:
    """Where a table, a view or a namespace stands in Nessie."""
    return Key(elements=name.parts if name.table else name.namespace)


def name_of(key: Key, *, namespace: bool) -> Name:
    """The name of what stands at a key."""
    return namespace_name(key.elements) if namespace else Name(key.elements)


def namespaces_above(key: Key) -> list[Key]:
    """The namespaces that have to be there before a key can be, the outermost first."""
    return [Key(elements=key.elements[:depth]) for depth in range(1, len(key.elements))]


def fault(key: Key) -> str | None:
    """Why Nessie takes no such key, as the end of a sentence; None when it does."""
    if len(key.elements) > _LEVELS:
        return f"has {len(key.elements)} levels, of which Nessie takes {_LEVELS}"
    length = sum(map(len, key.elements))
    if length > _LENGTH:
        return f"has {length} characters, of which Nessie takes {_LENGTH}"
    bad = next((char for part in key.elements for char in part if char < " " or char == "\x7f"), None)
    if bad is not None:
        return f"holds the character U+{ord(bad):04X}"
    return None if all(key.elements) else "has an empty part"
