"""Named points at which state moves, for the harness that kills, interrupts and starves a run at each of them.

Nothing in the product arms them: no setting, no variable of the environment. `tests/torture` starts a process of its
own that imports headgate, hands a function to `arm`, and then calls the command line like everybody else.
"""

from __future__ import annotations

import enum
from collections.abc import Callable


class Point(enum.Enum):
    """A boundary; its value is what the harness's reports call it."""

    FILE_BEGUN = "file begun"
    """A metadata file has its name, and not yet its content."""
    FILE_WRITTEN = "file written"
    """A metadata file is whole and durable; nothing names it yet."""
    DATA_DUE = "data due"
    """The folder of a table's data files is there, and no file of these rows."""
    DATA_WRITTEN = "data written"
    """Data files are written by the engine, and not known to be on the disk."""
    DATA_DURABLE = "data durable"
    """Data files are on the disk; no commit names them."""
    CACHE_WRITTEN = "cache written"
    """A file that saves time is written under a name of its own, and not put in its place."""

    COMMIT_DUE = "commit due"
    """All of a write transaction is with the state database but its COMMIT."""
    COMMITTED = "committed"
    """The state database has committed; who asked for it does not know yet."""
    STATEMENT_DUE = "statement due"
    """A statement that is a transaction by itself is about to be sent."""
    STATEMENT_DONE = "statement done"
    """Such a statement is committed; who asked for it does not know yet."""

    BRANCH_CREATED = "branch created"
    """A branch or tag is there."""
    BRANCH_DELETED = "branch deleted"
    """A branch or tag is gone."""
    REF_DUE = "ref due"
    """A commit and its nodes are written within a transaction; the ref still points at the one before."""
    REF_MOVED = "ref moved"
    """A branch points at its new commit, for everybody to see."""

    RUN_LOCKED = "run locked"
    """A run has the lock that shows it alive, and is not recorded."""
    RUN_RECORDED = "run recorded"
    """A run is recorded as running, and has done nothing."""
    RUN_ENDED = "run ended"
    """What became of a run is recorded; its lock's file is still there."""
    RUN_OVER = "run over"
    """Nothing is left to do but to tell."""

    SOURCE_HASHED = "source hashed"
    """A source file was read for its hash, which is not remembered."""
    LOAD_DUE = "load due"
    """A file is about to be loaded that was hashed some time ago."""
    SOURCE_OPENED = "source opened"
    """Dialect and columns of a source file are known; its rows are about to be read."""
    SOURCE_READ = "source read"
    """The rows of a source file were read; whether it has changed meanwhile was not looked at."""
    LOADED = "loaded"
    """Rows of a file are in the state that is being made, and no other file's after it."""
    LEDGER_WRITTEN = "ledger written"
    """The loads of a run are in the ledger of the state that is being made."""
    REPLAY_LOADED = "replay loaded"
    """Rows from quarantine are in their table, and still in quarantine."""
    REPLAYED = "replayed"
    """Rows from quarantine are in their table, and no longer in quarantine."""
    DISCARDED = "discarded"
    """Rows in quarantine are given up in the state that is being made."""

    MODEL_BUILT = "model built"
    """A model's table or view is in the state that is being made."""
    CHECKS_RECORDED = "checks recorded"
    """Outcomes of checks are recorded for the versions that they were carried out on."""
    STATE_COMMITTED = "state committed"
    """What a run made is committed on its branch, and not judged."""
    CATCH_UP_DUE = "catch up due"
    """`main` has moved during the run, and is not merged into its branch."""
    CAUGHT_UP = "caught up"
    """The run's branch holds what `main` has become."""
    PUBLISH_DUE = "publish due"
    """A state has passed the gate; `main` is as it was."""
    PUBLISHED = "published"
    """`main` has the state; the run's branch is still there, and nothing outside of the lake knows."""

    CLEAN_UP_DUE = "clean up due"
    """A run that died was found; all that it left is there."""
    FILES_REMOVED = "files removed"
    """A dead run's branch and files are gone; it is still recorded as running."""
    BURIED = "buried"
    """A dead run is recorded as over; its lock's file is still there."""


_armed: Callable[[Point], None] | None = None


def reached(point: Point) -> None:
    """Say that a point was reached; what is armed may not return from it."""
    if _armed is not None:
        _armed(point)


def arm(act: Callable[[Point], None] | None) -> None:
    """Have a function called at every point, in whatever thread reaches it; None disarms.

    It may kill the process, raise what the operating system raises there, change files, or take notes.
    """
    global _armed  # the one switch of the process
    _armed = act
