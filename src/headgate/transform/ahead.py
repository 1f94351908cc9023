"""A project's dbt side parsed for the first time while the libraries of the run are imported and files are loaded.

That is done in a process of its own, which waits for no interpreter. Where dbt has parsed the project before, what
changed since is parsed faster than a process starts.
"""

from __future__ import annotations

import os
import pickle
import selectors
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.errors import HeadgateError
from headgate.project import STATE, Project

if TYPE_CHECKING:
    from headgate.transform.values import DbtProject

_PROGRAM = "headgate.transform.parsing"
_FLAGS = {"isolated": "-I", "ignore_environment": "-E", "no_user_site": "-s"}
_FOLDERS = ("models", "seeds", "snapshots", "tests")
_PROCESSORS = Path("/sys/devices/system/cpu")
# Seconds after which a thread that waits can be ended, which it is between two steps of Python's.
_TICK = 0.05


class Parsing:
    """A process that imports dbt, and then parses a project.

    Raises:
        OSError: No process can be started.
    """

    def __init__(self) -> None:
        # What is imported may write to the output, from the first moment on; the answer has a pipe of its own.
        answer, end = os.pipe()
        self._answers = os.fdopen(answer, "rb")
        # A folder with modules of the same names is not for it to look into, nor what this process is kept from.
        flags = ["-P", *(flag for name, flag in _FLAGS.items() if getattr(sys.flags, name))]
        quiet = subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                [sys.executable, *flags, "-m", _PROGRAM, str(end)],
                stdin=subprocess.PIPE,
                stdout=quiet,
                stderr=quiet,
                pass_fds=(end,),
            )
        except OSError:
            self._answers.close()
            raise
        finally:
            os.close(end)
        self._found: DbtProject | HeadgateError | None = None

    def begin(self, project: Project) -> None:
        """Say what is to be parsed; the files are read from now on."""
        assert self._process.stdin is not None
        try:
            pickle.dump(project, self._process.stdin)
            self._process.stdin.flush()
        except OSError:
            self.close()

    def found(self) -> DbtProject | None:
        """The project that was begun, waited for; None if the process came to no end.

        Raises:
            HeadgateError: As `open_project` does.
        """
        if self._process.returncode is None:
            self._found = self._answer()
            self.close()
        if isinstance(self._found, HeadgateError):
            raise self._found
        return self._found

    def _answer(self) -> DbtProject | HeadgateError | None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while not selector.select(_TICK):
                pass
        try:
            answer: DbtProject | HeadgateError = pickle.load(self._answers)  # noqa: S301  # of a process of ours
        except (EOFError, pickle.UnpicklingError):  # it has ended, in the midst of it
            return None
        return answer

    def close(self) -> None:
        """End the process, if it has not ended."""
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()
            self._answers.close()


def parse_ahead(root: Path) -> Parsing | None:
    """Begin to parse the dbt side of a project; None where that would save nothing.

    Args:
        root: The project's folder.
    """
    try:
        parsed_before = any((root / STATE / "dbt" / "manifests").glob("*/*"))
        if not has_dbt_side(root) or parsed_before or "dbt" in sys.modules or _cores() == 1:
            return None
        return Parsing()
    except OSError:
        return None


def _cores() -> int:
    """Cores of this machine: where two of its processors share one, what they do at once takes as long as in turn."""
    shared = _PROCESSORS.glob("cpu[0-9]*/topology/core_cpus_list")
    return len({path.read_text(encoding="ascii") for path in shared}) or os.cpu_count() or 1


def has_dbt_side(root: Path) -> bool:
    """Whether a project's folder holds anything that dbt would read."""
    return (root / "dbt_project.yml").is_file() or any((root / name).is_dir() for name in _FOLDERS)
