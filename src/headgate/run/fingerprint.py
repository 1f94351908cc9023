"""Whether anything changed at all, told without the engine, dbt or PyIceberg.

The fingerprint of a project covers every file that defines it, the settings in force, the variables of the environment
that its files read, and the bytes of every source file. A run on a fingerprint that an earlier run
settled, with `main` where that run left it, has nothing to do.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headgate.project import FILE, Project
from headgate.run.definitions import Stamps, definition_stamps, definition_tree, variables_of
from headgate.version import __version__

# Who is let in does not change what a run makes.
_CREDENTIALS = {"access_key", "secret_key", "session_token"}

SourceFile = tuple[str, str, str]
"""Source, path and SHA-256 of a file that a contract names."""


@dataclass(frozen=True)
class Inputs:
    """What a run is going to work on, as it was found before the run began.

    Attributes:
        fingerprint: The project's, with these files.
        files: Every file that the contracts name.
        definitions: What `definition_stamps` told before any of them was read.
    """

    fingerprint: str
    files: tuple[SourceFile, ...]
    definitions: Stamps | None

    def were_used(self, project: Project, found: Mapping[str, Iterable[SourceFile]]) -> bool:
        """Whether a run that is over had these before it, and not what somebody put there for a while.

        Args:
            project: Whose definitions the run read.
            found: The files that it found, by source, for those sources that it looked at.
        """
        expected = {file for file in self.files if file[0] in found}
        used = {file for files in found.values() for file in files}
        return used == expected and definition_stamps(project.root) == self.definitions


def project_fingerprint(project: Project, source_files: Iterable[SourceFile], selection: str) -> str | None:
    """The identity of everything a run depends on but the lake itself; None where only dbt can tell its files.

    Args:
        project: The project as opened, profile and environment applied.
        source_files: Every file that the contracts name.
        selection: The run's selection, as text.
    """
    tree = definition_tree(project.root)
    if tree is None:
        return None
    digest = hashlib.sha256()
    digest.update(__version__.encode())
    digest.update(project.settings.model_dump_json(exclude={"storage": _CREDENTIALS}).encode())
    digest.update(selection.encode())
    variables: set[str] = set()
    for path in sorted(tree[0]):
        relative = os.path.relpath(path, project.root)
        if path.suffix.lower() == ".csv":
            # A seed can be large: who touched it without changing it pays with one full plan.
            stat = path.stat()
            times = f"{stat.st_mtime_ns}\0{stat.st_ctime_ns}"
            digest.update(f"{relative}\0{stat.st_size}\0{times}\0{stat.st_ino}\n".encode())
            continue
        content = path.read_bytes()
        digest.update(f"{relative}\0{hashlib.sha256(content).hexdigest()}\n".encode())
        # What the settings name is in them already, without the credentials.
        if relative != FILE:
            names, others = variables_of(path, content)
            variables.update(names, project.environment if others else ())
    digest.update(json.dumps({name: project.environment.get(name) for name in sorted(variables)}).encode())
    digest.update(json.dumps(sorted(source_files)).encode())
    return digest.hexdigest()
