"""What a run leaves behind that ended before its time: a branch and files, or a commit on `main` not reported."""

from __future__ import annotations

from contextlib import suppress
from itertools import takewhile

from headgate.catalog.interface import MAIN
from headgate.errors import RefNotFound, StaleRef
from headgate.run.lake import Lake


def take_away(lake: Lake, run_id: str, branch: str, base: str) -> str | None:
    """Remove the branch of a run that is over, and its files unless `main` has come to need them.

    Args:
        lake: The open project.
        run_id: The run.
        branch: Its branch.
        base: A commit of `main` from before anything of the run could be published.

    Returns:
        The commit that brought the run to `main`, or None.
    """
    made = _made_on(lake, branch, base)
    # Somebody else who cleans up as well may be faster.
    with suppress(RefNotFound, StaleRef):
        lake.catalog.delete_ref(branch)
    # A publication needs the branch to be there: without it, what is not on main now will never be.
    since = takewhile(lambda commit: commit.id != base, lake.catalog.log(MAIN))
    published = next((commit.id for commit in since if commit.properties.get("run_id") == run_id), None)
    if published is None and not _kept_elsewhere(lake, made, base):
        from headgate.engines.changes import remove_files

        remove_files(lake.storage, run_id)
    return published


def _made_on(lake: Lake, branch: str, base: str) -> set[str]:
    """The commits of a run on its branch."""
    try:
        return {commit.id for commit in takewhile(lambda commit: commit.id != base, lake.catalog.log(branch))}
    except RefNotFound:
        return set()


def _kept_elsewhere(lake: Lake, made: set[str], base: str) -> bool:
    """Whether somebody made a branch or a tag of what the run had committed, or merged it into one."""
    return bool(made) and any(
        commit.id in made
        for ref in lake.catalog.refs()
        # By commit: another run may end meanwhile and take its branch away.
        for commit in takewhile(lambda commit: commit.id != base, lake.catalog.log(ref.commit_id, first_parent=False))
    )
