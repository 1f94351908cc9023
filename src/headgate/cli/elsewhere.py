"""Where to look for what a state does not have: on the branch that a refused run left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headgate.lakehouse import Lakehouse


def elsewhere(lake: Lakehouse, ask: Callable[[str], Sequence[object]], ref: str, command: str) -> str | None:
    """The hint that a refused run has what was looked for in vain.

    Args:
        lake: The lakehouse that was asked.
        ask: What was asked of it, by ref.
        ref: Where nothing was found.
        command: The command that asks it, without `--ref`.

    Returns:
        A sentence and the command, on a line each; None if no run that waits for a decision has any.
    """
    branch = lake.refused_branch()
    if branch is None or branch == ref or not ask(branch):
        return None
    return f"A refused run has some on its branch:\n{command} --ref {branch}"
