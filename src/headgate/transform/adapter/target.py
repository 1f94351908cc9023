"""What a dbt invocation builds into."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headgate.errors import ModelError
from headgate.types import Name

if TYPE_CHECKING:
    from headgate.engines.workspace import Workspace

_TARGETS: dict[str, Target] = {}
_LOCK = threading.Lock()


@dataclass
class Target:
    """A workspace, and what is to be written beside the rows.

    Attributes:
        workspace: Where dbt reads and writes.
        properties: Table properties of a node, by its unique id, told when it has been built.
        rows: Rows in the table of each model that was built, by unique id.
        evidence: Tables that keep the failing rows of tests, by unique id.
        returned: Names under which DuckDB reads what Python models returned.
    """

    workspace: Workspace
    properties: Callable[[str], dict[str, str]]
    rows: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, Name] = field(default_factory=dict)
    returned: list[str] = field(default_factory=list)

    def release(self) -> None:
        """Let go of what Python models returned."""
        while self.returned:
            self.workspace.session.connection.unregister(self.returned.pop())

    @contextmanager
    def registered(self) -> Iterator[str]:
        """The id under which dbt's credentials name this target, while it is needed."""
        target_id = uuid.uuid4().hex
        with _LOCK:
            _TARGETS[target_id] = self
        try:
            yield target_id
        finally:
            with _LOCK:
                del _TARGETS[target_id]


def find_target(target_id: str) -> Target:
    """The target of that id.

    Raises:
        ModelError: A macro queries the lake while the project is only parsed.
    """
    try:
        return _TARGETS[target_id]
    except KeyError:
        raise ModelError(
            "A macro runs a query while the project is parsed.",
            hint="Put the query inside {% if execute %} ... {% endif %}.",
        ) from None
