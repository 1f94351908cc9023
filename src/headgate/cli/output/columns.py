"""The columns of a listing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """A column: the key of its value in an item, its title, and how the value is written.

    Attributes:
        key: Where the value stands in the item.
        title: What stands above it.
        style: `number`, `bytes`, `seconds`, `time`, `commit`, `status`, or nothing for text.
        instead: Where the value stands in items that have none under `key`.
    """

    key: str
    title: str
    style: str = ""
    instead: str = ""

    def value(self, item: Mapping[str, Any]) -> Any:
        """What an item has in this column."""
        found = item.get(self.key)
        return item.get(self.instead) if found is None and self.instead else found
