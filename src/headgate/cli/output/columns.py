"""The columns of a listing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column: the key of its value in an item, its title, and how the value is written.

    Attributes:
        key: Where the value stands in the item.
        title: What stands above it.
        style: `number`, `bytes`, `seconds`, `time`, `commit`, `status`, or nothing for text.
    """

    key: str
    title: str
    style: str = ""
