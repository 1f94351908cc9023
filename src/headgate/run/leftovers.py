"""What a run leaves behind that ended before its time: a branch and files, or a commit on `main` not reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile

from headgate.catalog.interface import MAIN, Catalog
from headgate.catalog.model import Commit
from headgate.errors import RefNotFound, StaleRef
from headgate.run.lake import Lake


def take_away(lake: Lake, run_id: str, branch: str, base: str) -> str | None:
    """Remove the branch of a run that is over, and its files unless a branch or a tag has come to need them.

    Args:
        lake: The open project.
        run_id: The run.
        branch: Its branch.
        base: A commit of `main` from before anything of the run could be published.

    Returns:
        The commit that brought the run to `main`, or None.
    """
    # Somebody else who cleans up as well may be faster.
    with suppress(RefNotFound, StaleRef):
        lake.catalog.delete_ref(branch)
    # A publication needs the branch to be there: without it, what is not on main now will never be.
    since = takewhile(lambda commit: commit.id != base, lake.catalog.log(MAIN))
    published = next((commit.id for commit in since if commit.properties.get("run_id") == run_id), None)
    if published is None and not _kept(lake, run_id, base):
        from headgate.engines.changes import remove_files

        remove_files(lake.storage, run_id)
    return published


def _kept(lake: Lake, run_id: str, base: str) -> bool:
    """Whether somebody made a branch or a tag of what the run had committed, or merged it into one.

    The run's own branch does not tell: whoever began to clean up before may have taken it away.
    """
    return any(
        commit.properties.get("run_id") == run_id
        for ref in lake.catalog.refs()
        # By commit: another run may end meanwhile and take its branch away.
        for commit in _since(lake.catalog, ref.commit_id, base)
    )


def _since(catalog: Catalog, at: str, base: str) -> Iterator[Commit]:
    """A commit and its ancestors; of those that are ancestors of `base` as well, few if any."""
    old, waiting = {base}, {at}
    with suppress(RefNotFound):
        old.add(catalog.merge_base(at, base).id)
    if at in old:
        return
    for commit in catalog.log(at, first_parent=False):
        waiting.discard(commit.id)
        if commit.id in old:
            old.update(commit.parents)
        else:
            waiting.update(commit.parents)
            yield commit
        if waiting <= old:
            return
