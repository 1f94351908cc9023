"""What a table was built from, as properties of the table; and whether that still holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from headgate.engines.workspace import Workspace
from headgate.transform.values import Model, Test
from headgate.types import Kind, Name

FINGERPRINT = "headgate.fingerprint"
CODE = "headgate.code"
INPUTS = "headgate.inputs"


class Versions:
    """Versions of tables and views in a workspace, as of now.

    The version of a table is its metadata file. A view's file stays when the tables below it change, so its version
    covers theirs.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def of(self, name: Name) -> str | None:
        """The version of what DuckDB takes a name for; None when there is no such thing."""
        found = self._workspace.resolve(name)
        content = self._workspace.content(found) if found is not None else None
        if found is None or content is None:
            return None
        if content.kind is Kind.TABLE:
            return _short(content.metadata_location)
        sql = self._workspace.view_sql(found) or ""
        below = [f"{below}={self.of(below)}" for below in self._workspace.references(sql) if below != found]
        return _short("\n".join((content.metadata_location, *below)))

    def inputs(self, names: Iterable[Name]) -> dict[str, str]:
        """The versions of several inputs, by name as text; `absent` for what is not there."""
        return {str(name): self.of(name) or "absent" for name in sorted(names)}

    def properties(self, model: Model) -> dict[str, str]:
        """What a model that is being built leaves on its table."""
        inputs = self.inputs(model.inputs)
        return {
            FINGERPRINT: fingerprint(model.code_hash, inputs),
            CODE: model.code_hash,
            INPUTS: json.dumps(inputs, sort_keys=True),
        }

    def test_fingerprint(self, test: Test) -> str:
        """Changes when the outcome of a test may have changed."""
        return fingerprint(test.code_hash, self.inputs(test.inputs))

    def staleness(self, model: Model) -> str | None:
        """Why a model's table is not what it would be if it were built now; None when it is."""
        if self._workspace.content(model.name) is None:
            return "new"
        left = self._workspace.properties(model.name)
        now = self.properties(model)
        if left.get(FINGERPRINT) == now[FINGERPRINT]:
            return "changed by another engine" if self._workspace.changed_elsewhere(model.name) else None
        if FINGERPRINT not in left:
            return "failed the last time" if CODE in left else "not built by headgate"
        if left.get(CODE) != model.code_hash:
            return "code changed"
        return _changed_input(json.loads(left.get(INPUTS, "{}")), json.loads(now[INPUTS]))


def fingerprint(code_hash: str, inputs: Mapping[str, str]) -> str:
    """One hash of code and the versions of its inputs."""
    return hashlib.sha256(json.dumps([code_hash, sorted(inputs.items())]).encode()).hexdigest()


def _changed_input(left: Mapping[str, str], now: Mapping[str, str]) -> str:
    changed = sorted(name for name in {*left, *now} if left.get(name) != now.get(name))
    if len(changed) == 1:
        return f"input {changed[0]} changed"
    return f"inputs {', '.join(changed)} changed"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
